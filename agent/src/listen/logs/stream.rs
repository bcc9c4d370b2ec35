//! The output of a child, as a thread that passes it on puts it here.
//!
//! *Invariants:* putting never waits; what there is no room for is counted, and the line that it tears is passed over.
//! Bounded by [`WAITING_BYTES_MAX`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Duration, sleep},
};

use super::{
    assemble::Stamp,
    flow::{Flow, Hand},
    lines::{LINE_BYTES_MAX, Splitter},
    with_hand,
};
use crate::{intake::OWN, listen::Context};

/// Most bytes that wait to be recognised.
const WAITING_BYTES_MAX: usize = 512 << 10;

/// A record is looked at again after this long, to see whether it is whole.
const SETTLE: Duration = Duration::from_millis(250);

/// One stream of a child. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stream(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: &'static str,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Something was left out: the next line to be kept begins behind a line's end.
    is_torn: bool,
    lost_lines: u64,
    is_ended: bool,
}

impl Stream {
    /// A stream that is called `stdout` or `stderr`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self(Arc::new(Shared { name, waiting: Mutex::default(), arrived: Notify::new() }))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that holds the lock can panic half-way.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes there to be recognised, if there is room. Never waits; from any thread.
    pub fn put(&self, mut bytes: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.bytes.len() + bytes.len() >= WAITING_BYTES_MAX {
            if waiting.bytes.last().is_some_and(|last| *last != b'\n') {
                waiting.bytes.push(b'\n');
            }
            waiting.is_torn = true;
            waiting.lost_lines += u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(0);
            return;
        }
        if waiting.is_torn {
            let Some(end) = memchr::memchr(b'\n', bytes) else { return };
            waiting.is_torn = false;
            waiting.lost_lines += 1;
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
        waiting.bytes.extend_from_slice(bytes);
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// Says that nothing more will come.
    pub fn end(&self) {
        self.waiting().is_ended = true;
        self.0.arrived.notify_one();
    }

    /// Recognises what comes until the stream ends or the agent stops.
    pub(super) async fn serve(self, mut context: Context) {
        let mut reader = Reader { flow: Flow::new(OWN, self.0.name, true), splitter: Splitter::default(), bytes: Vec::new() };
        let mut taken = Vec::new();
        loop {
            let is_stopped = context.stop.is_stopped();
            let (lost, is_ended) = self.take(&mut taken);
            for bytes in taken.chunks(LINE_BYTES_MAX) {
                with_hand(&context, |hand| reader.read(bytes, hand));
                yield_now().await;
            }
            with_hand(&context, |hand| {
                if lost > 0 {
                    hand.intake.drop_records("line", "full", lost);
                }
                reader.settle(hand);
            });
            if is_ended || is_stopped {
                with_hand(&context, |hand| reader.finish(hand));
                return;
            }
            let is_holding = reader.flow.held_from().is_some();
            tokio::select! {
                () = self.0.arrived.notified() => {}
                () = sleep(SETTLE), if is_holding => {}
                () = context.stop.stopped() => {}
            }
        }
    }

    /// Takes everything that waits, and leaves the emptied buffer in its place.
    fn take(&self, into: &mut Vec<u8>) -> (u64, bool) {
        into.clear();
        let mut waiting = self.waiting();
        std::mem::swap(into, &mut waiting.bytes);
        (std::mem::take(&mut waiting.lost_lines), waiting.is_ended)
    }
}

/// What comes after the waiting: lines.
struct Reader {
    flow: Flow,
    splitter: Splitter,
    bytes: Vec<u8>,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], hand: &mut Hand<'_>) {
        self.bytes.extend_from_slice(bytes);
        let Self { flow, splitter, bytes } = self;
        let done = splitter.split(bytes, 0, &mut |line, from| flow.line(line, from, Stamp::default(), hand));
        bytes.drain(..done);
    }

    fn settle(&mut self, hand: &mut Hand<'_>) {
        let oversize = self.splitter.take_oversize();
        if oversize > 0 {
            hand.intake.drop_records("line", "oversize", oversize);
        }
        self.flow.settle(hand);
    }

    fn finish(&mut self, hand: &mut Hand<'_>) {
        if !self.bytes.is_empty() {
            self.read(b"\n", hand);
        }
        self.flow.flush(hand);
        self.settle(hand);
    }
}
