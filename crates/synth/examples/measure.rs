//! Measures one design: `measure TOP OUT_DIR generic|ice40|LIBRARY [flat] [period=PS] FILE.v...`.
//!
//! Prints one line, for tables in documents. The full report is in OUT_DIR/report.json.

use std::path::PathBuf;

use flexmac_synth::{Error, SynthConfig, Target, run};

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let (Some(top), Some(out_dir), Some(target)) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: measure TOP OUT_DIR generic|ice40|LIBRARY [flat] [period=PS] FILE.v...");
        std::process::exit(2);
    };
    let target = match target.as_str() {
        "generic" => Target::Generic,
        "ice40" => Target::Ice40 { dsp: false },
        path => Target::Liberty { path: PathBuf::from(path) },
    };
    let mut config = SynthConfig::new(top, target, out_dir);
    for arg in args {
        match arg.strip_prefix("period=") {
            _ if arg == "flat" => config.flatten = true,
            Some(period_ps) => config.period_ps = period_ps.parse().ok(),
            None => config.sources.push(arg.into()),
        }
    }
    let report = run(&config, &mut |_| {})?;
    let seconds: f64 = report.stages.iter().map(|stage| stage.wall_s).sum();
    print!("{} cells {}", report.target, report.cell_count);
    if let (Some(area), Some(sequential)) = (report.area_um2, report.sequential_area_um2) {
        print!(" area {area:.3} um2 (sequential {sequential:.3})");
    }
    if let Some(timing) = &report.timing {
        print!(
            " period {:.1} ps ({} levels, slowest cell {:.0} ps, {} -> {}) overall {:.1} ps ({} -> {})",
            timing.period_ps,
            timing.levels,
            timing.slowest_cell_ps,
            timing.start,
            timing.end,
            timing.overall_period_ps,
            timing.overall_start,
            timing.overall_end
        );
    }
    if let Some(fpga) = &report.fpga {
        print!(" {fpga:?}");
    }
    if let Some(gates) = &report.gates {
        print!(" {gates:?}");
    }
    println!(" in {seconds:.1} s");
    Ok(())
}
