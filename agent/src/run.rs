//! The one loop: tick, read, batch, spool, send, drain.
//!
//! Two futures on one thread share the queue: reading never waits for delivery, delivery never waits for a tick. In:
//! settings, a sink, a clock and a shutdown signal, so that a simulation can bring its own. Out: what was left over.
//! Invariants: ticks lie on exact multiples of the interval, so they never drift; a missed tick is counted, not made up
//! for; after the shutdown signal nothing more is read, receivers end, and what cannot be delivered within [`DRAIN_MAX`] goes to disk.

use std::{cell::Cell, cell::RefCell, future::Future, pin::pin, rc::Rc, sync::Arc, time::Duration};

use farol_shared::{clock::Clock, limit, resource::Resource};
use farol_spool::SpoolError;
use tokio::{
    sync::Notify,
    task::LocalSet,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    alive::Alive,
    batch::Batcher,
    config::Settings,
    intake::{self, Inlet},
    listen::{self, Stop},
    own::OwnMetrics,
    read::{Context, Roots, SOURCES, SourceRow, Surroundings, identity},
    recorder::{Recorder, ResourceSlot},
    send::Sink,
};

mod deliver;
mod queue;
mod sources;

use queue::Queue;
use sources::Sources;

/// Longest wait for the last deliveries after the shutdown signal. systemd waits 90 s, Docker 10 s.
pub const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Without an acknowledgement for this long, what waits in memory is put on disk with every tick, so that an agent that is
/// killed while the collector is away loses one tick only.
const PERSIST_AFTER: Duration = Duration::from_secs(10);

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The spool's directory is unusable.
    #[error("cannot open the spool")]
    Spool(#[from] SpoolError),
    /// The system gives no random number for this run.
    #[error("cannot get a random number from the system")]
    Random(#[source] getrandom::Error),
}

/// What a run of the agent leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Samples taken.
    pub taken: u64,
    /// Batches that are still waiting, on disk if there is a spool directory.
    pub waiting: u64,
}

/// An agent before it runs.
#[derive(Debug)]
pub struct Agent<'a> {
    /// Its configuration.
    pub settings: &'a Settings,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Random number of this run.
    pub boot: u64,
    /// What it reads.
    pub sources: &'static [SourceRow],
    /// Who is told that it runs.
    pub alive: Rc<Alive>,
}

/// Runs an agent with all its sources until `shutdown` resolves, and tells through `alive` that it does.
///
/// # Errors
/// [`RunError`] when it cannot start; once started it does not fail.
pub async fn run<S: Sink>(
    settings: &Settings,
    sink: S,
    clock: Arc<dyn Clock>,
    alive: &Rc<Alive>,
    shutdown: impl Future<Output = ()>,
) -> Result<Finished, RunError> {
    let boot = getrandom::u64().map_err(RunError::Random)?;
    let alive = Rc::clone(alive);
    Agent { settings, clock, boot, sources: SOURCES, alive }.run(sink, shutdown).await
}

/// What reading and delivery share.
#[derive(Debug)]
struct Shared {
    queue: RefCell<Queue>,
    pushed: Notify,
    closing: Notify,
    is_closing: Cell<bool>,
    /// Until when somebody watches, and the bell that tells the reading half.
    watched_until: Cell<Option<Instant>>,
    watched: Notify,
    /// How long the last acknowledged batch took, until it is reported.
    send_duration: Cell<Option<Duration>>,
    last_ack: Cell<Instant>,
    alive: Rc<Alive>,
}

impl Shared {
    fn is_watched(&self) -> bool {
        self.watched_until.get().is_some_and(|until| Instant::now() < until)
    }
}

impl Agent<'_> {
    /// Runs until `shutdown` resolves, then drains.
    ///
    /// # Errors
    /// [`RunError`] when it cannot start.
    pub async fn run<S: Sink>(self, sink: S, shutdown: impl Future<Output = ()>) -> Result<Finished, RunError> {
        let shared = Rc::new(Shared {
            queue: RefCell::new(Queue::open(&self.settings.spool)?),
            pushed: Notify::new(),
            closing: Notify::new(),
            is_closing: Cell::new(false),
            watched_until: Cell::new(None),
            watched: Notify::new(),
            send_duration: Cell::new(None),
            last_ack: Cell::new(Instant::now()),
            alive: Rc::clone(&self.alive),
        });
        let listen = self.settings.listen.clone();
        let reader = Reader::new(self, Rc::clone(&shared));
        // Receivers are tasks of their own; they share the thread and nothing else but the intake.
        LocalSet::new().run_until(reader.run(&shared, sink, &listen, shutdown)).await
    }
}

/// The reading half.
#[derive(Debug)]
struct Reader {
    shared: Rc<Shared>,
    clock: Arc<dyn Clock>,
    boot: u64,
    interval_ms: u64,
    live_interval_ms: u64,
    roots: Rc<Roots>,
    around: Surroundings,
    own: ResourceSlot,
    own_key: String,
    recorder: Recorder,
    sources: Sources,
    metrics: OwnMetrics,
    inlet: Inlet,
    batcher: Batcher,
    missed_ticks: u64,
}

impl Reader {
    async fn run<S: Sink>(
        mut self,
        shared: &Shared,
        sink: S,
        listen: &listen::Settings,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Finished, RunError> {
        let (stop, stopped) = Stop::new();
        let context = listen::Context {
            inlet: self.inlet.clone(),
            clock: Arc::clone(&self.clock),
            roots: Rc::clone(&self.roots),
            stop: stopped,
        };
        let mut receivers = pin!(listen::start(listen, &context));
        let mut delivery = pin!(deliver::deliver(shared, sink, self.boot));
        {
            shared.alive.begin(Duration::from_millis(self.interval_ms));
            let mut reading = pin!(self.read());
            let mut shutdown = pin!(shutdown);
            tokio::select! {
                () = shared.alive.tell() => {}
                () = &mut shutdown => {}
                () = &mut reading => {}
                () = &mut delivery => {}
            }
        }
        stop.send_replace(true);
        tokio::select! {
            _ = timeout(listen::STOP_MAX, &mut receivers) => {}
            () = &mut delivery => {}
        }
        self.take_last();
        shared.is_closing.set(true);
        shared.pushed.notify_one();
        shared.closing.notify_one();
        info!(waiting = shared.queue.borrow_mut().stats().batches, "agent stopping");
        let is_drained = timeout(DRAIN_MAX, delivery).await.is_ok();
        let mut queue = shared.queue.borrow_mut();
        queue.flush();
        let finished = Finished { taken: self.batcher.taken(), waiting: queue.stats().batches };
        info!(is_drained, waiting = finished.waiting, "agent stopped");
        Ok(finished)
    }

    fn new(agent: Agent<'_>, shared: Rc<Shared>) -> Self {
        let settings = agent.settings;
        let roots = Roots::new(&settings.root);
        let around = Surroundings::find(&roots);
        let mut recorder = Recorder::new();
        let resource = identity::own(&roots, &around, &settings.described);
        let own_key = resource.key.clone();
        let own = recorder.resource(resource);
        info!(agent = own_key, place = %around.place, interval_ms = settings.interval_ms, "agent started");
        let sources = Sources::new(agent.sources, &mut recorder, own);
        Self {
            shared,
            clock: agent.clock,
            boot: agent.boot,
            interval_ms: settings.interval_ms,
            live_interval_ms: settings.live_interval_ms,
            metrics: OwnMetrics::new(&mut recorder, own, settings.is_embedded),
            batcher: Batcher::new(&own_key, agent.boot),
            roots: Rc::new(roots),
            around,
            own,
            own_key,
            inlet: Inlet::new(intake_settings(settings, recorder.described(own))),
            recorder,
            sources,
            missed_ticks: 0,
        }
    }

    /// Ticks for ever.
    async fn read(&mut self) {
        let mut last_base = None;
        let mut last_tick = None;
        loop {
            let interval_ms = self.current_interval_ms();
            let next = next_tick(self.clock.now_ms(), interval_ms);
            if !self.wait_for(next, interval_ms).await {
                // Somebody began to watch: the next tick is an earlier one.
                continue;
            }
            let now = self.clock.now_ms();
            let base = now.div_euclid(as_i64(self.interval_ms));
            let is_base = last_base.replace(base) != Some(base);
            let before = last_tick.replace((Instant::now(), interval_ms));
            self.count_missed(before, interval_ms);
            self.tick(now, interval_ms, is_base);
            self.shared.alive.beat(Duration::from_millis(interval_ms));
            // The batch leaves before the next wait is set up.
            tokio::task::yield_now().await;
        }
    }

    /// Waits for a tick; false when somebody began to watch meanwhile.
    async fn wait_for(&self, next_ms: i64, interval_ms: u64) -> bool {
        // A timer may fire a moment early: then the rest is waited for as well.
        while let Some(wait) = until(next_ms, self.clock.now_ms(), interval_ms) {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.shared.watched.notified() => return false,
            }
        }
        true
    }

    fn current_interval_ms(&self) -> u64 {
        if self.shared.is_watched() { self.live_interval_ms } else { self.interval_ms }
    }

    /// Counts by the monotonic clock, so that setting the wall clock is not taken for a stall, and only between two ticks
    /// of the same interval. A quarter of an interval is forgiven, for a tick that came late.
    fn count_missed(&mut self, before: Option<(Instant, u64)>, interval_ms: u64) {
        let Some((last, _)) = before.filter(|(_, before_ms)| *before_ms == interval_ms) else { return };
        let elapsed_ms = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ticks = elapsed_ms.saturating_add(interval_ms / 4) / interval_ms.max(1);
        if ticks > 1 {
            self.missed_ticks += ticks - 1;
            warn!(missed = ticks - 1, total = self.missed_ticks, "ticks missed");
        }
    }

    fn tick(&mut self, now_ms: i64, interval_ms: u64, is_base: bool) {
        let context = Context { roots: &self.roots, around: &self.around, own: self.own, own_key: &self.own_key };
        self.sources.read(&context, &mut self.recorder, now_ms, is_base);
        let mut queue = self.shared.queue.borrow_mut();
        if is_base {
            let seen = crate::own::Seen {
                taken: self.batcher.taken(),
                losses: queue.losses(),
                missed_ticks: self.missed_ticks,
                spool: queue.stats(),
                send_duration: self.shared.send_duration.take(),
            };
            self.metrics.record(&mut self.recorder, &seen);
        }
        let records = self.inlet.open().drain(&mut self.recorder, self.own, is_base);
        let encoded = self.batcher.next(&mut self.recorder, records, now_ms, interval_ms, &queue.losses());
        debug!(seq = encoded.seq, samples = encoded.samples, bytes = encoded.body.len(), "batch made");
        queue.push(self.boot, encoded);
        if self.shared.last_ack.get().elapsed() > PERSIST_AFTER {
            queue.persist();
        }
        drop(queue);
        self.shared.pushed.notify_one();
    }

    /// Makes a last batch of what applications told after the last tick, so that stopping loses none of it.
    fn take_last(&mut self) {
        if !self.inlet.open().is_waiting() {
            return;
        }
        let mut queue = self.shared.queue.borrow_mut();
        let records = self.inlet.open().drain(&mut self.recorder, self.own, false);
        let encoded = self.batcher.next(&mut self.recorder, records, self.clock.now_ms(), self.interval_ms, &queue.losses());
        queue.push(self.boot, encoded);
    }
}

/// The service is the configured one, else what the own resource is called.
fn intake_settings(settings: &Settings, own: Option<&Resource>) -> intake::Settings {
    let of = |key: &str| own.and_then(|own| own.attributes.get(key)).cloned();
    let name = of("service.name").or_else(|| of("container.name")).or_else(|| of("host.name"));
    intake::Settings {
        service: name.or_else(|| own.map(|own| own.key.clone())).unwrap_or_default(),
        environment: of("deployment.environment.name"),
        tenant: settings.described.tenant.clone(),
        slow_s: settings.requests.slow_s,
    }
}

/// The first multiple of the interval after `now_ms`.
fn next_tick(now_ms: i64, interval_ms: u64) -> i64 {
    let interval = as_i64(interval_ms);
    (now_ms.div_euclid(interval) + 1).saturating_mul(interval)
}

/// How long to wait for `next`; `None` when it is due, or further away than it can be unless the clock was set back.
fn until(next_ms: i64, now_ms: i64, interval_ms: u64) -> Option<Duration> {
    let wait_ms = u64::try_from(next_ms.saturating_sub(now_ms)).ok()?;
    (1..=interval_ms).contains(&wait_ms).then(|| Duration::from_millis(wait_ms))
}

fn as_i64(interval_ms: u64) -> i64 {
    i64::try_from(interval_ms.clamp(1, limit::INTERVAL_MS_MAX)).unwrap_or(1_000)
}

#[cfg(test)]
mod tests;
