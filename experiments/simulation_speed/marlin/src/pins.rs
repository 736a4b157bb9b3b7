//! The pins that the loop moves, by marlin's two ways: fields of a struct that a macro makes, all carried
//! at every `eval`, or names that are looked up at every access.

use marlin::verilator::dynamic::{DynamicVerilatedModel, VerilatorValue};
use marlin::verilator::{AsDynamicVerilatedModel, WideIn};
use marlin::verilog::prelude::*;

#[verilog(src = "rtl/flexmac_core.v", name = "flexmac_core")]
pub struct Core;

/// A tile's command.
pub struct Command {
    pub planes: u8,
    pub words: u16,
    pub rows: u8,
    pub cols: u8,
    pub bank: u8,
}

/// What the loop does with the core; `'b` is the life of the operands.
pub trait Pins<'b> {
    fn start(&mut self, shift: u8);
    fn run(&mut self);
    fn eval(&mut self, clock: u8);
    fn busy(&self) -> bool;
    fn busy_cycles(&self) -> u64;
    fn command_fires(&self) -> bool;
    fn offer(&mut self, command: Option<Command>);
    fn read(&self) -> Option<(usize, usize)>;
    fn answer(&mut self, a: &'b [u32], b: &'b [u32]);
    /// Copies the result beat, if there is one; says whether there was.
    fn result(&self, to: &mut [u32]) -> bool;
}

/// A port of any width, as the macro types it: a number, or words.
trait Port {
    fn of(words: &[u32]) -> Self;
}

impl Port for u32 {
    fn of(words: &[u32]) -> Self {
        words[0]
    }
}

impl<const WORDS: usize> Port for WideIn<WORDS> {
    fn of(words: &[u32]) -> Self {
        Self::new(words.try_into().expect("a word of the port"))
    }
}

impl<'b> Pins<'b> for Core<'_> {
    fn start(&mut self, shift: u8) {
        self.rst_ni = 1;
        self.mode_shift_i = shift;
        self.mode_bits_i = 32;
        self.mode_round_i = 0;
        self.ctr_clear_i = 1;
    }

    fn run(&mut self) {
        self.ctr_clear_i = 0;
        self.res_ready_i = 1;
    }

    fn eval(&mut self, clock: u8) {
        self.clk_i = clock;
        AsDynamicVerilatedModel::eval(self);
    }

    fn busy(&self) -> bool {
        self.busy_o == 1
    }

    fn busy_cycles(&self) -> u64 {
        self.ctr_busy_o
    }

    fn command_fires(&self) -> bool {
        self.cmd_valid_i == 1 && self.cmd_ready_o == 1
    }

    fn offer(&mut self, command: Option<Command>) {
        self.cmd_valid_i = u8::from(command.is_some());
        let Some(Command { planes, words, rows, cols, bank }) = command else { return };
        (self.cmd_planes_a_i, self.cmd_planes_b_i) = (planes, planes);
        self.cmd_words_i = words;
        (self.cmd_rows_i, self.cmd_cols_i) = (rows, cols);
        (self.cmd_base_i, self.cmd_emit_i, self.cmd_bank_i) = (0, 1, bank);
    }

    fn read(&self) -> Option<(usize, usize)> {
        (self.op_ren_o == 1).then(|| (self.op_addr_a_o.into(), self.op_addr_b_o.into()))
    }

    fn answer(&mut self, a: &'b [u32], b: &'b [u32]) {
        self.op_a_i = Port::of(a);
        self.op_b_i = Port::of(b);
    }

    fn result(&self, to: &mut [u32]) -> bool {
        if self.res_valid_o == 1 {
            to.copy_from_slice(&self.res_data_o.value()[..to.len()]);
        }
        self.res_valid_o == 1
    }
}

/// A model whose pins have names. `valid` repeats what it was told, for it cannot read inputs.
pub struct Named<'c> {
    pub model: DynamicVerilatedModel<'c>,
    pub valid: bool,
}

impl<'c> Named<'c> {
    fn pin(&mut self, port: &str, value: impl Into<VerilatorValue<'c>>) {
        self.model.pin(port, value).expect("a pin of the core");
    }

    fn number(&self, port: &str) -> u64 {
        match self.model.read(port).expect("a pin of the core") {
            VerilatorValue::CData(value) => value.into(),
            VerilatorValue::SData(value) => value.into(),
            VerilatorValue::IData(value) => value.into(),
            VerilatorValue::QData(value) => value,
            _ => panic!("{port} is wide"),
        }
    }
}

/// Operand pins are words, or one.
fn operand(words: &[u32]) -> VerilatorValue<'_> {
    match words {
        [word] => VerilatorValue::IData(*word),
        words => VerilatorValue::WDataInP(words),
    }
}

impl<'b> Pins<'b> for Named<'b> {
    fn start(&mut self, shift: u8) {
        self.pin("rst_ni", 1_u8);
        self.pin("mode_shift_i", shift);
        self.pin("mode_bits_i", 32_u8);
        self.pin("mode_round_i", 0_u8);
        self.pin("ctr_clear_i", 1_u8);
    }

    fn run(&mut self) {
        self.pin("ctr_clear_i", 0_u8);
        self.pin("res_ready_i", 1_u8);
    }

    fn eval(&mut self, clock: u8) {
        self.pin("clk_i", clock);
        self.model.eval();
    }

    fn busy(&self) -> bool {
        self.number("busy_o") == 1
    }

    fn busy_cycles(&self) -> u64 {
        self.number("ctr_busy_o")
    }

    fn command_fires(&self) -> bool {
        self.valid && self.number("cmd_ready_o") == 1
    }

    fn offer(&mut self, command: Option<Command>) {
        self.valid = command.is_some();
        self.pin("cmd_valid_i", u8::from(self.valid));
        let Some(Command { planes, words, rows, cols, bank }) = command else { return };
        self.pin("cmd_planes_a_i", planes);
        self.pin("cmd_planes_b_i", planes);
        self.pin("cmd_words_i", words);
        self.pin("cmd_rows_i", rows);
        self.pin("cmd_cols_i", cols);
        self.pin("cmd_base_i", 0_u8);
        self.pin("cmd_emit_i", 1_u8);
        self.pin("cmd_bank_i", bank);
    }

    fn read(&self) -> Option<(usize, usize)> {
        (self.number("op_ren_o") == 1)
            .then(|| (self.number("op_addr_a_o") as usize, self.number("op_addr_b_o") as usize))
    }

    fn answer(&mut self, a: &'b [u32], b: &'b [u32]) {
        self.pin("op_a_i", operand(a));
        self.pin("op_b_i", operand(b));
    }

    fn result(&self, to: &mut [u32]) -> bool {
        let valid = self.number("res_valid_o") == 1;
        if valid {
            let VerilatorValue::WDataOutP(words) = self.model.read("res_data_o").expect("a pin")
            else {
                panic!("res_data_o is narrow");
            };
            to.copy_from_slice(&words[..to.len()]);
        }
        valid
    }
}
