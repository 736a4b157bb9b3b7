//! A loaded model library: its ports, and the creation of instances.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::Origin;
use crate::compile::ModelInfo;
use crate::error::{Error, Result};
use crate::ffi::Api;
use crate::header;
use crate::model::{Model, PowerUp};
use crate::port::{Port, PortInfo};
use crate::spec::TraceKind;

/// The loaded shared object of a design. Models and clones of the `Arc` keep it loaded.
pub struct Library {
    pub(crate) api: Api,
    pub(crate) tag: u64,
    top: String,
    trace: TraceKind,
    ports: Vec<PortInfo>,
    path: PathBuf,
    origin: Origin,
    verilator: String,
}

impl Library {
    /// Loads the shared object at `path`, described by `info` and built by the `verilator` of this version.
    pub(crate) fn load(
        path: PathBuf,
        info: ModelInfo,
        origin: Origin,
        verilator: String,
    ) -> Result<Arc<Self>> {
        static NEXT_TAG: AtomicU64 = AtomicU64::new(1);
        let api = Api::load(&path, &header::digest(&info.ports))?;
        let ports = info.ports.into_iter().map(header::Declared::into_info).collect();
        Ok(Arc::new(Self {
            api,
            tag: NEXT_TAG.fetch_add(1, Ordering::Relaxed),
            top: info.top,
            trace: info.trace,
            ports,
            path,
            origin,
            verilator,
        }))
    }

    /// Creates an instance in the given power-up state. All inputs are 0. Nothing has been
    /// evaluated yet: `initial` blocks run in the first [`Model::eval`].
    ///
    /// # Errors
    /// [`Error::Simulation`] if the model's constructor fails.
    pub fn model(self: &Arc<Self>, power_up: PowerUp) -> Result<Model> {
        Model::new(Arc::clone(self), power_up)
    }

    /// The port called `name` in the Verilog source.
    ///
    /// # Errors
    /// [`Error::UnknownPort`], which lists all ports.
    pub fn port(&self, name: &str) -> Result<Port<'_>> {
        let found = self.ports.iter().zip(0..).find(|(info, _)| info.name == name);
        let (info, index) = found.ok_or_else(|| Error::UnknownPort {
            top: self.top.clone(),
            name: name.to_owned(),
            known: self.ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        Ok(Port { top: &self.top, info, tag: self.tag, index })
    }

    /// All ports, in the order of the generated header.
    pub fn ports(&self) -> &[PortInfo] {
        &self.ports
    }

    /// What the Verilator that builds models here prints about its version.
    pub fn verilator_version(&self) -> &str {
        &self.verilator
    }

    /// The name of the top module.
    pub fn top(&self) -> &str {
        &self.top
    }

    /// The wave format the library was built with.
    pub fn trace_kind(&self) -> TraceKind {
        self.trace
    }

    /// The shared object; its folder also holds `manifest.json` and `build.log`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether [`BuildSpec::build`](crate::BuildSpec::build) built the library or found it in the
    /// cache.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library")
            .field("top", &self.top)
            .field("path", &self.path)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
