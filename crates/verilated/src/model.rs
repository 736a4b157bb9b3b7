//! A model instance: reads and writes ports, evaluates the design.
//!
//! Port storage belongs to the C++ model. It is accessed through raw pointers, which are fetched
//! once, at creation. References to it borrow the [`Model`], and every foreign call that may write
//! it takes `&mut self`, so the storage never changes while a reference exists.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ffi::{MESSAGE_BYTES, MessageBuffer, RawModel};
use crate::library::Library;
use crate::port::{Bus, Direction, Handle, In, Narrow, Port, Storage, Wide};

/// The initial value of registers without reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerUp {
    /// All bits 0.
    Zeros,
    /// All bits 1.
    Ones,
    /// Random bits. The same seed and library give the same bits.
    Random(u64),
}

/// An instance of a library's top module.
///
/// A model can move between threads, but only one thread can use it at a time. Instances are
/// independent, except that `$random` in a design draws from one stream per thread.
pub struct Model {
    pub(crate) raw: NonNull<RawModel>,
    /// Pointers to the storage of each port, by index.
    slots: Box<[*mut c_void]>,
    /// Wide inputs whose last word has unused bits: (port, word, mask of the used bits).
    partial: Box<[(u32, u32, u32)]>,
    /// Set by `words_mut`: unused bits of a last word may be set.
    dirty: bool,
    eval: unsafe extern "C" fn(*mut RawModel) -> c_int,
    tag: u64,
    /// Time of the last wave dump.
    pub(crate) last_dump: Option<u64>,
    pub(crate) tracing: bool,
    /// The last field, so that the code stays loaded until the instance is destroyed.
    pub(crate) library: Arc<Library>,
}

// SAFETY: the C++ model has its own context and no thread affinity; the shim binds the context to
// the calling thread on every call, and guards the runtime's statics with a mutex. All access goes
// through `&self` reads or `&mut self`, and `Model` is not `Sync`.
unsafe impl Send for Model {}

impl Model {
    pub(crate) fn new(library: Arc<Library>, power_up: PowerUp) -> Result<Self> {
        let (mode, seed) = match power_up {
            PowerUp::Zeros => (0, 0),
            PowerUp::Ones => (1, 0),
            PowerUp::Random(seed) => (2, runtime_seed(seed)),
        };
        let mut message: MessageBuffer = [0; MESSAGE_BYTES];
        // SAFETY: the buffer is writable for the length given; the shim terminates its message.
        let raw = unsafe { (library.api.create)(mode, seed, message.as_mut_ptr(), MESSAGE_BYTES) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: the buffer was zeroed and the shim writes a terminated string into it.
            let message = unsafe { CStr::from_ptr(message.as_ptr()) };
            return Err(Error::Simulation {
                action: "create",
                top: library.top().to_owned(),
                message: message.to_string_lossy().into_owned(),
            });
        };
        let mut slots = vec![std::ptr::null_mut(); library.ports().len()].into_boxed_slice();
        // SAFETY: the model is alive, and the shim writes one pointer per port of the table whose
        // digest was compared when the library was loaded.
        unsafe { (library.api.ports)(raw.as_ptr(), slots.as_mut_ptr()) };

        let mut partial = Vec::new();
        for ((info, slot), index) in library.ports().iter().zip(&slots).zip(0..) {
            if info.direction == Direction::Out {
                continue;
            }
            let bytes = usize::try_from(Storage::bytes(info.bits)).expect("a port fits memory");
            // SAFETY: the shim asserts at compile time that the port occupies `bytes`.
            unsafe { slot.cast::<u8>().write_bytes(0, bytes) };
            if info.bits > 64 && info.bits % 32 != 0 {
                partial.push((index, info.bits / 32, mask32(info.bits)));
            }
        }
        Ok(Self {
            raw,
            slots,
            partial: partial.into(),
            dirty: false,
            eval: library.api.eval,
            tag: library.tag,
            last_dump: None,
            tracing: false,
            library,
        })
    }

    /// The library of this instance.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The port called `name`. Its handles are valid for all models of the library.
    ///
    /// # Errors
    /// [`Error::UnknownPort`].
    pub fn port(&self, name: &str) -> Result<Port<'_>> {
        self.library.port(name)
    }

    /// Evaluates the design with the current inputs.
    ///
    /// # Errors
    /// [`Error::Simulation`] when the design stops the simulation (`$stop`, `$fatal`, a failed
    /// assertion) or does not converge. From then on every call fails with the same message.
    #[inline]
    pub fn eval(&mut self) -> Result<()> {
        if self.dirty {
            self.mask_partial();
        }
        // SAFETY: the model is alive, and `&mut self` means that no reference into its ports is.
        let status = unsafe { (self.eval)(self.raw.as_ptr()) };
        self.check("evaluate", status)
    }

    /// Runs the design's `final` blocks. Call it once, after the last evaluation.
    ///
    /// # Errors
    /// [`Error::Simulation`] as for [`Self::eval`].
    pub fn finish(&mut self) -> Result<()> {
        // SAFETY: as in `eval`.
        let status = unsafe { (self.library.api.finish)(self.raw.as_ptr()) };
        self.check("finish", status)
    }

    /// Whether the design has called `$finish`.
    pub fn finished(&self) -> bool {
        // SAFETY: the model is alive; the call only reads its context.
        unsafe { (self.library.api.finished)(self.raw.as_ptr()) != 0 }
    }

    /// The port's bits as an unsigned number.
    ///
    /// # Panics
    /// If the handle belongs to another library.
    #[inline]
    pub fn get<D>(&self, port: Handle<D, Narrow>) -> u64 {
        self.load(port)
    }

    /// The port's bits as a two's complement number.
    ///
    /// # Panics
    /// If the handle belongs to another library.
    #[inline]
    pub fn get_signed<D>(&self, port: Handle<D, Narrow>) -> i64 {
        let unused = 64 - port.bits;
        (self.load(port) << unused).cast_signed() >> unused
    }

    /// Sets the port to the low bits of `value` and drops the others. For a negative number, pass
    /// `value.cast_unsigned()`.
    ///
    /// # Panics
    /// If the handle belongs to another library.
    #[inline]
    pub fn set(&mut self, port: Handle<In, Narrow>, value: u64) {
        self.store(port, value);
    }

    /// The port's words, least significant first. After an evaluation, unused bits of the last word
    /// are 0.
    ///
    /// # Panics
    /// If the handle belongs to another library.
    #[inline]
    pub fn words<D>(&self, port: Handle<D, Wide>) -> &[u32] {
        let slot = self.slot(port);
        // SAFETY: see `slot`; a wide port is stored as `words()` aligned `u32`s, and the borrow
        // of `self` keeps every writer out.
        unsafe { std::slice::from_raw_parts(slot.cast(), port.words()) }
    }

    /// The port's words, least significant first, to be written in place. The next evaluation
    /// clears unused bits of the last word.
    ///
    /// # Panics
    /// If the handle belongs to another library.
    #[inline]
    pub fn words_mut(&mut self, port: Handle<In, Wide>) -> &mut [u32] {
        let slot = self.slot(port);
        self.dirty = true;
        // SAFETY: as in `words`, and the unique borrow of `self` keeps every reader out.
        unsafe { std::slice::from_raw_parts_mut(slot.cast(), port.words()) }
    }

    /// Sets the port to `words`, least significant first. Bits beyond its width are dropped.
    ///
    /// # Panics
    /// If the handle belongs to another library, or `words` does not have [`Handle::words`]
    /// elements.
    #[inline]
    pub fn set_words(&mut self, port: Handle<In, Wide>, words: &[u32]) {
        self.words_mut(port).copy_from_slice(words);
    }

    /// Sets a port of any width to `words`, least significant first. Bits beyond its width are
    /// dropped.
    ///
    /// # Panics
    /// If the handle belongs to another library, or `words` does not have [`Handle::words`]
    /// elements.
    #[inline]
    pub fn write_bus(&mut self, port: Handle<In, Bus>, words: &[u32]) {
        assert_eq!(words.len(), port.words(), "words written to a bus of {} bits", port.bits);
        if port.storage == Storage::Words {
            let slot = self.slot(port);
            self.dirty = true;
            // SAFETY: as in `words_mut`; `words` cannot overlap storage that `self` guards.
            unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), slot.cast(), words.len()) };
        } else {
            let high = words.get(1).copied().unwrap_or(0);
            self.store(port, u64::from(words[0]) | u64::from(high) << 32);
        }
    }

    /// Copies a port of any width into `words`, least significant first. Unused bits are 0.
    ///
    /// # Panics
    /// If the handle belongs to another library, or `words` does not have [`Handle::words`]
    /// elements.
    #[inline]
    pub fn read_bus<D>(&self, port: Handle<D, Bus>, words: &mut [u32]) {
        assert_eq!(words.len(), port.words(), "words read from a bus of {} bits", port.bits);
        if port.storage == Storage::Words {
            let slot = self.slot(port);
            // SAFETY: as in `words`; `words` cannot overlap storage that `self` guards.
            unsafe {
                std::ptr::copy_nonoverlapping(slot.cast(), words.as_mut_ptr(), words.len());
            }
        } else {
            let value = self.load(port);
            words[0] = value as u32; // the low half, on purpose
            if let Some(high) = words.get_mut(1) {
                *high = (value >> 32) as u32; // the high half
            }
        }
    }

    /// The storage of a port. If the tags are equal, the handle belongs to this library, so its
    /// width and storage are those the library was compiled with. The pointer is then aligned and
    /// valid for exactly that many bytes, as long as the model lives.
    #[inline]
    fn slot<D, S>(&self, port: Handle<D, S>) -> *mut c_void {
        if port.tag != self.tag {
            foreign_handle();
        }
        self.slots[port.index as usize]
    }

    #[inline]
    fn load<D, S>(&self, port: Handle<D, S>) -> u64 {
        let slot = self.slot(port);
        // SAFETY: see `slot`; the type read is the storage of that width.
        unsafe {
            match port.storage {
                Storage::U8 => u64::from(slot.cast::<u8>().read()),
                Storage::U16 => u64::from(slot.cast::<u16>().read()),
                Storage::U32 => u64::from(slot.cast::<u32>().read()),
                Storage::U64 => slot.cast::<u64>().read(),
                Storage::Words => unreachable!("narrow handles have at most 64 bits"),
            }
        }
    }

    #[inline]
    fn store<S>(&mut self, port: Handle<In, S>, value: u64) {
        let slot = self.slot(port);
        let value = value & (u64::MAX >> (64 - port.bits.min(64)));
        // SAFETY: see `slot`; the type written is the storage of that width, and no reference
        // into it exists beside `&mut self`. Masked to the width, the casts lose nothing.
        unsafe {
            match port.storage {
                Storage::U8 => slot.cast::<u8>().write(value as u8),
                Storage::U16 => slot.cast::<u16>().write(value as u16),
                Storage::U32 => slot.cast::<u32>().write(value as u32),
                Storage::U64 => slot.cast::<u64>().write(value),
                Storage::Words => unreachable!("narrow handles have at most 64 bits"),
            }
        }
    }

    /// Clears unused bits of wide inputs. Verilator's code relies on this (with stray high bits, an
    /// index may be outside its array), so it must not depend on the caller.
    fn mask_partial(&mut self) {
        for &(index, word, mask) in &self.partial {
            let slot = self.slots[index as usize].cast::<u32>();
            // SAFETY: the table was made from the library's own widths: `word` is the port's
            // last word; `&mut self` excludes references.
            unsafe { *slot.add(word as usize) &= mask };
        }
        self.dirty = false;
    }

    /// Converts a status of the shim to a result.
    #[inline]
    pub(crate) fn check(&self, action: &'static str, status: c_int) -> Result<()> {
        if status == 0 { Ok(()) } else { Err(self.failure(action)) }
    }

    #[cold]
    fn failure(&self, action: &'static str) -> Error {
        // SAFETY: the model is alive, and owns the string until its next call.
        let message = unsafe { CStr::from_ptr((self.library.api.message)(self.raw.as_ptr())) };
        Error::Simulation {
            action,
            top: self.library.top().to_owned(),
            message: message.to_string_lossy().into_owned(),
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: created by this library, destroyed once, here; the library is still loaded.
        unsafe { (self.library.api.destroy)(self.raw.as_ptr()) };
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("library", &self.library).finish_non_exhaustive()
    }
}

#[cold]
fn foreign_handle() -> ! {
    panic!("port handle of another library: resolve it from a model or library of this build")
}

/// A mask of the used bits in the last word of a port of `bits`, which must not be a multiple of
/// 32.
fn mask32(bits: u32) -> u32 {
    u32::MAX >> (32 - bits % 32)
}

/// Hashes a seed to Verilator's range of 1 ..= 2^31 - 1 (where 0 would mean "from the clock"), with
/// the finalizer of SplitMix64.
fn runtime_seed(seed: u64) -> c_int {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let folded = (x ^ (x >> 31)) % (i32::MAX as u64) + 1; // 1 ..= 2^31 - 1
    c_int::try_from(folded).expect("the remainder is below 2^31")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_positive_and_differ() {
        let seeds: Vec<_> = [0, 1, 2, 3, u64::MAX].map(runtime_seed).into();
        for (index, seed) in seeds.iter().enumerate() {
            assert!(*seed > 0);
            assert!(!seeds[..index].contains(seed));
        }
    }

    #[test]
    fn masks() {
        assert_eq!(mask32(72), 0xff);
        assert_eq!(mask32(95), 0x7fff_ffff);
    }
}
