//! From a checked configuration to Verilog, file lists and the register map.
//!
//! [`verilog`] renders a design in memory, [`package`] all that goes with it, [`write()`] puts it into a
//! folder and [`read`] reads it back. What follows from a configuration in numbers alone is in
//! `flexmac-array`.
//!
//! ```
//! use flexmac_array::ArraySpec;
//!
//! let array = ArraySpec { rows: 2, cols: 2, ..ArraySpec::default() }.check()?;
//! let files = flexmac_rtlgen::verilog(&array)?;
//! assert!(files.iter().any(|file| file.path == "rtl/flexmac_core.v"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod design;
mod error;
mod folder;
mod install;
mod prefix;
mod registers;
mod render;
mod top;

pub use design::{ModuleParameters, module_parameters, port_bits};
pub use error::RtlgenError;
pub use folder::{read, read_prefix, read_sources, write, write_copy, write_named};
pub use prefix::Prefix;
pub use registers::{
    Access, Field, Group, NamedValue, Register, RegisterMap, c_header, json, markdown,
    register_map, rust_module,
};
pub use render::{BUS_TOP, PADDED_TOP, SourceFile, TOP, package, verilog};
pub use top::StreamBits;
