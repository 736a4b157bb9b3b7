//! The reference of a float array: products exact, summed word by word in a window, added up in
//! binary32 (docs/arithmetic.md, section Floats; `flexmac-float` has the arithmetic).
//!
//! A result depends on the lanes and on the division of a long K into commands, not on rows,
//! columns, tiles, layout or stages.

use flexmac_array::{ArrayConfig, Layout, Schedule, Style};
use flexmac_float::FloatFormat;
use flexmac_fxp::Counters;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::check_shapes;
use crate::reference::ReferenceEngine;

/// The formats that an array of a style multiplies, each operand in any of them; none in the
/// integer styles.
pub fn float_formats(style: Style) -> &'static [FloatFormat] {
    match style {
        Style::Flex | Style::Fixed => &[],
        Style::Fp32 => &[FloatFormat::Binary32],
        Style::Bf16 => &[FloatFormat::Bfloat16],
        Style::Fp8 => &[FloatFormat::E4m3, FloatFormat::E5m2],
    }
}

/// Checks a GEMM of floats against a configuration and plans it.
///
/// # Errors
/// [`GemmError::Style`] for an integer array, [`GemmError::FloatFormat`] for operands of formats
/// that the array does not multiply or emit; [`GemmError::Fxp`], [`GemmError::Empty`] and
/// [`GemmError::BiasShape`] for shapes that do not fit. Elements that are no numbers of their format
/// are found later, by the engines.
pub fn lower(
    config: &ArrayConfig,
    layout: Layout,
    gemm: &Gemm<'_, f32>,
) -> Result<Schedule, GemmError> {
    let style = config.style();
    let formats = float_formats(style);
    if formats.is_empty() {
        let (expected, found) = ("integers", "floats");
        return Err(GemmError::Style { style, expected, found });
    }
    let check = |what, found, formats: &[FloatFormat]| {
        if formats.contains(&found) {
            return Ok(());
        }
        let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
        Err(GemmError::FloatFormat { style, what, expected: names.join(" or "), found })
    };
    check("operand A", gemm.a.format, formats)?;
    check("operand B", gemm.b.format, formats)?;
    check("the result", gemm.out, &[FloatFormat::Binary32])?;
    if let Some(bias) = &gemm.bias {
        check("the bias", bias.format, &[FloatFormat::Binary32])?;
    }
    let bits = config.max_bits();
    Ok(Schedule::laid_out(config, layout, check_shapes(gemm)?, (bits, bits)))
}

impl Engine<f32> for ReferenceEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let config = self.config();
        let schedule = lower(config, self.layout(), gemm)?;
        let pieces: Vec<_> = schedule.tile_commands(0).map(|command| command.k_len).collect();
        let values = flexmac_float::gemm(
            (gemm.a.values, gemm.b.values),
            [gemm.a.format, gemm.b.format],
            config.lanes(),
            &pieces,
            gemm.bias.map(|bias| bias.values),
        )
        .map_err(GemmError::from)?;
        let infinite = |sign: f32| values.iter().filter(|value| **value == sign / 0.0).count();
        let counters = Counters {
            emitted: values.len() as u64,
            overflow_low: infinite(-1.0) as u64,
            overflow_high: infinite(1.0) as u64,
            ..Counters::default()
        };
        let stats = Stats::of(&schedule, counters, schedule.cycles(config));
        Ok(GemmResult { values, sums: None, stats })
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

#[cfg(test)]
mod tests {
    use flexmac_array::ArraySpec;
    use flexmac_float::DotProduct;
    use flexmac_fxp::{Rounding, SeedPath};
    use ndarray::{Array2, array};

    use super::*;
    use crate::engine::Operand;

    fn config(style: Style) -> ArrayConfig {
        let spec = ArraySpec {
            rows: 2,
            cols: 2,
            lanes: 3,
            max_k: 7,
            depth: 16,
            ..ArraySpec::of_style(style)
        };
        spec.check().unwrap()
    }

    fn gemm<'a>(
        (a, b): (&'a Array2<f32>, &'a Array2<f32>),
        formats: [FloatFormat; 2],
        bias: Option<&'a Array2<f32>>,
    ) -> Gemm<'a, f32> {
        let out = FloatFormat::Binary32;
        Gemm {
            a: Operand { values: a.view(), format: formats[0] },
            b: Operand { values: b.view(), format: formats[1] },
            bias: bias.map(|bias| Operand { values: bias.view(), format: out }),
            out,
            rounding: Rounding::Nearest,
            seed: SeedPath::alone(1),
            keep_sums: false,
        }
    }

    /// Small integers over 8: numbers of all formats.
    fn matrix(shape: (usize, usize), seed: usize) -> Array2<f32> {
        Array2::from_shape_fn(shape, |(row, column)| {
            ((row * 7 + column * 5 + seed) % 15) as f32 / 8.0 - 0.875
        })
    }

    #[test]
    fn results_are_those_of_the_model_in_every_layout() {
        for (style, formats) in [
            (Style::Fp32, [FloatFormat::Binary32; 2]),
            (Style::Bf16, [FloatFormat::Bfloat16; 2]),
            (Style::Fp8, [FloatFormat::E5m2, FloatFormat::E4m3]),
        ] {
            let (mut a, b, bias) = (matrix((5, 17), 1), matrix((17, 3), 2), matrix((1, 3), 4));
            a.mapv_inplace(|value| {
                formats[0].round(
                    value.into(),
                    flexmac_float::FloatRounding::Nearest,
                    flexmac_float::Overflow::Saturate,
                    0,
                )
            });
            let product = gemm((&a, &b), formats, Some(&bias));
            let mut busy = Vec::new();
            for layout in Layout::ALL {
                let result =
                    ReferenceEngine::new(config(style)).with_layout(layout).gemm(&product).unwrap();
                let dot = DotProduct::new(formats, 3);
                for ((m, n), value) in result.values.indexed_iter() {
                    let pairs = (0..17).map(|k| (a[[m, k]], b[[k, n]]));
                    assert_eq!(
                        *value,
                        dot.of(pairs, [7, 7, 3], Some(bias[[0, n]])),
                        "{style} {m} {n}"
                    );
                }
                assert_eq!((result.stats.counters.emitted, result.stats.macs), (15, 255));
                busy.push(result.stats.cycles.busy);
            }
            assert!(busy[1] <= busy[0]);
        }
    }

    #[test]
    fn infinities_are_counted() {
        let (a, b) = (array![[f32::MAX], [f32::MIN], [1.0]], array![[4.0, f32::NAN]]);
        let product = gemm((&a, &b), [FloatFormat::Binary32; 2], None);
        let counters =
            ReferenceEngine::new(config(Style::Fp32)).gemm(&product).unwrap().stats.counters;
        assert_eq!((counters.emitted, counters.overflow_low, counters.overflow_high), (6, 1, 1));
    }

    #[test]
    fn other_formats_and_numbers_are_refused() {
        let (a, b) = (matrix((2, 2), 1), matrix((2, 2), 2));
        let error = |style, formats, a: &Array2<f32>| {
            let mut engine = ReferenceEngine::new(config(style));
            Engine::<f32>::gemm(&mut engine, &gemm((a, &b), formats, None)).unwrap_err().to_string()
        };
        assert_eq!(
            error(Style::Bf16, [FloatFormat::Binary32; 2], &a),
            "gemm: operand A: an array of style bf16 has bf16 here, found fp32; round to bf16 first"
        );
        assert_eq!(
            error(Style::Fp8, [FloatFormat::E4m3, FloatFormat::Bfloat16], &a),
            "gemm: operand B: an array of style fp8 has e4m3 or e5m2 here, found bf16; round to e4m3 \
             or e5m2 first"
        );
        let odd = array![[1.0, 0.3], [1.0, 1.0]];
        let error = error(Style::Fp8, [FloatFormat::E4m3; 2], &odd);
        assert!(error.contains("operand A[0,1] = 0.3 is no number of format e4m3"), "{error}");
    }
}
