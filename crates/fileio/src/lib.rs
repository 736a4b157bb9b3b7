//! Atomic, crash-safe file writes and bounded file reads.
//!
//! Every reader of files from outside takes its bytes from [`bounded`]; every file that others rely on
//! is written by [`atomic`]. So one place states how large an input may be, and one place decides
//! what a killed process can leave behind.
//!
//! ```
//! use flexmac_fileio::{atomic, bounded};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("settings.json");
//! atomic::write(&path, "{}")?;
//! assert_eq!(bounded::text(&path, bounded::TEXT)?, "{}");
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod atomic;
pub mod bounded;
mod hex;
pub mod lock;
mod npy;

pub use hex::hex;
pub use npy::prepare_npy;
