//! Softmax and cross-entropy loss, computed on the host in double precision for every engine.

use flexmac_fxp::Format;
use ndarray::Array2;

use crate::element::Number;

/// The loss of a batch and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Mean over the batch of -ln p(label).
    pub mean: f64,
    /// Gradient with respect to the scores: (p - onehot) / batch, of shape (batch, classes).
    pub gradient: Array2<f64>,
}

/// Mean cross-entropy of class scores against labels.
///
/// # Shapes
/// `scores`: (batch, classes), in `format` if they are raw integers. `labels`: one per row.
///
/// # Panics
/// If a label is not below the number of classes.
///
/// ```
/// use flexmac_fxp::Format;
/// use flexmac_nn::softmax_loss;
/// use ndarray::array;
///
/// // f32 scores ignore the format.
/// let loss = softmax_loss(&array![[0.0_f32, 0.0]], Format::new(32, 0)?, &[1]);
/// assert_eq!(loss.mean, 2_f64.ln());
/// assert_eq!(loss.gradient, array![[0.5, -0.5]]);
/// # Ok::<(), flexmac_fxp::FxpError>(())
/// ```
pub fn softmax_loss<T: Number>(scores: &Array2<T>, format: Format, labels: &[u8]) -> Loss {
    let batch = labels.len() as f64;
    let unit = T::unit(format);
    let mut gradient = scores.map(|score| score.units() * unit);
    let mut total = 0.0;
    for (mut row, label) in gradient.outer_iter_mut().zip(labels) {
        let label = usize::from(*label);
        // `f64::max` would drop a NaN, which must reach the loss to show that training diverged.
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
        let of_label = row[label] - largest;
        row.mapv_inplace(|score| (score - largest).exp());
        let sum = row.sum();
        total += sum.ln() - of_label;
        row.mapv_inplace(|weight| weight / sum / batch);
        row[label] -= 1.0 / batch;
    }
    Loss { mean: total / batch, gradient }
}

/// Number of rows whose largest score is at the label. Of equal scores the first counts.
pub fn correct<T: Number>(scores: &Array2<T>, labels: &[u8]) -> usize {
    let best = |row: ndarray::ArrayView1<'_, T>| {
        let mut best = 0;
        for (class, score) in row.iter().enumerate() {
            if *score > row[best] {
                best = class;
            }
        }
        best
    };
    scores
        .outer_iter()
        .zip(labels)
        .filter(|(row, label)| best(*row) == usize::from(**label))
        .count()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn gradient_is_the_derivative() {
        let format = Format::new(32, 0).unwrap();
        let scores = array![[0.5_f32, -1.0, 2.0], [3.0, 3.0, -4.0]];
        let labels = [2, 0];
        let loss = softmax_loss(&scores, format, &labels);
        for row in 0..2 {
            for column in 0..3 {
                let at = |by: f32| {
                    let mut moved = scores.clone();
                    moved[[row, column]] += by;
                    softmax_loss(&moved, format, &labels).mean
                };
                let numeric = (at(0.0625) - at(-0.0625)) / 0.125;
                assert!((numeric - loss.gradient[[row, column]]).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn large_scores_stay_finite_and_nan_shows() {
        let format = Format::new(32, 0).unwrap();
        let loss = softmax_loss(&array![[1000_i32, -1000]], format, &[1]);
        assert_eq!(loss.mean, 2000.0);
        assert!(softmax_loss(&array![[f32::NAN, 1.0]], format, &[1]).mean.is_nan());
        assert!(softmax_loss(&array![[f32::INFINITY, 1.0]], format, &[1]).mean.is_nan());
    }

    #[test]
    fn ties_go_to_the_first() {
        let scores = array![[1, 1, 0], [0, 2, 2], [-1, -1, -1]];
        assert_eq!(correct(&scores, &[0, 1, 0]), 3);
        assert_eq!(correct(&scores, &[1, 2, 1]), 0);
    }
}
