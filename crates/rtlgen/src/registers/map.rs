//! The registers themselves.

use flexmac_array::{ArrayConfig, PARAMETERS, Parameter, Style, Value};
use flexmac_fxp::Rounding;

use crate::registers::{Access, Field, Group, NamedValue, Register, RegisterMap};
use crate::top::{QUEUE_ADDR_WIDTH, StreamBits};

/// "FMAC" in ASCII, the first letter highest.
const ID: u32 = 0x464d_4143;

fn value(value: u32, name: &str, about: &str) -> NamedValue {
    NamedValue { value, name: name.to_owned(), about: about.to_owned() }
}

fn field(name: &str, lsb: u32, bits: u32, about: &str) -> Field {
    Field { name: name.to_owned(), lsb, bits, about: about.to_owned(), values: Vec::new() }
}

fn named(name: &str, lsb: u32, bits: u32, about: &str, values: Vec<NamedValue>) -> Field {
    Field { values, ..field(name, lsb, bits, about) }
}

fn register(name: &str, access: Access, about: &str, fields: Vec<Field>) -> Register {
    Register {
        name: name.to_owned(),
        offset: 0,
        width: 32,
        access,
        about: about.to_owned(),
        fields,
    }
}

/// A register of one number.
fn number(name: &str, access: Access, about: &str) -> Register {
    register(name, access, about, vec![field("value", 0, 32, "")])
}

fn counter(name: &str, bits: u32, about: &str) -> Register {
    let fields = vec![field("value", 0, bits, "")];
    Register { width: 64, ..register(name, Access::ReadOnly, about, fields) }
}

/// Gives the registers consecutive offsets from `offset` on.
fn group(title: &str, about: &str, mut offset: u32, mut registers: Vec<Register>) -> Group {
    for register in &mut registers {
        register.offset = offset;
        offset += register.width / 8;
    }
    Group { title: title.to_owned(), about: about.to_owned(), registers }
}

/// The map of `flexmac_top`.
pub fn register_map() -> RegisterMap {
    RegisterMap {
        address_bits: 12,
        groups: vec![identification(), parameter_values(), control(), command(), counters()],
    }
}

fn identification() -> Group {
    group(
        "Identification",
        "Tells software what it has found.",
        0x000,
        vec![
            number("id", Access::ReadOnly, "0x464d4143, \"FMAC\""),
            register(
                "version",
                Access::ReadOnly,
                "Version of the generator.",
                vec![
                    field("patch", 0, 8, ""),
                    field("minor", 8, 8, ""),
                    field("major", 16, 16, "a change that drivers must know of"),
                ],
            ),
            number("scratch", Access::ReadWrite, "Holds what was written: a test of the bus."),
        ],
    )
}

/// Parameters of the map's first version. The registers of later ones follow what is derived from the
/// parameters, so that no address moves.
const FIRST_PARAMETERS: usize = 11;

fn parameter_values() -> Group {
    let mut registers: Vec<_> = PARAMETERS.iter().map(parameter_register).collect();
    let later = registers.split_off(FIRST_PARAMETERS);
    registers.extend([
        number("param_sum_bits", Access::ReadOnly, "Bits of an exact sum."),
        number(
            "param_preload_bits",
            Access::ReadOnly,
            "Bits that a sum takes in a preload beat: `param_sum_bits` rounded up to 32.",
        ),
        number("param_queue", Access::ReadOnly, "Commands that wait before the banks, at most."),
    ]);
    registers.extend(later);
    group(
        "Parameters",
        "Every parameter the array was generated with, and what software needs of what follows \
         from them.",
        0x010,
        registers,
    )
}

/// The register that reads a parameter back: [`Value::encoding`].
fn parameter_register(parameter: &Parameter) -> Register {
    let (name, about) = (parameter_name(parameter), format!("{}.", capital(parameter.meaning)));
    match parameter.default() {
        Value::Number(_) => number(&name, Access::ReadOnly, &about),
        Value::Modes(_) => {
            let bit = |mode: Rounding| field(mode.name(), mode.encoding().into(), 1, "");
            register(&name, Access::ReadOnly, &about, Rounding::ALL.map(bit).to_vec())
        }
        Value::Style(_) => {
            let number = |style: Style| {
                let about = match style {
                    Style::Flex => "flexible PE: plane-major passes",
                    Style::Fixed => "fixed-width integer PE",
                    Style::Fp32 => "float PE, binary32",
                    Style::Bf16 => "float PE, bfloat16",
                    Style::Fp8 => "float PE, E4M3 and E5M2",
                };
                value(style.encoding().into(), style.name(), about)
            };
            let styles = named("value", 0, 32, "", Style::ALL.map(number).to_vec());
            register(&name, Access::ReadOnly, &about, vec![styles])
        }
    }
}

fn parameter_name(parameter: &Parameter) -> String {
    format!("param_{}", parameter.name)
}

/// What a read-only field reads in an array, if the configuration or the generator fixes it; `None` if
/// hardware does.
pub(crate) fn constant(config: &ArrayConfig, register: &Register, field: &Field) -> Option<u32> {
    let version = |part: &str| part.parse().expect("cargo versions are numbers");
    Some(match register.field_name(field).as_str() {
        "id" => ID,
        "version_major" => version(env!("CARGO_PKG_VERSION_MAJOR")),
        "version_minor" => version(env!("CARGO_PKG_VERSION_MINOR")),
        "version_patch" => version(env!("CARGO_PKG_VERSION_PATCH")),
        "param_sum_bits" => config.sum_bits(),
        "param_preload_bits" => StreamBits::new(config).preload_slot,
        "param_queue" => 1 << QUEUE_ADDR_WIDTH,
        _ => return parameter_value(config, register, field),
    })
}

/// What a field of a parameter's register reads in an array; `None` for other registers.
fn parameter_value(config: &ArrayConfig, register: &Register, field: &Field) -> Option<u32> {
    let parameter = PARAMETERS.iter().find(|known| parameter_name(known) == register.name)?;
    let value = (parameter.get)(config.spec()).encoding() >> field.lsb;
    Some(if field.bits < 32 { value & ((1 << field.bits) - 1) } else { value })
}

fn control() -> Group {
    group(
        "Control and status",
        "",
        0x080,
        vec![
            register(
                "control",
                Access::WriteOnly,
                "Each bit written as 1 acts once.",
                vec![
                    field(
                        "reset",
                        0,
                        1,
                        "soft reset: drops every command, operand and partial result, clears \
                         errors, events and counters; keeps the command registers, irq_enable \
                         and scratch. A result packet that had begun is ended by a beat with TLAST",
                    ),
                    field(
                        "flush",
                        1,
                        1,
                        "with reset: drops the rest of each input packet that had begun, up to \
                         its TLAST. Without it the next beat is taken for a packet's first",
                    ),
                    field("clear_counters", 2, 1, "sets the counters to 0"),
                    field("clear_error", 3, 1, "sets error and error_command to 0"),
                ],
            ),
            register(
                "status",
                Access::ReadOnly,
                "Activity flags.",
                vec![
                    field("busy", 0, 1, "a command or a result is on its way"),
                    field("filling", 1, 1, "an operand bank is being filled"),
                    field("running", 2, 1, "the array computes or rounds"),
                    field("flushing", 3, 1, "the rest of an input packet is being dropped"),
                    field("error", 4, 1, "error is not 0"),
                    field("free", 16, 16, "commands that can be started before the queue is full"),
                ],
            ),
            register(
                "error",
                Access::ReadOnly,
                "The first error since the last clear. A refused command leaves no trace but \
                 this; a packet of wrong length spoils the results of its own command only.",
                vec![named("code", 0, 8, "", error_codes())],
            ),
            register(
                "error_command",
                Access::ReadOnly,
                "Number of the command in error, modulo 2^16: accepted ones are numbered from 0 \
                 after reset, a refused one has the number it would have got.",
                vec![field("value", 0, 16, "")],
            ),
            register(
                "irq_status",
                Access::WriteOneToClear,
                "Events since they were last cleared.",
                events(),
            ),
            register(
                "irq_enable",
                Access::ReadWrite,
                "Events that raise irq, a level, while they stand in irq_status.",
                events(),
            ),
            number("submitted", Access::ReadOnly, "Commands accepted since reset."),
            number("retired", Access::ReadOnly, "Commands whose operands have all been read."),
            number("results", Access::ReadOnly, "Result packets that have left whole."),
        ],
    )
}

fn events() -> Vec<Field> {
    vec![
        field("result", 0, 1, "a result packet has left"),
        field("idle", 1, 1, "the last command has left: status.busy fell"),
        field("error", 2, 1, "an error was found, also one that error does not keep"),
    ]
}

fn error_codes() -> Vec<NamedValue> {
    vec![
        value(0, "none", "no error"),
        value(1, "queue_full", "start while status.free was 0"),
        value(2, "k", "k is 0 or above max_k"),
        value(3, "bits_a", "bits_a is below 2 or above max_bits"),
        value(4, "bits_b", "bits_b is below 2 or above max_bits"),
        value(5, "rows", "shape_rows is 0 or above rows"),
        value(6, "cols", "shape_cols is 0 or above cols"),
        value(7, "base", "start_base is above 2"),
        value(8, "shift", "mode_shift is below -31 or above sum_bits + 24"),
        value(9, "bits_out", "bits_out is below 2 or above 32"),
        value(10, "round", "mode_round is no mode, or none this array was generated with"),
        value(11, "depth", "planes * ceil(k / lanes) exceeds depth: split k over commands"),
        value(16, "a_short", "TLAST of operand A came early: what is missing counted as 0"),
        value(17, "a_long", "TLAST of operand A came late: the surplus was dropped"),
        value(18, "b_short", "TLAST of operand B came early: what is missing counted as 0"),
        value(19, "b_long", "TLAST of operand B came late: the surplus was dropped"),
        value(20, "preload_short", "TLAST of the preload came early: the rest counted as 0"),
        value(21, "preload_long", "TLAST of the preload came late: the surplus was dropped"),
    ]
}

fn command() -> Group {
    group(
        "Command",
        "One piece of K of one tile. The registers hold their values, so equal commands need only \
         a start each. start takes a copy: they may be written again at once.",
        0x0c0,
        vec![
            number("k", Access::ReadWrite, "Length of the dot products, 1 .. max_k."),
            register(
                "shape",
                Access::ReadWrite,
                "Live part of the array.",
                vec![
                    field("rows", 0, 16, "1 .. rows: result and preload beats"),
                    field("cols", 16, 16, "1 .. cols: values that count in each"),
                ],
            ),
            register(
                "bits",
                Access::ReadWrite,
                "Widths, sign included.",
                vec![
                    field("a", 0, 8, "2 .. max_bits; ceil(a / chunk) planes"),
                    field("b", 8, 8, "2 .. max_bits; ceil(b / chunk) planes"),
                    field("out", 16, 8, "2 .. 32"),
                ],
            ),
            register(
                "mode",
                Access::ReadWrite,
                "How sums become results.",
                vec![
                    field("shift", 0, 16, "bits dropped, signed: -31 .. sum_bits + 24"),
                    named(
                        "round",
                        16,
                        8,
                        "",
                        vec![
                            value(0, "nearest", "floor(x + 1/2)"),
                            value(1, "truncate", "floor(x)"),
                            value(2, "stochastic", "floor(x + u), u from the column's stream"),
                        ],
                    ),
                ],
            ),
            register(
                "start",
                Access::WriteOnly,
                "Submits the command.",
                vec![
                    named(
                        "base",
                        0,
                        8,
                        "what the sums start from",
                        vec![
                            value(0, "zero", "nothing"),
                            value(1, "preload", "the next preload packet"),
                            value(2, "memory", "the sums of the command before"),
                        ],
                    ),
                    field("emit", 8, 1, "the sums are complete: round them, send a result packet"),
                ],
            ),
        ],
    )
}

fn counters() -> Group {
    group(
        "Counters",
        "64 bits in two words, the low one first; reading the low word holds the high one for the \
         next read. Cleared by control.clear_counters and by resets.",
        0x100,
        vec![
            counter("busy_cycles", 48, "Cycles in which the array computes or rounds."),
            counter("compute_cycles", 48, "... that issued an operand word."),
            counter("stall_cycles", 48, "... in which a capture waited for the drain chains."),
            counter("load_cycles", 48, "... frozen for want of a preload or seed beat."),
            counter("blocked_cycles", 48, "... frozen because results were not taken."),
            counter("emitted", 48, "Values emitted."),
            counter("overflow_low", 48, "Values at or below the smallest, before saturation."),
            counter("overflow_high", 48, "Values at or above the largest, before saturation."),
            counter("magnitude_or", 32, "OR of the values' magnitudes."),
            counter("error_sum", 48, "Sum of |rounding error| in 2^-8 of the last place."),
            counter("fill_cycles", 48, "Cycles in which an operand bank is being filled."),
            counter(
                "starved_cycles",
                48,
                "Cycles of those in which the array reads no bank: computing waits for loading.",
            ),
        ],
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
