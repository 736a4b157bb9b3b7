//! The PEs to compare: how each is built, and how operands of given widths are laid out for it.

use flexmac_array::{ArraySpec, Style};

/// Bits of the widest planes, and of the words that trial PEs multiply in mode whole.
const WIDE: u32 = 16;

/// What is inside a PE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `flexmac_pe` with the given plane width and number of lanes.
    Shipped { chunk: u32, lanes: usize },
    /// Two 16-bit multipliers, each of which splits into two of 8 bits; all products are added.
    Split,
    /// Four 8-bit multipliers that join into two of 8x16 or one of 16x16.
    Fused,
}

/// A PE and its name in tables.
#[derive(Debug, Clone, Copy)]
pub struct Design {
    pub name: &'static str,
    /// Folder of its files.
    pub folder: &'static str,
    pub kind: Kind,
}

/// All PEs take 32 bits of A and of B per cycle. The first is the reference of the comparison.
pub const DESIGNS: [Design; 5] = [
    Design {
        name: "chunk 8, 4 lanes",
        folder: "chunk8",
        kind: Kind::Shipped { chunk: 8, lanes: 4 },
    },
    Design {
        name: "chunk 4, 8 lanes",
        folder: "chunk4",
        kind: Kind::Shipped { chunk: 4, lanes: 8 },
    },
    Design {
        name: "chunk 16, 2 lanes",
        folder: "chunk16",
        kind: Kind::Shipped { chunk: 16, lanes: 2 },
    },
    Design { name: "2 of 16, splitting", folder: "split", kind: Kind::Split },
    Design { name: "4 of 8, joining", folder: "fused", kind: Kind::Fused },
];

/// What the sum of a word is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The accumulator.
    Acc,
    /// The accumulator shifted right by a plane: a new significance.
    Shift,
    /// Zero: a new result.
    Clear,
}

/// The input of a PE in one cycle.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub a: u64,
    pub b: u64,
    pub base: Base,
}

impl Design {
    /// Bits of a result digit.
    pub fn plane(&self) -> u32 {
        match self.kind {
            Kind::Shipped { chunk, .. } => chunk,
            Kind::Split | Kind::Fused => WIDE,
        }
    }

    /// Bits of the accumulator: those of the shipped PE with the same planes and the same largest sum.
    pub fn acc_bits(&self) -> u32 {
        let (chunk, lanes) = match self.kind {
            Kind::Shipped { chunk, lanes } => (chunk, lanes as u32),
            Kind::Split => (WIDE, 2),
            Kind::Fused => (WIDE, 1),
        };
        let spec = ArraySpec {
            rows: 1,
            cols: 1,
            chunk,
            lanes,
            style: Style::Flex,
            ..ArraySpec::default()
        };
        spec.check().expect("the generator's own ranges").acc_bits()
    }

    /// The module that holds the PE.
    pub fn module(&self) -> &'static str {
        match self.kind {
            Kind::Shipped { .. } => "flexmac_pe",
            Kind::Split | Kind::Fused => "flexmac_trial_pe",
        }
    }

    /// The PE with two stages and registers at all inputs except the chain, as in an array.
    pub fn bench(&self, top: &str) -> String {
        let (parameters, a_bits) = match self.kind {
            Kind::Shipped { chunk, lanes } => (format!(".CHUNK({chunk}), .LANES({lanes})"), 33),
            Kind::Split => (".FUSED(0), .CHUNK(16)".to_owned(), 35),
            Kind::Fused => (".FUSED(1), .CHUNK(16)".to_owned(), 35),
        };
        let (module, acc, a_msb) = (self.module(), self.acc_bits(), a_bits - 1);
        let all = a_bits + 33 + 10;
        format!(
            "// {name}, for a trial.
`default_nettype none
module {top} (
    input  wire clk_i,
    input  wire [9:0] control_i,
    input  wire [{a_msb}:0] a_i,
    input  wire [32:0] b_i,
    input  wire [{acc}-1:0] chain_i,
    output wire [{acc}-1:0] chain_o
);
  wire [9:0] control;
  wire [{a_msb}:0] a;
  wire [32:0] b;
  flexmac_skew #(.WIDTH({all}), .CYCLES(1)) u_inputs (
      .clk_i(clk_i), .d_i({{control_i, a_i, b_i}}), .q_o({{control, a, b}})
  );
  {module} #({parameters}, .ACC_WIDTH({acc}), .REGISTERS(4'b0100)) u_pe (
      .clk_i(clk_i), .pipe_en_i(control[3:0]),
      .acc_en_i(control[4]), .acc_clear_i(control[5]), .acc_shift_i(control[6]),
      .cap_i(control[7]), .cap_last_i(control[8]), .drain_i(control[9]),
      .a_i(a), .b_i(b), .chain_i(chain_i), .chain_o(chain_o)
  );
endmodule
`default_nettype wire
",
            name = self.name
        )
    }

    /// The words of the dot product of `a` and `b`, and the number of bits by which its sum is shifted left.
    pub fn words(&self, (bits_a, bits_b): (u32, u32), a: &[i64], b: &[i64]) -> (Vec<Word>, u32) {
        match self.kind {
            Kind::Shipped { chunk, lanes } => (planes(chunk, lanes, (bits_a, bits_b), a, b), 0),
            Kind::Split => match (bits_a, bits_b) {
                (8, 8) => (halves(a, b), 8),
                (8, 16) => {
                    let a: Vec<i64> = a.iter().map(|value| value << 8).collect();
                    (whole(2, &a, b), 8)
                }
                _ => (whole(2, a, b), 0),
            },
            Kind::Fused => match (bits_a, bits_b) {
                (8, 8) => (quarters(a, b), 8),
                (8, 16) => (pairs(a, b), 0),
                _ => (joined(a, b), 0),
            },
        }
    }
}

/// Bits `low .. low + bits` of a value.
fn digit(value: i64, low: u32, bits: u32) -> u64 {
    (value >> low) as u64 & ((1 << bits) - 1)
}

/// Packs fields of `bits` bits, the first lowest, and puts `above` at bit 32.
fn pack(fields: impl IntoIterator<Item = u64>, bits: u32, above: u64) -> u64 {
    let word = fields.into_iter().zip(0..).map(|(field, at)| field << (at * bits)).sum::<u64>();
    word | above << 32
}

/// One pass for each pair of planes, in order of significance. The top planes are signed.
fn planes(chunk: u32, lanes: usize, bits: (u32, u32), a: &[i64], b: &[i64]) -> Vec<Word> {
    let (planes_a, planes_b) = (bits.0.div_ceil(chunk), bits.1.div_ceil(chunk));
    let mut words = Vec::new();
    for significance in 0..planes_a + planes_b - 1 {
        let mut base = if significance == 0 { Base::Clear } else { Base::Shift };
        for i in (0..planes_a).filter(|i| (0..planes_b).contains(&significance.wrapping_sub(*i))) {
            let j = significance - i;
            for (a, b) in a.chunks(lanes).zip(b.chunks(lanes)) {
                let word = |values: &[i64], plane: u32, planes: u32| {
                    let digits = values.iter().map(|value| digit(*value, plane * chunk, chunk));
                    pack(digits, chunk, u64::from(plane + 1 == planes))
                };
                words.push(Word { a: word(a, i, planes_a), b: word(b, j, planes_b), base });
                base = Base::Acc;
            }
        }
    }
    words
}

fn words(
    step: usize,
    a: &[i64],
    b: &[i64],
    word: impl Fn(&[i64], &[i64]) -> (u64, u64),
) -> Vec<Word> {
    let pieces = a.chunks(step).zip(b.chunks(step)).enumerate();
    let word = |(at, (a, b)): (usize, (&[i64], &[i64]))| {
        let (a, b) = word(a, b);
        Word { a, b, base: if at == 0 { Base::Clear } else { Base::Acc } }
    };
    pieces.map(word).collect()
}

/// Mode whole of the splitting multiplier: signed words of 16 bits.
fn whole(lanes: usize, a: &[i64], b: &[i64]) -> Vec<Word> {
    let word = |values: &[i64]| pack(values.iter().map(|value| digit(*value, 0, 16)), 16, 1);
    words(lanes, a, b, |a, b| (word(a), word(b)))
}

/// Mode split: of the two products in a lane, one has a's high and b's low half, the other the rest.
fn halves(a: &[i64], b: &[i64]) -> Vec<Word> {
    words(4, a, b, |a, b| {
        let low_first = |v: &[i64], order: [usize; 4]| order.map(|k| digit(v[k], 0, 8));
        (pack(low_first(a, [1, 0, 3, 2]), 8, 0b011), pack(low_first(b, [0, 1, 2, 3]), 8, 1))
    })
}

/// Mode quarters of the joining multipliers: each multiplies its own pair.
fn quarters(a: &[i64], b: &[i64]) -> Vec<Word> {
    let word = |v: &[i64], above| pack(v.iter().map(|value| digit(*value, 0, 8)), 8, above);
    words(4, a, b, |a, b| (word(a, 1), word(b, 1)))
}

/// Mode halves: each slice of a is multiplied by both slices of b.
fn pairs(a: &[i64], b: &[i64]) -> Vec<Word> {
    words(2, a, b, |a, b| {
        let twice = [a[0], a[0], a[1], a[1]].map(|value| digit(value, 0, 8));
        (pack(twice, 8, 0b011), pack(b.iter().map(|value| digit(*value, 0, 16)), 16, 1))
    })
}

/// Mode whole: every slice of a is multiplied by every slice of b.
fn joined(a: &[i64], b: &[i64]) -> Vec<Word> {
    words(1, a, b, |a, b| {
        let [al, ah] = [0, 8].map(|low| digit(a[0], low, 8));
        let [bl, bh] = [0, 8].map(|low| digit(b[0], low, 8));
        (pack([al, ah, al, ah], 8, 0b101), pack([bl, bl, bh, bh], 8, 1))
    })
}
