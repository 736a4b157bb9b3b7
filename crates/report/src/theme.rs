//! Colours of the drawings, in a light and a dark theme.
//!
//! Series and roles use the palette of Okabe and Ito, which colour-blind readers can distinguish,
//! darkened or lightened until lines contrast with the background. Series also differ in dashes.
//! Heat maps range from the background to strong colours, and print their values.

use std::fmt::Write;

/// Number of series colours. Dashes differ too, so that twelve series look different.
pub(crate) const SERIES: usize = 6;
/// Colours of the width scale, one for every two bits.
pub(crate) const WIDTH_STEPS: usize = 16;
/// Colours of the integer-length scale on each side of zero.
pub(crate) const LENGTH_REACH: i32 = 8;
/// Colours of the overflow scale, one for every power of ten.
pub(crate) const OVERFLOW_STEPS: usize = 5;

struct Theme {
    series: [&'static str; SERIES],
    roles: [&'static str; 3],
    width: &'static [u32],
    length: &'static [u32],
    overflow: &'static [u32],
    ink: &'static str,
    soft: &'static str,
    grid: &'static str,
    row: &'static str,
}

const LIGHT: Theme = Theme {
    series: ["#0072b2", "#d55e00", "#00845f", "#a8467f", "#8a6a00", "#4a5560"],
    roles: ["#0072b2", "#e69f00", "#009e73"],
    width: &[0xe3_eef8, 0xa6_cbe6, 0x4f_93c6, 0x1f_62a5, 0x0b_2f5c],
    length: &[0x5b_2f8c, 0xb3_97d1, 0xec_ecee, 0xee_b67c, 0xb3_540c],
    overflow: &[0xfb_c9a8, 0xf0_8a5a, 0xd2_4a26, 0x9c_2414, 0x5e_0f0a],
    ink: "#1b2430",
    soft: "#56616e",
    grid: "#e2e6eb",
    row: "#f2f4f7",
};

const DARK: Theme = Theme {
    series: ["#5ab4f0", "#f58a4b", "#34c99a", "#e39ac6", "#e6c540", "#aab4c0"],
    roles: ["#5ab4f0", "#f0b429", "#34c99a"],
    width: &[0x16_2c42, 0x1f_4f7d, 0x3a_83c2, 0x82_bbec, 0xd8_ecff],
    length: &[0xbd_9bea, 0x6a_4a96, 0x2b_313a, 0x96_5a22, 0xf6_a85e],
    overflow: &[0x5c_2a1a, 0x8f_3a20, 0xc9_5530, 0xf0_8a5a, 0xff_c7a6],
    ink: "#e8edf3",
    soft: "#a3aebb",
    grid: "#2c343e",
    row: "#1e252e",
};

/// Dash patterns of series.
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// The style sheet of a page: the light theme, and the dark theme for readers who prefer it.
pub(crate) fn page() -> String {
    let (common, light, dark) = (common(), rules(&LIGHT), rules(&DARK));
    format!("{common}{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n")
}

/// The style sheet of a separate SVG file: the light theme.
pub(crate) fn standalone() -> String {
    common() + &rules(&LIGHT)
}

/// CSS class of the n-th series.
pub(crate) fn series(n: usize) -> String {
    format!("s{} d{}", n % SERIES, n % DASHES.len())
}

/// CSS class of a width.
pub(crate) fn width_class(bits: u32) -> String {
    // 2..=32 bits, so 0..=15.
    format!("w{}", (bits.saturating_sub(2) as usize / 2).min(WIDTH_STEPS - 1))
}

/// CSS class of an integer length.
pub(crate) fn length_class(integer_length: i32) -> String {
    format!("l{}", integer_length.clamp(-LENGTH_REACH, LENGTH_REACH) + LENGTH_REACH)
}

/// CSS class of a count of overflows.
pub(crate) fn overflow_class(count: u64) -> String {
    // The logarithm of a u64 is below 20.
    format!("o{}", (count.max(1).ilog10() as usize).min(OVERFLOW_STEPS - 1))
}

fn common() -> String {
    let mut css = String::from(
        ".plot text{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px}\n\
         .plot .cell{font-size:11px;pointer-events:none}\n\
         .plot polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}\n\
         .plot polyline.thin{stroke-width:1;stroke-opacity:.55}\n\
         .plot .bold{font-weight:600}\n",
    );
    for (n, dash) in DASHES.iter().enumerate() {
        let _ = writeln!(css, ".plot .d{n}{{stroke-dasharray:{dash}}}");
    }
    css
}

fn rules(theme: &Theme) -> String {
    let Theme { ink, soft, grid, row, .. } = theme;
    let mut css = format!(
        ".plot text{{fill:{soft}}}\n.plot text.ink{{fill:{ink}}}\n\
         .plot .axis{{stroke:{soft}}}\n.plot .grid{{stroke:{grid}}}\n.plot .row{{fill:{row}}}\n"
    );
    for (n, colour) in theme.series.iter().enumerate() {
        let _ = writeln!(
            css,
            ".plot .s{n}{{stroke:{colour}}}\n.plot circle.s{n}{{fill:{colour};stroke:none}}"
        );
    }
    for (n, colour) in theme.roles.iter().enumerate() {
        let _ = writeln!(css, ".plot .r{n}{{fill:{colour}}}");
    }
    let length_steps = 2 * LENGTH_REACH as usize + 1;
    let ramps = [
        ('w', theme.width, WIDTH_STEPS),
        ('l', theme.length, length_steps),
        ('o', theme.overflow, OVERFLOW_STEPS),
    ];
    for (letter, stops, steps) in ramps {
        for n in 0..steps {
            let colour = interpolate(stops, n as f64 / (steps - 1) as f64);
            let text = if luminance(colour) > 0.2 { "#10151b" } else { "#ffffff" };
            let _ = writeln!(
                css,
                ".plot .{letter}{n}{{fill:#{colour:06x}}}\n.plot text.{letter}{n}{{fill:{text}}}"
            );
        }
    }
    css
}

/// The colour at `share` (0 to 1) of the way through evenly spaced stops.
fn interpolate(stops: &[u32], share: f64) -> u32 {
    let place = share * (stops.len() - 1) as f64;
    // Not negative and at most the number of stops.
    let lower = (place as usize).min(stops.len() - 2);
    let part = place - lower as f64;
    [16, 8, 0].into_iter().fold(0, |colour, shift| {
        let channel = |stop: u32| f64::from(stop >> shift & 0xff);
        let value = channel(stops[lower]) * (1.0 - part) + channel(stops[lower + 1]) * part;
        // A mean of bytes is a byte.
        colour | (value.round() as u32) << shift
    })
}

/// Relative luminance as WCAG defines it.
fn luminance(colour: u32) -> f64 {
    [(16, 0.2126), (8, 0.7152), (0, 0.0722)]
        .into_iter()
        .map(|(shift, weight)| {
            let value = f64::from(colour >> shift & 0xff) / 255.0;
            let linear =
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
            weight * linear
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    fn hex(text: &str) -> u32 {
        u32::from_str_radix(&text[1..], 16).unwrap()
    }

    #[test]
    fn lines_and_texts_stand_out_in_both_themes() {
        for (theme, ground) in [(&LIGHT, 0xff_ffff), (&DARK, 0x16_1b22)] {
            for colour in theme.series {
                // WCAG asks 3 of graphics, 4.5 of text.
                assert!(contrast(hex(colour), ground) >= 3.5, "{colour}");
            }
            assert!(contrast(hex(theme.soft), ground) >= 4.5);
            for stops in [theme.width, theme.length, theme.overflow] {
                for n in 0..=16 {
                    let colour = interpolate(stops, f64::from(n) / 16.0);
                    let text = if luminance(colour) > 0.2 { 0x10_151b } else { 0xff_ffff };
                    let found = contrast(text, colour);
                    assert!(found >= 4.0, "{colour:06x}: {found}");
                }
            }
        }
    }

    #[test]
    fn classes_cover_every_value() {
        assert_eq!([2, 3, 4, 16, 32, 99].map(width_class), ["w0", "w0", "w1", "w7", "w15", "w15"]);
        assert_eq!([-40, -8, 0, 8, 40].map(length_class), ["l0", "l0", "l8", "l16", "l16"]);
        assert_eq!([0, 9, 10, u64::MAX].map(overflow_class), ["o0", "o0", "o1", "o4"]);
        assert_eq!((series(1), series(7)), ("s1 d1".to_owned(), "s1 d3".to_owned()));
        let css = page();
        let rules = [".w15{", ".l16{", ".o4{", ".s5{", ".r2{"];
        assert!(rules.iter().all(|rule| css.contains(rule)), "{css}");
    }
}
