//! An AXI4-Lite master: one access at a time. Address and data channels are delayed independently.

use verilated::{InPort, Model, OutPort};

use crate::driver::Stalls;
use crate::top::stream::{HandshakeDriver, HandshakeReceiver};

/// The response to an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// OKAY: the access was successful.
    Okay,
    /// SLVERR: the slave rejected the access.
    SlaveError,
}

impl Response {
    fn decode(code: u64) -> Self {
        if code == 0 { Self::Okay } else { Self::SlaveError }
    }
}

/// The master's pins and the state of the current access.
#[derive(Debug)]
pub(crate) struct AxiLite {
    aw: HandshakeDriver,
    w: HandshakeDriver,
    b: HandshakeReceiver,
    ar: HandshakeDriver,
    r: HandshakeReceiver,
    awaddr: InPort,
    wdata: InPort,
    wstrb: InPort,
    bresp: OutPort,
    araddr: InPort,
    rdata: OutPort,
    rresp: OutPort,
    address_waits: bool,
    data_waits: bool,
    read_waits: bool,
    /// Data (0 for a write) and response of the access, once it is complete.
    response: Option<(u32, Response)>,
}

impl AxiLite {
    pub fn new(model: &Model) -> Result<Self, verilated::Error> {
        let driver = |channel: &str| {
            HandshakeDriver::new(
                model,
                &format!("s_axil_{channel}valid"),
                &format!("s_axil_{channel}ready"),
            )
        };
        let receiver = |channel: &str| {
            HandshakeReceiver::new(
                model,
                &format!("s_axil_{channel}valid"),
                &format!("s_axil_{channel}ready"),
            )
        };
        Ok(Self {
            aw: driver("aw")?,
            w: driver("w")?,
            b: receiver("b")?,
            ar: driver("ar")?,
            r: receiver("r")?,
            awaddr: model.port("s_axil_awaddr")?.input()?,
            wdata: model.port("s_axil_wdata")?.input()?,
            wstrb: model.port("s_axil_wstrb")?.input()?,
            bresp: model.port("s_axil_bresp")?.output()?,
            araddr: model.port("s_axil_araddr")?.input()?,
            rdata: model.port("s_axil_rdata")?.output()?,
            rresp: model.port("s_axil_rresp")?.output()?,
            address_waits: false,
            data_waits: false,
            read_waits: false,
            response: None,
        })
    }

    pub fn set_stalls(&mut self, mut stalls: impl FnMut() -> Stalls) {
        self.aw.set_stalls(stalls());
        self.w.set_stalls(stalls());
        self.b.set_stalls(stalls());
        self.ar.set_stalls(stalls());
        self.r.set_stalls(stalls());
    }

    /// Starts a write of the bytes of `data` that `strobes` selects.
    pub fn begin_write(&mut self, model: &mut Model, address: u32, data: u32, strobes: u8) {
        model.set(self.awaddr, address.into());
        model.set(self.wdata, data.into());
        model.set(self.wstrb, strobes.into());
        self.address_waits = true;
        self.data_waits = true;
        self.response = None;
    }

    /// Starts a read.
    pub fn begin_read(&mut self, model: &mut Model, address: u32) {
        model.set(self.araddr, address.into());
        self.read_waits = true;
        self.response = None;
    }

    /// Data (0 for a write) and response, once the access is complete.
    pub fn take_response(&mut self) -> Option<(u32, Response)> {
        self.response.take()
    }

    /// Before an edge: records the transfers of this edge.
    pub fn sample(&mut self, model: &Model) {
        self.aw.sample(model);
        self.w.sample(model);
        self.ar.sample(model);
        if self.b.transfers(model) {
            self.response = Some((0, Response::decode(model.get(self.bresp))));
        }
        if self.r.transfers(model) {
            // A 32-bit port.
            let data = model.get(self.rdata) as u32;
            self.response = Some((data, Response::decode(model.get(self.rresp))));
        }
    }

    /// After an edge: drives the channels.
    pub fn drive(&mut self, model: &mut Model) {
        self.address_waits &= !self.aw.accepted();
        self.data_waits &= !self.w.accepted();
        self.read_waits &= !self.ar.accepted();
        self.aw.drive(model, self.address_waits);
        self.w.drive(model, self.data_waits);
        self.ar.drive(model, self.read_waits);
        self.b.drive(model, true);
        self.r.drive(model, true);
    }

    pub fn reset(&mut self) {
        for channel in [&mut self.aw, &mut self.w, &mut self.ar] {
            channel.reset();
        }
        self.address_waits = false;
        self.data_waits = false;
        self.read_waits = false;
        self.response = None;
    }
}
