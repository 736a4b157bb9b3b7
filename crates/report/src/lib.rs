//! A training run as one self-contained HTML page, and its drawings as SVG files.
//!
//! [`Run::read`] reads and checks a run folder. [`run_plots`] and [`overlay_plots`] make drawings.
//! [`page`] renders the page. Only [`write_page`] and [`write_svgs`] write files.
//!
//! The page needs no network, no other file and no JavaScript: drawings are inline SVG with one style
//! sheet, and a block of JSON holds the numbers behind them.

mod chart;
mod compare;
mod data;
mod downsample;
mod error;
mod hardware;
mod history;
mod number;
mod output;
mod overlay;
mod page;
mod plots;
mod run;
mod scale;
mod section;
mod settings;
mod step_series;
mod svg;
mod tensors;
mod theme;

pub use data::DATA_ID;
pub use error::ReportError;
pub use hardware::{Hardware, read_design, read_synth};
pub use history::{Cost, GemmCost, History};
pub use output::{write_page, write_svgs};
pub use overlay::overlay_plots;
pub use page::page;
pub use plots::{Plot, run_plots};
pub use run::{Run, disambiguate_names};
pub use settings::{Setting, flag_of};
pub use step_series::StepSeries;
pub use svg::Svg;
pub use tensors::TensorHistory;
