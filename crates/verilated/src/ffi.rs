//! The foreign functions of `shim/shim.cpp`, resolved once per library. No other file uses their
//! names.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;

use libloading::os::unix::{Library as Object, RTLD_LOCAL, RTLD_NOW};

use crate::error::{Error, Result};

/// The `vm_model` of the shim. It exists only behind pointers.
#[repr(C)]
pub(crate) struct RawModel {
    _opaque: [u8; 0],
}

/// Size of the buffer for a message of `vm_create`, in bytes, including the terminator.
pub(crate) const MESSAGE_BYTES: usize = 4096;

/// Buffer for the shim's message when a creation fails.
pub(crate) type MessageBuffer = [c_char; MESSAGE_BYTES];

/// The shim's functions. The pointers are valid as long as `_object` lives; therefore they are
/// fields of the same struct.
pub(crate) struct Api {
    pub(crate) create: unsafe extern "C" fn(c_int, c_int, *mut c_char, usize) -> *mut RawModel,
    pub(crate) destroy: unsafe extern "C" fn(*mut RawModel),
    pub(crate) ports: unsafe extern "C" fn(*mut RawModel, *mut *mut c_void),
    pub(crate) eval: unsafe extern "C" fn(*mut RawModel) -> c_int,
    pub(crate) finish: unsafe extern "C" fn(*mut RawModel) -> c_int,
    pub(crate) finished: unsafe extern "C" fn(*const RawModel) -> c_int,
    pub(crate) message: unsafe extern "C" fn(*const RawModel) -> *const c_char,
    pub(crate) trace_open: unsafe extern "C" fn(*mut RawModel, *const c_char, c_int) -> c_int,
    pub(crate) trace_dump: unsafe extern "C" fn(*mut RawModel, u64) -> c_int,
    pub(crate) trace_close: unsafe extern "C" fn(*mut RawModel) -> c_int,
    _object: Object,
}

impl Api {
    /// Loads the shared object at `path`, which the cache has checked against its manifest. Its
    /// port table must have the digest `ports_digest`.
    pub(crate) fn load(path: &Path, ports_digest: &str) -> Result<Self> {
        let refuse = |found: String| Error::Load { path: path.to_owned(), found };
        // SAFETY: loading runs the object's static constructors. It was compiled from the shim,
        // the Verilator runtime and a model, whose constructors only fill their own tables.
        let object = unsafe { Object::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|reason| refuse(reason.to_string()))?;
        /// Copies a function pointer out of the object.
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type asked for is that of the field it is stored in, which is
                // the one shim/shim.cpp declares for this name.
                *unsafe { object.get($name) }.map_err(|reason| refuse(reason.to_string()))?
            };
        }
        let digest: unsafe extern "C" fn() -> *const c_char = function!(b"vm_ports_digest\0");
        // SAFETY: the function returns a string literal of the loaded object.
        let found = unsafe { CStr::from_ptr(digest()) }.to_string_lossy().into_owned();
        if found != ports_digest {
            return Err(refuse(format!("port table {found} where {ports_digest} was expected")));
        }
        Ok(Self {
            create: function!(b"vm_create\0"),
            destroy: function!(b"vm_destroy\0"),
            ports: function!(b"vm_ports\0"),
            eval: function!(b"vm_eval\0"),
            finish: function!(b"vm_final\0"),
            finished: function!(b"vm_finished\0"),
            message: function!(b"vm_message\0"),
            trace_open: function!(b"vm_trace_open\0"),
            trace_dump: function!(b"vm_trace_dump\0"),
            trace_close: function!(b"vm_trace_close\0"),
            _object: object,
        })
    }
}
