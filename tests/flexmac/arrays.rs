//! `--arrays`: several arrays that share each product train to the bytes of one, in fewer cycles.

use std::fs;

use crate::support::{Bench, ODD, words};
use serde_json::Value;

/// Seven images on bands of three rows: cuts lie inside images.
const TRAIN: &str = "train --config d --net lenet-small --data synthetic --policy na2016 \
                     --isearch-window 1 --batch 7 --iters 2 --eval-images 10 --json";

#[test]
fn several_arrays_train_to_the_bytes_of_one() {
    let bench = Bench::with_design(&ODD);
    let train = |arrays: usize, engine: &str| {
        let out = format!("r-{arrays}-{engine}");
        let flags = format!("{TRAIN} --arrays {arrays} --engine {engine} --out {out}");
        let output = bench.command(&words(&flags)).assert().success().get_output().clone();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut weights: Vec<_> = fs::read_dir(bench.path(&format!("{out}/weights")))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()))
            .collect();
        weights.sort();
        assert!(weights.len() > 1, "{weights:?}");
        (summary["total"]["cycles"].clone(), weights)
    };
    let (one, weights) = train(1, "reference");
    let mut busy = one["busy"].as_u64().unwrap();
    for arrays in [2, 3] {
        let (cycles, shared) = train(arrays, "checked");
        assert_eq!(shared, weights, "{arrays} arrays");
        assert_eq!(train(arrays, "reference"), (cycles.clone(), shared), "{arrays} arrays");
        let fewer = cycles["busy"].as_u64().unwrap();
        assert!(fewer < busy, "{arrays} arrays: {fewer} of {busy} cycles");
        busy = fewer;
    }
}
