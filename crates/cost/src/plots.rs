//! Scatter plots of a study, as SVG for papers.

use std::path::Path;

use flexmac_fileio::atomic;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::Error;

/// A point of a scatter plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The panel in which it is drawn: a cell library.
    pub panel: String,
    /// The series that gives its colour: a training run.
    pub series: String,
    /// Text next to it: a design.
    pub label: String,
    /// Position (x, y), both above 0.
    pub at: (f64, f64),
}

/// A line that bounds the points.
#[derive(Debug, Clone, PartialEq)]
pub struct Roof {
    /// Text at its end.
    pub label: String,
    /// Its corners from left to right. The label is at the last corner.
    pub path: Vec<(f64, f64)>,
}

/// What is drawn in addition to the points.
#[derive(Debug, Clone, PartialEq)]
pub enum Marks {
    /// The Pareto front: points are filled if no other point of their series is better in both coordinates.
    Front,
    /// Lines in every panel; all points are filled.
    Roofs(Vec<Roof>),
}

const PANEL: (u32, u32) = (640, 460);

/// Draws the panels below each other, with logarithmic axes.
///
/// # Errors
/// A file that cannot be written.
pub fn scatter(
    path: &Path,
    axes: (&str, &str),
    points: &[Point],
    marks: &Marks,
) -> Result<(), Error> {
    let mut text = String::new();
    let drawn = draw(&mut text, axes, points, marks);
    if let Err(found) = drawn {
        return Err(Error::file(path, "a drawing", found));
    }
    atomic::write(path, text).map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn draw(
    text: &mut String,
    axes: (&str, &str),
    points: &[Point],
    marks: &Marks,
) -> Result<(), String> {
    let mut panels: Vec<&str> = points.iter().map(|point| point.panel.as_str()).collect();
    panels.dedup();
    // A study has few libraries, so the number fits.
    let height = PANEL.1 * panels.len().max(1) as u32;
    let root = SVGBackend::with_string(text, (PANEL.0, height)).into_drawing_area();
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    root.fill(&WHITE).map_err(|error| fail(&error))?;
    for (area, name) in root.split_evenly((panels.len().max(1), 1)).iter().zip(&panels) {
        let own: Vec<&Point> = points.iter().filter(|point| point.panel == **name).collect();
        panel(area, name, axes, &own, marks)?;
    }
    root.present().map_err(|error| fail(&error))
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    name: &str,
    (x, y): (&str, &str),
    points: &[&Point],
    marks: &Marks,
) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    let roofs = match marks {
        Marks::Front => &[][..],
        Marks::Roofs(roofs) => roofs,
    };
    // Whole decades, so that there are ticks even if the points are close together.
    let range = |value: fn(&(f64, f64)) -> f64| {
        let corners = roofs.iter().flat_map(|roof| &roof.path);
        let all = points.iter().map(|point| &point.at).chain(corners).map(value);
        let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let decade = |value: f64| 10_f64.powf(value);
        (decade((least * 0.95).log10().floor())..decade((most * 1.3).log10().ceil())).log_scale()
    };
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(range(|at| at.0), range(|at| at.1))
        .map_err(|error| fail(&error))?;
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .x_labels(6)
        .y_labels(6)
        .max_light_lines(0)
        .x_label_formatter(&compact)
        .y_label_formatter(&compact)
        .draw()
        .map_err(|error| fail(&error))?;
    for roof in roofs {
        let label = roof.path.last().map(|end| {
            let text = Text::new(roof.label.clone(), (-60, -14), ("sans-serif", 11));
            EmptyElement::at(*end) + text
        });
        let line = LineSeries::new(roof.path.iter().copied(), BLACK.mix(0.6));
        chart.draw_series(line).map_err(|error| fail(&error))?;
        chart.draw_series(label).map_err(|error| fail(&error))?;
    }
    let mut series: Vec<&str> = points.iter().map(|point| point.series.as_str()).collect();
    series.sort_unstable();
    series.dedup();
    for (number, name) in series.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let own: Vec<&&Point> = points.iter().filter(|point| point.series == **name).collect();
        let beaten = |at: (f64, f64)| {
            *marks == Marks::Front
                && own
                    .iter()
                    .any(|other| other.at.0 <= at.0 && other.at.1 <= at.1 && other.at != at)
        };
        let marks = own.iter().map(|point| {
            let style = if beaten(point.at) { colour.stroke_width(1) } else { colour.filled() };
            EmptyElement::at(point.at)
                + Circle::new((0, 0), 4, style)
                + Text::new(point.label.clone(), (6, -5), ("sans-serif", 11))
        });
        chart
            .draw_series(marks)
            .map_err(|error| fail(&error))?
            .label(*name)
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(|error| fail(&error))
}

/// The label of a tick: 100, 2k, 3M.
fn compact(value: &f64) -> String {
    let (scale, unit) = match *value {
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}", value / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn_with_its_label_and_the_front_is_filled() {
        let point = |label: &str, at| Point {
            panel: "lib".to_owned(),
            series: "run".to_owned(),
            label: label.to_owned(),
            at,
        };
        let points = [point("best", (1.0, 1.0)), point("worse", (2.0, 3.0))];
        let mut text = String::new();
        draw(&mut text, ("area-time", "energy"), &points, &Marks::Front).expect("draws");
        for part in ["lib", "best", "worse", "area-time", "energy", "run"] {
            assert!(text.contains(part), "{part}");
        }
        let circles: Vec<&str> = text.lines().filter(|line| line.contains("<circle")).collect();
        assert_eq!(circles.len(), 3); // two points and the legend's
        assert!(!circles[0].contains("fill=\"none\"") && circles[1].contains("fill=\"none\""));

        let roof = Roof { label: "peak".to_owned(), path: vec![(1.0, 4.0), (5.0, 4.0)] };
        let mut text = String::new();
        draw(&mut text, ("x", "y"), &points, &Marks::Roofs(vec![roof])).expect("draws");
        assert!(text.contains("peak") && text.contains("<polyline"));
        assert!(text.lines().filter(|l| l.contains("<circle")).all(|l| !l.contains("fill=\"none")));
    }

    #[test]
    fn ticks_are_short() {
        let texts = [0.5, 100.0, 2000.0, 3e6].map(|value| compact(&value));
        assert_eq!(texts, ["0.5", "100", "2k", "3M"]);
    }
}
