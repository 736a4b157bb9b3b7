//! Files of runs, syntheses and measurements: those of 0.1.0, those of newer versions, and the page that
//! describes them.

mod page;
mod schema;
mod v1;
