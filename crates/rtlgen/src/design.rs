//! Every number a template prints, computed and named: templates hold no arithmetic.

use flexmac_array::{ArrayConfig, Style, ceil_log2, fp32, integer};
use flexmac_fxp::Rounding;
use serde::Serialize;

/// Bits of every counter but the magnitude's.
const COUNTER_BITS: u32 = 48;

/// The context of every Verilog template: one design, fully worked out.
#[derive(Debug, Serialize)]
pub(crate) struct Design {
    pub head: String,
    // parameters
    rows: u32,
    cols: u32,
    chunk: u32,
    lanes: u32,
    stages: u32,
    depth: u32,
    max_bits: u32,
    max_k: u32,
    max_planes: u32,
    stochastic: u32,
    // widths
    acc: u32,
    sum: u32,
    addr_bits: u32,
    words_bits: u32,
    planes_bits: u32,
    rows_bits: u32,
    row_bits: u32,
    cols_bits: u32,
    significance_bits: u32,
    /// Bits of one operand word as PEs get it.
    word: u32,
    counter_bits: u32,
    // blocks that share registers
    fanout: u32,
    block_rows: u32,
    block_cols: u32,
    col_blocks: u32,
    lag: u32,
    shift_max: u32,
    // most significant bits of ports
    acc_msb: u32,
    sum_msb: u32,
    addr_msb: u32,
    words_msb: u32,
    planes_msb: u32,
    rows_msb: u32,
    cols_msb: u32,
    counter_msb: u32,
    a_msb: u32,
    b_msb: u32,
    op_a_msb: u32,
    op_b_msb: u32,
    chains_msb: u32,
    sums_msb: u32,
    results_msb: u32,
    columns_msb: u32,
    // structure
    row_block_list: Vec<RowBlock>,
    top_block: u32,
    row_list: Vec<Row>,
    chain_end: String,
    valid_stages: Vec<Stage>,
    pipe_registers: Vec<PipeRegister>,
    pipe_msb: usize,
    control: usize,
    cycle_counters: Vec<CycleCounter>,
    // styles
    planes: bool,
    pe: &'static str,
    pe_parameters: &'static str,
    registers: String,
    mul_registers: String,
    add_registers: String,
    partial_sums: u32,
    reduction_steps: u32,
    reduction_codes: String,
}

/// Rows of a column that share registers, block 0 with the last row. What passes them comes `from`
/// the column's ports or from the block before.
#[derive(Debug, Serialize)]
struct RowBlock {
    index: u32,
    from: String,
    rows: String,
}

/// A PE of a column and its links of the drain chain.
#[derive(Debug, Serialize)]
struct Row {
    index: u32,
    block: u32,
    instance: String,
    chain: String,
    /// Whether the row below belongs to another block, so that its value is held for a cycle.
    crosses: bool,
    /// Chain of the row below.
    below: String,
    held_instance: String,
    /// What this row takes: `below`, or that held.
    next: String,
}

fn row_block_list(config: &ArrayConfig) -> Vec<RowBlock> {
    let (rows, block_rows) = (config.spec().rows, config.block_rows());
    (0..config.row_blocks())
        .map(|index| {
            let last = rows - 1 - index * block_rows;
            let first = (last + 1).saturating_sub(block_rows);
            RowBlock {
                index,
                from: index.checked_sub(1).map_or("i".to_owned(), |before| before.to_string()),
                rows: match last - first {
                    0 => format!("row {last}"),
                    _ => format!("rows {first} to {last}"),
                },
            }
        })
        .collect()
}

fn row_list(config: &ArrayConfig) -> Vec<Row> {
    let (rows, block_rows) = (config.spec().rows, config.block_rows());
    let block = |row: u32| (rows - 1 - row) / block_rows;
    (0..rows)
        .map(|index| {
            let below = format!("chain_{}", index + 1);
            let crosses = index + 1 < rows && block(index + 1) != block(index);
            Row {
                index,
                block: block(index),
                instance: format!("u_pe_{index}"),
                chain: format!("chain_{index}"),
                crosses,
                next: if crosses { format!("held_{}", index + 1) } else { below.clone() },
                below,
                held_instance: format!("u_held_{}", index + 1),
            }
        })
        .collect()
}

/// A register of a valid line.
#[derive(Debug, Serialize)]
struct Stage {
    index: u32,
    before: u32,
}

/// An optional register of a PE and what enables it.
#[derive(Debug, Serialize)]
struct PipeRegister {
    index: u32,
    name: &'static str,
    enable: String,
}

/// A counter of `flexmac_core` and when it counts.
#[derive(Debug, Clone, Serialize)]
struct CycleCounter {
    instance: &'static str,
    when: &'static str,
    port: &'static str,
}

impl Design {
    pub fn new(config: &ArrayConfig) -> Self {
        let s = config.spec();
        let (acc, sum) = (config.acc_bits(), config.sum_bits());
        let max_planes = config.max_planes();
        let index_bits = |count: u32| ceil_log2(count).max(1);
        let count_bits = |count: u32| ceil_log2(count + 1).max(1);
        let flex = s.style == Style::Flex;
        // Planes but the top one are unsigned, so their words say which; whole operands are signed.
        let word = s.lanes * s.chunk + u32::from(flex);
        let stages = config.capture_stages();
        let pipe_registers = pipe_registers(config);
        let float = config.float_pipeline();
        let reduction = fp32::reduction(s.lanes, float.partial_sums());
        Self {
            head: String::new(),
            rows: s.rows,
            cols: s.cols,
            chunk: s.chunk,
            lanes: s.lanes,
            stages,
            depth: s.depth,
            max_bits: s.max_bits,
            max_k: s.max_k,
            max_planes,
            stochastic: u32::from(s.rounding.contains(Rounding::Stochastic)),
            acc,
            sum,
            addr_bits: index_bits(s.depth),
            words_bits: count_bits(s.depth),
            planes_bits: count_bits(max_planes),
            rows_bits: count_bits(s.rows),
            row_bits: index_bits(s.rows),
            cols_bits: count_bits(s.cols),
            significance_bits: index_bits(2 * max_planes - 1),
            word,
            counter_bits: COUNTER_BITS,
            fanout: s.fanout,
            block_rows: config.block_rows(),
            block_cols: config.block_cols(),
            col_blocks: config.col_blocks(),
            lag: config.drain_lag(),
            shift_max: sum + 24,
            acc_msb: acc - 1,
            sum_msb: sum - 1,
            addr_msb: index_bits(s.depth) - 1,
            words_msb: count_bits(s.depth) - 1,
            planes_msb: count_bits(max_planes) - 1,
            rows_msb: count_bits(s.rows) - 1,
            cols_msb: count_bits(s.cols) - 1,
            counter_msb: COUNTER_BITS - 1,
            a_msb: s.rows * word - 1,
            b_msb: word - 1,
            op_a_msb: s.rows * s.lanes * s.chunk - 1,
            op_b_msb: s.cols * s.lanes * s.chunk - 1,
            chains_msb: s.cols * acc - 1,
            sums_msb: s.cols * sum - 1,
            results_msb: s.cols * 32 - 1,
            columns_msb: s.cols - 1,
            row_block_list: row_block_list(config),
            top_block: config.row_blocks() - 1,
            row_list: row_list(config),
            chain_end: format!("chain_{}", s.rows),
            valid_stages: (1..stages).map(|index| Stage { index, before: index - 1 }).collect(),
            pipe_msb: pipe_registers.len() - 1,
            control: pipe_registers.len() + 6,
            pipe_registers,
            cycle_counters: CYCLE_COUNTERS.to_vec(),
            planes: flex,
            pe: if flex { "flexmac_pe" } else { "flexmac_fixed_pe" },
            pe_parameters: if flex {
                ".P(P), .V(V), .ACC(ACC), .REGS(REGS)"
            } else {
                ".W(P), .V(V), .ACC(ACC), .REGS(REGS)"
            },
            registers: format!("{:04b}", integer::Pipeline::new(s.stages).registers),
            mul_registers: format!("3'b{:03b}", float.mul_registers),
            add_registers: format!("4'b{:04b}", float.add_registers),
            partial_sums: float.partial_sums(),
            reduction_steps: config.reduction_steps(),
            reduction_codes: hexadecimal(
                reduction.iter().rev().fold(0, |codes, step| codes << 3 | step.code()),
            ),
        }
    }
}

/// Ports of `flexmac_core` whose width follows from the configuration, with that width.
pub fn port_bits(config: &ArrayConfig) -> Vec<(&'static str, u32)> {
    let design = Design::new(config);
    vec![
        ("op_a_i", design.op_a_msb + 1),
        ("op_b_i", design.op_b_msb + 1),
        ("op_addr_a_o", design.addr_bits),
        ("cmd_words_i", design.words_bits),
        ("cmd_planes_a_i", design.planes_bits),
        ("cmd_rows_i", design.rows_bits),
        ("cmd_cols_i", design.cols_bits),
        ("pre_data_i", design.sums_msb + 1),
        ("seed_data_i", design.results_msb + 1),
        ("res_data_o", design.results_msb + 1),
        ("sum_valid_o", design.columns_msb + 1),
        ("sum_data_o", design.sums_msb + 1),
    ]
}

/// Places for a register in front of the accumulator, in the order operands pass them. The n-th
/// register that is there loads what was valid at the operands n cycles before.
fn pipe_registers(config: &ArrayConfig) -> Vec<PipeRegister> {
    let stages = config.spec().stages;
    let (names, mask): (&[&str], u32) = match config.style() {
        Style::Flex | Style::Fixed => (&integer::PLACES, integer::Pipeline::new(stages).registers),
        Style::Fp32 => {
            (&["operands", "partial products", "product"], config.float_pipeline().mul_registers)
        }
    };
    let mut before = 0;
    names
        .iter()
        .zip(0_u32..)
        .map(|(name, index)| {
            let there = mask >> index & 1 == 1;
            let enable = if there { format!("en_i && valid[{before}]") } else { "1'b0".to_owned() };
            before += u32::from(there);
            PipeRegister { index, name, enable }
        })
        .collect()
}

/// A 128-bit literal with as many digits as it needs.
fn hexadecimal(value: u128) -> String {
    format!("128'h{value:x}")
}

const CYCLE_COUNTERS: [CycleCounter; 5] = [
    CycleCounter { instance: "u_busy", when: "busy_o", port: "ctr_busy_o" },
    CycleCounter { instance: "u_compute", when: "en && seq_issue", port: "ctr_compute_o" },
    CycleCounter { instance: "u_stall", when: "en && seq_wait", port: "ctr_stall_o" },
    CycleCounter { instance: "u_load", when: "!full && late", port: "ctr_load_o" },
    CycleCounter { instance: "u_blocked", when: "full || results_late", port: "ctr_blocked_o" },
];
