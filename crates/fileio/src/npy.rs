//! Prepares a `.npy` file for a reader: checks that it holds what its header declares, and rewrites what
//! programs other than today's NumPy put into headers.
//!
//! Readers of the format take memory for the shape before they look at the data, so the shape is
//! compared with the file first. They also parse the header as a Python literal, in time that grows
//! with the power of how deep its brackets nest, so a header has the brackets of an array of plain
//! numbers and no more. Only as much of it is understood as that needs; what is sound here may still
//! be refused by the reader. Source: numpy.lib.format.

const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header taken, in bytes: `max_header_size` of `numpy.load`.
const LONGEST: usize = 10_000;

/// Checks that a file of the format has the header it declares, that this is one of plain numbers,
/// and at least a byte for each element of the shape declared there. Two forms that readers refuse are
/// rewritten in place: dimensions of Python 2 (`3L`), and the byte order of one-byte integers, which cnpy
/// writes. A file without the magic is left to the reader.
///
/// # Errors
/// What was expected and what was found.
pub fn prepare_npy(file: &mut [u8]) -> Result<(), String> {
    if file.len() < 10 && (MAGIC.starts_with(file) || file.starts_with(MAGIC)) {
        return Err(format!("expected a header, found {} bytes: it was cut short", file.len()));
    }
    if !file.starts_with(MAGIC) {
        return Ok(());
    }
    let (start, length) = match file[6] {
        1 => (10, usize::from(u16::from_le_bytes([file[8], file[9]]))),
        2 | 3 if file.len() >= 12 => {
            let length = u32::from_le_bytes([file[8], file[9], file[10], file[11]]);
            (12, usize::try_from(length).unwrap_or(usize::MAX))
        }
        _ => return Ok(()),
    };
    let rest = &mut file[start..];
    let found = rest.len();
    let Some((header, data)) = rest.split_at_mut_checked(length) else {
        return Err(format!("expected a header of {length} bytes, found {found}"));
    };
    if length > LONGEST {
        return Err(format!("expected a header of at most {LONGEST} bytes, found {length}"));
    }
    remove_byte_order(header);
    remove_long_suffixes(header);
    let found = || {
        let header = String::from_utf8_lossy(&header[..header.len().min(200)]);
        format!("found {:?}", header.trim_end())
    };
    let Some(elements) = elements(header) else {
        let expected = "expected a header with one 'shape', a tuple of numbers";
        return Err(format!("{expected}, {}", found()));
    };
    // A dictionary's and its shape's. Closing ones may be part of a string, and show nothing.
    if header.iter().filter(|byte| matches!(byte, b'{' | b'[' | b'(')).count() > 2 {
        return Err(format!("expected an array of plain numbers, {}", found()));
    }
    if elements > data.len() as u128 {
        return Err(format!(
            "expected the {elements} elements of its shape, found {} bytes",
            data.len()
        ));
    }
    Ok(())
}

/// Removes the byte order from the type of one-byte integers, as NumPy writes it.
fn remove_byte_order(header: &mut [u8]) {
    let ordered = |found: &[u8]| {
        matches!(found, [b'\'' | b'"', b'<' | b'>' | b'=', b'i' | b'u', b'1', b'\'' | b'"'])
    };
    if let Some(at) = header.windows(5).position(ordered) {
        header[at + 1] = b'|';
    }
}

/// Replaces by a blank the `L` that Python 2 writes behind the numbers of a shape.
fn remove_long_suffixes(header: &mut [u8]) {
    let Some(at) = header.windows(5).position(|found| found == b"shape") else { return };
    let end = header[at..].iter().position(|byte| *byte == b')').map_or(header.len(), |n| at + n);
    for at in at + 1..end {
        if header[at] == b'L' && header[at - 1].is_ascii_digit() {
            header[at] = b' ';
        }
    }
}

/// Product of the numbers behind the one `shape`, saturating; none if that is not what is there.
fn elements(header: &[u8]) -> Option<u128> {
    let header = std::str::from_utf8(header).ok()?;
    let (before, behind) = header.split_once("shape")?;
    // Escapes could spell a second one.
    if behind.contains("shape") || header.contains('\\') {
        return None;
    }
    let quote = before.chars().next_back().filter(|c| matches!(c, '\'' | '"'))?;
    let tuple = behind.strip_prefix(quote)?.trim_start().strip_prefix(':')?.trim_start();
    let (tuple, _) = tuple.strip_prefix('(')?.split_once(')')?;
    let numbers = tuple.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers
        .map(|number| number.parse::<u128>().ok())
        .try_fold(1_u128, |product, number| Some(product.saturating_mul(number?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length[..], header.as_bytes(), &vec![0; data]].concat()
    }

    fn check(file: impl Into<Vec<u8>>) -> Result<(), String> {
        prepare_npy(&mut file.into())
    }

    fn with_shape(shape: &str, data: usize) -> Result<(), String> {
        check(file(&format!("{{'descr': '|i1', 'shape': {shape}, }}\n"), data))
    }

    #[test]
    fn shapes_are_held_against_what_is_there() {
        for (shape, data) in [("()", 1), ("(3,)", 3), ("(2, 3)", 6), ("(0, 9999999999)", 0)] {
            assert_eq!(with_shape(shape, data), Ok(()), "{shape}");
        }
        let error = with_shape("(2, 3)", 5).unwrap_err();
        assert_eq!(error, "expected the 6 elements of its shape, found 5 bytes");
        assert!(with_shape("(99999999999999999999999, 99999999999999999999999)", 9).is_err());
    }

    #[test]
    fn headers_of_other_programs_are_rewritten() {
        for (written, read) in [
            ("{'descr': '<i4', 'shape': (2L, 3L), }", "{'descr': '<i4', 'shape': (2 , 3 ), }"),
            ("{'shape': (6L,), 'descr': '<u1'}", "{'shape': (6 ,), 'descr': '|u1'}"),
            ("{'descr': \">i1\", 'shape': (6,)}", "{'descr': \"|i1\", 'shape': (6,)}"),
        ] {
            let mut bytes = file(written, 24);
            assert_eq!(prepare_npy(&mut bytes), Ok(()), "{written}");
            assert_eq!(bytes, file(read, 24));
        }
        for shape in ["(L,)", "(2LL,)", "(2l,)", "(0x2L,)"] {
            assert!(with_shape(shape, 24).is_err(), "{shape}");
        }
    }

    #[test]
    fn headers_that_could_mean_two_shapes_are_refused() {
        for header in [
            "{'shape': (1,), 'shape': (9,)}",
            "{'sh\\x61pe': (9,), 'shape': (1,)}",
            "{'no': 'shape: (1,)'}",
            "{'shape': (-1,)}",
            "{'shape': (0x10,)}",
            "{'shape': 'shapeless'}",
            "{}",
        ] {
            let error = check(file(header, 1)).unwrap_err();
            assert!(error.starts_with("expected a header with one 'shape'"), "{header}: {error}");
        }
    }

    #[test]
    fn headers_that_take_long_to_parse_are_refused() {
        // Nested without strings, and with strings that would close what they do not.
        for level in ["{", "{'}':", "["] {
            let header = format!("{{'shape': (1,), 'descr': {}", level.repeat(30));
            let error = check(file(&header, 1)).unwrap_err();
            assert!(error.starts_with("expected an array of plain numbers, found"), "{error}");
        }
        let structured = "{'descr': [('a', '<i4'), ('b', '<f4')], 'shape': (1,)}";
        assert!(check(file(structured, 8)).unwrap_err().contains("plain numbers"));
        let padded = |length| format!("{:length$}", "{'descr': '|i1', 'shape': (1,), }");
        assert_eq!(check(file(&padded(LONGEST), 1)), Ok(()));
        let error = check(file(&padded(LONGEST + 1), 1)).unwrap_err();
        assert_eq!(error, "expected a header of at most 10000 bytes, found 10001");
    }

    #[test]
    fn a_header_longer_than_the_file_is_refused() {
        let long = [MAGIC, &[2, 0, 255, 255, 255, 255], b"x"].concat();
        let error = check(long).unwrap_err();
        assert_eq!(error, "expected a header of 4294967295 bytes, found 1");
        let error = check(MAGIC).unwrap_err();
        assert_eq!(error, "expected a header, found 6 bytes: it was cut short");
        assert_eq!(check(*b"P5"), Ok(()));
        let whole = file("{'shape': (1,)}", 1);
        for end in 0..whole.len() {
            let _ = check(&whole[..end]);
        }
    }
}
