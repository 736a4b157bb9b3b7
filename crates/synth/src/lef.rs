//! Reads the areas of cells from a LEF file, which contains the outlines of their layouts.
//!
//! Only `MACRO` and `SIZE` are read. Sizes are always in micrometres; `UNITS` concerns the database. Source:
//! LEF/DEF Language Reference, Macro.

use std::collections::BTreeMap;

use crate::error::ParseError;

/// Areas in um2 by cell; empty for a file without cells, such as a technology LEF.
///
/// # Errors
/// A cell with no size or two sizes, a cell defined twice; a size that cannot be parsed or is not above 0.
pub fn cell_areas(text: &str) -> Result<BTreeMap<String, f64>, ParseError> {
    let mut areas = BTreeMap::new();
    let mut open: Option<(&str, usize, Option<f64>)> = None; // cell, its line, its area
    let mut before = ["", ";"]; // the two words before this one
    let mut words = words(text);
    while let Some((line, word)) = words.next() {
        let begins =
            before[1] == ";" || before[1] == "END" || ["MACRO", "END"].contains(&before[0]);
        match (word, &mut open) {
            // Statements inside may begin with the word MACRO.
            ("PROPERTYDEFINITIONS", None) if begins => {
                let _ = words.by_ref().find(|(_, word)| *word == "END");
            }
            ("MACRO", Some((cell, at, _))) if begins => {
                return Err(ParseError::new(*at, format!("END {cell:.40}"), "another MACRO"));
            }
            ("MACRO", None) if begins => {
                let name = words.next().map_or("", |(_, name)| name);
                if name.is_empty() || name == ";" {
                    return Err(ParseError::new(line, "MACRO name", &format!("MACRO {name}")));
                }
                open = Some((name, line, None));
                before = ["MACRO", name];
                continue;
            }
            (name, Some((cell, at, area))) if before[1] == "END" && name == *cell => {
                let Some(area) = area else {
                    return Err(ParseError::new(*at, format!("a SIZE of {cell:.40}"), "none"));
                };
                if areas.insert((*cell).to_owned(), *area).is_some() {
                    return Err(ParseError::new(*at, format!("one MACRO {cell:.40}"), "a second"));
                }
                open = None;
            }
            ("SIZE", Some((name, _, area))) if begins => {
                let size = [(); 4].map(|()| words.next().map_or("", |(_, word)| word));
                let value = match size {
                    [width, "BY", height, ";"] => length(width).zip(length(height)),
                    _ => None,
                };
                let Some((width, height)) = value else {
                    let expected = "SIZE width BY height ; in micrometres, both above 0";
                    return Err(ParseError::new(
                        line,
                        expected,
                        &format!("SIZE {}", size.join(" ")),
                    ));
                };
                if area.replace(width * height).is_some() {
                    return Err(ParseError::new(
                        line,
                        format!("one SIZE of {name:.40}"),
                        "a second",
                    ));
                }
                before = ["", ";"];
                continue;
            }
            _ => {}
        }
        before = [before[1], word];
    }
    match open {
        Some((cell, line, _)) => {
            Err(ParseError::new(line, format!("END {cell:.40}"), "the end of the file"))
        }
        None => Ok(areas),
    }
}

fn length(word: &str) -> Option<f64> {
    word.parse().ok().filter(|length: &f64| length.is_finite() && *length > 0.0)
}

/// Words with their line numbers. A quoted string is one word; a comment goes from `#` to the line's end.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(index, line)| {
        let mut rest = line;
        std::iter::from_fn(move || {
            rest = rest.trim_start();
            let length = match rest.chars().next()? {
                '#' => return None,
                '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            };
            let (word, behind) = rest.split_at(length);
            rest = behind;
            Some((index + 1, word))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
VERSION 5.8 ;
BUSBITCHARS \"[]\" ;
PROPERTYDEFINITIONS
  MACRO kind STRING ;
END PROPERTYDEFINITIONS
SITE core
  SIZE 0.8 BY 10 ;
END core
MACRO INVX1 # the smallest
  CLASS CORE ;
  FOREIGN INVX1 0 0 ;
  SIZE 1.600 BY 10.000 ;
  PROPERTY kind \"MACRO SIZE 1 BY 1 ;\" ;
  PIN A
    PORT
      LAYER metal1 ; RECT 0 0 1 1 ;
    END
  END A
  OBS
    LAYER metal1 ;
  END
END INVX1

MACRO SIZE
  SIZE 2 BY 3.5 ;
END SIZE
END LIBRARY
";

    #[test]
    fn areas_are_those_of_the_cells() {
        let areas = cell_areas(SAMPLE).expect("reads");
        let areas: Vec<_> = areas.iter().map(|(name, area)| (name.as_str(), *area)).collect();
        assert_eq!(areas, [("INVX1", 16.0), ("SIZE", 7.0)]);
        assert_eq!(cell_areas("VERSION 5.8 ;\nLAYER m1\nEND m1\n"), Ok(BTreeMap::new()));
    }

    #[test]
    fn damaged_files_are_refused_with_a_line() {
        for (damage, by, line, expected) in [
            ("1.600", "0", 12, "SIZE width BY height"),
            ("1.600", "wide", 12, "SIZE width BY height"),
            ("BY 10.000", "BY 10.000 BY", 12, "SIZE width BY height"),
            ("SIZE 1.600 BY 10.000 ;", "", 9, "a SIZE of INVX1"),
            ("CLASS CORE ;", "SIZE 1 BY 1 ;", 12, "one SIZE of INVX1"),
            ("END INVX1", "END INVX2", 9, "END INVX1"),
        ] {
            let error = cell_areas(&SAMPLE.replacen(damage, by, 1)).expect_err(by);
            assert_eq!(error.line, line, "{error:?}");
            assert!(error.expected.starts_with(expected), "{error:?}");
        }
        let error = cell_areas(&SAMPLE.repeat(2)).expect_err("twice");
        assert_eq!(error.expected, "one MACRO INVX1");
        for end in 0..SAMPLE.len() {
            let _ = cell_areas(&SAMPLE[..end]);
        }
    }
}
