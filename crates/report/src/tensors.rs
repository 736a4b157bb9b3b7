//! The formats and overflows of one tensor during a run.

use flexmac_dps::Formats;
use flexmac_fxp::Format;
use flexmac_record::TensorRecord;
use serde::Serialize;

use crate::step_series::StepSeries;

/// A tensor's formats and overflows over the iterations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorHistory {
    /// Its name.
    pub name: String,
    /// Its formats; none in a float run.
    pub formats: StepSeries<Option<Formats>>,
    /// Iterations with overflows, and the number of overflows.
    pub overflows: Vec<(u64, u64)>,
}

/// What a tensor is. Histories do not record it; it follows from name and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TensorKind {
    Input,
    Parameter,
    Activation,
    Scores,
}

/// A tensor's format for one use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormatRow {
    pub(crate) label: String,
    pub(crate) formats: StepSeries<Option<Format>>,
}

impl TensorHistory {
    pub(crate) fn new(name: String) -> Self {
        Self { name, formats: StepSeries::new(), overflows: Vec::new() }
    }

    /// Adds an iteration. The error is what was expected and what was found.
    pub(crate) fn push(
        &mut self,
        iteration: u64,
        line: &TensorRecord,
    ) -> Result<(), (String, String)> {
        if line.name != self.name {
            let expected = format!("tensor {:?} as on the first line", self.name);
            return Err((expected, format!("{:?}", line.name)));
        }
        if let Some(formats) = line.formats {
            let Formats { forward, backward, update, .. } = formats;
            for format in [forward, backward, update, formats.reused()] {
                Format::new(format.bits(), format.frac()).map_err(|_| {
                    let expected = format!("tensor {}: a width of 2 to 32 bits", self.name);
                    (expected, format.bits().to_string())
                })?;
                if format.frac().unsigned_abs() > 1 << 16 {
                    let expected = format!("tensor {}: a fraction length below 65536", self.name);
                    return Err((expected, format.frac().to_string()));
                }
            }
        }
        let count = (line.counters.uses().into_iter())
            .flat_map(|count| [count.overflow_low, count.overflow_high])
            .fold(0, u64::saturating_add);
        if count > 0 {
            self.overflows.push((iteration, count));
        }
        self.formats.push(iteration, line.formats);
        Ok(())
    }

    /// Overflows of the whole run.
    pub fn overflow_total(&self) -> u64 {
        self.overflows.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// One row for each use of the tensor, or one for both if their formats never differ. The uses
    /// depend on `kind`: the gradient of a parameter, the storage of an activation and the class
    /// scores are real numbers without a format.
    pub(crate) fn rows(&self, kind: TensorKind) -> Vec<FormatRow> {
        let row = |suffix: &str, part: fn(&Formats) -> Format| FormatRow {
            label: format!("{}{suffix}", self.name),
            formats: self.formats.map(|formats| formats.as_ref().map(part)),
        };
        let mut rows = match kind {
            TensorKind::Input => vec![row("", |formats| formats.forward)],
            TensorKind::Scores => vec![row(" gradient", |formats| formats.backward)],
            TensorKind::Parameter => vec![
                row(" stored", |formats| formats.update),
                row(" operand", |formats| formats.forward),
            ],
            TensorKind::Activation => vec![
                row(" value", |formats| formats.forward),
                row(" gradient", |formats| formats.backward),
            ],
        };
        if rows.len() == 2 && rows[0].formats == rows[1].formats {
            rows.pop();
            rows[0].label.clone_from(&self.name);
        }
        let reused =
            self.formats.map(|formats| formats.as_ref().and_then(|formats| formats.reused));
        if reused.changes().iter().any(|(_, format)| format.is_some()) {
            rows.push(FormatRow { label: format!("{} reused", self.name), formats: reused });
        }
        rows
    }
}

/// The kinds of a network's tensors: first the input, then weight, bias and output of each layer.
/// The last output is the class scores.
pub(crate) fn tensor_kinds(tensors: &[TensorHistory]) -> Vec<TensorKind> {
    let last = tensors.len().saturating_sub(1);
    let kind = |(index, tensor): (usize, &TensorHistory)| {
        if tensor.name.ends_with(".weight") || tensor.name.ends_with(".bias") {
            TensorKind::Parameter
        } else if index == 0 {
            TensorKind::Input
        } else if index == last {
            TensorKind::Scores
        } else {
            TensorKind::Activation
        }
    };
    tensors.iter().enumerate().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> TensorRecord {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn equal_uses_share_a_row() {
        let mut history = TensorHistory::new("ip1.weight".to_owned());
        let same = r#"{"name": "ip1.weight", "formats": {"forward": {"bits": 16, "frac": 15},
            "backward": {"bits": 32, "frac": 0}, "update": {"bits": 16, "frac": 15}},
            "counters": {"update": {"emitted": 9, "overflow_low": 2, "overflow_high": 1,
            "magnitude_or": 0, "error_sum": 0}}}"#;
        history.push(0, &line(same)).unwrap();
        let rows = history.rows(TensorKind::Parameter);
        assert_eq!((rows.len(), rows[0].label.as_str()), (1, "ip1.weight"));
        let narrow = same.replacen("\"bits\": 16", "\"bits\": 8", 1);
        history.push(1, &line(&narrow)).unwrap();
        let labels: Vec<_> =
            history.rows(TensorKind::Parameter).into_iter().map(|row| row.label).collect();
        assert_eq!(labels, ["ip1.weight stored", "ip1.weight operand"]);
        assert_eq!(history.overflows, [(0, 3), (1, 3)]);
        let wide = same.replacen("\"bits\": 16", "\"bits\": 40", 1);
        let (expected, found) = history.push(2, &line(&wide)).unwrap_err();
        assert_eq!(
            (expected.as_str(), found.as_str()),
            ("tensor ip1.weight: a width of 2 to 32 bits", "40")
        );
    }

    #[test]
    fn kinds_follow_from_names() {
        let names = ["data", "ip1.weight", "ip1.bias", "ip1", "ip2.weight", "ip2.bias", "ip2"];
        let tensors: Vec<_> = names.map(|name| TensorHistory::new(name.to_owned())).into();
        use TensorKind::{Activation, Input, Parameter, Scores};
        let expected = [Input, Parameter, Parameter, Activation, Parameter, Parameter, Scores];
        assert_eq!(tensor_kinds(&tensors), expected);
    }
}
