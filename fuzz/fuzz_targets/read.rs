//! One binary for all readers of tests/hostile/targets.rs; FUZZ_TARGET says which.
#![no_main]

#[path = "../../crates/flexmac/src/npy.rs"]
#[allow(dead_code, reason = "the program's own reader; what writes is not needed here")]
mod npy;
#[path = "../../tests/hostile/targets.rs"]
mod targets;

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static CHOSEN: LazyLock<(targets::Read, PathBuf)> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let (name, read) =
        targets::TARGETS.iter().find(|(name, _)| *name == wanted).expect("a target of that name");
    // Every job writes its files where no other does.
    let folder = PathBuf::from(format!("/dev/shm/flexmac-fuzz-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder in memory");
    (*read, folder)
});

fuzz_target!(|data: &[u8]| {
    let (read, folder) = &*CHOSEN;
    let _ = read(folder, data);
});
