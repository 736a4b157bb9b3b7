//! Operand banks become block RAM on every FPGA family, all of it and nothing else.
//!
//! Counted on `flexmac_operand` as it stands in rtl/, both banks of an operand and the logic that
//! fills them.

use std::path::Path;
use std::process::Command;

/// Cells of one type in the last table that `stat` printed.
fn count(log: &str, cell: &str) -> u32 {
    let last = log.rsplit("Number of cells:").next().unwrap();
    last.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(cell)).then(|| words.next()?.parse::<u32>().ok())?
        })
        .sum()
}

fn synthesize(width: u32, address_bits: u32, command: &str) -> String {
    let rtl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rtl");
    let script = format!(
        "read_verilog bus/flexmac_operand.v bus/flexmac_packet.v bus/flexmac_bank.v; \
         chparam -set WIDTH {width} -set ADDR_WIDTH {address_bits} -set LENGTH_WIDTH {} \
         flexmac_operand; \
         {command} -top flexmac_operand -flatten; stat",
        address_bits + 1
    );
    let output = Command::new("yosys").current_dir(rtl).args(["-p", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Both banks of `width` bits x 2^`address_bits` words, in the family's RAM cell.
fn check(command: &str, cell: &str, flip_flops: &[&str], width: u32, address_bits: u32, rams: u32) {
    let log = synthesize(width, address_bits, command);
    assert_eq!(count(&log, cell), rams, "{command}: {cell} for {width} x 2 x 2^{address_bits}");
    // State of the packet gate, its count and the address; no word is in registers.
    let registers: u32 = flip_flops.iter().map(|cell| count(&log, cell)).sum();
    assert!(registers <= 10 + 2 * address_bits, "{command}: {registers} flip-flops");
}

/// 256 x 16 bits a cell, or 512 x 8.
#[test]
fn ice40() {
    let flip_flops = ["SB_DFF", "SB_DFFE", "SB_DFFSR", "SB_DFFESR", "SB_DFFSS", "SB_DFFESS"];
    check("synth_ice40", "SB_RAM40_4K", &flip_flops, 128, 7, 8);
    check("synth_ice40", "SB_RAM40_4K", &flip_flops, 18, 8, 3); // as 512 x 8
}

/// 512 x 36 bits a cell, or 1024 x 18.
#[test]
fn ecp5() {
    check("synth_ecp5", "DP16KD", &["TRELLIS_FF"], 144, 8, 4);
    check("synth_ecp5", "DP16KD", &["TRELLIS_FF"], 18, 9, 1);
}

/// 512 x 72 bits a cell, or 1024 x 36. Stops before registers are mapped, which takes longest.
#[test]
fn xilinx() {
    check("synth_xilinx -run begin:map_cells", "RAMB36E1", &[], 144, 8, 2);
    check("synth_xilinx -run begin:map_cells", "RAMB36E1", &[], 72, 9, 2);
}
