//! Names that flags had in version 0.1.0: accepted for one release, with a note on stderr.
//!
//! They are renamed before clap sees them, so that help, completions and messages know one name.

use std::ffi::{OsStr, OsString};

/// Command, former name, name.
const FORMER: [(&str, &str, &str); 5] = [
    ("gen", "--rounding-modes", "--rounding"),
    ("train", "--rounding", "--round"),
    ("train", "--forward-rounding", "--forward-round"),
    ("headline", "--libraries", "--library"),
    ("headline", "--baseline-widths", "--baseline-bits"),
];

/// Replaces former flags on a command line, whose first word is the program. Calls `on_former` with
/// the former and the current name of each replaced flag.
pub fn rename(
    words: impl IntoIterator<Item = OsString>,
    mut on_former: impl FnMut(&str, &str),
) -> Vec<OsString> {
    let mut words: Vec<_> = words.into_iter().collect();
    let Some(command) = words.get(1).cloned() else {
        return words;
    };
    let flags = words.iter_mut().skip(2).take_while(|word| *word != OsStr::new("--"));
    for word in flags {
        let Some(text) = word.to_str() else {
            continue;
        };
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (text, None),
        };
        let known = FORMER.iter().find(|(of, former, _)| command == *of && flag == *former);
        let Some((_, former, name)) = known else {
            continue;
        };
        on_former(former, name);
        *word = value.map_or_else(|| (*name).into(), |value| format!("{name}={value}").into());
    }
    words
}

/// The note about a former name.
pub fn note(former: &str, name: &str) {
    errln!("note: {former} is now {name}; the former name will be refused in the next release");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(line: &str) -> (String, Vec<String>) {
        let mut notes = Vec::new();
        let words = rename(line.split(' ').map(OsString::from), |former, name| {
            notes.push(format!("{former} {name}"));
        });
        (words.join(OsStr::new(" ")).into_string().unwrap(), notes)
    }

    #[test]
    fn former_flags_are_those_of_their_command_alone() {
        let (line, notes) = renamed("flexmac gen --rounding-modes nearest --rounding=truncate");
        assert_eq!(line, "flexmac gen --rounding nearest --rounding=truncate");
        assert_eq!(notes, ["--rounding-modes --rounding"]);
        let (line, notes) = renamed("flexmac train --rounding=nearest --forward-rounding truncate");
        assert_eq!(line, "flexmac train --round=nearest --forward-round truncate");
        assert_eq!(notes, ["--rounding --round", "--forward-rounding --forward-round"]);
        for line in ["flexmac", "flexmac gemm --rounding up", "flexmac train -- --rounding"] {
            assert_eq!(renamed(line), (line.to_owned(), vec![]));
        }
    }
}
