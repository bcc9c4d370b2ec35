//! Tests of the loop with a fake sink, a fake source and paused time.

use std::sync::Mutex;

use farol_shared::{
    batch::{Batch, LostCause},
    catalog, wire,
};

use super::*;
use crate::{
    batch::is_compressed,
    config::SpoolSettings,
    read::{Opened, ReadError, Source},
    recorder::SeriesSlot,
    send::{Answer, Parcel},
};

/// Wall clock that follows the paused one, plus whatever a test adds to it.
#[derive(Debug)]
struct TestClock {
    start: Instant,
    shift_ms: Mutex<i64>,
}

/// A moment with 300 ms to the next full second.
const START_MS: i64 = 1_760_000_000_700;

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        START_MS + i64::try_from(self.start.elapsed().as_millis()).unwrap() + *self.shift_ms.lock().unwrap()
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock { start: Instant::now(), shift_ms: Mutex::new(0) })
}

/// Sets one counter to the number of its readings.
struct Steps(SeriesSlot, f64);

impl Source for Steps {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        self.1 += 1.0;
        recorder.set(self.0, self.1);
        Ok(())
    }
}

fn open_steps(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    Ok(Some(Box::new(Steps(recorder.series(context.own, &catalog::SYSTEM_UPTIME, &[]), 0.0))))
}

fn open_slow_steps(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    Ok(Some(Box::new(Steps(recorder.series(context.own, &catalog::SYSTEM_LOAD_15M, &[]), 0.0))))
}

struct Failing;

impl Source for Failing {
    fn read(&mut self, _: &mut Recorder) -> Result<(), ReadError> {
        Err(ReadError::Malformed { path: "/proc/odd".into(), what: "number" })
    }
}

fn open_failing(_: &Context<'_>, _: &mut Recorder) -> Opened {
    Ok(Some(Box::new(Failing)))
}

fn open_nothing(_: &Context<'_>, _: &mut Recorder) -> Opened {
    Ok(None)
}

const ROWS: &[SourceRow] = &[
    SourceRow { name: "failing", every_ms: 0, open: open_failing },
    SourceRow { name: "missing", every_ms: 0, open: open_nothing },
    SourceRow { name: "steps", every_ms: 0, open: open_steps },
    SourceRow { name: "slow", every_ms: 5_000, open: open_slow_steps },
];

type Script = Box<dyn FnMut(&Batch) -> Answer>;

/// Takes every batch apart and answers as the script says.
#[derive(Clone)]
struct FakeSink {
    seen: Rc<RefCell<Vec<Batch>>>,
    script: Rc<RefCell<Script>>,
}

impl FakeSink {
    fn new(script: impl FnMut(&Batch) -> Answer + 'static) -> Self {
        Self { seen: Rc::default(), script: Rc::new(RefCell::new(Box::new(script))) }
    }

    fn seqs(&self) -> Vec<(u64, u64)> {
        self.seen.borrow().iter().map(|batch| (batch.boot, batch.seq)).collect()
    }
}

impl Sink for FakeSink {
    async fn deliver(&mut self, parcel: &Parcel) -> Answer {
        sleep(Duration::from_millis(1)).await;
        let plain = if is_compressed(&parcel.body) {
            zstd::bulk::decompress(&parcel.body, limit::BATCH_DECODED_BYTES_MAX).unwrap()
        } else {
            parcel.body.to_vec()
        };
        let batch = wire::decode(&plain).unwrap();
        assert_eq!((batch.boot, batch.seq), (parcel.boot, parcel.seq));
        let answer = (self.script.borrow_mut())(&batch);
        self.seen.borrow_mut().push(batch);
        answer
    }
}

fn acknowledge(batch: &Batch) -> Answer {
    Answer::Stored(Ack { seq: batch.seq, watched: false, now_ms: 0 })
}

use farol_shared::wire::Ack;

fn busy(seconds: u64) -> Answer {
    Answer::Busy { status: 503, retry_after: Some(Duration::from_secs(seconds)) }
}

fn settings() -> Settings {
    Settings { described: crate::config::Described { name: Some("test".into()), ..Default::default() }, ..Settings::embedded() }
}

async fn run_for(settings: &Settings, boot: u64, clock: &Arc<TestClock>, sink: &FakeSink, ms: u64) -> Finished {
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(clock);
    let agent = Agent { settings, clock, boot, sources: ROWS, alive: Rc::default() };
    agent.run(sink.clone(), sleep(Duration::from_millis(ms))).await.unwrap()
}

fn value(batch: &Batch, metric: &str, attribute: Option<&str>) -> Option<f64> {
    let tables = wire::decode_tables(&batch.tables).unwrap();
    let table = &tables.0[0];
    let is_wanted = |key: &farol_shared::batch::SeriesKey| {
        key.metric == metric && attribute.is_none_or(|wanted| key.attributes.iter().any(|(_, value)| value == wanted))
    };
    let index = table.series.iter().position(is_wanted)?;
    batch.frames[0].rows[0].0.get(index).copied().filter(|value| !value.is_nan())
}

#[tokio::test(start_paused = true)]
async fn ticks_lie_on_multiples_of_the_interval_and_arrive_in_order() {
    let sink = FakeSink::new(acknowledge);
    let finished = run_for(&settings(), 7, &clock(), &sink, 10_000).await;
    let seen = sink.seen.borrow();
    let times: Vec<i64> = seen.iter().map(|batch| batch.frames[0].time_ms).collect();
    let expected: Vec<i64> = (1..=10).map(|tick| START_MS + 300 + (tick - 1) * 1_000).collect();
    assert_eq!(times, expected);
    assert_eq!(sink.seqs(), (1..=10).map(|seq| (7, seq)).collect::<Vec<_>>());
    let samples: usize = seen.iter().map(Batch::samples).sum();
    assert_eq!(u64::try_from(samples).unwrap(), finished.taken);
    assert_eq!(seen.last().unwrap().taken, finished.taken);
    assert_eq!(finished.waiting, 0);
    let slow: Vec<Option<f64>> = seen.iter().map(|batch| value(batch, "system.linux.cpu.load_15m", None)).collect();
    assert_eq!(slow.iter().flatten().count(), 3, "at once and then at multiples of its own interval: {slow:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_source_never_stops_its_neighbours_and_is_counted() {
    let sink = FakeSink::new(acknowledge);
    run_for(&settings(), 7, &clock(), &sink, 10_000).await;
    let seen = sink.seen.borrow();
    let last = seen.last().unwrap();
    assert_eq!(value(last, "system.uptime", None), Some(10.0));
    assert_eq!(value(last, "farol.agent.read.failures", Some("failing")), Some(3.0), "turned off after three");
    assert_eq!(value(last, "farol.agent.read.failures", Some("steps")), Some(0.0));
    assert_eq!(value(last, "farol.agent.read.failures", Some("missing")), None);
}

#[tokio::test(start_paused = true)]
async fn a_busy_collector_gets_everything_once_it_is_back() {
    let start = Instant::now();
    let sink = FakeSink::new(move |batch| if start.elapsed().as_secs() < 60 { busy(5) } else { acknowledge(batch) });
    let finished = run_for(&settings(), 7, &clock(), &sink, 70_000).await;
    assert_eq!(finished.waiting, 0);
    let seen = sink.seen.borrow();
    let attempts = seen.iter().filter(|batch| batch.seq == 1).count();
    assert!((11..=13).contains(&attempts), "one attempt about every five seconds, not {attempts}");
    let mut seqs: Vec<u64> = seen.iter().map(|batch| batch.seq).collect();
    seqs.dedup();
    assert_eq!(seqs, (1..=70).collect::<Vec<_>>(), "in order and without a gap");
    assert!(seen.last().unwrap().lost.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_keeps_everything_and_asks_slowly() {
    let sink = FakeSink::new(|_| Answer::Unauthorised { status: 401, detail: "unknown token".into() });
    let finished = run_for(&settings(), 7, &clock(), &sink, 95_000).await;
    assert_eq!(finished.waiting, 95);
    // At 0.3, 30.3, 60.3, 90.3 s and once more when stopping.
    assert_eq!(sink.seqs(), [(7, 1); 5]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_counted_and_the_next_one_follows() {
    let refused = |batch: &Batch| match batch.seq {
        2 => Answer::Refused { status: 422, detail: "a frame is from next year".into() },
        _ => acknowledge(batch),
    };
    let sink = FakeSink::new(refused);
    run_for(&settings(), 7, &clock(), &sink, 5_000).await;
    assert_eq!(sink.seqs(), (1..=5).map(|seq| (7, seq)).collect::<Vec<_>>());
    let seen = sink.seen.borrow();
    let lost = &seen[4].lost;
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].cause, lost[0].samples), (LostCause::Refused, u64::try_from(seen[1].samples()).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_to_half_a_minute() {
    let times = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&times);
    let start = Instant::now();
    let sink = FakeSink::new(move |_| {
        noted.borrow_mut().push(start.elapsed().as_secs_f64());
        Answer::Failed(crate::send::SendError::Status { status: 502, detail: "bad gateway".into() })
    });
    run_for(&settings(), 7, &clock(), &sink, 300_000).await;
    let times = times.borrow();
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[0] <= 0.6, "{gaps:?}");
    let lasting = &gaps[7..gaps.len() - 1];
    assert!(lasting.iter().all(|gap| (14.9..30.1).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_memory_drops_the_oldest_and_says_so() {
    let settings =
        Settings { spool: SpoolSettings { dir: None, disk_bytes_max: 8 << 10, memory_bytes_max: 8 << 10 }, ..settings() };
    let start = Instant::now();
    let acknowledged = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&acknowledged);
    let sink = FakeSink::new(move |batch| {
        if start.elapsed().as_secs() < 120 {
            return busy(1);
        }
        noted.borrow_mut().push((batch.seq, u64::try_from(batch.samples()).unwrap()));
        acknowledge(batch)
    });
    let finished = run_for(&settings, 7, &clock(), &sink, 130_000).await;
    let seen = sink.seen.borrow();
    let last = seen.last().unwrap();
    let acknowledged = acknowledged.borrow();
    assert!(acknowledged.len() < 80, "most made room: {acknowledged:?}");
    assert_eq!((last.taken, finished.waiting), (finished.taken, 0));
    let lost: u64 = last.lost.iter().map(|lost| lost.samples).sum();
    assert_eq!(last.lost[0].cause, LostCause::SpoolFull);
    let delivered: u64 = acknowledged.iter().map(|(_, samples)| samples).sum();
    assert_eq!(delivered + lost, finished.taken, "every sample was acknowledged or counted as lost");
}

#[tokio::test(start_paused = true)]
async fn what_is_spooled_is_delivered_by_the_next_run_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let spool = SpoolSettings { dir: Some(dir.path().join("spool")), disk_bytes_max: 8 << 20, memory_bytes_max: 1 << 20 };
    let settings = Settings { spool, ..settings() };
    let clock = clock();
    let away = FakeSink::new(|_| busy(1));
    let first = run_for(&settings, 1, &clock, &away, 20_000).await;
    assert_eq!(first.waiting, 20);
    let back = FakeSink::new(acknowledge);
    let second = run_for(&settings, 2, &clock, &back, 3_000).await;
    assert_eq!(second.waiting, 0);
    let mut expected: Vec<(u64, u64)> = (1..=20).map(|seq| (1, seq)).collect();
    let seqs = back.seqs();
    expected.extend((1..).map(|seq| (2, seq)).take(seqs.len() - 20));
    assert_eq!(seqs, expected);
    let third = run_for(&settings, 3, &clock, &back, 1_000).await;
    assert_eq!(third.waiting, 0);
    assert!(back.seqs()[seqs.len()..].iter().all(|(boot, _)| *boot == 3), "nothing comes twice");
}

#[tokio::test(start_paused = true)]
async fn a_killed_agent_leaves_all_but_the_last_moment_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let spool = SpoolSettings { dir: Some(dir.path().to_path_buf()), disk_bytes_max: 8 << 20, memory_bytes_max: 1 << 20 };
    let settings = Settings { spool, ..settings() };
    let clock = clock();
    let away = FakeSink::new(|_| busy(1));
    let agent =
        Agent { settings: &settings, clock: Arc::<TestClock>::clone(&clock), boot: 1, sources: ROWS, alive: Rc::default() };
    // Dropped in the middle, as a kill would: no drain, no flush.
    assert!(timeout(Duration::from_secs(20), agent.run(away, std::future::pending())).await.is_err());
    let back = FakeSink::new(acknowledge);
    run_for(&settings, 2, &clock, &back, 3_000).await;
    let old: Vec<u64> = back.seqs().into_iter().filter(|(boot, _)| *boot == 1).map(|(_, seq)| seq).collect();
    assert_eq!(old, (1..=20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_watcher_makes_it_live_until_the_hint_stops() {
    let hint =
        |batch: &Batch| Answer::Stored(Ack { seq: batch.seq, watched: batch.frames[0].time_ms < START_MS + 3_000, now_ms: 0 });
    let sink = FakeSink::new(hint);
    run_for(&settings(), 7, &clock(), &sink, 15_000).await;
    let seen = sink.seen.borrow();
    let times: Vec<i64> = seen.iter().map(|batch| batch.frames[0].time_ms - START_MS).collect();
    let live = times.iter().filter(|time| (400..=7_900).contains(*time)).count();
    assert!((74..=76).contains(&live), "{times:?}");
    assert!(times.iter().filter(|time| **time > 8_100).count() <= 7, "{times:?}");
    assert_eq!(seen[3].interval_ms, 100);
    let lives: Vec<&Batch> = seen.iter().filter(|batch| batch.interval_ms == 100).collect();
    let cost = lives.iter().filter(|batch| value(batch, "farol.agent.samples.taken", None).is_some()).count();
    assert!(cost <= 10, "the agent's own figures come once a second only");
    assert_eq!(value(seen.last().unwrap(), "farol.agent.ticks.missed", None), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_boost_can_be_forbidden() {
    let sink = FakeSink::new(|batch| Answer::Stored(Ack { seq: batch.seq, watched: true, now_ms: 0 }));
    let settings = Settings { live_interval_ms: 1_000, ..settings() };
    run_for(&settings, 7, &clock(), &sink, 5_000).await;
    assert_eq!(sink.seqs().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_or_forward_stops_nothing() {
    let clock = clock();
    let turned = Arc::clone(&clock);
    let sink = FakeSink::new(move |batch| {
        match batch.seq {
            3 => *turned.shift_ms.lock().unwrap() -= 3_600_000,
            6 => *turned.shift_ms.lock().unwrap() += 7_200_000,
            _ => {}
        }
        acknowledge(batch)
    });
    run_for(&settings(), 7, &clock, &sink, 10_000).await;
    assert!((9..=11).contains(&sink.seqs().len()), "{:?}", sink.seqs());
    let missed = value(sink.seen.borrow().last().unwrap(), "farol.agent.ticks.missed", None);
    assert_eq!(missed, Some(0.0), "a turned clock is no stall");
}

#[test]
fn the_next_tick_is_the_next_multiple() {
    assert_eq!(next_tick(0, 1_000), 1_000);
    assert_eq!(next_tick(999, 1_000), 1_000);
    assert_eq!(next_tick(1_000, 1_000), 2_000);
    assert_eq!(next_tick(-1, 1_000), 0);
    assert_eq!(until(1_000, 999, 1_000), Some(Duration::from_millis(1)));
    assert_eq!(until(1_000, 1_000, 1_000), None);
    assert_eq!(until(10_000, 1_000, 1_000), None);
}
