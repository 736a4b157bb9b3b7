//! Searches for the best netlist: over the orders in which ABC gets the cells of a module, and by bisection on the
//! target period.
//!
//! Each try maps the design for a target period, and OpenSTA reports the period that the netlist meets. The
//! result is not monotonic in the target, so the best netlist is kept, not the last.

use crate::error::Error;
use crate::mapping::{Mapped, Mapper, Netlist, Unit};
use crate::progress::Progress;
use crate::sta::NOMINAL_PERIOD_PS;
use flexmac_record::TryReport;

/// Width of the interval at which a search for the period ends, as a fraction of the period.
const RESOLUTION: f64 = 0.01;

/// Most tries of a search for the period, per order.
const TRIES_MAX: usize = 12;

/// The tries in order, and the mapping of the best one.
pub(crate) struct Found {
    pub tries: Vec<TryReport>,
    pub mapped: Vec<Mapped>,
    /// The period to give to OpenSTA: that of the best netlist, rounded up to a picosecond, or without a search
    /// for the period that of the configuration.
    pub period_ps: Option<f64>,
}

/// Tries every order of the configuration, and in each searches for the period if it asks for that.
pub(crate) fn search(mapper: &Mapper, units: &[Unit]) -> Result<Found, Error> {
    let mut log = Tries { mapper, tries: Vec::new(), netlists: Vec::new() };
    let config = mapper.config;
    for order in 0..config.orders {
        if config.search_period {
            bisect(NOMINAL_PERIOD_PS, |given_ps| {
                let mapped = mapper.map_all(units, Some(given_ps), order)?;
                log.attempt(given_ps, order, mapped)
            })?;
        } else {
            let mapped = mapper.map_all(units, config.period_ps, order)?;
            log.attempt(config.period_ps.unwrap_or(NOMINAL_PERIOD_PS), order, mapped)?;
        }
    }
    let best = log.best();
    let period_ps = if config.search_period {
        Some(log.tries[best].period_ps.ceil())
    } else {
        config.period_ps
    };
    Ok(Found { mapped: log.netlists.swap_remove(best), period_ps, tries: log.tries })
}

/// The netlists tried so far.
struct Tries<'a> {
    mapper: &'a Mapper<'a>,
    tries: Vec<TryReport>,
    netlists: Vec<Vec<Mapped>>,
}

impl Tries<'_> {
    /// Links and times a netlist, unless an earlier one is equal; returns the period that it meets.
    fn attempt(&mut self, given_ps: f64, order: u32, mapped: Vec<Mapped>) -> Result<f64, Error> {
        let report = match self.netlists.iter().position(|earlier| *earlier == mapped) {
            Some(index) => {
                let earlier = &self.tries[index];
                TryReport { given_ps, met: earlier.period_ps <= given_ps, ..earlier.clone() }
            }
            None => {
                let folder = format!("tries/{}", self.tries.len() + 1);
                let netlist = self.mapper.finish(&mapped, &format!("{folder}/"), given_ps)?;
                outcome(given_ps, order, &mapped, &netlist, folder)
            }
        };
        (self.mapper.on_progress)(Progress::Note(line(self.tries.len() + 1, &report)));
        let period_ps = report.period_ps;
        self.tries.push(report);
        self.netlists.push(mapped);
        Ok(period_ps)
    }

    /// In a search for the period, the try with the shortest one, rounded up to a picosecond, and of equal ones the
    /// smallest in area. Otherwise the try with the smallest area times period, and of equal ones the first.
    fn best(&self) -> usize {
        let rank = |index: &usize| {
            let TryReport { period_ps, area_um2, .. } = self.tries[*index];
            match self.mapper.config.search_period {
                true => (period_ps.ceil(), area_um2),
                false => (period_ps * area_um2, 0.0),
            }
        };
        (0..self.tries.len())
            .min_by(|a, b| rank(a).partial_cmp(&rank(b)).expect("periods and areas are finite"))
            .expect("at least one try")
    }
}

/// Bisects between a period that is met and one that is not. `attempt` maps for a target period and
/// returns the period that the netlist meets.
fn bisect(start_ps: f64, mut attempt: impl FnMut(f64) -> Result<f64, Error>) -> Result<(), Error> {
    let mut met_ps = attempt(start_ps)?;
    let mut missed_ps = 0.0;
    for _ in 1..TRIES_MAX {
        if met_ps - missed_ps <= RESOLUTION * met_ps {
            break;
        }
        let given_ps = ((met_ps + missed_ps) / 2.0).round();
        let period_ps = attempt(given_ps)?;
        if period_ps > given_ps {
            missed_ps = given_ps;
        }
        // The period that a netlist meets counts, whatever its target was.
        met_ps = met_ps.min(period_ps);
    }
    Ok(())
}

fn outcome(
    given_ps: f64,
    order: u32,
    mapped: &[Mapped],
    netlist: &Netlist,
    folder: String,
) -> TryReport {
    let period_ps = netlist.timing.period_ps;
    TryReport {
        order,
        given_ps,
        met: period_ps <= given_ps,
        period_ps,
        area_um2: netlist.summary.area_um2.expect("a library gives areas"),
        units: mapped.iter().map(|unit| unit.report.clone()).collect(),
        folder,
    }
}

fn line(number: usize, report: &TryReport) -> String {
    let TryReport { order, given_ps, met, period_ps, area_um2, .. } = report;
    let verdict = if *met { "met" } else { "missed" };
    format!(
        "try {number}: order {order}, {given_ps:.0} ps {verdict} ({period_ps:.0} ps), {area_um2:.0} um2"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target periods of a search, if a netlist for target p meets `met(p)`.
    fn given(start_ps: f64, met: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut given = Vec::new();
        bisect(start_ps, |period_ps| {
            given.push(period_ps);
            Ok(met(period_ps))
        })
        .expect("no failure");
        given
    }

    #[test]
    fn it_closes_in_on_the_shortest_period_that_is_met() {
        let tries = given(10_000.0, |period| period.clamp(3300.0, 5000.0));
        assert_eq!(tries[..3], [10_000.0, 2500.0, 2900.0]);
        let last = tries.last().expect("tries");
        assert!((3300.0 - last).abs() < 40.0, "{tries:?}");
        assert!(tries.len() < TRIES_MAX, "{tries:?}");
    }

    #[test]
    fn it_ends_where_nothing_is_gained_and_where_everything_is() {
        assert!(given(10_000.0, |_| 5000.0).len() <= TRIES_MAX);
        assert_eq!(given(10_000.0, |period| period.min(5000.0)).len(), TRIES_MAX);
    }
}
