//! Ports, and typed handles to access them.
//!
//! Direction and width are checked once, when a [`Port`] is turned into a handle; after that they
//! are part of the handle's type. A handle is an index into a library's port table, with the
//! library's tag. It is valid for every model of that library; with a model of another library, it
//! panics and does not access memory. Lifetimes that tie handles to one model were rejected:
//! callers could not store both in one struct.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The direction of a port, seen from the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Driven by the caller.
    In,
    /// Driven by the model.
    Out,
    /// Driven by both. Such ports are listed, but have no handles.
    InOut,
}

/// The type in which Verilator stores a port, by width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Storage {
    /// 1 to 8 bits.
    U8,
    /// 9 to 16 bits.
    U16,
    /// 17 to 32 bits.
    U32,
    /// 33 to 64 bits.
    U64,
    /// More than 64 bits: 32-bit words, least significant first.
    Words,
}

impl Storage {
    /// The storage of a port of `bits`.
    pub(crate) fn for_bits(bits: u32) -> Self {
        match bits {
            0..=8 => Self::U8,
            9..=16 => Self::U16,
            17..=32 => Self::U32,
            33..=64 => Self::U64,
            _ => Self::Words,
        }
    }

    /// The size in bytes of a port of `bits`.
    pub(crate) fn bytes(bits: u32) -> u64 {
        match Self::for_bits(bits) {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
            Self::Words => 4 * u64::from(bits.div_ceil(32)),
        }
    }
}

/// Name, direction and width of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// Name in the Verilog source.
    pub name: String,
    /// Its direction.
    pub direction: Direction,
    /// Width in bits, at least 1.
    pub bits: u32,
}

/// Marker of a handle to an input.
#[derive(Clone, Copy, Debug)]
pub enum In {}

/// Marker of a handle to an output.
#[derive(Clone, Copy, Debug)]
pub enum Out {}

/// Marker of a handle to 1 to 64 bits, accessed as `u64`.
#[derive(Clone, Copy, Debug)]
pub enum Narrow {}

/// Marker of a handle to more than 64 bits, accessed in place as `[u32]`.
#[derive(Clone, Copy, Debug)]
pub enum Wide {}

/// Marker of a handle to any number of bits, copied as `[u32]`: for ports whose width depends on a
/// configuration.
#[derive(Clone, Copy, Debug)]
pub enum Bus {}

/// A handle to a port of direction `D` ([`In`], [`Out`]) and kind `S` ([`Narrow`], [`Wide`],
/// [`Bus`]). Valid for every model of the library it came from.
#[derive(Debug)]
pub struct Handle<D, S> {
    /// The library's tag, unique in this process.
    pub(crate) tag: u64,
    pub(crate) index: u32,
    pub(crate) bits: u32,
    pub(crate) storage: Storage,
    marks: PhantomData<fn() -> (D, S)>,
}

impl<D, S> Clone for Handle<D, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D, S> Copy for Handle<D, S> {}

impl<D, S> Handle<D, S> {
    /// Width in bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// The number of 32-bit words that hold the port.
    pub fn words(self) -> usize {
        self.bits.div_ceil(32) as usize // u32 fits usize on every target with dlopen
    }
}

/// Input of 1 to 64 bits.
pub type InPort = Handle<In, Narrow>;
/// Output of 1 to 64 bits.
pub type OutPort = Handle<Out, Narrow>;
/// Input of more than 64 bits.
pub type WideIn = Handle<In, Wide>;
/// Output of more than 64 bits.
pub type WideOut = Handle<Out, Wide>;
/// Input of any width.
pub type BusIn = Handle<In, Bus>;
/// Output of any width.
pub type BusOut = Handle<Out, Bus>;

/// A port found by name, to be turned into a handle.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    pub(crate) top: &'a str,
    pub(crate) info: &'a PortInfo,
    pub(crate) tag: u64,
    pub(crate) index: u32,
}

impl Port<'_> {
    /// Name, direction and width.
    pub fn info(&self) -> &PortInfo {
        self.info
    }

    /// Returns the port if it is `bits` wide.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] otherwise.
    pub fn expect_bits(self, bits: u32) -> Result<Self> {
        if self.info.bits == bits { Ok(self) } else { Err(self.mismatch(format!("{bits} bits"))) }
    }

    /// Handle to an input of 1 to 64 bits.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an output or wider.
    pub fn input(self) -> Result<InPort> {
        self.handle(Direction::In, 1..=64)
    }

    /// Handle to an output of 1 to 64 bits.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an input or wider.
    pub fn output(self) -> Result<OutPort> {
        self.handle(Direction::Out, 1..=64)
    }

    /// Handle to an input of more than 64 bits, written in place.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an output or narrower.
    pub fn wide_input(self) -> Result<WideIn> {
        self.handle(Direction::In, 65..=u32::MAX)
    }

    /// Handle to an output of more than 64 bits, read in place.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an input or narrower.
    pub fn wide_output(self) -> Result<WideOut> {
        self.handle(Direction::Out, 65..=u32::MAX)
    }

    /// Handle to an input of any width, written by copying words.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an output.
    pub fn bus_input(self) -> Result<BusIn> {
        self.handle(Direction::In, 1..=u32::MAX)
    }

    /// Handle to an output of any width, read by copying words.
    ///
    /// # Errors
    /// [`Error::PortMismatch`] if it is an input.
    pub fn bus_output(self) -> Result<BusOut> {
        self.handle(Direction::Out, 1..=u32::MAX)
    }

    fn handle<D, S>(
        self,
        direction: Direction,
        bits: std::ops::RangeInclusive<u32>,
    ) -> Result<Handle<D, S>> {
        if self.info.direction != direction || !bits.contains(&self.info.bits) {
            let width = match (*bits.start(), *bits.end()) {
                (1, u32::MAX) => "of any width".to_owned(),
                (low, u32::MAX) => format!("of {low} bits or more"),
                (low, high) => format!("of {low} to {high} bits"),
            };
            return Err(self.mismatch(format!("{} {width}", direction.noun())));
        }
        Ok(Handle {
            tag: self.tag,
            index: self.index,
            bits: self.info.bits,
            storage: Storage::for_bits(self.info.bits),
            marks: PhantomData,
        })
    }

    fn mismatch(&self, expected: String) -> Error {
        Error::PortMismatch {
            top: self.top.to_owned(),
            name: self.info.name.clone(),
            expected,
            found: format!("{} of {} bits", self.info.direction.noun(), self.info.bits),
        }
    }
}

impl Direction {
    fn noun(self) -> &'static str {
        match self {
            Self::In => "an input",
            Self::Out => "an output",
            Self::InOut => "an inout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(direction: Direction, bits: u32) -> PortInfo {
        PortInfo { name: "p".into(), direction, bits }
    }

    fn port(info: &PortInfo) -> Port<'_> {
        Port { top: "top", info, tag: 1, index: 0 }
    }

    #[test]
    fn shapes_are_checked_once() {
        let narrow = info(Direction::In, 64);
        assert_eq!(port(&narrow).input().unwrap().bits(), 64);
        assert!(port(&narrow).bus_input().is_ok());
        assert!(port(&narrow).wide_input().is_err());
        let wide = info(Direction::Out, 65);
        assert_eq!(port(&wide).wide_output().unwrap().words(), 3);
        assert!(port(&wide).output().is_err());
        assert!(port(&wide).bus_output().is_ok());
        let both = info(Direction::InOut, 1);
        assert!(port(&both).input().is_err() && port(&both).output().is_err());
    }

    #[test]
    fn mismatch_names_both_sides() {
        let out = info(Direction::Out, 8);
        assert_eq!(
            port(&out).input().unwrap_err().to_string(),
            "port `p` of `top`: expected an input of 1 to 64 bits, found an output of 8 bits"
        );
        assert_eq!(
            port(&out).expect_bits(9).unwrap_err().to_string(),
            "port `p` of `top`: expected 9 bits, found an output of 8 bits"
        );
    }

    #[test]
    fn storage_follows_width() {
        let bytes: Vec<u64> = [1, 8, 9, 16, 17, 32, 33, 64, 65, 96, 97].map(Storage::bytes).into();
        assert_eq!(bytes, [1, 1, 2, 2, 4, 4, 8, 8, 12, 12, 16]);
    }
}
