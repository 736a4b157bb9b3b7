//! Formats numbers for people.

/// All digits, with commas between thousands.
pub(crate) fn group(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits with a prefix: `124 M`. Exact below a thousand.
pub(crate) fn short(value: u64) -> String {
    let mut scaled = value as f64;
    for unit in ["", " k", " M", " G", " T", " P"] {
        if scaled < 999.5 || unit == " P" {
            let places = if unit.is_empty() || scaled >= 99.95 {
                0
            } else if scaled >= 9.995 {
                1
            } else {
                2
            };
            return format!("{scaled:.places$}{unit}");
        }
        scaled /= 1000.0;
    }
    unreachable!("the loop returns at its last unit")
}

/// A key number: all digits below a million, [`short`] above.
pub(crate) fn headline(value: u64) -> String {
    if value < 1_000_000 { group(value) } else { short(value) }
}

/// A fraction as a percentage.
pub(crate) fn percent(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

/// Seconds as milliseconds, seconds, minutes or hours.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 0.1 {
        format!("{:.2} ms", 1e3 * seconds)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 7200.0 {
        format!("{:.1} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three() {
        let text = [0, 12, 123, 1234, 123_892_520, u64::MAX].map(group);
        let expected = ["0", "12", "123", "1,234", "123,892,520", "18,446,744,073,709,551,615"];
        assert_eq!(text, expected);
    }

    #[test]
    fn three_digits_and_a_unit() {
        let text = [0, 999, 1000, 9_999, 99_960, 999_499, 999_500, 123_892_520].map(short);
        let expected = ["0", "999", "1.00 k", "10.0 k", "100 k", "999 k", "1.00 M", "124 M"];
        assert_eq!(text, expected);
        assert_eq!(short(u64::MAX), "18447 P");
        assert_eq!([999_999, 1_000_000].map(headline), ["999,999", "1.00 M"]);
    }

    #[test]
    fn shares_and_times() {
        assert_eq!((percent(0.762), percent(1.0)), ("76.20 %".to_owned(), "100.00 %".to_owned()));
        let text = [0.012, 3.54, 600.0, 36_000.0].map(duration);
        assert_eq!(text, ["12.00 ms", "3.5 s", "10.0 min", "10.0 h"]);
    }
}
