//! The crate's error: each variant names the operation, what was expected and found, what to try.

use std::io;
use std::path::PathBuf;

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be built, loaded or driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A build description that cannot be used.
    #[error("cannot build model: {field}: expected {expected}, found {found}")]
    Spec {
        /// Part of the [`crate::BuildSpec`].
        field: &'static str,
        /// What is accepted.
        expected: &'static str,
        /// The offending value.
        found: String,
    },

    /// A tool is not installed.
    #[error("{tool} `{program}` was not found on PATH ({path}); install it with: {install}")]
    MissingTool {
        /// What the program is.
        tool: &'static str,
        /// The program looked for.
        program: String,
        /// The PATH that was searched.
        path: String,
        /// Command that installs it on Debian, and the variable that names another.
        install: &'static str,
    },

    /// A tool could not be started, or its answer was not understood.
    #[error("cannot {action} with `{program}`: expected {expected}, found {found}")]
    Tool {
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// The program.
        program: String,
        /// The answer expected.
        expected: &'static str,
        /// The answer, or the system's reason.
        found: String,
    },

    /// A tool ran and failed.
    #[error("cannot {action} of `{top}`: {ended}; full log: {log}\n{lines}", log = log.display())]
    ToolFailed {
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// Top module.
        top: String,
        /// Program and exit code or signal, in words.
        ended: String,
        /// Complete output of all commands of this build.
        log: PathBuf,
        /// The first lines from the first error on.
        lines: String,
    },

    /// The header that Verilator generated has a port this crate cannot drive.
    #[error(
        "cannot read the ports of `{top}`: generated header line {line}: expected {expected}, found `{found}`"
    )]
    Header {
        /// Top module.
        top: String,
        /// Line of the generated header, from 1.
        line: usize,
        /// What is understood.
        expected: &'static str,
        /// The text that was not understood.
        found: String,
    },

    /// Verilator read a file that is not among the sources, so the cache key would not cover it.
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
    #[error("cannot {action} {} ({source}); make it writable, free space, or set FLEXMAC_CACHE to another folder", path.display())]
    Cache {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// No variable says where the cache is.
    #[error(
        "no cache folder: none of FLEXMAC_CACHE, XDG_CACHE_HOME and HOME is set; set FLEXMAC_CACHE"
    )]
    NoCacheFolder,

    /// The entry just built does not pass its own check.
    #[error("cache entry {} is unusable right after its build: expected {expected}, found {found}; check the disk", path.display())]
    BadEntry {
        /// The entry's folder.
        path: PathBuf,
        /// What a good entry has.
        expected: &'static str,
        /// What is there.
        found: String,
    },

    /// The shared object could not be loaded.
    #[error("cannot load {}: expected a model library, found: {found}; remove the folder it is in to rebuild it", path.display())]
    Load {
        /// The shared object.
        path: PathBuf,
        /// The loader's reason.
        found: String,
    },

    /// No port of that name.
    #[error("`{top}` has no port `{name}`; its ports are: {known}")]
    UnknownPort {
        /// Top module.
        top: String,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },

    /// A port is not what the caller takes it for.
    #[error("port `{name}` of `{top}`: expected {expected}, found {found}")]
    PortMismatch {
        /// Top module.
        top: String,
        /// The port.
        name: String,
        /// Direction or width asked for.
        expected: String,
        /// Direction and width it has.
        found: String,
    },

    /// The simulation stopped itself: `$stop`, `$fatal`, a failed assertion, no convergence.
    #[error("cannot {action} `{top}`: {message}; this instance is unusable from here on")]
    Simulation {
        /// What was attempted, as a verb.
        action: &'static str,
        /// Top module.
        top: String,
        /// The simulation's message, with Verilog file and line where it has them.
        message: String,
    },

    /// Waves cannot be written as asked.
    #[error("cannot {action} waves of `{top}`: expected {expected}, found {found}")]
    Trace {
        /// What was attempted, as a verb.
        action: &'static str,
        /// Top module.
        top: String,
        /// What would have worked.
        expected: String,
        /// What was the case.
        found: String,
    },

    /// The wave file cannot be written.
    #[error("cannot write waves to {} ({source})", path.display())]
    TraceFile {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
