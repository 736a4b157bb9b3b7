//! A build: runs Verilator and the C++ compiler on the sources and links a shared object.
//!
//! The compiler is called directly and not through Verilator's makefiles, because make cannot work
//! in folders with spaces and these makefiles build no shared objects. Verilator's runtime does not
//! depend on the design, so its objects are a separate cache entry, which all models share, and so is its
//! header, precompiled.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Work, failed};
use crate::digest::Fields;
use crate::error::{Error, Result};
use crate::header::{self, Declared};
use crate::port::Storage;
use crate::spec::{BuildSpec, TraceKind};
use crate::toolchain::{NATIVE, Runner, Toolchain};

/// The C interface of every model. Embedded, so that an installed program needs no source tree.
pub(crate) const SHIM: &str = include_str!("../shim/shim.cpp");

/// The name of the shared object in a cache entry.
pub(crate) const MODEL_FILE: &str = "model.so";

/// The file that models include first; beside it is its precompiled form.
const HEADER: &str = "model.h";

/// Optimization of code that is rarely executed.
const SLOW: &str = "-O1";
/// Optimization of Verilator's runtime, which also writes waves.
const RUNTIME: &str = "-O2";

/// The information in the manifest of a model.
#[derive(Serialize, Deserialize)]
pub(crate) struct ModelInfo {
    pub(crate) top: String,
    pub(crate) trace: TraceKind,
    pub(crate) verilator: String,
    pub(crate) cxx: String,
    pub(crate) ports: Vec<Declared>,
    pub(crate) commands: Vec<Vec<String>>,
}

/// The information in the manifest of the runtime objects or of the precompiled header.
#[derive(Serialize, Deserialize)]
struct RuntimeInfo {
    commands: Vec<Vec<String>>,
}

/// The default flags of Verilator. The caller's flags follow them.
pub(crate) fn verilator_defaults(trace: TraceKind) -> Vec<String> {
    let mut flags = vec!["--cc", "-O3", "--x-assign", "unique", "--x-initial", "unique"];
    flags.push("-Wno-fatal"); // a build is not a lint run; warnings are in build.log
    match trace {
        TraceKind::None => {}
        TraceKind::Vcd => flags.push("--trace"),
        TraceKind::Fst => flags.push("--trace-fst"),
    }
    flags.into_iter().map(Into::into).collect()
}

/// Builds the model of `spec` into [`Work::output`].
pub(crate) fn model(
    spec: &BuildSpec,
    tools: &Toolchain,
    processor: Option<&str>,
    cache: &Cache,
    (key, work): (&str, &Work<'_>),
) -> Result<ModelInfo> {
    let runner = Runner::new(&spec.top, work.log)?;
    let prefix = format!("Vm_{}", &key[..16]);
    let (sources, generated) = (work.scratch.join("src"), work.scratch.join("obj"));
    for folder in [&sources, &generated] {
        fs::create_dir(folder).map_err(failed("create", folder))?;
    }
    verilate(spec, tools, &runner, &prefix, &sources)?;
    check_dependencies(spec, &generated, &prefix)?;

    let read = |name: String| {
        let path = generated.join(name);
        fs::read_to_string(&path).map_err(failed("read", &path))
    };
    let ports = header::parse(&spec.top, &read(format!("{prefix}.h"))?)?;
    let make = read(format!("{prefix}_classes.mk"))? + &read(format!("{prefix}.mk"))?;
    // Where both kinds of code get the same optimization, one file costs the headers once.
    let together = spec.cxx_flags == [SLOW];
    let (fast, slow) = write_units(&generated, &make, &ports, together)?;

    let mut common = tools.cxx_flags();
    let include = tools.runtime_folder()?;
    common.extend(include_flags(&include, spec.trace));
    let mut optimize = spec.cxx_flags.clone();
    optimize.extend(processor.map(|_| NATIVE.into()));
    let mut model_flags = common.clone();
    model_flags.extend([
        "-I.".into(),
        format!("-DVM_TOP={prefix}"),
        format!("-DVM_HEADER=\"{prefix}.h\""),
        format!("-DVM_PORTS_DIGEST=\"{}\"", header::digest(&ports)),
    ]);
    model_flags.extend(optimize.iter().cloned());
    let flags = [common.as_slice(), &optimize].concat();
    model_flags.extend(precompiled(spec, tools, processor, cache, (&include, &flags))?);
    let line = |unit: &String, last: Option<&str>| {
        let flags = model_flags.iter().cloned().chain(last.map(Into::into));
        tools.cxx.line(flags.chain(["-c".into(), unit.clone(), "-o".into(), object_of(unit)]))
    };
    let units = fast
        .iter()
        .map(|unit| line(unit, None))
        .chain(slow.iter().map(|unit| line(unit, Some(SLOW))))
        .collect();
    runner.run_all("compile the model", units, &generated, spec.jobs)?;

    let runtime = runtime_objects(spec, tools, cache, &include, &common, &make)?;
    let mut link = vec!["-shared".into(), "-pthread".into(), "-Wl,-Bsymbolic,-z,defs".into()];
    link.extend(["-o".into(), "../model.so".into()]);
    link.extend(fast.iter().chain(&slow).map(|unit| object_of(unit)));
    link.extend(runtime.iter().map(|path| path.to_string_lossy().into_owned()));
    link.extend(list(&make, "VM_USER_LDLIBS"));
    runner.run("link the model", tools.cxx.line(link), &generated)?;
    let object = work.scratch.join("model.so");
    fs::rename(&object, work.output.join(MODEL_FILE)).map_err(failed("move", &object))?;
    Ok(ModelInfo {
        top: spec.top.clone(),
        trace: spec.trace,
        verilator: tools.verilator.version.clone(),
        cxx: tools.cxx.version.clone(),
        ports,
        commands: runner.into_lines(),
    })
}

/// Writes the sources to `folder` and runs Verilator there.
fn verilate(
    spec: &BuildSpec,
    tools: &Toolchain,
    runner: &Runner<'_>,
    prefix: &str,
    folder: &Path,
) -> Result<()> {
    for source in &spec.sources {
        let path = folder.join(&source.name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(failed("create", parent))?;
        fs::write(&path, &source.text).map_err(failed("write", &path))?;
    }
    let mut arguments = verilator_defaults(spec.trace);
    for (flag, value) in [("--top-module", &*spec.top), ("--prefix", prefix), ("--Mdir", "../obj")]
    {
        arguments.extend([flag.to_owned(), value.to_owned()]);
    }
    arguments.extend(spec.verilator_flags.iter().cloned());
    let compiled = spec.sources.iter().filter(|source| source.is_compiled());
    arguments.extend(compiled.map(|source| source.name.clone()));
    runner.run("translate the Verilog", tools.verilator.line(arguments), folder)
}

/// Rejects a build for which Verilator read files that are not among the sources. The files read
/// are in Verilator's dependency file (`outputs : inputs`); its own files have absolute paths in
/// its installation.
fn check_dependencies(spec: &BuildSpec, generated: &Path, prefix: &str) -> Result<()> {
    let path = generated.join(format!("{prefix}__ver.d"));
    let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
    let inputs = text.split_once(" : ").map_or("", |(_, inputs)| inputs);
    for input in inputs.split_whitespace() {
        let plain: PathBuf =
            Path::new(input).components().filter(|c| *c != Component::CurDir).collect();
        let own = plain.to_str().is_some_and(|p| p.contains("verilator"))
            && plain.is_absolute()
            && !input.ends_with(".v");
        let known = spec.sources.iter().any(|source| Path::new(&source.name) == plain);
        if !known && !own {
            return Err(Error::UndeclaredSource { top: spec.top.clone(), path: plain });
        }
    }
    Ok(())
}

/// Writes the shim, the port list and the files to compile. Returns the names of the files with
/// fast and with slow (rarely executed) code.
///
/// For small designs, there is one file of each kind, or one file of both if they belong `together`: each
/// costs the headers again. With `--output-split`, the generated files are compiled separately, in parallel.
fn write_units(
    folder: &Path,
    make: &str,
    ports: &[Declared],
    together: bool,
) -> Result<(Vec<String>, Vec<String>)> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed("write", &path))
    };
    let port_list: String = ports
        .iter()
        .map(|port| format!("VM_PORT({}, {})\n", port.member, Storage::bytes(port.bits)))
        .collect();
    write("ports.inc", &port_list)?;
    write("shim.cpp", SHIM)?;
    let files = |variables: [&str; 2]| -> Vec<String> {
        variables.iter().flat_map(|name| list(make, name)).map(|c| format!("{c}.cpp")).collect()
    };
    let mut fast = files(["VM_CLASSES_FAST", "VM_SUPPORT_FAST"]);
    let mut slow = files(["VM_CLASSES_SLOW", "VM_SUPPORT_SLOW"]);
    fast.push("shim.cpp".into());
    let split = make.lines().any(|line| line.trim() == "VM_PARALLEL_BUILDS = 1");
    if !split {
        if together {
            fast.append(&mut slow);
        }
        for (name, units) in [("vm_fast.cpp", &mut fast), ("vm_slow.cpp", &mut slow)] {
            if units.is_empty() {
                continue;
            }
            let text: String = units.iter().map(|unit| format!("#include \"{unit}\"\n")).collect();
            write(name, &text)?;
            *units = vec![name.into()];
        }
    }
    Ok((fast, slow))
}

/// The part of a cache key that depends on the tools and the flags of the compiler, not on a design.
fn shared_key(what: &str, tools: &Toolchain, flags: &[String]) -> Fields {
    Fields::new(what)
        .field("verilator", &tools.verilator.version)
        .field("cxx", &tools.cxx.version)
        .list("compiler", &tools.cxx.argv)
        .list("flags", flags)
}

/// Flags that include Verilator's header in the form that the compiler has read already, which takes more
/// time than the code of a small design. A compiler that cannot use that form for some file reads the header
/// itself. All models with the same flags share one entry of the cache.
fn precompiled(
    spec: &BuildSpec,
    tools: &Toolchain,
    processor: Option<&str>,
    cache: &Cache,
    (include, flags): (&Path, &[String]),
) -> Result<[String; 2]> {
    let header = include.join("verilated.h");
    let key = shared_key("verilator header", tools, flags)
        .field("processor", processor.unwrap_or("any"))
        .field("header", fs::read(&header).map_err(failed("read", &header))?)
        .hex();
    let entry = cache.entry(&key, |work| {
        let runner = Runner::new(&spec.top, work.log)?;
        let path = work.output.join(HEADER);
        fs::write(&path, "#include \"verilated.h\"\n").map_err(failed("write", &path))?;
        let io = ["-x".into(), "c++-header".into(), HEADER.into()];
        let output = ["-o".into(), format!("{HEADER}.gch")];
        let line = tools.cxx.line(flags.iter().cloned().chain(io).chain(output));
        runner.run("precompile Verilator's header", line, work.output)?;
        Ok(RuntimeInfo { commands: runner.into_lines() })
    })?;
    Ok(["-include".into(), entry.folder.join(HEADER).to_string_lossy().into_owned()])
}

/// The object files of Verilator's runtime, taken from the cache or built.
fn runtime_objects(
    spec: &BuildSpec,
    tools: &Toolchain,
    cache: &Cache,
    include: &Path,
    common: &[String],
    make: &str,
) -> Result<Vec<PathBuf>> {
    let names: Vec<String> =
        ["VM_GLOBAL_FAST", "VM_GLOBAL_SLOW"].iter().flat_map(|name| list(make, name)).collect();
    // With these macros, the runtime calls the shim on such events instead of ending the process.
    let hooks = ["FINISH", "STOP", "FATAL", "WARN"].map(|hook| format!("-DVL_USER_{hook}"));
    let flags: Vec<String> =
        common.iter().cloned().chain(hooks).chain([RUNTIME.to_owned()]).collect();
    let mut fields = shared_key("verilator runtime", tools, &flags).list("files", &names);
    for name in &names {
        let path = include.join(format!("{name}.cpp"));
        fields = fields.field(name, fs::read(&path).map_err(failed("read", &path))?);
    }
    let entry = cache.entry(&fields.hex(), |work| {
        let runner = Runner::new(&spec.top, work.log)?;
        let lines = names
            .iter()
            .map(|name| {
                let source = include.join(format!("{name}.cpp")).to_string_lossy().into_owned();
                let object = format!("{name}.o");
                let io = ["-c".into(), source, "-o".into(), object];
                tools.cxx.line(flags.iter().cloned().chain(io))
            })
            .collect();
        runner.run_all("compile the Verilator runtime", lines, work.output, spec.jobs)?;
        Ok(RuntimeInfo { commands: runner.into_lines() })
    })?;
    Ok(names.iter().map(|name| entry.folder.join(format!("{name}.o"))).collect())
}

/// Flags for Verilator's headers: their folders and settings.
fn include_flags(include: &Path, trace: TraceKind) -> Vec<String> {
    let flag = |on: bool| u8::from(on);
    vec![
        format!("-I{}", include.display()),
        format!("-I{}", include.join("vltstd").display()),
        "-DVM_COVERAGE=0".into(),
        "-DVM_SC=0".into(),
        format!("-DVM_TRACE={}", flag(trace != TraceKind::None)),
        format!("-DVM_TRACE_VCD={}", flag(trace == TraceKind::Vcd)),
        format!("-DVM_TRACE_FST={}", flag(trace == TraceKind::Fst)),
    ]
}

/// The items of the makefile assignment to `variable`, one per line with a backslash at the end.
fn list(make: &str, variable: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut lines = make.lines();
    while let Some(line) = lines.next() {
        if line.split_whitespace().next() == Some(variable) {
            let block = lines.by_ref().take_while(|line| !line.trim().is_empty());
            items.extend(block.flat_map(|line| {
                line.trim_end_matches('\\').split_whitespace().map(String::from).collect::<Vec<_>>()
            }));
        }
    }
    items
}

fn object_of(unit: &str) -> String {
    format!("{}.o", unit.trim_end_matches(".cpp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKE: &str = "VM_TRACE = 1\n# fast\nVM_CLASSES_FAST += \\\n\tVtop \\\n\tVtop__0 \\\n\n\
        # slow\nVM_CLASSES_SLOW += \\\n\nVM_USER_LDLIBS = \\\n\t-lz \\\n\n";

    #[test]
    fn reads_makefile_lists() {
        assert_eq!(list(MAKE, "VM_CLASSES_FAST"), ["Vtop", "Vtop__0"]);
        assert!(list(MAKE, "VM_CLASSES_SLOW").is_empty());
        assert_eq!(list(MAKE, "VM_USER_LDLIBS"), ["-lz"]);
        assert!(list(MAKE, "VM_ABSENT").is_empty());
    }

    #[test]
    fn dependencies_outside_the_sources_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let spec = BuildSpec::new("top").source("a.v", "").source("inc/b.vh", "");
        let check = |inputs: &str| {
            let text = format!("../obj/Vm.cpp  : /usr/bin/verilator_bin {inputs} \n");
            fs::write(folder.path().join("Vm__ver.d"), text).unwrap();
            check_dependencies(&spec, folder.path(), "Vm")
        };
        assert!(check("a.v ./inc/b.vh /usr/share/verilator/include/verilated_std.sv").is_ok());
        let message = check("a.v /tmp/other.v").unwrap_err().to_string();
        assert!(message.contains("/tmp/other.v"), "{message}");
        assert!(check("c.v").is_err());
    }
}
