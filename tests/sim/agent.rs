//! A simulated agent: the real loop, spool and HTTP delivery, with one source whose every value is unique.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use farol_agent::{
    batch::is_compressed,
    config::{Described, Settings, SpoolSettings},
    read::{Context, Opened, ReadError, Source, SourceRow},
    recorder::{Recorder, SeriesSlot},
    run::Agent,
    send::{Answer, Connector, Http, Parcel, Sink, Target, Token},
};
use farol_shared::{
    metric::{Kind, Metric},
    secret::Secret,
    wire,
};
use farol_tests::{collector::AGENT_TOKEN, random::Random};
use turmoil::net::TcpStream;

use crate::{SimClock, collector::PORT};

/// The gauge that simulated agents take.
pub(crate) static METRIC: Metric = Metric {
    name: "farol.sim.value",
    unit: "1",
    kind: Kind::Gauge,
    attributes: &[],
    description: "A number that was never used before.",
};

/// Name of an agent, of its host in the simulation and of its resource.
pub(crate) fn name(number: u64) -> String {
    format!("agent-{number}")
}

/// A sample by its value alone: no two samples of a simulation have the same.
pub(crate) type Value = u64;

/// What a simulation's agents did; one a thread, and a simulation is one thread.
#[derive(Default)]
pub(crate) struct Ledger {
    next: Value,
    /// Samples taken, by agent.
    pub(crate) taken: BTreeMap<String, Vec<Value>>,
    /// Samples acknowledged, by agent.
    pub(crate) acknowledged: BTreeMap<String, BTreeSet<Value>>,
}

thread_local! {
    static LEDGER: RefCell<Ledger> = RefCell::default();
}

/// Takes the books of the simulation that ended, and begins new ones.
pub(crate) fn take_ledger() -> Ledger {
    LEDGER.take()
}

/// Everything that outlives a crash of an agent.
pub(crate) struct Plan {
    number: u64,
    clock: Arc<SimClock>,
    spool: SpoolSettings,
    /// An empty root: nothing of this machine is read.
    root: PathBuf,
    random: RefCell<Random>,
    is_stopping: Cell<bool>,
    last_acknowledged: Cell<Value>,
}

impl Plan {
    /// An agent with a spool below this folder.
    pub(crate) fn new(number: u64, folder: &Path, clock: Arc<SimClock>, (memory, disk): (u64, u64), seed: u64) -> Self {
        let dir = folder.join(name(number));
        let root = folder.join("root");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::create_dir_all(&dir).unwrap();
        Self {
            number,
            clock,
            spool: SpoolSettings { dir: Some(dir), disk_bytes_max: disk, memory_bytes_max: memory },
            root,
            random: RefCell::new(Random::seeded(seed)),
            is_stopping: Cell::new(false),
            last_acknowledged: Cell::default(),
        }
    }

    pub(crate) fn name(&self) -> String {
        name(self.number)
    }

    /// Asks it to end in order.
    pub(crate) fn stop(&self) {
        self.is_stopping.set(true);
    }

    /// Whether the newest sample but a few is delivered.
    pub(crate) fn is_idle(&self) -> bool {
        let newest = LEDGER.with_borrow(|ledger| ledger.taken.get(&self.name())?.iter().nth_back(1).copied());
        newest.is_some_and(|newest| self.last_acknowledged.get() >= newest)
    }

    /// One run of the agent, until it is stopped or crashes.
    pub(crate) async fn run(self: Rc<Self>) -> turmoil::Result {
        let url = format!("http://collector:{PORT}");
        let target = Target::new(&url, Token::Given(Secret::new(AGENT_TOKEN)), None, Duration::from_secs(10))?;
        let settings = Settings {
            described: Described { name: Some(self.name()), ..Described::default() },
            spool: self.spool.clone(),
            root: self.root.clone(),
            ..Settings::embedded()
        };
        loop {
            let boot = self.random.borrow_mut().number();
            let inner = Http::new(target.clone(), SimNetwork, Arc::<SimClock>::clone(&self.clock));
            let sink = Witness { inner, plan: Rc::clone(&self) };
            let agent = Agent {
                settings: &settings,
                clock: Arc::<SimClock>::clone(&self.clock),
                boot,
                sources: SOURCES,
                alive: Rc::default(),
            };
            let stopped = async {
                while !self.is_stopping.get() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            // A connection that a cut left dead outlives the time to drain: the next run delivers what is on disk.
            if agent.run(sink, stopped).await?.waiting == 0 {
                return Ok(());
            }
        }
    }
}

/// Connects over the simulated network.
struct SimNetwork;

impl Connector for SimNetwork {
    type Stream = TcpStream;

    async fn connect(&self, target: &Target) -> io::Result<TcpStream> {
        TcpStream::connect((target.host(), target.port())).await
    }
}

/// Notes what was acknowledged.
struct Witness<S> {
    inner: S,
    plan: Rc<Plan>,
}

impl<S: Sink> Sink for Witness<S> {
    async fn deliver(&mut self, parcel: &Parcel) -> Answer {
        let answer = self.inner.deliver(parcel).await;
        if matches!(answer, Answer::Stored(_)) {
            let values = values(&parcel.body);
            self.plan.last_acknowledged.set(values.last().copied().unwrap_or_default());
            LEDGER.with_borrow_mut(|ledger| ledger.acknowledged.entry(self.plan.name()).or_default().extend(values));
        } else if !matches!(answer, Answer::Failed(_) | Answer::Busy { .. }) {
            panic!("{}: {answer:?}", self.plan.name());
        }
        answer
    }
}

/// The values of [`METRIC`] in a body.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values are counted from one")]
fn values(body: &[u8]) -> Vec<Value> {
    let plain = if is_compressed(body) { zstd::decode_all(body).unwrap() } else { body.to_vec() };
    let batch = wire::decode(&plain).unwrap();
    let tables = wire::decode_tables(&batch.tables).unwrap();
    let Some(at) = tables.0[0].series.iter().position(|key| key.metric == METRIC.name) else { return Vec::new() };
    let rows = batch.frames.iter().filter_map(|frame| frame.rows.first()?.0.get(at).copied());
    rows.filter(|value| !value.is_nan()).map(|value| value as u64).collect()
}

const SOURCES: &[SourceRow] = &[SourceRow { name: "numbers", every_ms: 0, open }];

fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    let agent = context.own_key.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(Some(Box::new(Numbers { agent, slot: recorder.series(context.own, &METRIC, &[]) })))
}

/// Gives each reading the next number of the simulation.
struct Numbers {
    agent: String,
    slot: SeriesSlot,
}

impl Source for Numbers {
    #[expect(clippy::cast_precision_loss, reason = "a simulation takes far fewer than 2^53 samples")]
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let value = LEDGER.with_borrow_mut(|ledger| {
            ledger.next += 1;
            ledger.taken.entry(self.agent.clone()).or_default().push(ledger.next);
            ledger.next
        });
        recorder.set(self.slot, value as f64);
        Ok(())
    }
}
