//! A synthesized core, read from the output folder of `flexmac synth`.

use std::path::{Path, PathBuf};

use flexmac_array::ArrayConfig;
use flexmac_fileio::bounded;
use flexmac_record::{RecordFile, SynthReport};
use flexmac_rtlgen::{SourceFile, TOP};
use flexmac_synth::liberty::Library;
use flexmac_synth::netlist::{FlatNetlist, Netlist, Probes};
use flexmac_synth::{CellSizes, LibraryOptions};

use crate::error::{Error, io_error};

/// A mapped netlist and its cell library.
pub struct Gates {
    /// Folder of the synthesis.
    pub folder: PathBuf,
    /// Report of the synthesis.
    pub report: SynthReport,
    /// The flattened netlist.
    pub netlist: FlatNetlist,
    /// The cell library.
    pub library: Library,
    /// The library in the form that tools read: canonical Liberty.
    pub canonical_library: String,
}

impl Gates {
    /// Reads `report.json`, `netlist.v` and the library they name.
    ///
    /// # Errors
    /// A folder without a finished synthesis of the whole core on a cell library; a library that has
    /// changed since; an invalid netlist.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let report_path = folder.join("report.json");
        let report = SynthReport::read(&report_path)?;
        let Some(used) = report.library.as_ref().filter(|_| report.top == TOP) else {
            let found = format!("{} on target {}", report.top, report.target);
            let expected = format!("{TOP} on a cell library");
            return Err(Error::Netlist { path: report_path, expected, found });
        };
        let lef = used.lef.as_ref().map(PathBuf::from);
        let options = LibraryOptions {
            conditions: used.operating_conditions.clone(),
            sizes: lef.map_or(CellSizes::Library, CellSizes::Lef),
        };
        let library = flexmac_synth::read_library(Path::new(&used.path), &options)?;
        if library.sha256 != used.sha256 {
            return Err(Error::Netlist {
                path: PathBuf::from(&used.path),
                expected: format!("the library of sha256 {}", used.sha256),
                found: format!("sha256 {}", library.sha256),
            });
        }
        let path = folder.join(&report.netlist);
        let text = bounded::text(&path, bounded::DATA).map_err(io_error("read", &path))?;
        let netlist = Netlist::parse(&text).map_err(|error| error.at(&path))?;
        let netlist = netlist.flatten(TOP).map_err(|source| Error::Hierarchy { path, source })?;
        Ok(Self {
            folder: folder.to_owned(),
            report,
            netlist,
            library: library.library,
            canonical_library: library.canonical,
        })
    }

    /// Refuses a netlist whose ports do not have the widths of the array.
    ///
    /// # Errors
    /// [`Error::Netlist`], which names the port.
    pub fn check_array(&self, config: &ArrayConfig) -> Result<(), Error> {
        for (name, bits) in flexmac_rtlgen::port_bits(config) {
            let port = self.netlist.ports.iter().find(|port| port.name == name);
            let found = port.map_or(0, |port| port.bits.len());
            if found != bits as usize {
                return Err(Error::Netlist {
                    path: self.folder.clone(),
                    expected: format!("{}, with {name} of {bits} bits", config.summary()),
                    found: format!("{found} bits"),
                });
            }
        }
        Ok(())
    }

    /// The netlist as a model for [`flexmac_cosim::RtlEngine::gates`]; with `probes` it counts activity.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn model(&self, probes: bool) -> Result<Vec<SourceFile>, Error> {
        let ports = Probes {
            trigger: flexmac_cosim::PROBE_TRIGGER,
            snapshot: flexmac_cosim::PROBE_SNAPSHOT,
        };
        let text =
            self.netlist.simulation(&self.library, probes.then_some(ports)).map_err(|error| {
                Error::Model {
                    cell: error.cell,
                    library: self.library.name.clone(),
                    reason: error.reason,
                }
            })?;
        Ok(vec![SourceFile { path: format!("{TOP}.v"), text }])
    }

    /// Net of the clock port.
    pub(crate) fn clock_net(&self) -> Option<flexmac_synth::netlist::Signal> {
        self.netlist.ports.iter().find(|port| port.name == "clk_i")?.bits.first().copied()
    }
}
