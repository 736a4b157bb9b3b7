//! The crate's error type. Each message names the operation, what was expected and found, and a
//! remedy.

use std::io;
use std::path::PathBuf;

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be built, loaded or driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The description of a build is invalid.
    #[error("cannot build model: {field}: expected {expected}, found {found}")]
    Spec {
        /// Part of the [`crate::BuildSpec`].
        field: &'static str,
        /// What is accepted.
        expected: &'static str,
        /// The value found.
        found: String,
    },

    /// A tool is not installed.
    #[error("{tool} `{program}` was not found on PATH ({path}); install it with: {install}")]
    MissingTool {
        /// A description of the program.
        tool: &'static str,
        /// The program's name.
        program: String,
        /// The PATH that was searched.
        path: String,
        /// A command that installs it on Debian, and the variable that selects another program.
        install: &'static str,
    },

    /// A tool could not be started, or its output was not understood.
    #[error("cannot {action} with `{program}`: expected {expected}, found {found}")]
    Tool {
        /// The operation that failed, as a verb phrase.
        action: &'static str,
        /// The program.
        program: String,
        /// The expected output.
        expected: &'static str,
        /// The output, or the system's error.
        found: String,
    },

    /// A tool failed.
    #[error("cannot {action} of `{top}`: {ended}; full log: {log}\n{lines}", log = log.display())]
    ToolFailed {
        /// The operation that failed, as a verb phrase.
        action: &'static str,
        /// Top module.
        top: String,
        /// The program and its exit code or signal, in words.
        ended: String,
        /// The complete output of all commands of this build.
        log: PathBuf,
        /// The first lines of the output, from the first error on.
        lines: String,
    },

    /// The design has a port that this crate cannot drive, according to the header that Verilator
    /// generated.
    #[error(
        "cannot read the ports of `{top}`: generated header line {line}: expected {expected}, found `{found}`"
    )]
    Header {
        /// Top module.
        top: String,
        /// Line of the generated header, from 1.
        line: usize,
        /// What is supported.
        expected: &'static str,
        /// The line found.
        found: String,
    },

    /// Verilator read a file that is not among the sources, so the cache key does not include it.
    #[error(
        "cannot cache `{top}`: Verilator read {}, which is not a source of the build; add it with BuildSpec::source", path.display()
    )]
    UndeclaredSource {
        /// Top module.
        top: String,
        /// The file.
        path: PathBuf,
    },

    /// The cache folder cannot be used.
    #[error(
        "cannot {action} {} ({source}); make it writable, free space, or {}",
        path.display(),
        another_folder(variable.as_deref())
    )]
    Cache {
        /// The operation that failed, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
        /// The environment variable that selects another cache folder, if any.
        variable: Option<String>,
    },

    /// No environment variable determines the cache folder.
    #[error("no cache folder: none of {variable}, XDG_CACHE_HOME and HOME is set; set {variable}")]
    NoCacheFolder {
        /// The variable to set.
        variable: String,
    },

    /// A new cache entry is damaged right after its build.
    #[error("cache entry {} is unusable right after its build: expected {expected}, found {found}; check the disk", path.display())]
    BadEntry {
        /// The entry's folder.
        path: PathBuf,
        /// What a valid entry has.
        expected: &'static str,
        /// What was found.
        found: String,
    },

    /// The shared object could not be loaded.
    #[error("cannot load {}: expected a model library, found: {found}; remove the folder it is in to rebuild it", path.display())]
    Load {
        /// The shared object.
        path: PathBuf,
        /// The loader's error.
        found: String,
    },

    /// There is no port of this name.
    #[error("`{top}` has no port `{name}`; its ports are: {known}")]
    UnknownPort {
        /// Top module.
        top: String,
        /// The name requested.
        name: String,
        /// The names of all ports.
        known: String,
    },

    /// A port does not have the requested direction or width.
    #[error("port `{name}` of `{top}`: expected {expected}, found {found}")]
    PortMismatch {
        /// Top module.
        top: String,
        /// The port.
        name: String,
        /// The direction or width requested.
        expected: String,
        /// The port's direction and width.
        found: String,
    },

    /// The design stopped the simulation (`$stop`, `$fatal`, a failed assertion) or did not
    /// converge.
    #[error("cannot {action} `{top}`: {message}; this instance is unusable from here on")]
    Simulation {
        /// The operation that failed, as a verb.
        action: &'static str,
        /// Top module.
        top: String,
        /// The simulation's message, with Verilog file and line if known.
        message: String,
    },

    /// A call for waves is not valid in the current state.
    #[error("cannot {action} waves of `{top}`: expected {expected}, found {found}")]
    Trace {
        /// The operation that failed, as a verb.
        action: &'static str,
        /// Top module.
        top: String,
        /// What is valid.
        expected: String,
        /// What was found.
        found: String,
    },

    /// The wave file cannot be written.
    #[error("cannot write waves to {} ({source})", path.display())]
    TraceFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The advice to use another cache folder.
fn another_folder(variable: Option<&str>) -> String {
    match variable {
        Some(variable) => format!("set {variable} to another folder"),
        None => "use another cache folder".to_owned(),
    }
}
