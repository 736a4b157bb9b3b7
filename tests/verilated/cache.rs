//! The model cache under contention, damage and death.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{child, counter, is_child, text};
use verilated::{Cache, Library, Origin, PowerUp};

/// Resets the counter, counts to 3.
fn works(library: &std::sync::Arc<Library>) {
    let mut model = library.model(PowerUp::Random(1)).unwrap();
    let input = |name| library.port(name).unwrap().input().unwrap();
    let (clk, rst_n, en) = (input("clk_i"), input("rst_ni"), input("en_i"));
    for reset_n in [0, 1, 1, 1] {
        model.set(rst_n, reset_n);
        model.set(en, 1);
        for level in [0, 1] {
            model.set(clk, level);
            model.eval().unwrap();
        }
    }
    assert_eq!(model.get(library.port("count_o").unwrap().output().unwrap()), 3);
}

fn entries(cache: &Cache) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(cache.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.len() == 64)
        .collect();
    names.sort();
    names
}

#[test]
fn eight_processes_build_once() {
    let name = "cache::eight_processes_build_once";
    if is_child() {
        let library = counter().build(&Cache::from_env().unwrap()).unwrap();
        works(&library);
        println!("origin {:?}", library.origin());
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = child(name, |command| {
                command.env("VERILATED_CACHE", root.path()).stdout(Stdio::piped());
            });
            command.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> =
        children.into_iter().map(|child| text(child.wait_with_output().unwrap())).collect();
    let count = |what: &str| outputs.iter().filter(|out| out.contains(what)).count();
    assert_eq!((count("origin Built"), count("origin Cached")), (1, 7), "{outputs:#?}");
    // The model, Verilator's runtime and its header, and nothing left over.
    assert_eq!(entries(&Cache::at(root.path()).unwrap()).len(), 3);
    for empty in ["building", "logs"] {
        assert_eq!(fs::read_dir(root.path().join(empty)).unwrap().count(), 0, "{empty}");
    }
}

#[test]
fn threads_build_once_and_damage_is_repaired() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::at(root.path()).unwrap();
    let origins: Vec<_> = std::thread::scope(|scope| {
        let build = || {
            let library = counter().build(&cache).unwrap();
            works(&library);
            library.origin()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(origins.iter().filter(|origin| **origin == Origin::Built).count(), 1);

    let library = counter().build(&cache).unwrap();
    assert_eq!(library.origin(), Origin::Cached);
    let object = library.path().to_owned();
    drop(library);
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    replace(&object, &bytes);
    rebuilt(&cache, "one flipped bit");
    replace(&object, &bytes[..middle]);
    rebuilt(&cache, "a truncated object");
    fs::remove_file(&object).unwrap();
    rebuilt(&cache, "a missing object");

    // The runtime's objects are checked too.
    let runtime = entries(&cache).into_iter().map(|key| root.path().join(key));
    let runtime = runtime.map(|folder| folder.join("verilated.o")).find(|path| path.is_file());
    replace(&runtime.unwrap(), b"not an object");
    fs::remove_dir_all(object.parent().unwrap()).unwrap();
    rebuilt(&cache, "a damaged runtime object");

    // And so is the precompiled header.
    let header = entries(&cache).into_iter().map(|key| root.path().join(key).join("model.h.gch"));
    replace(&header.into_iter().find(|path| path.is_file()).unwrap(), b"not a header");
    fs::remove_dir_all(object.parent().unwrap()).unwrap();
    rebuilt(&cache, "a damaged header");
}

/// Another file in its place, as a copy or a download would leave it.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn rebuilt(cache: &Cache, damage: &str) {
    let library = counter().build(cache).unwrap();
    assert_eq!(library.origin(), Origin::Built, "{damage}");
    works(&library);
}

#[test]
fn a_killed_builder_does_not_block_the_next() {
    let name = "cache::a_killed_builder_does_not_block_the_next";
    if is_child() {
        let _ = counter().build(&Cache::from_env().unwrap());
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let mut command = child(name, |command| {
        command.env("VERILATED_CACHE", root.path());
    });
    let mut builder = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let building = root.path().join("building");
    while !fs::read_dir(&building).is_ok_and(|mut entries| entries.next().is_some()) {
        assert!(builder.try_wait().unwrap().is_none(), "the builder ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    builder.kill().unwrap();
    builder.wait().unwrap();
    let cache = Cache::at(root.path()).unwrap();
    assert!(entries(&cache).is_empty(), "no partial entry");
    let library = counter().build(&cache).unwrap();
    assert_eq!(library.origin(), Origin::Built);
    works(&library);
}

#[test]
fn the_manifest_says_how_it_was_made() {
    let library = counter().build(&crate::support::cache()).unwrap();
    let folder = library.path().parent().unwrap();
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    for part in ["\"model.so\"", "Verilator 5", "--top-module", "-shared", "\"count_o\"", "\"key\""]
    {
        assert!(manifest.contains(part), "{part} missing in {manifest}");
    }
    assert!(folder.join("build.log").is_file());
}

/// A compiler that answers for another processor, but compiles for this one.
const OTHER_PROCESSOR: &str = "#!/bin/sh
case \"$*\" in *-dM*) echo '#define __OTHER_PROCESSOR__ 1'; exit;; esac
exec g++ \"$@\"
";

/// A compiler that knows no flag for the processor of this machine.
const NO_PROCESSOR: &str = "#!/bin/sh
case \"$*\" in *-march=native*) echo 'bad value for -march=' >&2; exit 1;; esac
exec g++ \"$@\"
";

#[test]
fn processors_do_not_share_models() {
    let name = "cache::processors_do_not_share_models";
    if is_child() {
        let cache = Cache::from_env().unwrap();
        let library = counter().native().build(&cache).unwrap();
        works(&library);
        let manifest = library.path().with_file_name("manifest.json");
        let native = fs::read_to_string(manifest).unwrap().contains("-march=native");
        println!("origin {:?} native {native}", library.origin());
        return;
    }
    // The compilers have one name: the key must not depend on theirs.
    let root = tempfile::tempdir().unwrap();
    let compiler = root.path().join("compiler");
    let build = |script: &str| {
        fs::write(&compiler, script).unwrap();
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
        let run = child(name, |command| {
            command.env("VERILATED_CACHE", root.path().join("cache")).env("CXX", &compiler);
        });
        text({ run }.output().unwrap())
    };
    let this = "#!/bin/sh\nexec g++ \"$@\"\n";
    for (script, expected) in [
        (this, "origin Built native true"),
        (OTHER_PROCESSOR, "origin Built native true"),
        (NO_PROCESSOR, "origin Built native false"),
        (this, "origin Cached native true"),
        (OTHER_PROCESSOR, "origin Cached native true"),
    ] {
        let output = build(script);
        assert!(output.contains(expected), "{script}: {output}");
    }
}
