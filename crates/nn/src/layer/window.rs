//! The positions of pooling windows, by Caffe's rule (`pooling_layer.cpp`).

use std::ops::Range;

use super::{Misfit, at_least_one};
use crate::plan::MOST_ELEMENTS;
use crate::spec::Shape;

/// Square windows, described along one direction of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width of a window.
    pub kernel: usize,
    /// Distance between windows.
    pub stride: usize,
    /// How far the first window extends beyond the image's edge. Nothing is read there.
    pub padding: usize,
}

impl Window {
    /// Number of windows along `size` elements: enough to cover the last element. The last window
    /// may extend beyond the edge, but none starts beyond the trailing padding.
    pub fn count(&self, size: usize) -> usize {
        let count = (size + 2 * self.padding - self.kernel).div_ceil(self.stride) + 1;
        let past = self.padding > 0 && (count - 1) * self.stride >= size + self.padding;
        count - usize::from(past)
    }

    /// Shape of the input with its padding.
    ///
    /// # Errors
    /// A key is out of range, or the window does not fit into the padded input.
    pub(crate) fn padded(&self, input: Shape) -> Result<Shape, Misfit> {
        let Self { kernel, stride, padding } = *self;
        if padding >= kernel.max(1) {
            return Err(Misfit::new(format!("padding below the kernel size {kernel}"), padding));
        }
        at_least_one("kernel", kernel)?;
        at_least_one("stride", stride)?;
        // With these limits the sums below cannot overflow.
        for (what, number) in [("kernel", kernel), ("stride", stride)] {
            if number > MOST_ELEMENTS {
                return Err(Misfit::new(format!("{what} of at most {MOST_ELEMENTS}"), number));
            }
        }
        let (height, width) = (input.height + 2 * padding, input.width + 2 * padding);
        let padded = Shape { height, width, ..input };
        if height < kernel || width < kernel {
            let expected = format!("an input of at least {kernel}x{kernel} with its padding");
            return Err(Misfit::new(expected, padded));
        }
        Ok(padded)
    }

    /// Shape of the output of a pool over `input`.
    ///
    /// # Errors
    /// As [`Window::padded`]; also a stride larger than the kernel.
    pub(crate) fn pooled(&self, input: Shape) -> Result<Shape, Misfit> {
        self.padded(input)?;
        if self.stride > self.kernel {
            let expected = format!("stride at most the kernel size {}", self.kernel);
            return Err(Misfit::new(expected, self.stride));
        }
        Ok(Shape { height: self.count(input.height), width: self.count(input.width), ..input })
    }

    /// The elements of window `index` that lie inside the image of `size` elements.
    pub fn range(&self, index: usize, size: usize) -> Range<usize> {
        let start = index * self.stride;
        let end = (start + self.kernel).saturating_sub(self.padding);
        start.saturating_sub(self.padding)..end.min(size)
    }

    /// The length that an average divides by: counts padding, but nothing beyond it.
    pub fn divisor(&self, index: usize, size: usize) -> usize {
        let start = index * self.stride;
        (start + self.kernel).min(size + 2 * self.padding) - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formulas of Caffe's `pooling_layer.cpp`, with signed integers.
    fn caffe(window: Window, size: usize) -> Vec<(i64, i64, i64)> {
        let Window { kernel, stride, padding } = window;
        let [k, s, p, n] = [kernel, stride, padding, size].map(|value| value as i64);
        let mut pooled = ((n + 2 * p - k) as f64 / s as f64).ceil() as i64 + 1;
        if p > 0 && (pooled - 1) * s >= n + p {
            pooled -= 1;
        }
        let window = |index: i64| {
            let start = index * s - p;
            let end = (start + k).min(n + p);
            (start.max(0), end.min(n), end - start)
        };
        (0..pooled).map(window).collect()
    }

    #[test]
    fn windows_are_caffes_and_never_empty() {
        for kernel in 1..5 {
            for stride in 1..=kernel {
                for padding in 0..kernel {
                    for size in kernel..12 {
                        let window = Window { kernel, stride, padding };
                        let found: Vec<_> = (0..window.count(size))
                            .map(|index| {
                                let Range { start, end } = window.range(index, size);
                                assert!(start < end, "{window:?} over {size}");
                                let divisor = window.divisor(index, size);
                                (start as i64, end as i64, divisor as i64)
                            })
                            .collect();
                        assert_eq!(found, caffe(window, size), "{window:?} over {size}");
                    }
                }
            }
        }
    }
}
