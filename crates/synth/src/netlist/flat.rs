//! A flattened netlist: cells with the nets at their pins, and the module instance of each cell.

use std::collections::BTreeMap;

use super::parse::{Bit, Module, Netlist, PortDirection};

/// Why a netlist cannot be flattened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetlistError {
    /// The netlist has no such top module.
    #[error("expected module {top} in the netlist, found {found}")]
    NoTop {
        /// The top requested.
        top: String,
        /// The modules of the netlist.
        found: String,
    },
    /// A module instantiates itself, directly or indirectly.
    #[error("expected a hierarchy without cycles, found module {module} inside itself")]
    Cycle {
        /// The module.
        module: String,
    },
    /// A hierarchy larger than any real design: a short text can describe one that doubles at every
    /// level.
    #[error("expected a hierarchy of at most {expected}, found more at {instance}")]
    TooLarge {
        /// What is bounded, and its bound.
        expected: String,
        /// Path of the instance that exceeds the bound.
        instance: String,
    },
    /// A connection that does not fit the port.
    #[error("{instance}: expected {expected} bits on port {port}, found {found}")]
    Width {
        /// Path of the instance.
        instance: String,
        /// The port.
        port: String,
        /// Bits of the port.
        expected: usize,
        /// Bits connected.
        found: usize,
    },
    /// A connection to a port that the module does not have.
    #[error("{instance}: expected a port of {module}, found {port}")]
    NoPort {
        /// Path of the instance.
        instance: String,
        /// Its module.
        module: String,
        /// The name.
        port: String,
    },
}

/// What is connected to a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// A constant; unknown bits are 0, as with `setundef -zero`.
    Constant(bool),
    /// A net.
    Net(u32),
}

/// A module instance of the original hierarchy; the first is the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Path from the top, joined by `/`; empty for the top itself.
    pub path: String,
    /// Module as the netlist names it.
    pub module: String,
}

/// A library cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatCell {
    /// Library cell.
    pub kind: String,
    /// Name within its module instance.
    pub name: String,
    /// Index of the module instance that contains it.
    pub instance: usize,
    /// Pins and their signals; unconnected pins are left out.
    pub pins: Vec<(String, Signal)>,
}

/// A port of the top module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatPort {
    /// Name.
    pub name: String,
    /// Direction.
    pub direction: PortDirection,
    /// Bits, least significant first.
    pub bits: Vec<Signal>,
}

/// A design without hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatNetlist {
    /// Top module.
    pub top: String,
    /// Ports in order.
    pub ports: Vec<FlatPort>,
    /// Cells.
    pub cells: Vec<FlatCell>,
    /// Module instances.
    pub instances: Vec<Instance>,
    /// Number of nets.
    pub nets: usize,
}

impl Netlist {
    /// Flattens the hierarchy below `top`. An instance of an unknown module is a library cell.
    ///
    /// # Errors
    /// [`NetlistError`].
    pub fn flatten(&self, top: &str) -> Result<FlatNetlist, NetlistError> {
        let module = self.modules.get(top).ok_or_else(|| NetlistError::NoTop {
            top: top.to_owned(),
            found: self.modules.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let mut flattener = Flattener {
            netlist: self,
            nets: Joined::default(),
            cells: Vec::new(),
            instances: vec![Instance { path: String::new(), module: top.to_owned() }],
            open: vec![top.to_owned()],
        };
        let base = flattener.nets.add(module.bits);
        flattener.dissolve(module, base, 0)?;
        let Flattener { mut nets, cells, instances, .. } = flattener;
        // Roots are numbered in order of first use: ports, then cells.
        let mut numbers = BTreeMap::new();
        let mut signal = |net: usize| match nets.resolve(net) {
            Root::Constant(value) => Signal::Constant(value),
            Root::Net(root) => {
                let next = numbers.len() as u32; // a netlist of 2^32 nets does not fit memory
                Signal::Net(*numbers.entry(root).or_insert(next))
            }
        };
        let ports = module
            .ports
            .iter()
            .map(|port| {
                let wire = &module.wires[*port];
                FlatPort {
                    name: wire.name.clone(),
                    direction: wire.direction.expect("ports have one"),
                    bits: (wire.base..wire.base + wire.width)
                        .map(|bit| signal(base + bit))
                        .collect(),
                }
            })
            .collect();
        let cells = cells
            .into_iter()
            .map(|cell| FlatCell {
                kind: cell.kind,
                name: cell.name,
                instance: cell.instance,
                pins: cell
                    .pins
                    .into_iter()
                    .map(|(pin, at)| {
                        let at = match at {
                            Bit::Constant(value) => Signal::Constant(value.unwrap_or(false)),
                            Bit::Net(net) => signal(net),
                        };
                        (pin, at)
                    })
                    .collect(),
            })
            .collect();
        let nets = numbers.len();
        Ok(FlatNetlist { top: top.to_owned(), ports, cells, instances, nets })
    }
}

/// Limits of a flattened hierarchy: bits, cells, instances and levels.
const MOST_BITS: usize = 1 << 27;
const MOST_CELLS: usize = 1 << 24;
const MOST_INSTANCES: usize = 1 << 20;
const MOST_LEVELS: usize = 256;

struct RawCell {
    kind: String,
    name: String,
    instance: usize,
    pins: Vec<(String, Bit)>,
}

struct Flattener<'a> {
    netlist: &'a Netlist,
    nets: Joined,
    cells: Vec<RawCell>,
    instances: Vec<Instance>,
    /// Modules being flattened, outermost first.
    open: Vec<String>,
}

impl Flattener<'_> {
    /// Refuses an instance of `child` that would exceed a limit.
    fn check_size(&self, child: &Module, path: &str) -> Result<(), NetlistError> {
        let sizes = [
            ("levels", self.open.len() + 1, MOST_LEVELS),
            ("instances", self.instances.len() + 1, MOST_INSTANCES),
            ("cells", self.cells.len() + child.cells.len(), MOST_CELLS),
            ("bits", self.nets.parents.len() + child.bits, MOST_BITS),
        ];
        match sizes.iter().find(|(_, size, most)| size > most) {
            Some((what, _, most)) => Err(NetlistError::TooLarge {
                expected: format!("{most} {what}"),
                instance: path.chars().take(200).collect(),
            }),
            None => Ok(()),
        }
    }

    /// Adds the cells of `module` as instance `instance`. Its bits begin at `base`.
    fn dissolve(
        &mut self,
        module: &Module,
        base: usize,
        instance: usize,
    ) -> Result<(), NetlistError> {
        let global = |bit: Bit| match bit {
            Bit::Net(net) => Bit::Net(base + net),
            constant => constant,
        };
        for (driven, driver) in &module.assigns {
            self.nets.join(global(*driven), global(*driver));
        }
        for cell in &module.cells {
            let Some(child) = self.netlist.modules.get(&cell.kind) else {
                let pins = cell
                    .pins
                    .iter()
                    .filter_map(|(pin, bits)| Some((pin.clone(), global(*bits.first()?))))
                    .collect();
                let (kind, name) = (cell.kind.clone(), cell.name.clone());
                self.cells.push(RawCell { kind, name, instance, pins });
                continue;
            };
            if self.open.contains(&cell.kind) {
                return Err(NetlistError::Cycle { module: cell.kind.clone() });
            }
            let parent = &self.instances[instance].path;
            let path = if parent.is_empty() {
                cell.name.clone()
            } else {
                format!("{parent}/{}", cell.name)
            };
            self.check_size(child, &path)?;
            let inner = self.nets.add(child.bits);
            for (port, bits) in &cell.pins {
                let wire = child.ports.iter().map(|at| &child.wires[*at]).find(|w| w.name == *port);
                let Some(wire) = wire else {
                    let (module, port) = (cell.kind.clone(), port.clone());
                    return Err(NetlistError::NoPort { instance: path, module, port });
                };
                if bits.is_empty() {
                    continue;
                }
                if bits.len() != wire.width {
                    return Err(NetlistError::Width {
                        instance: path,
                        port: port.clone(),
                        expected: wire.width,
                        found: bits.len(),
                    });
                }
                for (offset, bit) in bits.iter().enumerate() {
                    self.nets.join(Bit::Net(inner + wire.base + offset), global(*bit));
                }
            }
            self.instances.push(Instance { path, module: cell.kind.clone() });
            self.open.push(cell.kind.clone());
            self.dissolve(child, inner, self.instances.len() - 1)?;
            self.open.pop();
        }
        Ok(())
    }
}

/// Joins bits into nets: a union-find forest with path halving.
#[derive(Default)]
struct Joined {
    parents: Vec<usize>,
    constants: BTreeMap<usize, bool>,
}

enum Root {
    Constant(bool),
    Net(usize),
}

impl Joined {
    fn add(&mut self, bits: usize) -> usize {
        let base = self.parents.len();
        self.parents.extend(base..base + bits);
        base
    }

    fn root(&mut self, mut bit: usize) -> usize {
        while self.parents[bit] != bit {
            self.parents[bit] = self.parents[self.parents[bit]];
            bit = self.parents[bit];
        }
        bit
    }

    fn join(&mut self, a: Bit, b: Bit) {
        match (a, b) {
            (Bit::Net(a), Bit::Net(b)) => {
                let (a, b) = (self.root(a), self.root(b));
                if a != b {
                    self.parents[a] = b;
                    if let Some(value) = self.constants.remove(&a) {
                        self.constants.insert(b, value);
                    }
                }
            }
            (Bit::Net(net), Bit::Constant(value)) | (Bit::Constant(value), Bit::Net(net)) => {
                let root = self.root(net);
                self.constants.insert(root, value.unwrap_or(false));
            }
            (Bit::Constant(_), Bit::Constant(_)) => {}
        }
    }

    fn resolve(&mut self, net: usize) -> Root {
        let root = self.root(net);
        self.constants.get(&root).map_or(Root::Net(root), |value| Root::Constant(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Result<FlatNetlist, NetlistError> {
        Netlist::parse(text).expect("parses").flatten("top")
    }

    const SAMPLE: &str = "
module leaf (a, y, z);
  input a; output y; output z;
  INV u (.A(a), .Y(y), .YN());
  assign z = 1'b1;
endmodule
module pair (a, y);
  input [1:0] a; output [1:0] y;
  wire w;
  leaf u0 (.a(a[0]), .y(y[0]));
  leaf u1 (.a(a[1]), .y(w), .z(y[1]));
endmodule
module top (x, y);
  input x; output [1:0] y;
  pair u_pair (.a({ x, 1'b0 }), .y(y));
endmodule
";

    /// 2^40 instances in forty modules, and a deep hierarchy that overflowed the stack.
    #[test]
    fn hierarchies_beyond_memory_are_refused() {
        let module = |level: usize, times: usize| {
            let instance = |number| format!("m{} u{number} ();\n", level + 1);
            let instances: String = (0..times).map(instance).collect();
            format!("module m{level} ();\n{instances}endmodule\n")
        };
        let top = "module top ();\nm0 u ();\nendmodule\n";
        let doubling: String = (0..40).map(|level| module(level, 2)).collect();
        let error = flat(&format!("{top}{doubling}module m40 ();\nendmodule")).unwrap_err();
        assert!(error.to_string().contains("at most 1048576 instances"), "{error}");
        let tower: String = (0..10_000).map(|level| module(level, 1)).collect();
        let error = flat(&format!("{top}{tower}module m10000 ();\nendmodule")).unwrap_err();
        assert!(error.to_string().contains("at most 256 levels"), "{error}");
    }

    #[test]
    fn nets_join_through_ports_and_constants_travel() {
        let flat = flat(SAMPLE).expect("flattens");
        let paths: Vec<_> = flat.instances.iter().map(|i| i.path.as_str()).collect();
        assert_eq!(paths, ["", "u_pair", "u_pair/u0", "u_pair/u1"]);
        let (x, y0) = (Signal::Net(0), Signal::Net(1));
        assert_eq!(flat.ports[0].bits, [x]);
        assert_eq!(flat.ports[1].bits, [y0, Signal::Constant(true)]);
        let pins: Vec<_> = flat.cells.iter().map(|cell| cell.pins.clone()).collect();
        let pin = |name: &str, at| (name.to_owned(), at);
        assert_eq!(pins[0], [pin("A", Signal::Constant(false)), pin("Y", y0)]);
        assert_eq!(pins[1], [pin("A", x), pin("Y", Signal::Net(2))]);
        assert_eq!((flat.nets, flat.cells[1].instance), (3, 3));
    }

    #[test]
    fn broken_hierarchies_are_named() {
        let error = |text: &str| flat(text).expect_err("refused").to_string();
        assert_eq!(
            error("module other (); endmodule"),
            "expected module top in the netlist, found other"
        );
        assert_eq!(
            error("module top (); top u (); endmodule"),
            "expected a hierarchy without cycles, found module top inside itself"
        );
        assert_eq!(
            error(
                "module a (x); input [1:0] x; endmodule module top (); a u (.x(1'b0)); endmodule"
            ),
            "u: expected 2 bits on port x, found 1"
        );
        assert_eq!(
            error("module a (); endmodule module top (); a u (.x(1'b0)); endmodule"),
            "u: expected a port of a, found x"
        );
    }
}
