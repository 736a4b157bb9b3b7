//! Quoting for commands in messages that people copy into a shell.

use std::ffi::OsStr;

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
