//! Splits Yosys' RTLIL text into modules, so that each can be mapped and cached separately.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::error::ParseError;
use crate::yosys::source_name;

/// One module of a design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    /// Name in the source as a plain file name; further parameterisations get `_2`, `_3`, ...
    pub name: String,
    /// Its type, as cells of other modules name it.
    pub kind: String,
    /// Types of its cells and of the modules that it instantiates.
    pub cells: Vec<String>,
    /// Its text, with the `autoidx` line, which keeps generated names distinct.
    pub text: String,
}

/// Splits a design. RTLIL has one statement per line; those outside modules are not indented.
pub(crate) fn split(text: &str) -> Result<Vec<Module>, ParseError> {
    let mut modules = Vec::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut auto = "";
    let (mut start, mut open): (Option<usize>, Option<(usize, &str)>) = (None, None);
    let mut cells: Vec<String> = Vec::new();
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let begin = at;
        at += line.len();
        let line = line.trim_end();
        if line.starts_with("autoidx ") {
            auto = line;
        } else if line.starts_with("attribute ") {
            start.get_or_insert(begin);
        } else if let Some(name) = line.strip_prefix("module ") {
            if let Some((line, _)) = open {
                return Err(ParseError::new(line, "an end of the module", name));
            }
            open = Some((index + 1, name));
            start.get_or_insert(begin);
        } else if line == "end" {
            let (Some((_, name)), Some(from)) = (open.take(), start.take()) else {
                return Err(ParseError::new(index + 1, "a module before its end", line));
            };
            let kind = name.strip_prefix('\\').unwrap_or(name).to_owned();
            let plain = plain_name(name);
            let count = seen.entry(plain.clone()).or_default();
            *count += 1;
            let name = if *count > 1 { format!("{plain}_{count}") } else { plain };
            let mut types = std::mem::take(&mut cells);
            types.sort();
            types.dedup();
            let text = format!("{auto}\n{}", &text[from..at]);
            modules.push(Module { name, kind, cells: types, text });
        } else if let Some(rest) = line.strip_prefix("  cell ") {
            let cell = rest.split(' ').next().unwrap_or_default();
            cells.push(cell.strip_prefix('\\').unwrap_or(cell).to_owned());
        }
    }
    match open {
        Some((line, name)) => Err(ParseError::new(line, "an end of the module", name)),
        None if modules.is_empty() => Err(ParseError::new(0, "a module", "none")),
        None => Ok(modules),
    }
}

/// The module with its cells in another order, which depends on `order` and the cells only.
///
/// ABC gets the cells in the order of this text, and what it makes of them depends on it: the same logic in
/// another order becomes another, equally good netlist.
pub(crate) fn reordered(text: &str, order: u32) -> String {
    let mut result = String::with_capacity(text.len());
    // Lines of attributes belong to the statement that follows them.
    let (mut attributes, mut block) = (String::new(), None::<String>);
    let mut cells: Vec<([u8; 32], String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(cell) = &mut block {
            cell.push_str(line);
            if line.trim_end() == "  end" {
                let cell = block.take().expect("the open one");
                let mut digest = Sha256::new_with_prefix(order.to_le_bytes());
                digest.update(&cell);
                cells.push((digest.finalize().into(), cell));
            }
        } else if line.starts_with("  attribute ") {
            attributes.push_str(line);
        } else if line.starts_with("  cell ") {
            block = Some(std::mem::take(&mut attributes) + line);
        } else {
            // Connections and the end of the module follow the cells.
            if line.starts_with("  connect ") || line.trim_end() == "end" {
                flush(&mut cells, &mut result);
            }
            result.push_str(&attributes);
            attributes.clear();
            result.push_str(line);
        }
    }
    flush(&mut cells, &mut result);
    result
}

/// Appends the cells, sorted by their digests.
fn flush(cells: &mut Vec<([u8; 32], String)>, result: &mut String) {
    cells.sort();
    cells.drain(..).for_each(|(_, cell)| result.push_str(&cell));
}

/// `$paramod$<hash>\pe` gives `pe`; other characters than letters, digits and `_` become `_`.
fn plain_name(name: &str) -> String {
    let name = source_name(name);
    let name = name.strip_prefix('\\').unwrap_or(name);
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# Generated by Yosys
autoidx 17
attribute \keep 1
attribute \src "input/000_a.v:1.1-2.2"
module $paramod$1a\pe
  wire \end
  attribute \src "end"
  cell \AND2X2 $1
    connect \A 1'0
  end
  cell \AND2X2 $2
  end
  process $3
  end
end
module $paramod\pe\W=s32'1
end
attribute \top 1
module \top
  cell $paramod$1a\pe \u_pe
  end
end
"#;

    #[test]
    fn modules_come_with_their_attributes_and_cells() {
        let modules = split(TEXT).expect("splits");
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["pe", "pe_2", "top"]);
        assert_eq!(modules[0].cells, ["AND2X2"]);
        assert_eq!(modules[2].cells, [r"$paramod$1a\pe"]);
        assert_eq!(modules[2].cells[0], modules[0].kind);
        assert!(modules[0].text.starts_with("autoidx 17\nattribute \\keep 1\n"));
        assert_eq!(modules[1].text, "autoidx 17\nmodule $paramod\\pe\\W=s32'1\nend\n");
        let all: String = modules.iter().map(|m| m.text.replace("autoidx 17\n", "")).collect();
        assert_eq!(format!("# Generated by Yosys\nautoidx 17\n{all}"), TEXT);
    }

    #[test]
    fn another_order_has_the_same_lines_and_moves_whole_cells() {
        let cell = |n: u32| {
            let attribute = if n.is_multiple_of(2) { "  attribute \\src \"a:1\"\n" } else { "" };
            format!("{attribute}  cell \\INV $c{n}\n    connect \\A \\w [{n}]\n  end\n")
        };
        let head = "autoidx 1\nattribute \\top 1\nmodule \\m\n  attribute \\keep 1\n  wire \\w\n";
        let tail = "  connect \\y \\w\nend\n";
        let cells: Vec<_> = (0..20).map(cell).collect();
        let text = format!("{head}{}{tail}", cells.concat());
        let orders = [reordered(&text, 1), reordered(&text, 2)];
        assert_eq!(reordered(&text, 1), orders[0]);
        assert!(orders[0] != text && orders[1] != text && orders[0] != orders[1]);
        for order in &orders {
            let middle = order.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
            let middle = middle.expect("cells between head and tail");
            assert_eq!(middle.len(), cells.concat().len());
            assert!(cells.iter().all(|cell| middle.contains(cell)), "{order}");
        }
        // The cells that the text has decide, not their order.
        let backwards: String = cells.iter().rev().map(String::as_str).collect();
        assert_eq!(reordered(&format!("{head}{backwards}{tail}"), 1), orders[0]);
        // What is cut short keeps all of its whole statements.
        for end in 0..text.len() {
            let _ = reordered(&text[..end], 1);
        }
    }

    #[test]
    fn text_that_ends_early_is_refused() {
        let end = TEXT.rfind("end").expect("end");
        assert_eq!(split(&TEXT[..end]).expect_err("open").line, 19);
        assert_eq!(split("module \\a\nmodule \\b\nend\n").expect_err("open").line, 1);
        assert_eq!(split("end\n").expect_err("no module").line, 1);
        assert_eq!(split("").expect_err("nothing").found, "none");
        for end in 0..TEXT.len() {
            let _ = split(&TEXT[..end]);
        }
    }
}
