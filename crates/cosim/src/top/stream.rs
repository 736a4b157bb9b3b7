//! AXI4-Stream, from the outside: a source that sends queued beats, a sink that keeps them.

use std::collections::VecDeque;

use verilated::{BusIn, BusOut, InPort, Model, OutPort};

use crate::driver::Stalls;

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// TDATA, the least significant word first.
    pub data: Vec<u32>,
    /// TLAST.
    pub last: bool,
}

/// A valid-ready pair whose valid is driven from here: once raised it stays until taken.
#[derive(Debug)]
pub(crate) struct Offer {
    valid: InPort,
    ready: OutPort,
    raised: bool,
    taken: bool,
    stalls: Option<Stalls>,
}

impl Offer {
    pub fn new(model: &Model, valid: &str, ready: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            valid: model.port(valid)?.input()?,
            ready: model.port(ready)?.output()?,
            raised: false,
            taken: false,
            stalls: None,
        })
    }

    pub fn set_stalls(&mut self, stalls: Stalls) {
        self.stalls = Some(stalls);
    }

    /// Before an edge: whether it takes what is on offer.
    pub fn sample(&mut self, model: &Model) {
        self.taken = self.raised && model.get(self.ready) == 1;
    }

    /// Whether the last edge took what was on offer.
    pub fn taken(&self) -> bool {
        self.taken
    }

    /// After an edge: true when something waits that goes on the pins now.
    pub fn drive(&mut self, model: &mut Model, waiting: bool) -> bool {
        self.raised &= !self.taken;
        self.taken = false;
        let late = self.stalls.as_mut().is_some_and(Stalls::late);
        let raises = !self.raised && waiting && !late;
        self.raised |= raises;
        model.set(self.valid, u64::from(self.raised));
        raises
    }

    /// Forgets what is on offer, as a source that is reset does.
    pub fn reset(&mut self) {
        self.raised = false;
        self.taken = false;
    }
}

/// A valid-ready pair whose ready is driven from here.
#[derive(Debug)]
pub(crate) struct Taker {
    valid: OutPort,
    ready: InPort,
    raised: bool,
    stalls: Option<Stalls>,
}

impl Taker {
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

    /// Before an edge: whether there is a beat, taken or not.
    pub fn shows(&self, model: &Model) -> bool {
        model.get(self.valid) == 1
    }

    /// Before an edge: whether it moves a beat.
    pub fn moves(&self, model: &Model) -> bool {
        self.raised && model.get(self.valid) == 1
    }

    /// After an edge: says whether the next beat would be taken.
    pub fn drive(&mut self, model: &mut Model, willing: bool) {
        self.raised = willing && !self.stalls.as_mut().is_some_and(Stalls::late);
        model.set(self.ready, u64::from(self.raised));
    }
}

/// Sends beats in the order they are pushed.
#[derive(Debug)]
pub struct Source {
    offer: Offer,
    data: BusIn,
    last: Option<InPort>,
    queue: VecDeque<Beat>,
}

impl Source {
    pub(crate) fn new(model: &Model, name: &str, last: bool) -> Result<Self, verilated::Error> {
        Ok(Self {
            offer: Offer::new(model, &format!("{name}_tvalid"), &format!("{name}_tready"))?,
            data: model.port(&format!("{name}_tdata"))?.bus_input()?,
            last: if last { Some(model.port(&format!("{name}_tlast"))?.input()?) } else { None },
            queue: VecDeque::new(),
        })
    }

    /// Queues one beat; data beyond the pins is left out, missing data is 0.
    pub fn push(&mut self, mut data: Vec<u32>, last: bool) {
        data.resize(self.data.words(), 0);
        // Bits above the port are none of the array's business.
        let used = self.data.bits() % 32;
        if let Some(top) = data.last_mut().filter(|_| used != 0) {
            *top &= (1 << used) - 1;
        }
        self.queue.push_back(Beat { data, last });
    }

    /// Queues a packet: TLAST on its last beat.
    pub fn push_packet(&mut self, beats: impl ExactSizeIterator<Item = Vec<u32>>) {
        let count = beats.len();
        for (index, data) in beats.enumerate() {
            self.push(data, index + 1 == count);
        }
    }

    /// Beats not yet taken.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Drops what is queued, also a beat on offer, as a source that is reset does.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.offer.reset();
    }

    pub(crate) fn set_stalls(&mut self, stalls: Stalls) {
        self.offer.set_stalls(stalls);
    }

    pub(crate) fn sample(&mut self, model: &Model) {
        self.offer.sample(model);
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        if self.offer.taken() {
            self.queue.pop_front();
        }
        if self.offer.drive(model, !self.queue.is_empty()) {
            let beat = &self.queue[0];
            model.write_bus(self.data, &beat.data);
            if let Some(last) = self.last {
                model.set(last, u64::from(beat.last));
            }
        }
    }
}

/// Takes beats and keeps them.
#[derive(Debug)]
pub struct Sink {
    taker: Taker,
    data: BusOut,
    last: OutPort,
    beats: VecDeque<Beat>,
    /// The beat that was on display and not taken: it must still be there.
    held: Option<Beat>,
    violations: u64,
    /// Whether beats are taken at all.
    pub willing: bool,
}

impl Sink {
    pub(crate) fn new(model: &Model, name: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            taker: Taker::new(model, &format!("{name}_tvalid"), &format!("{name}_tready"))?,
            data: model.port(&format!("{name}_tdata"))?.bus_output()?,
            last: model.port(&format!("{name}_tlast"))?.output()?,
            beats: VecDeque::new(),
            held: None,
            violations: 0,
            willing: true,
        })
    }

    /// Beats that went away or changed before they were taken, which AXI4-Stream forbids.
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// Forgets what was taken and what is on display, as a sink that is reset does.
    pub fn reset(&mut self) {
        self.beats.clear();
        self.held = None;
    }

    /// Beats taken and not yet asked for.
    pub fn len(&self) -> usize {
        self.beats.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.beats.is_empty()
    }

    /// The oldest beat.
    pub fn pop(&mut self) -> Option<Beat> {
        self.beats.pop_front()
    }

    /// The oldest packet, if it has arrived whole.
    pub fn pop_packet(&mut self) -> Option<Vec<Vec<u32>>> {
        let end = self.beats.iter().position(|beat| beat.last)?;
        Some(self.beats.drain(..=end).map(|beat| beat.data).collect())
    }

    pub(crate) fn set_stalls(&mut self, stalls: Stalls) {
        self.taker.set_stalls(stalls);
    }

    pub(crate) fn sample(&mut self, model: &Model) {
        let shown = self.taker.shows(model).then(|| {
            let mut data = vec![0; self.data.words()];
            model.read_bus(self.data, &mut data);
            Beat { data, last: model.get(self.last) == 1 }
        });
        if self.held.is_some() && self.held != shown {
            self.violations += 1;
        }
        if self.taker.moves(model) {
            self.held = None;
            self.beats.extend(shown);
        } else {
            self.held = shown;
        }
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        self.taker.drive(model, self.willing);
    }
}
