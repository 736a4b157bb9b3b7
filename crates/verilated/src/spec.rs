//! The description of a build: sources, top module, flags. It is checked once and hashed into the
//! cache key.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Component, Path};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::compile;
use crate::digest::Fields;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::toolchain::Toolchain;

/// The wave format compiled into a model. Waves cost build time and some speed, even if not
/// recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TraceKind {
    /// No waves.
    #[default]
    None,
    /// Value change dump: text, read by all viewers.
    Vcd,
    /// FST: compressed and faster to write, read by GTKWave and others.
    Fst,
}

/// A source file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    /// Whether the file is passed to Verilator on the command line. Other files can be included.
    pub(crate) fn is_compiled(&self) -> bool {
        let extension = Path::new(&self.name).extension().and_then(|e| e.to_str());
        matches!(extension, Some("v" | "sv" | "vlt"))
    }
}

/// The description of a build.
///
/// A build depends only on this description and the tools: Verilator runs in a folder that contains
/// only the sources, and it is an error if it reads any other file.
#[derive(Clone, Debug)]
pub struct BuildSpec {
    pub(crate) top: String,
    pub(crate) sources: Vec<Source>,
    pub(crate) verilator_flags: Vec<String>,
    pub(crate) cxx_flags: Vec<String>,
    pub(crate) native: bool,
    pub(crate) trace: TraceKind,
    pub(crate) jobs: NonZeroUsize,
}

impl BuildSpec {
    /// A build of the module `top`, without sources yet. Defaults: no waves, C++ flag `-O3`, one
    /// compile job per processor.
    pub fn new(top: impl Into<String>) -> Self {
        Self {
            top: top.into(),
            sources: Vec::new(),
            verilator_flags: Vec::new(),
            cxx_flags: vec!["-O3".into()],
            native: false,
            trace: TraceKind::None,
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// Adds a source file. `name` is a relative path, which error messages show. Files that end in
    /// `.v`, `.sv` or `.vlt` (lint waivers) are compiled, in the given order; other files can be
    /// included.
    #[must_use]
    pub fn source(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.sources.push(Source { name: name.into(), text: text.into() });
        self
    }

    /// Adds a Verilator flag, such as `-GWIDTH=8`, `+define+X` or `--threads`. It may override the
    /// defaults (`-O3 --x-assign unique --x-initial unique -Wno-fatal`).
    #[must_use]
    pub fn verilator_flag(mut self, flag: impl Into<String>) -> Self {
        self.verilator_flags.push(flag.into());
        self
    }

    /// Replaces the C++ compiler flags of the model (`-O3`).
    #[must_use]
    pub fn cxx_flags<F: Into<String>>(mut self, flags: impl IntoIterator<Item = F>) -> Self {
        self.cxx_flags = flags.into_iter().map(Into::into).collect();
        self
    }

    /// Compiles the model for the processor of this machine (`-march=native`), if the compiler can.
    /// What the compiler knows of that processor is part of the cache key, so machines that differ
    /// can share a cache.
    #[must_use]
    pub fn native(mut self) -> Self {
        self.native = true;
        self
    }

    /// Compiles the model for any processor of this kind: the default.
    #[must_use]
    pub fn portable(mut self) -> Self {
        self.native = false;
        self
    }

    /// Chooses the wave format.
    #[must_use]
    pub fn trace(mut self, kind: TraceKind) -> Self {
        self.trace = kind;
        self
    }

    /// Limits the number of C++ compilers that run in parallel. Not part of the cache key.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Builds the library, or takes it from `cache`, and loads it.
    ///
    /// If several processes or threads build the same library at the same time, one builds it and
    /// the others wait for the result.
    ///
    /// # Errors
    /// [`Error::Spec`], [`Error::MissingTool`], [`Error::Tool`], [`Error::ToolFailed`],
    /// [`Error::Header`], [`Error::UndeclaredSource`], [`Error::Cache`], [`Error::BadEntry`] or
    /// [`Error::Load`]. A failed build leaves only its log in the cache.
    pub fn build(&self, cache: &Cache) -> Result<Arc<Library>> {
        self.check()?;
        let tools = Toolchain::find()?;
        let processor = if self.native { tools.processor() } else { None };
        let key = self.key(&tools, processor.as_deref());
        let entry = cache
            .entry(&key, |work| {
                compile::model(self, &tools, processor.as_deref(), cache, (&key, work))
            })
            .map_err(|error| cache.with_variable(error))?;
        let path = entry.folder.join(compile::MODEL_FILE);
        Library::load(path, entry.info, entry.origin, tools.verilator.version)
    }

    /// The cache key of this build with these tools, for a processor or for any.
    fn key(&self, tools: &Toolchain, processor: Option<&str>) -> String {
        let start = Fields::new("verilated model")
            .field("crate", env!("CARGO_PKG_VERSION"))
            .field("shim", compile::SHIM)
            .field("top", &self.top)
            .field("trace", format!("{:?}", self.trace))
            .list("verilator flags", &compile::verilator_defaults(self.trace))
            .list("extra verilator flags", &self.verilator_flags)
            .list("cxx flags", &tools.cxx_flags())
            .list("extra cxx flags", &self.cxx_flags)
            .field("processor", processor.unwrap_or("any"));
        let with_tools = [&tools.verilator, &tools.cxx]
            .iter()
            .fold(start, |hash, tool| hash.list("tool", &tool.argv).field("is", &tool.version));
        self.sources
            .iter()
            .fold(with_tools, |hash, source| {
                hash.field("name", &source.name).field("text", &source.text)
            })
            .hex()
    }

    fn check(&self) -> Result<()> {
        let refuse = |field, expected, found: &str| {
            Err(Error::Spec { field, expected, found: format!("`{found}`") })
        };
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let mut bytes = self.top.bytes();
        if !bytes.next().is_some_and(letter)
            || !bytes.all(|byte| letter(byte) || byte.is_ascii_digit())
        {
            return refuse("top module", "a Verilog identifier", &self.top);
        }
        if !self.sources.iter().any(Source::is_compiled) {
            return refuse("sources", "at least one .v or .sv file", "none");
        }
        let reserved = ["--prefix", "--Mdir", "--top", "--trace", "--cc", "--sc", "--exe"];
        for flag in &self.verilator_flags {
            let long = format!("--{}", flag.trim_start_matches('-')); // Verilator takes both
            if flag.starts_with('-') && reserved.iter().any(|start| long.starts_with(start)) {
                return refuse("verilator flag", "one that BuildSpec does not set itself", flag);
            }
        }
        let mut names = BTreeSet::new();
        for Source { name, .. } in &self.sources {
            let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
            if name.is_empty() || !plain || name.starts_with('-') || name.contains(['\n', '\0']) {
                return refuse("source name", "a relative path without `..`", name);
            }
            if !names.insert(name) {
                return refuse("source name", "names that differ", name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::Tool;

    fn tools() -> Toolchain {
        let tool = |name: &str| Tool { argv: vec![name.into()], version: format!("{name} 1.0") };
        Toolchain { verilator: tool("verilator"), cxx: tool("g++") }
    }

    fn spec() -> BuildSpec {
        BuildSpec::new("top").source("a.v", "module top; endmodule").source("b.v", "")
    }

    #[test]
    fn key_changes_with_every_input() {
        let base = spec().key(&tools(), None);
        assert_eq!(base, spec().key(&tools(), None));
        assert_eq!(base, spec().jobs(NonZeroUsize::MIN).key(&tools(), None), "jobs change nothing");

        let mut other_text = spec();
        other_text.sources[0].text.push(' ');
        let mut other_name = spec();
        other_name.sources[1].name = "c.v".into();
        let mut other_order = spec();
        other_order.sources.swap(0, 1);
        let mut other_top = spec();
        other_top.top = "tip".into();
        let mut newer_verilator = tools();
        newer_verilator.verilator.version.push('1');
        let mut newer_cxx = tools();
        newer_cxx.cxx.version.push('1');
        let mut other_cxx = tools();
        other_cxx.cxx.argv.push("-m64".into());
        let keys = [
            base,
            other_text.key(&tools(), None),
            other_name.key(&tools(), None),
            other_order.key(&tools(), None),
            other_top.key(&tools(), None),
            spec().source("d.vh", "").key(&tools(), None),
            spec().verilator_flag("-GN=1").key(&tools(), None),
            spec().cxx_flags(["-O2"]).key(&tools(), None),
            spec().trace(TraceKind::Vcd).key(&tools(), None),
            spec().trace(TraceKind::Fst).key(&tools(), None),
            spec().key(&newer_verilator, None),
            spec().key(&newer_cxx, None),
            spec().key(&other_cxx, None),
            spec().native().key(&tools(), Some("#define __AVX2__ 1")),
            spec().native().key(&tools(), Some("#define __AVX512F__ 1")),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn bad_descriptions_are_refused() {
        let message = |spec: BuildSpec| spec.check().unwrap_err().to_string();
        assert!(message(BuildSpec::new("top")).contains("at least one .v or .sv file"));
        assert!(message(spec().source("../x.v", "")).contains("`../x.v`"));
        assert!(message(spec().source("/x.v", "")).contains("a relative path"));
        assert!(message(spec().source("-x.v", "")).contains("`-x.v`"));
        assert!(message(spec().source("a.v", "")).contains("names that differ"));
        assert!(message(spec().verilator_flag("-trace-fst")).contains("`-trace-fst`"));
        assert!(spec().verilator_flag("-GN=1").verilator_flag("+define+trace").check().is_ok());
        let mut odd = spec();
        odd.top = "a b".into();
        assert!(message(odd).contains("a Verilog identifier"));
        assert!(spec().source("sub/x.v", "").check().is_ok());
    }
}
