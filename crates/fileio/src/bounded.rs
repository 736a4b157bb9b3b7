//! Bounded reads of files from outside.
//!
//! What a file declares about its own size is not believed: memory is taken for what is there, and no
//! more than the bound, whether the file is too long, endless (`/dev/zero`), or a few kilobytes that
//! unpack to gigabytes. One place for the bounds, so that they can be stated; a limit inside each
//! parser would be forgotten by the next one.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Bound of a file that people write or read: networks, settings, lists, reports, one line of a
/// history. In bytes.
pub const TEXT: u64 = 64 << 20;

/// Bound of a file of data, packed and unpacked: operands, images, labels, cell libraries, netlists.
/// In bytes.
pub const DATA: u64 = 1 << 30;

/// Bound of a checkpoint or a file of weights: both grow with a network. In bytes.
pub const STATE: u64 = 4 << 30;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// What the system says, or [`ErrorKind::FileTooLarge`] with the bound and what was found.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Err(too_large(most, &format!("{length}")));
    }
    take(file, most)
}

/// Reads a whole file of at most `most` bytes as UTF-8.
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] for other text.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let invalid = || io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(read(path, most)?).map_err(|_| invalid())
}

/// Unpacks gzip, told by content, to at most `most` bytes; anything else stays as it is.
///
/// # Errors
/// A stream that is damaged or cut short, or [`ErrorKind::FileTooLarge`].
pub fn unzipped(bytes: Vec<u8>, most: u64) -> io::Result<Vec<u8>> {
    if bytes.starts_with(&GZIP) { take(MultiGzDecoder::new(&bytes[..]), most) } else { Ok(bytes) }
}

/// Reads to the end of a stream of at most `most` bytes.
///
/// # Errors
/// As [`read`].
pub fn take(stream: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most, "more"));
    }
    Ok(bytes)
}

/// Reads the next line, its end included, into `line`; returns whether there was one.
///
/// # Errors
/// As [`read`], with [`TEXT`] as the bound.
pub fn next_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    stream.take(TEXT + 1).read_until(b'\n', line)?;
    if line.len() as u64 > TEXT {
        return Err(too_large(TEXT, "more in one line"));
    }
    Ok(!line.is_empty())
}

fn too_large(most: u64, found: &str) -> io::Error {
    let message = format!("expected at most {most} bytes, found {found}");
    io::Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_fits_is_read_and_a_byte_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let error = read(&path, 4).unwrap_err();
        assert_eq!(error.to_string(), "expected at most 4 bytes, found 5");
        assert_eq!(text(&path, 5).unwrap(), "12345");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(text(&path, 5).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn endless_files_and_holes_end_at_the_bound() {
        let error = read(Path::new("/dev/zero"), 1000).unwrap_err();
        assert_eq!(error.to_string(), "expected at most 1000 bytes, found more");
        let folder = tempfile::tempdir().unwrap();
        let hole = folder.path().join("hole");
        File::create(&hole).unwrap().set_len(1 << 40).unwrap();
        let error = read(&hole, DATA).unwrap_err().to_string();
        assert_eq!(error, "expected at most 1073741824 bytes, found 1099511627776");
    }

    #[test]
    fn a_stream_that_unpacks_to_more_is_refused() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&[0; 100_000]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 1000);
        assert_eq!(unzipped(packed.clone(), 100_000).unwrap().len(), 100_000);
        assert_eq!(unzipped(packed, 99_999).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(unzipped(b"plain".to_vec(), 0).unwrap(), b"plain");
    }

    #[test]
    fn lines_are_read_one_by_one() {
        let mut stream = &b"a\nb"[..];
        let mut line = Vec::new();
        assert!(next_line(&mut stream, &mut line).unwrap());
        assert_eq!(line, b"a\n");
        assert!(next_line(&mut stream, &mut line).unwrap());
        assert_eq!(line, b"b");
        assert!(!next_line(&mut stream, &mut line).unwrap());
    }
}
