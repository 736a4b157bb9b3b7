//! Builds Verilog into a shared library with Verilator at run time, caches it, loads it, and drives
//! instances of it from Rust.
//!
//! A [`BuildSpec`] names the Verilog sources (as text, so that generated code needs no files) and
//! the top module. [`BuildSpec::build`] gives a [`Library`]: a shared object, stored in a [`Cache`]
//! under the hash of everything that went into it. [`Library::model`] creates instances. A
//! [`Model`] is driven through port handles that are resolved once; after that, an access is a
//! plain load or store, and an evaluation is one foreign call.
//!
//! Models are built at run time and loaded with `dlopen`, because a build script per design cannot
//! serve a design that is generated or configured at run time. Ports are not looked up by name on
//! each access, because for a small design this costs more than its simulation.
//!
//! ```no_run
//! use verilated::{BuildSpec, Cache, PowerUp};
//!
//! # fn main() -> Result<(), verilated::Error> {
//! let text = "module inv(input [7:0] a_i, output [7:0] y_o); assign y_o = ~a_i; endmodule";
//! let library = BuildSpec::new("inv").source("inv.v", text).build(&Cache::from_env()?)?;
//! let mut model = library.model(PowerUp::Random(1))?;
//! let a = library.port("a_i")?.expect_bits(8)?.input()?;
//! let y = library.port("y_o")?.expect_bits(8)?.output()?;
//! model.set(a, 0x0f);
//! model.eval()?;
//! assert_eq!(model.get(y), 0xf0);
//! # Ok(())
//! # }
//! ```

mod cache;
mod compile;
mod digest;
mod error;
mod ffi;
mod header;
mod library;
mod model;
mod port;
mod spec;
mod toolchain;
mod trace;

pub use cache::{Cache, Origin};
pub use error::{Error, Result};
pub use header::header_ports;
pub use library::Library;
pub use model::{Model, PowerUp};
pub use port::{
    Bus, BusIn, BusOut, Direction, Handle, In, InPort, Narrow, Out, OutPort, Port, PortInfo, Wide,
    WideIn, WideOut,
};
pub use spec::{BuildSpec, TraceKind};
