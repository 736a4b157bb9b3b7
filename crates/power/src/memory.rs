//! A model of operand memory: energy per bit read.
//!
//! Source of the default: Horowitz, "Computing's energy problem (and what we can do about it)",
//! ISSCC 2014, figure 1.1.9: 10 pJ to read 64 bits from an 8-kbyte cache in 45 nm at 0.9 V, which is
//! 0.156 pJ per bit. It is scaled to the cell library by C V^2: the input capacitance of the library's
//! smallest inverter over that of a 45 nm library (NanGate FreePDK45 INV_X1, 1.70 fF), and the
//! square of the supply over 0.9 V.

use flexmac_record::{MemoryModel, MemorySource};
use flexmac_synth::liberty::Library;

use crate::error::Error;

/// Energy to read a bit at 45 nm and 0.9 V, in picojoules.
const HOROWITZ_PJ: f64 = 10.0 / 64.0;
/// Supply voltage of the source, in volts.
const HOROWITZ_V: f64 = 0.9;
/// Input capacitance of the smallest inverter at 45 nm, in femtofarads.
const INVERTER_45NM_FF: f64 = 1.70;

/// The model for `bits` read in a pass-cycle, at `given` picojoules per bit. Without a given number, the energy
/// of the source is scaled to the library.
///
/// # Errors
/// [`Error::MemoryScaling`] if no number is given and the library has no inverter or no supply.
pub(crate) fn model(
    library: &Library,
    bits: usize,
    given: Option<f64>,
) -> Result<MemoryModel, Error> {
    let missing = |expected| Error::MemoryScaling { library: library.name.clone(), expected };
    let (pj_per_bit, source) = match given {
        Some(pj) => (pj, MemorySource::Given),
        None => {
            let (_, inverter_ff) = library.inverter().ok_or_else(|| missing("an inverter"))?;
            let supply = library.voltage_v.ok_or_else(|| missing("nom_voltage"))?;
            (scaled(inverter_ff, supply), MemorySource::Scaled)
        }
    };
    Ok(MemoryModel { pj_per_bit, source, bits_per_pass_cycle: bits })
}

fn scaled(inverter_ff: f64, supply_v: f64) -> f64 {
    HOROWITZ_PJ * (inverter_ff / INVERTER_45NM_FF) * (supply_v / HOROWITZ_V).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_scales_to_itself_and_by_c_v_squared() {
        assert!((scaled(1.70, 0.9) - 0.15625).abs() < 1e-12);
        assert!((scaled(3.40, 1.8) - 8.0 * 0.15625).abs() < 1e-12);
    }

    #[test]
    fn a_library_without_an_inverter_needs_a_number() {
        let text =
            "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf); cell (X) { } }";
        let library = Library::parse(text.as_bytes()).expect("parses");
        let error = model(&library, 64, None).expect_err("no inverter");
        assert_eq!(
            error.to_string(),
            "library l: expected an inverter to scale the energy of operand memory by, found none"
        );
        let memory = model(&library, 64, Some(0.5)).expect("given");
        assert_eq!((memory.pass_cycle_pj(), memory.source), (32.0, MemorySource::Given));
    }
}
