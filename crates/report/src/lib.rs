//! A training run as one self-contained HTML page, and its drawings as SVG files.
//!
//! A run folder is read and checked as a whole ([`Run::read`]), drawn ([`run_plots`],
//! [`overlay_plots`]) and set into a page ([`page`]). Drawing and rendering are pure; files are
//! written by [`write_page`] and [`write_svgs`] alone. The page needs no network, no other file and
//! no JavaScript: drawings are inline SVG that take their colours from one style sheet, and the
//! numbers behind them lie in a block of JSON for whoever wants to check or redraw them.

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
mod svg;
mod tensors;
mod theme;
mod track;

pub use data::DATA_ID;
pub use error::ReportError;
pub use hardware::{Hardware, read_design, read_synth};
pub use history::{Cost, GemmCost, History};
pub use output::{write_page, write_svgs};
pub use overlay::overlay_plots;
pub use page::page;
pub use plots::{Plot, run_plots};
pub use run::{Run, tell_apart};
pub use settings::{Setting, flag_of};
pub use svg::Svg;
pub use tensors::TensorTrack;
pub use track::Track;
