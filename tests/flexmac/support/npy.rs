//! Integer matrices as .npy bytes, written and read from the format's definition alone.
//!
//! Source: NumPy, `numpy.lib.format`, versions 1.0 to 3.0.

/// Integers of any width, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    pub values: Vec<i64>,
}

impl Matrix {
    pub fn new(rows: usize, cols: usize, values: impl IntoIterator<Item = i64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        assert_eq!(values.len(), rows * cols);
        Self { rows, cols, values }
    }

    pub fn filled(rows: usize, cols: usize, value: i64) -> Self {
        Self::new(rows, cols, vec![value; rows * cols])
    }

    pub fn at(&self, row: usize, col: usize) -> i64 {
        self.values[row * self.cols + col]
    }
}

/// Element types of NumPy arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    I32Big,
    Bool,
    F32,
    F64,
}

impl Dtype {
    /// Every integer type that an operand may have.
    pub const INTEGERS: [Self; 9] = [
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I32Big,
    ];

    fn descr(self) -> &'static str {
        match self {
            Self::I8 => "|i1",
            Self::I16 => "<i2",
            Self::I32 => "<i4",
            Self::I64 => "<i8",
            Self::U8 => "|u1",
            Self::U16 => "<u2",
            Self::U32 => "<u4",
            Self::U64 => "<u8",
            Self::I32Big => ">i4",
            Self::Bool => "|b1",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
        }
    }

    /// Whether values below zero can be written.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64 | Self::Bool)
    }

    /// Bits of an integer type.
    pub fn bits(self) -> u32 {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 8,
            Self::I16 | Self::U16 => 16,
            Self::I32 | Self::U32 | Self::I32Big | Self::F32 => 32,
            Self::I64 | Self::U64 | Self::F64 => 64,
        }
    }

    /// One element; integers are cut to the type's width, as a C cast does.
    fn bytes(self, value: i64) -> Vec<u8> {
        let little = value.to_le_bytes();
        match self {
            Self::I32Big => little[..4].iter().rev().copied().collect(),
            Self::F32 => (value as f32).to_le_bytes().to_vec(),
            Self::F64 => (value as f64).to_le_bytes().to_vec(),
            integer => little[..integer.bits() as usize / 8].to_vec(),
        }
    }
}

/// A version 1.0 file of a matrix.
pub fn encode(matrix: &Matrix, dtype: Dtype, fortran: bool) -> Vec<u8> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    let values: Vec<_> = if fortran {
        (0..cols).flat_map(|col| (0..rows).map(move |row| matrix.at(row, col))).collect()
    } else {
        matrix.values.clone()
    };
    encode_as(1, dtype.descr(), fortran, &format!("({rows}, {cols})"), &{
        values.iter().flat_map(|value| dtype.bytes(*value)).collect::<Vec<_>>()
    })
}

/// A version 1.0 file of one dimension.
pub fn encode_line(values: &[i64], dtype: Dtype) -> Vec<u8> {
    let data: Vec<_> = values.iter().flat_map(|value| dtype.bytes(*value)).collect();
    encode_as(1, dtype.descr(), false, &format!("({},)", values.len()), &data)
}

/// A file of any header and data, sensible or not.
pub fn encode_as(version: u8, descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let length_bytes = if version == 1 { 2 } else { 4 };
    while (8 + length_bytes + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY", &[version, 0][..], &length[..length_bytes], header.as_bytes(), data].concat()
}

/// Reads what flexmac writes: version 1.0, row by row, int32, int64 or whole float32, nothing after
/// the data.
pub fn decode(bytes: &[u8]) -> Matrix {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..data]).unwrap();
    assert_eq!(data % 64, 0, "NumPy maps files that are aligned");
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let dims: Vec<usize> = shape.split(',').map(|dim| dim.trim().parse().unwrap()).collect();
    let [rows, cols] = dims[..] else { panic!("two dimensions in {header}") };
    let data = &bytes[data..];
    let values: Vec<i64> = if header.contains("'descr': '<i4'") {
        data.chunks(4).map(|raw| i32::from_le_bytes(raw.try_into().unwrap()).into()).collect()
    } else if header.contains("'descr': '<f4'") {
        // Whole numbers, which is what the tests of float arrays ask for.
        let whole = |raw: &[u8]| f32::from_le_bytes(raw.try_into().unwrap());
        data.chunks(4)
            .map(whole)
            .inspect(|x| assert_eq!(x.fract(), 0.0))
            .map(|x| x as i64)
            .collect()
    } else {
        assert!(header.contains("'descr': '<i8'"), "{header}");
        data.chunks(8).map(|raw| i64::from_le_bytes(raw.try_into().unwrap())).collect()
    };
    Matrix::new(rows, cols, values)
}

/// Element type of a file that flexmac wrote.
pub fn descr(bytes: &[u8]) -> String {
    let header = String::from_utf8_lossy(&bytes[10..]).into_owned();
    header.split("'descr': '").nth(1).unwrap().split('\'').next().unwrap().to_owned()
}
