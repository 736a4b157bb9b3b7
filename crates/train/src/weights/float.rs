//! The element types of weights, and their values, all exact in double precision.

use safetensors::Dtype;

/// A type of floating-point numbers, and the order of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FloatType {
    kind: Kind,
    big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// IEEE 754 binary16.
    Half,
    /// The upper half of a binary32.
    Brain,
    /// IEEE 754 binary32.
    Single,
    /// IEEE 754 binary64.
    Double,
}

impl FloatType {
    /// The type of a NumPy descriptor such as `<f4`.
    pub fn of_numpy(descriptor: &str) -> Option<Self> {
        let (order, kind) = descriptor.split_at_checked(1)?;
        let big_endian = match order {
            "<" => false,
            ">" => true,
            _ => return None,
        };
        let kind = match kind {
            "f2" => Kind::Half,
            "f4" => Kind::Single,
            "f8" => Kind::Double,
            _ => return None,
        };
        Some(Self { kind, big_endian })
    }

    /// The type of a tensor of safetensors, whose bytes are little-endian.
    pub fn of_safetensors(dtype: Dtype) -> Option<Self> {
        let kind = match dtype {
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::Brain,
            Dtype::F32 => Kind::Single,
            Dtype::F64 => Kind::Double,
            _ => return None,
        };
        Some(Self { kind, big_endian: false })
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self.kind {
            Kind::Half | Kind::Brain => 2,
            Kind::Single => 4,
            Kind::Double => 8,
        }
    }

    /// The elements of `data`, one after the other. Drops an incomplete last one.
    pub fn values(self, data: &[u8]) -> Vec<f64> {
        data.chunks_exact(self.bytes()).map(|bytes| self.value(bytes)).collect()
    }

    /// The element with these bytes.
    fn value(self, bytes: &[u8]) -> f64 {
        let add = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
        let bits = match self.big_endian {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        };
        // As many bits as the type has bytes for.
        match self.kind {
            Kind::Half => half(bits as u16),
            Kind::Brain => f32::from_bits((bits as u32) << 16).into(),
            Kind::Single => f32::from_bits(bits as u32).into(),
            Kind::Double => f64::from_bits(bits),
        }
    }
}

/// The value of a binary16: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        // From numpy.frombuffer(bits, "<f2").
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x0400, 6.103_515_625e-5),
            (0x3555, 0.333_251_953_125),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x8000) == 0.0 && half(0x8000).is_sign_negative());
        assert!(half(0x7c01).is_nan() && half(0xffff).is_nan());
    }

    #[test]
    fn halves_grow_with_their_bits_in_steps_of_their_last_place() {
        // All positive finite ones: each is the one before plus a unit in the last place.
        for bits in 1..0x7c00_u16 {
            let exponent = i32::from(((bits - 1) >> 10).max(1));
            let step = 2_f64.powi(exponent - 25);
            assert_eq!(half(bits) - half(bits - 1), step, "{bits:04x}");
            assert_eq!(half(bits | 0x8000), -half(bits), "{bits:04x}");
        }
    }

    #[test]
    fn either_order_of_bytes_is_read() {
        for (descriptor, bytes, value) in [
            ("<f2", &[0x00, 0xc2][..], -3.0),
            (">f2", &[0xc2, 0x00], -3.0),
            ("<f4", &1.1_f32.to_le_bytes(), f64::from(1.1_f32)),
            (">f4", &1.1_f32.to_be_bytes(), f64::from(1.1_f32)),
            ("<f8", &0.1_f64.to_le_bytes(), 0.1),
            (">f8", &0.1_f64.to_be_bytes(), 0.1),
        ] {
            let float = FloatType::of_numpy(descriptor).unwrap();
            assert_eq!((float.bytes(), float.values(bytes)), (bytes.len(), vec![value]));
        }
        let brain = FloatType::of_safetensors(Dtype::BF16).unwrap();
        assert_eq!(brain.values(&[0x80, 0x3f, 0x40, 0xc0]), [1.0, -3.0]);
        for other in ["", "f4", "|f4", "<i8", "<f16", "<c8", "\u{e9}f4", "|O"] {
            assert_eq!(FloatType::of_numpy(other), None, "{other}");
        }
    }
}
