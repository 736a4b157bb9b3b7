//! Waves of a model: open, dump, close.

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::spec::TraceKind;

/// Levels of hierarchy recorded: more than any real design has.
const LEVELS: i32 = 99;

impl Model {
    /// Starts writing waves to `path`, in the format of the build (VCD or FST).
    ///
    /// # Errors
    /// [`Error::Trace`] when the library was built without waves or they are already open;
    /// [`Error::TraceFile`] when the file cannot be created.
    pub fn trace_open(&mut self, path: &Path) -> Result<()> {
        if self.library.trace_kind() == TraceKind::None {
            return Err(self.trace_error(
                "open",
                "a library built with BuildSpec::trace(TraceKind::Vcd or Fst)",
                "one built with TraceKind::None",
            ));
        }
        if self.tracing {
            return Err(self.trace_error("open", "no open wave file", "one that is still open"));
        }
        let fail = |source| Error::TraceFile { path: path.to_owned(), source };
        // Verilator reports only that it failed; this reports why.
        File::create(path).map_err(fail)?;
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|nul| fail(nul.into()))?;
        // SAFETY: the model is alive and the name a terminated string that outlives the call.
        let status =
            unsafe { (self.library.api.trace_open)(self.raw.as_ptr(), name.as_ptr(), LEVELS) };
        if status == 2 {
            return Err(fail(std::io::Error::other("refused by the wave writer")));
        }
        self.check("open waves of", status)?;
        self.tracing = true;
        self.last_dump = None;
        Ok(())
    }

    /// Records the values of all signals after the last evaluation, and sets the design's `$time`.
    ///
    /// # Units
    /// `time` is in time steps of the design: 1 ps without a `timescale`. It must increase from
    /// call to call.
    ///
    /// # Errors
    /// [`Error::Trace`] when no waves are open or `time` does not increase; [`Error::Simulation`]
    /// when the file cannot be written.
    pub fn trace_dump(&mut self, time: u64) -> Result<()> {
        if !self.tracing {
            return Err(self.trace_error("dump", "an open wave file", "none; call trace_open"));
        }
        if let Some(last) = self.last_dump.filter(|last| *last >= time) {
            return Err(self.trace_error(
                "dump",
                &format!("a time after {last}"),
                &time.to_string(),
            ));
        }
        self.last_dump = Some(time);
        // SAFETY: the model is alive.
        let status = unsafe { (self.library.api.trace_dump)(self.raw.as_ptr(), time) };
        self.check("dump waves of", status)
    }

    /// Flushes and closes the wave file, if one is open. Dropping the model closes it too, but
    /// cannot report a full disk.
    ///
    /// # Errors
    /// [`Error::Simulation`] when the file cannot be flushed.
    pub fn trace_close(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.tracing) {
            return Ok(());
        }
        // SAFETY: the model is alive.
        let status = unsafe { (self.library.api.trace_close)(self.raw.as_ptr()) };
        self.check("close waves of", status)
    }

    fn trace_error(&self, action: &'static str, expected: &str, found: &str) -> Error {
        Error::Trace {
            action,
            top: self.library.top().to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}
