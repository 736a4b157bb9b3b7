//! Builds, caches, loads and drives Verilator models; knows no MAC.
//!
//! A [`BuildSpec`] names Verilog sources (text, so generated code needs no files) and a top
//! module; [`BuildSpec::build`] turns it into a [`Library`], a shared object kept in a [`Cache`]
//! under the hash of everything that produced it; [`Library::model`] makes instances. A
//! [`Model`] is driven through handles that are resolved once: an access is then a plain load or
//! store, and an evaluation one foreign call.
//!
//! Decision: build at run time and `dlopen`. The alternative, a build script per design, cannot
//! serve a design that a command line flag configures; and looking ports up by name on every
//! access, as other bindings do, costs more than the simulation of a small array.
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
