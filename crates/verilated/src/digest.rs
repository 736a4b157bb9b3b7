//! SHA-256 over named fields: keys of builds, and checksums of files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A hash over fields. Each field is hashed with its name and length, so that moving a byte from
/// one field to the next always changes the result.
pub(crate) struct Fields(Sha256);

impl Fields {
    /// Starts a hash. `domain` distinguishes kinds of keys.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Sha256::new()).field("domain", domain)
    }

    /// Adds one named field.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds the number of items, and one field per item.
    pub(crate) fn list(self, name: &str, items: &[String]) -> Self {
        let start = self.field(name, (items.len() as u64).to_le_bytes());
        items.iter().fold(start, |hash, item| hash.field(name, item))
    }

    /// The hash as 64 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        to_hex(&self.0.finalize())
    }
}

/// The hash of a byte string, in hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// The hash of a file's contents, in hexadecimal.
pub(crate) fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(to_hex(&hash.finalize())),
            bytes => hash.update(&buffer[..bytes]),
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(
            of_bytes(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn framing_separates_fields() {
        let ab_c = Fields::new("t").field("x", "ab").field("x", "c").hex();
        let a_bc = Fields::new("t").field("x", "a").field("x", "bc").hex();
        assert_ne!(ab_c, a_bc);
        let two = Fields::new("t").list("x", &["a".into(), "b".into()]).hex();
        let one = Fields::new("t").list("x", &["ab".into()]).hex();
        assert_ne!(two, one);
    }
}
