//! The cache of finished builds.
//!
//! ```text
//! <root>/<key>/           a finished entry: its files, manifest.json, build.log
//! <root>/locks/<key>.lock locked while the entry is built; the system releases it with the process
//! <root>/building/<key>.* a build in progress, or the rest of a killed one
//! <root>/logs/<key>.log   output of a build in progress, or of one that failed
//! ```
//!
//! An entry is created by one rename, so it is complete or does not exist. It is used only if every
//! file has the hash that its manifest states. Readers take no lock, so a filled cache may be
//! read-only. Lock files are never removed: otherwise two builders could hold locks of the same
//! name.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flexmac_fileio::lock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::{Error, Result};

const MANIFEST: &str = "manifest.json";
const LOG: &str = "build.log";

/// Whether a library was built by this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built: it did not exist, or was damaged.
    Built,
    /// Taken from the cache, possibly after waiting for another process that built it.
    Cached,
}

/// A cache folder. The first build creates it.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    /// The environment variable that selects another folder, if any.
    variable: Option<String>,
}

/// An entry whose files have been verified.
pub(crate) struct Entry<I> {
    pub(crate) folder: PathBuf,
    pub(crate) info: I,
    pub(crate) origin: Origin,
}

/// The folders and the log of a build.
pub(crate) struct Work<'a> {
    /// Scratch folder, removed afterwards.
    pub(crate) scratch: &'a Path,
    /// Folder for the files of the entry.
    pub(crate) output: &'a Path,
    /// The build's log file.
    pub(crate) log: &'a Path,
}

#[derive(Serialize, Deserialize)]
struct Manifest<I> {
    key: String,
    /// SHA-256 of each file.
    files: BTreeMap<String, String>,
    /// SHA-256 of `info` in compact JSON.
    info_sha256: String,
    info: I,
}

impl Cache {
    /// The cache in `root`.
    ///
    /// # Errors
    /// [`Error::Cache`] if `root` is empty.
    pub fn at(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let absolute = std::path::absolute(root).map_err(failed("use", root))?;
        Ok(Self { root: absolute, variable: None })
    }

    /// The user's cache: `$VERILATED_CACHE`, else `$XDG_CACHE_HOME/verilated`, else
    /// `~/.cache/verilated`.
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`] if neither variable is set and there is no home folder.
    pub fn from_env() -> Result<Self> {
        Self::of_application("verilated")
    }

    /// The user's cache of an application: for `name` = `my-app`, `$MY_APP_CACHE`, else
    /// `$XDG_CACHE_HOME/my-app`, else `~/.cache/my-app`.
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`] if neither variable is set and there is no home folder.
    pub fn of_application(name: &str) -> Result<Self> {
        let variable = name.to_uppercase().replace('-', "_") + "_CACHE";
        let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // Without HOME, this is the folder in the system's list of users.
        let home = || env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let root = folder(&*variable)
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join(name)))
            .or_else(|| home().map(|home| home.join(".cache").join(name)));
        match root {
            Some(root) => Ok(Self { variable: Some(variable), ..Self::at(root)? }),
            None => Err(Error::NoCacheFolder { variable }),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Adds the variable that selects another cache folder to an error of this cache.
    pub(crate) fn with_variable(&self, error: Error) -> Error {
        match error {
            Error::Cache { action, path, source, .. } => {
                Error::Cache { action, path, source, variable: self.variable.clone() }
            }
            other => other,
        }
    }

    /// The entry of `key`. `build` builds it if it does not exist or is damaged: it fills
    /// [`Work::output`] and returns the information to store in the manifest.
    pub(crate) fn entry<I: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        build: impl FnOnce(&Work<'_>) -> Result<I>,
    ) -> Result<Entry<I>> {
        let folder = self.root.join(key);
        if let Ok(info) = verify(&folder, key) {
            return Ok(Entry { folder, info, origin: Origin::Cached });
        }
        let locks = self.folder("locks")?;
        let building = self.folder("building")?;
        let log = self.folder("logs")?.join(format!("{key}.log"));

        let lock_path = locks.join(format!("{key}.lock"));
        let file = File::create(&lock_path).map_err(failed("create", &lock_path))?;
        // Released when `file` goes out of scope, and by the system when the process dies.
        lock::lock(&file, &locks).map_err(failed("lock", &lock_path))?;
        if let Ok(info) = verify(&folder, key) {
            return Ok(Entry { folder, info, origin: Origin::Cached });
        }
        remove_leftovers(&building, key);

        let staging = Staging::new(&building, key)?;
        let scratch = staging.folder("scratch")?;
        let output = staging.folder("entry")?;
        let info = build(&Work { scratch: &scratch, output: &output, log: &log })?;
        write_manifest(&output, key, info)?;
        // After a success, the log becomes part of the entry. After a failure, it stays in `logs`.
        let _ = fs::copy(&log, output.join(LOG));
        if folder.exists() {
            let damaged = staging.path.join("damaged");
            fs::rename(&folder, &damaged).map_err(failed("replace", &folder))?;
        }
        fs::rename(&output, &folder).map_err(failed("create", &folder))?;
        let _ = fs::remove_file(&log);
        let info = verify(&folder, key).map_err(|found| Error::BadEntry {
            path: folder.clone(),
            expected: "the files just written",
            found,
        })?;
        Ok(Entry { folder, info, origin: Origin::Built })
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(failed("create", &path))?;
        Ok(path)
    }
}

/// The folder of a build in progress. It is removed however the build ends, unless the process is
/// killed.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn new(building: &Path, key: &str) -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = building.join(format!("{key}.{}.{count}", std::process::id()));
        fs::create_dir(&path).map_err(failed("create", &path))?;
        Ok(Self { path })
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(failed("create", &path))?;
        Ok(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of killed builds of `key`, whose lock must be held. Compilers of these
/// builds may still be writing. That does no harm: every build has its own folder, and failures
/// here are ignored.
fn remove_leftovers(building: &Path, key: &str) {
    let Ok(entries) = fs::read_dir(building) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().split('.').next() == Some(key) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn write_manifest<I: Serialize>(output: &Path, key: &str, info: I) -> Result<()> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(output).map_err(failed("read", output))? {
        let entry = entry.map_err(failed("read", output))?;
        let hash = digest::of_file(&entry.path()).map_err(failed("read", &entry.path()))?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), hash);
    }
    let path = output.join(MANIFEST);
    let info_sha256 = info_hash(&info).map_err(|e| failed("write", &path)(e.into()))?;
    let manifest = Manifest { key: key.to_owned(), files, info_sha256, info };
    let text =
        serde_json::to_string_pretty(&manifest).map_err(|e| failed("write", &path)(e.into()))?;
    fs::write(&path, text + "\n").map_err(failed("write", &path))
}

/// Returns the information in the manifest of `folder` if the entry is complete and undamaged, else
/// the reason why not.
fn verify<I: Serialize + DeserializeOwned>(folder: &Path, key: &str) -> Result<I, String> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let manifest: Manifest<I> =
        serde_json::from_slice(&text).map_err(|e| format!("{MANIFEST}: {e}"))?;
    if manifest.key != key {
        return Err(format!("{MANIFEST}: key {}", manifest.key));
    }
    if info_hash(&manifest.info).ok().as_ref() != Some(&manifest.info_sha256) {
        return Err(format!("{MANIFEST}: changed contents"));
    }
    for (name, expected) in &manifest.files {
        match digest::of_file(&folder.join(name)) {
            Ok(hash) if hash == *expected => {}
            Ok(hash) => return Err(format!("{name}: sha256 {hash}")),
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
    Ok(manifest.info)
}

fn info_hash<I: Serialize>(info: &I) -> serde_json::Result<String> {
    serde_json::to_vec(info).map(|bytes| digest::of_bytes(&bytes))
}

/// Converts an I/O error to a cache error.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Cache { action, path, source, variable: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(work: &Work<'_>) -> Result<u32> {
        fs::write(work.log, "log").unwrap();
        fs::write(work.output.join("a"), "good").unwrap();
        Ok(7)
    }

    fn never(_: &Work<'_>) -> Result<u32> {
        panic!("built again")
    }

    #[test]
    fn a_good_entry_is_built_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let first = cache.entry("k", fill).unwrap();
        assert_eq!((first.info, first.origin), (7, Origin::Built));
        let second = cache.entry("k", never).unwrap();
        assert_eq!((second.info, second.origin), (7, Origin::Cached));
        assert!(second.folder.join(LOG).is_file());
        assert_eq!(fs::read_dir(root.path().join("building")).unwrap().count(), 0);
    }

    #[test]
    fn damage_is_repaired() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let folder = cache.entry("k", fill).unwrap().folder;
        let manifest = fs::read_to_string(folder.join(MANIFEST)).unwrap();
        let damages: [&dyn Fn(); 5] = [
            &|| fs::write(folder.join("a"), "bad").unwrap(),
            &|| fs::remove_file(folder.join("a")).unwrap(),
            &|| fs::write(folder.join(MANIFEST), "{").unwrap(),
            &|| fs::write(folder.join(MANIFEST), manifest.replace(": 7", ": 8")).unwrap(),
            &|| fs::write(folder.join(MANIFEST), manifest.replace("\"k\"", "\"l\"")).unwrap(),
        ];
        for damage in damages {
            damage();
            assert_eq!(cache.entry("k", fill).unwrap().origin, Origin::Built);
            assert_eq!(cache.entry("k", never).unwrap().info, 7);
        }
    }

    #[test]
    fn a_failed_build_leaves_only_its_log() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let result = cache.entry::<u32>("k", |work| {
            fill(work)?;
            Err(failed("test", Path::new("k"))(io::Error::other("failed")))
        });
        assert!(matches!(result, Err(Error::Cache { .. })));
        assert!(!root.path().join("k").exists());
        assert!(root.path().join("logs/k.log").is_file());
        assert_eq!(fs::read_dir(root.path().join("building")).unwrap().count(), 0);
        assert_eq!(cache.entry("k", fill).unwrap().origin, Origin::Built, "the lock was freed");
    }

    #[test]
    fn leftovers_of_a_killed_build_go() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let left = root.path().join("building/k.1.0");
        let others = root.path().join("building/other.1.0");
        fs::create_dir_all(left.join("entry")).unwrap();
        fs::create_dir_all(&others).unwrap();
        cache.entry("k", fill).unwrap();
        assert!(!left.exists() && others.exists());
    }
}
