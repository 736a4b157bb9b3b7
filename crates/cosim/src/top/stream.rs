//! AXI4-Stream: a source that sends queued beats, and a sink that stores received beats.

use std::collections::VecDeque;

use verilated::{BusIn, BusOut, InPort, Model, OutPort};

use crate::driver::Stalls;

/// One beat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// TDATA, the least significant word first.
    pub data: Vec<u32>,
    /// TLAST.
    pub last: bool,
}

/// The driving side of a valid-ready handshake: drives valid, which stays high until the beat is
/// accepted.
#[derive(Debug)]
pub(crate) struct HandshakeDriver {
    valid: InPort,
    ready: OutPort,
    raised: bool,
    accepted: bool,
    stalls: Option<Stalls>,
}

impl HandshakeDriver {
    pub fn new(model: &Model, valid: &str, ready: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            valid: model.port(valid)?.input()?,
            ready: model.port(ready)?.output()?,
            raised: false,
            accepted: false,
            stalls: None,
        })
    }

    pub fn set_stalls(&mut self, stalls: Stalls) {
        self.stalls = Some(stalls);
    }

    /// Before an edge: records whether this edge accepts the beat.
    pub fn sample(&mut self, model: &Model) {
        self.accepted = self.raised && model.get(self.ready) == 1;
    }

    /// Whether the last edge accepted the beat.
    pub fn accepted(&self) -> bool {
        self.accepted
    }

    /// After an edge: drives valid. Returns true if a waiting beat goes on the pins now.
    pub fn drive(&mut self, model: &mut Model, waiting: bool) -> bool {
        self.raised &= !self.accepted;
        self.accepted = false;
        let late = self.stalls.as_mut().is_some_and(Stalls::late);
        let raises = !self.raised && waiting && !late;
        self.raised |= raises;
        model.set(self.valid, u64::from(self.raised));
        raises
    }

    /// Drops the current beat, as a reset does.
    pub fn reset(&mut self) {
        self.raised = false;
        self.accepted = false;
    }
}

/// The receiving side of a valid-ready handshake: drives ready.
#[derive(Debug)]
pub(crate) struct HandshakeReceiver {
    valid: OutPort,
    ready: InPort,
    raised: bool,
    stalls: Option<Stalls>,
}

impl HandshakeReceiver {
    pub fn new(model: &Model, valid: &str, ready: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            valid: model.port(valid)?.output()?,
            ready: model.port(ready)?.input()?,
            raised: false,
            stalls: None,
        })
    }

    pub fn set_stalls(&mut self, stalls: Stalls) {
        self.stalls = Some(stalls);
    }

    /// Before an edge: whether there is a beat, accepted or not.
    pub fn is_valid(&self, model: &Model) -> bool {
        model.get(self.valid) == 1
    }

    /// Before an edge: whether this edge transfers a beat.
    pub fn transfers(&self, model: &Model) -> bool {
        self.raised && model.get(self.valid) == 1
    }

    /// After an edge: drives ready for the next one.
    pub fn drive(&mut self, model: &mut Model, ready: bool) {
        self.raised = ready && !self.stalls.as_mut().is_some_and(Stalls::late);
        model.set(self.ready, u64::from(self.raised));
    }
}

/// Sends beats in the order they are pushed.
#[derive(Debug)]
pub struct Source {
    handshake: HandshakeDriver,
    data: BusIn,
    last: Option<InPort>,
    queue: VecDeque<Beat>,
}

impl Source {
    pub(crate) fn new(model: &Model, name: &str, last: bool) -> Result<Self, verilated::Error> {
        Ok(Self {
            handshake: HandshakeDriver::new(
                model,
                &format!("{name}_tvalid"),
                &format!("{name}_tready"),
            )?,
            data: model.port(&format!("{name}_tdata"))?.bus_input()?,
            last: if last { Some(model.port(&format!("{name}_tlast"))?.input()?) } else { None },
            queue: VecDeque::new(),
        })
    }

    /// Queues one beat. Data beyond the port's width is dropped; missing data is 0.
    pub fn push(&mut self, mut data: Vec<u32>, last: bool) {
        data.resize(self.data.words(), 0);
        // Clear the bits above the port's width.
        let used = self.data.bits() % 32;
        if let Some(top) = data.last_mut().filter(|_| used != 0) {
            *top &= (1 << used) - 1;
        }
        self.queue.push_back(Beat { data, last });
    }

    /// Queues a packet, with TLAST on its last beat.
    pub fn push_packet(&mut self, beats: impl ExactSizeIterator<Item = Vec<u32>>) {
        let count = beats.len();
        for (index, data) in beats.enumerate() {
            self.push(data, index + 1 == count);
        }
    }

    /// Number of beats not yet accepted.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Drops all queued beats, including the one on the pins, as a reset does.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.handshake.reset();
    }

    pub(crate) fn set_stalls(&mut self, stalls: Stalls) {
        self.handshake.set_stalls(stalls);
    }

    pub(crate) fn sample(&mut self, model: &Model) {
        self.handshake.sample(model);
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        if self.handshake.accepted() {
            self.queue.pop_front();
        }
        if self.handshake.drive(model, !self.queue.is_empty()) {
            let beat = &self.queue[0];
            model.write_bus(self.data, &beat.data);
            if let Some(last) = self.last {
                model.set(last, u64::from(beat.last));
            }
        }
    }
}

/// Receives beats and stores them.
#[derive(Debug)]
pub struct Sink {
    handshake: HandshakeReceiver,
    data: BusOut,
    last: OutPort,
    beats: VecDeque<Beat>,
    /// A beat that was valid and not accepted: it must not change.
    held: Option<Beat>,
    violations: u64,
    /// Whether the sink accepts beats: it raises TREADY, unless a random stall delays it.
    pub ready: bool,
}

impl Sink {
    pub(crate) fn new(model: &Model, name: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            handshake: HandshakeReceiver::new(
                model,
                &format!("{name}_tvalid"),
                &format!("{name}_tready"),
            )?,
            data: model.port(&format!("{name}_tdata"))?.bus_output()?,
            last: model.port(&format!("{name}_tlast"))?.output()?,
            beats: VecDeque::new(),
            held: None,
            violations: 0,
            ready: true,
        })
    }

    /// Number of beats that were withdrawn or changed before they were accepted. AXI4-Stream
    /// forbids both.
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// Drops all stored beats and the one on the pins, as a reset does.
    pub fn reset(&mut self) {
        self.beats.clear();
        self.held = None;
    }

    /// Number of stored beats.
    pub fn len(&self) -> usize {
        self.beats.len()
    }

    /// Whether no beat is stored.
    pub fn is_empty(&self) -> bool {
        self.beats.is_empty()
    }

    /// Removes and returns the oldest beat.
    pub fn pop(&mut self) -> Option<Beat> {
        self.beats.pop_front()
    }

    /// Removes and returns the oldest packet, if it is complete.
    pub fn pop_packet(&mut self) -> Option<Vec<Vec<u32>>> {
        let end = self.beats.iter().position(|beat| beat.last)?;
        Some(self.beats.drain(..=end).map(|beat| beat.data).collect())
    }

    pub(crate) fn set_stalls(&mut self, stalls: Stalls) {
        self.handshake.set_stalls(stalls);
    }

    pub(crate) fn sample(&mut self, model: &Model) {
        let offered = self.handshake.is_valid(model).then(|| {
            let mut data = vec![0; self.data.words()];
            model.read_bus(self.data, &mut data);
            Beat { data, last: model.get(self.last) == 1 }
        });
        if self.held.is_some() && self.held != offered {
            self.violations += 1;
        }
        if self.handshake.transfers(model) {
            self.held = None;
            self.beats.extend(offered);
        } else {
            self.held = offered;
        }
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        self.handshake.drive(model, self.ready);
    }
}
