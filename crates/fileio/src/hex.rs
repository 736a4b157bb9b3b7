//! Bytes as hexadecimal text, as checksums are written.

use std::fmt::Write as _;

/// Lower-case hexadecimal.
///
/// ```
/// assert_eq!(flexmac_fileio::hex(&[0x00, 0xa9]), "00a9");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a string always takes it
        text
    })
}
