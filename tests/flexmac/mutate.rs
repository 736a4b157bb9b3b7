//! Mutations of valid files that know a little of how files are built: cuts, flipped bits, numbers
//! made huge, in binary and in text, sections left out, repeated, moved or nested in themselves.

/// SplitMix64: a stream of numbers for a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A part of `length` bytes, short ones more often.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = (length - start).min(1 << self.below(14));
        start..start + self.below(most + 1)
    }
}

/// Numbers that length fields and counts are made of when somebody means harm.
const NUMBERS: [&str; 15] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "1099511627776",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999999",
    "-9223372036854775808",
    "1e308",
    "-1e-320",
    "nan",
];

const TOKENS: [&str; 24] = [
    "[", "]", "{", "}", "(", ")", "\"", "'", ",", ":", "=", "\\", "/*", "//", "#", "\n", "\0", "!",
    "'", "+", "é", "{\"a\":", "[[", "null",
];

/// A valid file, changed one to four times.
pub fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(seeds).clone();
    for _ in 0..=random.below(4) {
        once(random, seeds, &mut bytes);
        bytes.truncate(1 << 20);
    }
    bytes
}

fn once(random: &mut Random, seeds: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let length = bytes.len();
    match random.below(13) {
        0 => bytes.truncate(random.below(length + 1)),
        1 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
        2 if length > 0 => bytes[random.below(length)] = random.next() as u8,
        // A binary number of two, four or eight bytes, either way round.
        3 | 4 => {
            let size = *random.pick(&[2, 4, 8]);
            let value = *random.pick(&[0, 1, u64::MAX, u64::MAX >> 1, 1 << 31, 1 << 40, 0xffff]);
            let value = if random.below(2) == 0 { value } else { value.swap_bytes() };
            let at = if random.below(2) == 0 { random.below(64) } else { random.below(length) };
            for (byte, new) in bytes.iter_mut().skip(at).zip(&value.to_le_bytes()[..size]) {
                *byte = *new;
            }
        }
        // A number in text.
        5 | 6 => {
            let from = random.below(length);
            let digits = |byte: &u8| byte.is_ascii_digit();
            if let Some(start) = bytes[from..].iter().position(digits).map(|at| from + at) {
                let count = bytes[start..].iter().take_while(|byte| digits(byte)).count();
                bytes.splice(start..start + count, random.pick(&NUMBERS).bytes());
            }
        }
        7 => drop(bytes.drain(random.range(length))),
        8 => {
            let part = bytes[random.range(length)].to_vec();
            let at = random.below(length + 1);
            bytes.splice(at..at, part.repeat(1 + random.below(3)));
        }
        // Nested in itself.
        9 => {
            let (at, token) = (random.below(length + 1), *random.pick(&TOKENS));
            let times = 1 << random.below(16);
            bytes.splice(at..at, token.repeat(times).into_bytes());
        }
        10 => {
            let other = random.pick(seeds).clone();
            let (from, to) = (random.range(other.len()), random.range(length));
            bytes.splice(to, other[from].to_vec());
        }
        // A line, left out or twice.
        11 => {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let number = random.below(lines.len());
            let mut kept = lines[..number.min(lines.len())].concat();
            if random.below(2) == 0 {
                kept.extend(lines[number..].iter().take(1).flat_map(|line| line.repeat(2)));
            }
            kept.extend(lines.iter().skip(number + 1).flat_map(|line| line.iter()));
            *bytes = kept;
        }
        _ => bytes.extend(std::iter::repeat_n(random.next() as u8, random.below(300))),
    }
}
