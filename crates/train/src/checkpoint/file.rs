//! The file format of checkpoints.
//!
//! ```text
//! 8 bytes   FLEXMACK
//! u32       version
//! u64       length of the payload
//! 32 bytes  SHA-256 of the payload
//! payload   u64 length of the header, the header (JSON), then for each parameter of the header its
//!           values and its momentum, 4 bytes per element, and for each buffer its values, float32
//! ```
//! Numbers are little-endian. The small parts, which may change with versions, are JSON; the large
//! parts, which must be exact, are binary. A general archive format would add a dependency and no
//! safety.

use std::io::{self, Write};

use flexmac_dps::{LossAverage, PolicyState};
use flexmac_fileio::hex;
use flexmac_fxp::Format;
use flexmac_nn::{Buffer, Number};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Checkpoint;
use crate::history_log::Offset;
use crate::trainer::{ParamState, Totals, TrainerState};

const MAGIC: &[u8; 8] = b"FLEXMACK";
const VERSION: u32 = 1;
const PREFIX: usize = 8 + 4 + 8 + 32;

/// The JSON header: all of a checkpoint except the elements of the parameters.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// What the elements are: [`Number::KIND`].
    element: String,
    seed: u64,
    iteration: u64,
    params: Vec<ParamHeader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buffers: Vec<BufferHeader>,
    policy: PolicyState,
    average: LossAverage,
    totals: Totals,
    /// Files call them `marks`.
    #[serde(rename = "marks")]
    offsets: Vec<Offset>,
    train_seconds: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamHeader {
    name: String,
    format: Format,
    elements: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BufferHeader {
    name: String,
    elements: usize,
}

/// Writes a checkpoint.
pub(super) fn write<T: Number>(
    checkpoint: &Checkpoint<T>,
    file: &mut impl Write,
) -> io::Result<()> {
    let state = &checkpoint.state;
    let header = Header {
        element: T::KIND.to_owned(),
        seed: state.seed,
        iteration: state.iteration,
        params: state.params.iter().map(param_header).collect(),
        buffers: state.buffers.iter().map(buffer_header).collect(),
        policy: state.policy.clone(),
        average: state.average.clone(),
        totals: state.totals.clone(),
        offsets: checkpoint.offsets.clone(),
        train_seconds: checkpoint.train_seconds,
    };
    let header = serde_json::to_vec(&header)?;
    let mut payload = Vec::new();
    payload.extend((header.len() as u64).to_le_bytes());
    payload.extend(header);
    for param in &state.params {
        payload.extend(param.values.iter().chain(&param.momentum).flat_map(|e| e.to_bytes()));
    }
    for buffer in &state.buffers {
        payload.extend(buffer.values.iter().flat_map(|value| value.to_le_bytes()));
    }
    file.write_all(MAGIC)?;
    file.write_all(&VERSION.to_le_bytes())?;
    file.write_all(&(payload.len() as u64).to_le_bytes())?;
    file.write_all(&Sha256::digest(&payload))?;
    file.write_all(&payload)
}

fn param_header<T>(param: &ParamState<T>) -> ParamHeader {
    let (name, format, elements) = (param.name.clone(), param.format, param.values.len());
    ParamHeader { name, format, elements }
}

fn buffer_header(buffer: &Buffer) -> BufferHeader {
    BufferHeader { name: buffer.name.clone(), elements: buffer.values.len() }
}

/// Why bytes are not a checkpoint: what was expected and what was found.
pub(super) type Misfit = (String, String);

/// Reads a checkpoint. Parses the payload only after its checksum is verified.
pub(super) fn read<T: Number>(bytes: &[u8]) -> Result<Checkpoint<T>, Misfit> {
    let refuse = |expected: &str, found: String| Err((expected.to_owned(), found));
    if !bytes.starts_with(MAGIC) {
        let found = format!("{:02x?}", &bytes[..bytes.len().min(MAGIC.len())]);
        return refuse(&format!("the magic {MAGIC:02x?}"), found);
    }
    let Some((prefix, payload)) = bytes.split_at_checked(PREFIX) else {
        return refuse(&format!("{PREFIX} bytes before the payload"), bytes.len().to_string());
    };
    let version = u32::from_le_bytes(prefix[8..12].try_into().expect("four bytes"));
    if version != VERSION {
        return refuse(&format!("version {VERSION}"), format!("version {version}"));
    }
    let length = u64::from_le_bytes(prefix[12..20].try_into().expect("eight bytes"));
    if payload.len() as u64 != length {
        let how = if (payload.len() as u64) < length { "cut short" } else { "with bytes added" };
        return refuse(
            &format!("a payload of {length} bytes"),
            format!("{}, {how}", payload.len()),
        );
    }
    let (expected, found) = (hex(&prefix[20..]), hex(&Sha256::digest(payload)));
    if expected != found {
        return refuse(&format!("SHA-256 {expected}"), found);
    }
    // The checksum agrees, so some flexmac wrote these bytes.
    parse(payload)
}

fn parse<T: Number>(payload: &[u8]) -> Result<Checkpoint<T>, Misfit> {
    let mut rest = payload;
    let mut take = |count: usize| {
        let taken = rest.split_off(..count);
        taken.ok_or_else(|| (format!("{count} bytes more"), "the end of the payload".to_owned()))
    };
    let length = u64::from_le_bytes(take(8)?.try_into().expect("eight bytes"));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let header: Header = serde_json::from_slice(take(length)?)
        .map_err(|error| ("a header of this version".to_owned(), error.to_string()))?;
    if header.element != T::KIND {
        return Err((format!("parameters as {}", T::KIND), header.element));
    }
    let mut elements = |count: usize| take(count.saturating_mul(4));
    let mut params = Vec::new();
    for ParamHeader { name, format, elements: count } in header.params {
        let mut part = || Ok::<_, Misfit>(in_fours(elements(count)?, T::from_bytes));
        let (values, momentum) = (part()?, part()?);
        params.push(ParamState { name, format, values, momentum });
    }
    let mut buffers = Vec::new();
    for BufferHeader { name, elements: count } in header.buffers {
        buffers.push(Buffer { name, values: in_fours(elements(count)?, f32::from_le_bytes) });
    }
    let Header { seed, iteration, policy, average, totals, offsets, train_seconds, .. } = header;
    let state = TrainerState { seed, iteration, params, buffers, policy, average, totals };
    Ok(Checkpoint { state, offsets, train_seconds })
}

/// The elements that every four bytes stand for.
fn in_fours<E>(bytes: &[u8], element: impl Fn([u8; 4]) -> E) -> Vec<E> {
    let four = |bytes: &[u8]| bytes.try_into().expect("chunks of four");
    bytes.chunks_exact(4).map(|bytes| element(four(bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint<i32> {
        let format = Format::new(16, 12).unwrap();
        let mut average = LossAverage::new(3);
        average.push(0.1 + 0.2);
        let params = vec![ParamState {
            name: "ip1.weight".to_owned(),
            format,
            values: vec![1, -2, i32::MAX],
            momentum: vec![0, i32::MIN, 7],
        }];
        let (policy, totals) =
            (PolicyState::new("static", &serde_json::json!({})), Totals::default());
        let values = vec![0.1, f32::MIN_POSITIVE];
        let buffers = vec![Buffer { name: "bn1.running_var".to_owned(), values }];
        let state =
            TrainerState { seed: 9, iteration: 4, params, buffers, policy, average, totals };
        let offset = Offset { file: "history.csv".to_owned(), bytes: 5, sha256: "ab".to_owned() };
        Checkpoint { state, offsets: vec![offset], train_seconds: 0.25 }
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&checkpoint(), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_written_checkpoint_is_read_back() {
        assert_eq!(read(&bytes()).unwrap(), checkpoint());
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let whole = bytes();
        for length in 0..whole.len() {
            assert!(read::<i32>(&whole[..length]).is_err(), "cut at {length}");
        }
        for index in 0..whole.len() {
            let mut altered = whole.clone();
            altered[index] ^= 0x10;
            assert!(read::<i32>(&altered).is_err(), "altered at {index}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let found = |bytes: &[u8]| {
            let (expected, found) = read::<i32>(bytes).unwrap_err();
            format!("expected {expected}, found {found}")
        };
        assert!(found(b"PK").starts_with("expected the magic [46, 4c"));
        let mut newer = bytes();
        newer[8] = 2;
        assert_eq!(found(&newer), "expected version 1, found version 2");
        let cut = found(&bytes()[..PREFIX + 3]);
        assert!(cut.ends_with("found 3, cut short"), "{cut}");
        let mut altered = bytes();
        *altered.last_mut().unwrap() ^= 1;
        assert!(found(&altered).starts_with("expected SHA-256"));
        let (expected, found) = read::<f32>(&bytes()).unwrap_err();
        assert_eq!((expected.as_str(), found.as_str()), ("parameters as float32", "raw integers"));
    }
}
