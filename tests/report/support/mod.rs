//! A run folder of six iterations, made from committed text.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_report::DATA_ID;
use serde_json::Value;
use tempfile::TempDir;

pub const CONFIG: &str = include_str!("../fixture/config.json");
pub const HISTORY: &str = include_str!("../fixture/history.jsonl");
pub const RESULT: &str = include_str!("../fixture/result.json");

/// Writes a run named `name` below `folder`.
pub fn write_run(folder: &Path, name: &str, files: [&str; 3]) -> PathBuf {
    let run = folder.join(name);
    fs::create_dir_all(&run).unwrap();
    for (file, text) in ["config.json", "history.jsonl", "result.json"].iter().zip(files) {
        fs::write(run.join(file), text).unwrap();
    }
    run
}

/// The committed run.
pub fn fixture() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let run = write_run(folder.path(), "tiny", [CONFIG, HISTORY, RESULT]);
    (folder, run)
}

/// The page's block of numbers.
pub fn data_of(page: &str) -> Value {
    let open = format!("<script type=\"application/json\" id=\"{DATA_ID}\">");
    let (_, rest) = page.split_once(&open).expect("a data block");
    let (text, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(text).expect("JSON")
}
