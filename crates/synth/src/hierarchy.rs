//! Sums cells and areas over the module hierarchy.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use crate::error::{Error, ParseError};
use crate::liberty::Library;
use crate::yosys::{ModuleCells, source_name};
use flexmac_record::ModuleReport;

/// Cells and areas of a whole design.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub cells: BTreeMap<String, u64>,
    pub area_um2: Option<f64>,
    pub sequential_area_um2: Option<f64>,
    pub modules: Vec<ModuleReport>,
}

/// Sums `modules` from `top` down. With a library, every leaf must be one of its cells.
///
/// `report` is the file that the counts come from; errors name it.
pub(crate) fn summarise(
    modules: &ModuleCells,
    top: &str,
    library: Option<&Library>,
    report: &Path,
) -> Result<Summary, Error> {
    let order = children_first(modules, top).map_err(|error| error.at(report))?;
    if let Some(library) = library {
        check_mapped(&order, modules, library, report)?;
    }
    let area_of = |cell: &str| library.and_then(|library| library.cells.get(cell)?.area_um2);

    // Instances from the top down, areas from the leaves up.
    let mut instances: BTreeMap<&str, u64> = BTreeMap::from([(top, 1)]);
    for &module in order.iter().rev() {
        let count = instances.get(module).copied().unwrap_or(0);
        for (child, number) in
            modules[module].iter().filter(|(child, _)| modules.contains_key(*child))
        {
            *instances.entry(child).or_default() += count * number;
        }
    }
    let mut full_area: BTreeMap<&str, f64> = BTreeMap::new();
    let mut summary = Summary::default();
    let mut sequential = 0.0;
    for &module in &order {
        let (mut own, mut below) = (0.0, 0.0);
        let mut cells = BTreeMap::new();
        for (cell, &number) in &modules[module] {
            if let Some(area) = full_area.get(cell.as_str()) {
                below += area * number as f64; // counts stay far below 2^53
                continue;
            }
            cells.insert(cell.clone(), number);
            let total = number * instances[module];
            *summary.cells.entry(cell.clone()).or_default() += total;
            if let Some(area) = area_of(cell) {
                own += area * number as f64;
                if library.is_some_and(|library| library.cells[cell].sequential) {
                    sequential += area * total as f64;
                }
            }
        }
        full_area.insert(module, own + below);
        summary.modules.push(ModuleReport {
            module: source_name(module).to_owned(),
            yosys_name: module.to_owned(),
            instances: instances[module],
            cells,
            own_area_um2: library.map(|_| own),
            area_um2: library.map(|_| own + below),
        });
    }
    summary.modules.reverse();
    number_variants(&mut summary.modules);
    summary.area_um2 = library.map(|_| full_area[top]);
    summary.sequential_area_um2 = library.map(|_| sequential);
    Ok(summary)
}

/// `top` and the modules below it, each after all modules that it instantiates.
fn children_first<'a>(modules: &'a ModuleCells, top: &str) -> Result<Vec<&'a str>, ParseError> {
    let (top, _) = modules.get_key_value(top).ok_or_else(|| {
        ParseError::new(0, format!("module {top} in Yosys' stat"), "no such module")
    })?;
    let children = |module: &str| modules[module].keys().filter(|cell| modules.contains_key(*cell));
    // Kahn's algorithm: a module is ready when all its parents are in the order.
    let mut parents: BTreeMap<&str, usize> = BTreeMap::from([(top.as_str(), 0)]);
    let mut queue = VecDeque::from([top.as_str()]);
    while let Some(module) = queue.pop_front() {
        for child in children(module) {
            match parents.get_mut(child.as_str()) {
                Some(count) => *count += 1,
                None => {
                    parents.insert(child, 1);
                    queue.push_back(child);
                }
            }
        }
    }
    let mut ready = VecDeque::from([top.as_str()]);
    let mut order = Vec::new();
    while let Some(module) = ready.pop_front() {
        order.push(module);
        for child in children(module) {
            // A count already at 0 means a cycle through the top, which the check below reports.
            if let Some(count) = parents.get_mut(child.as_str()).filter(|count| **count > 0) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(child);
                }
            }
        }
    }
    if order.len() != parents.len() || order.iter().filter(|module| **module == top).count() != 1 {
        return Err(ParseError::new(0, "a module hierarchy without cycles", top));
    }
    order.reverse();
    Ok(order)
}

fn check_mapped(
    order: &[&str],
    modules: &ModuleCells,
    library: &Library,
    report: &Path,
) -> Result<(), Error> {
    let known = |cell: &str| library.cells.get(cell).is_some_and(|cell| cell.area_um2.is_some());
    let mut cells: Vec<String> = order
        .iter()
        .flat_map(|module| modules[*module].keys())
        .filter(|cell| !modules.contains_key(*cell) && !known(cell))
        .cloned()
        .collect();
    cells.sort();
    cells.dedup();
    if cells.is_empty() {
        Ok(())
    } else {
        Err(Error::Unmapped { cells, report: report.to_owned() })
    }
}

/// Parameterisations of one source module get the suffixes `#2`, `#3`, ... in report order.
fn number_variants(modules: &mut [ModuleReport]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for report in modules {
        let count = seen.entry(report.module.clone()).or_default();
        *count += 1;
        if *count > 1 {
            report.module.push_str(&format!("#{count}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    fn design() -> ModuleCells {
        ModuleCells::from([
            ("top".to_owned(), cells(&[("row", 2), ("$paramod$1\\pe", 1), ("INV", 3)])),
            ("row".to_owned(), cells(&[("$paramod$1\\pe", 4), ("$paramod$2\\pe", 1), ("DFF", 1)])),
            ("$paramod$1\\pe".to_owned(), cells(&[("INV", 10), ("DFF", 2)])),
            ("$paramod$2\\pe".to_owned(), cells(&[("INV", 1)])),
            ("unused".to_owned(), cells(&[("INV", 1000)])),
        ])
    }

    fn library() -> Library {
        let text = "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf);
            cell (INV) { area : 2; } cell (DFF) { area : 10; ff (IQ, IQN) { } } cell (PAD) { } }";
        Library::parse(text.as_bytes()).expect("parses")
    }

    #[test]
    fn cells_areas_and_instances_multiply_down_the_hierarchy() {
        let summary =
            summarise(&design(), "top", Some(&library()), Path::new("stat")).expect("sums");
        assert_eq!(summary.cells, cells(&[("INV", 3 + 9 * 10 + 2), ("DFF", 2 + 9 * 2)]));
        assert_eq!(summary.area_um2, Some(2.0 * 95.0 + 10.0 * 20.0));
        assert_eq!(summary.sequential_area_um2, Some(200.0));
        let names: Vec<_> =
            summary.modules.iter().map(|m| (m.module.as_str(), m.instances)).collect();
        assert_eq!(names, [("top", 1), ("row", 2), ("pe", 9), ("pe#2", 2)]);
        assert_eq!(summary.modules[1].own_area_um2, Some(10.0));
        assert_eq!(summary.modules[1].area_um2, Some(10.0 + 4.0 * 40.0 + 2.0));
    }

    #[test]
    fn without_a_library_there_are_counts_and_no_areas() {
        let summary = summarise(&design(), "top", None, Path::new("stat")).expect("sums");
        assert_eq!(summary.cells["DFF"], 20);
        assert_eq!(summary.area_um2, None);
        assert_eq!(summary.modules[0].area_um2, None);
    }

    #[test]
    fn cells_without_a_place_in_the_library_are_named() {
        let mut design = design();
        design.insert("row".to_owned(), cells(&[("$_DLATCH_P_", 1), ("PAD", 1), ("INV", 1)]));
        let error =
            summarise(&design, "top", Some(&library()), Path::new("stat")).expect_err("unmapped");
        assert_eq!(
            error.to_string(),
            "2 unmapped cell types after synthesis: $_DLATCH_P_, PAD; see stat"
        );
    }

    #[test]
    fn a_missing_top_and_a_cycle_are_errors() {
        let error = summarise(&design(), "other", None, Path::new("stat")).expect_err("no top");
        assert_eq!(
            error.to_string(),
            "stat:0: expected module other in Yosys' stat, found no such module"
        );
        let cycle = ModuleCells::from([
            ("top".to_owned(), cells(&[("a", 1)])),
            ("a".to_owned(), cells(&[("b", 1)])),
            ("b".to_owned(), cells(&[("a", 1)])),
        ]);
        assert!(summarise(&cycle, "top", None, Path::new("stat")).is_err());
        let own = ModuleCells::from([("top".to_owned(), cells(&[("top", 1)]))]);
        assert!(summarise(&own, "top", None, Path::new("stat")).is_err());
    }
}
