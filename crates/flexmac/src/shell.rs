//! Words of command lines in messages: names of values, and quoting for what people copy into a shell.

use std::ffi::OsStr;

use clap::ValueEnum;

/// The name of a value as the command line has it.
pub fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is hidden").get_name().to_owned()
}

/// A path or an argument as one word of a POSIX shell, with quotes if it needs them. Bytes that are
/// not UTF-8 are replaced.
pub fn word(text: impl AsRef<OsStr>) -> String {
    let text = text.as_ref().to_string_lossy().into_owned();
    // Only a NUL byte cannot be quoted, and neither path nor argument has one.
    shlex::try_quote(&text).map_or_else(|_| text.clone(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_split_or_expand_is_quoted() {
        for (path, expected) in
            [("a/b-1.npy", "a/b-1.npy"), ("a b", "'a b'"), ("$a;", "'$a;'"), ("it's", "\"it's\"")]
        {
            assert_eq!(word(path), expected);
        }
    }
}
