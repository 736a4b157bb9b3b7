//! Maps values to coordinates, and chooses round tick values.

/// Most steps between ticks. Axes have a handful, or one for every 8 bits.
const MAX_STEPS: f64 = 100.0;

/// A linear axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
    step: f64,
}

impl Scale {
    /// An axis over exactly `domain`, with about `count` ticks inside.
    pub(crate) fn exact(domain: (f64, f64), range: (f64, f64), count: u32) -> Self {
        let domain = widen(domain);
        Self { domain, range, step: step(domain, count) }
    }

    /// An axis that begins and ends on a tick.
    pub(crate) fn round(domain: (f64, f64), range: (f64, f64), count: u32) -> Self {
        let domain = widen(domain);
        let step = step(domain, count);
        let domain = ((domain.0 / step).floor() * step, (domain.1 / step).ceil() * step);
        Self { domain, range, step }
    }

    /// An axis from 0 to a little above `max`, with ticks at multiples of `step`. The margin keeps
    /// a line at the largest value off the frame.
    pub(crate) fn from_zero(max: f64, step: f64, range: (f64, f64)) -> Self {
        let end = (max / step).ceil().max(1.0) * step;
        Self { domain: (0.0, end.max(max * 1.05)), range, step }
    }

    /// Ticks at integers only, for axes of counts.
    pub(crate) fn integer_ticks(mut self) -> Self {
        self.step = self.step.max(1.0);
        self
    }

    /// The coordinate of a value.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let share = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Tick values with their labels: at most [`MAX_STEPS`] plus one, for any history.
    /// None if floats cannot tell the ends of the domain apart.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let first_and_count = |step: f64| {
            let slack = step * 1e-6;
            let first = ((self.domain.0 - slack) / step).ceil();
            (first, ((self.domain.1 + slack) / step).floor() - first)
        };
        let mut step = self.step;
        let excess = first_and_count(step).1 / MAX_STEPS;
        if excess > 1.0 {
            step *= excess.ceil();
        }
        let (first, count) = first_and_count(step);
        if !(first.is_finite() && (0.0..=MAX_STEPS).contains(&count)) {
            return Vec::new();
        }
        // At most the bound above.
        (0..=count as i64)
            .map(|n| {
                let value = (first + n as f64) * step;
                (value, label(value, step))
            })
            .collect()
    }
}

/// Widens an empty domain.
fn widen((low, high): (f64, f64)) -> (f64, f64) {
    if high > low {
        (low, high)
    } else {
        let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        (low - margin, low + margin)
    }
}

/// The 1, 2 or 5 times a power of ten that gives about `count` ticks.
fn step((low, high): (f64, f64), count: u32) -> f64 {
    let rough = (high - low) / f64::from(count.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999);
    factor.unwrap_or(10.0) * power
}

fn label(value: f64, step: f64) -> String {
    let magnitude = value.abs().max(step);
    if magnitude >= 1e7 || step < 1e-4 {
        return format!("{value:.0e}");
    }
    // At most 4 after the test above.
    let places = (-step.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.places$}");
    if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') {
        "0".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        let scale = Scale::exact((0.0, 1001.0), (0.0, 100.0), 5);
        assert_eq!(labels(scale), ["0", "200", "400", "600", "800", "1000"]);
        let scale = Scale::round((0.11, 2.31), (0.0, 100.0), 6);
        assert_eq!(labels(scale), ["0", "0.5", "1.0", "1.5", "2.0", "2.5"]);
        let scale = Scale::from_zero(30.0, 8.0, (100.0, 0.0));
        assert_eq!(labels(scale), ["0", "8", "16", "24", "32"]);
        assert_eq!(scale.position(16.0), 50.0);
        let full = Scale::from_zero(32.0, 8.0, (100.0, 0.0));
        assert!(full.position(32.0) > 4.0 && labels(full).last().unwrap() == "32");
    }

    /// A history of a run with widths of 4294967295 bits took gigabytes for its axis.
    #[test]
    fn an_axis_has_a_bounded_number_of_ticks() {
        let ticks = Scale::from_zero(4_294_967_295.0, 8.0, (100.0, 0.0)).ticks();
        assert!((50..=101).contains(&ticks.len()), "{}", ticks.len());
        for domain in [(f64::MIN, f64::MAX), (0.0, f64::INFINITY), (1e300, 1e308), (0.0, 1e-320)] {
            for scale in [Scale::exact(domain, (0.0, 1.0), 5), Scale::round(domain, (0.0, 1.0), 5)]
            {
                assert!(scale.ticks().len() <= 101, "{domain:?}");
            }
        }
    }

    #[test]
    fn empty_domains_are_widened() {
        let scale = Scale::exact((0.0, 0.0), (0.0, 100.0), 4);
        assert_eq!(scale.position(0.0), 50.0);
        assert_eq!(Scale::round((5.0, 5.0), (0.0, 1.0), 4).ticks().len(), 3);
        let few = Scale::exact((0.0, 2.0), (0.0, 1.0), 8).integer_ticks();
        assert_eq!(labels(few), ["0", "1", "2"]);
    }

    #[test]
    fn large_and_tiny_values_have_exponents() {
        assert_eq!(labels(Scale::exact((0.0, 2e8), (0.0, 1.0), 2)), ["0e0", "1e8", "2e8"]);
        assert_eq!(labels(Scale::exact((0.0, 2e-6), (0.0, 1.0), 2)), ["0e0", "1e-6", "2e-6"]);
    }
}
