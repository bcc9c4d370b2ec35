//! A load of many agents that speak the wire, resend until acknowledged, and know exactly what must be in history.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use farol_shared::wire;
use serde_json::Value;

use crate::{
    batches::{METRIC, Maker, name},
    collector::{AGENT_TOKEN, Collector},
    http::Client,
};

/// Points asked for at once when history is read back; a page of the API holds at least as many.
const PAGE_POINTS: i64 = 1_000;

/// Agents that send as fast as they are acknowledged.
#[derive(Debug)]
pub struct Load {
    makers: Vec<Maker>,
    threads: Vec<JoinHandle<u64>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Load {
    /// Starts `agents` agents of `series` series each, beginning at `start_ms`.
    #[must_use]
    pub fn start(collector: SocketAddr, agents: u64, series: u64, start_ms: i64) -> Self {
        let makers: Vec<Maker> = (0..agents).map(|number| Maker::new(number, start_ms, 50, series)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let threads = makers
            .iter()
            .map(|maker| {
                let (maker, stop, acknowledged) = (maker.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
                thread::spawn(move || deliver(collector, &maker, &stop, &acknowledged))
            })
            .collect();
        Self { makers, threads, stop, acknowledged }
    }

    /// Batches acknowledged so far, over all agents.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Stops: each agent still delivers its last batch. Returns what history must hold.
    #[must_use]
    pub fn finish(self) -> Stored {
        self.stop.store(true, Ordering::Relaxed);
        let sent: Vec<u64> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        Stored { agents: self.makers.into_iter().zip(sent).collect() }
    }
}

/// Sends batch after batch; a batch without an acknowledgement is sent again, as an agent does. Returns the last seq.
fn deliver(collector: SocketAddr, maker: &Maker, stop: &AtomicBool, acknowledged: &AtomicU64) -> u64 {
    let mut client = Client::new(collector).bearer(AGENT_TOKEN).with("Content-Type", wire::CONTENT_TYPE);
    let mut seq = 0;
    while !stop.load(Ordering::Relaxed) {
        seq += 1;
        let body = maker.body(seq);
        loop {
            match client.send("POST", wire::PATH, &[], &body) {
                Ok(answer) if answer.status == 200 => {
                    let ack = wire::decode_ack(&answer.body).expect("200 carries an acknowledgement");
                    assert!(ack.seq >= seq, "acknowledged {} after {seq} was sent", ack.seq);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Ok(answer) if matches!(answer.status, 429 | 503) => thread::sleep(Duration::from_millis(20)),
                Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
    seq
}

/// What must be in history.
#[derive(Debug)]
pub struct Stored {
    agents: Vec<(Maker, u64)>,
}

impl Stored {
    /// One agent that has had these many batches acknowledged.
    #[must_use]
    pub fn one(maker: Maker, last_seq: u64) -> Self {
        Self { agents: vec![(maker, last_seq)] }
    }

    /// How many batches that is.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.agents.iter().map(|(_, last)| last).sum()
    }

    /// Checks that history holds every sample exactly once and nothing else.
    pub fn check(&self, collector: &mut Collector) {
        for (maker, last) in &self.agents {
            let id = collector.resource_id(&name(maker.number));
            let found = read_back(&mut collector.api(), id, maker, *last);
            let expected = maker.expected(1..=*last);
            let total = usize::try_from(*last * maker.series).unwrap();
            assert_eq!(expected.len(), total, "the values of a test must all differ");
            let twice = found.len() - found.iter().collect::<BTreeSet<_>>().len();
            let found: BTreeSet<_> = found.into_iter().collect();
            let missing: Vec<_> = expected.difference(&found).take(5).collect();
            let foreign: Vec<_> = found.difference(&expected).take(5).collect();
            assert!(
                missing.is_empty() && foreign.is_empty() && twice == 0,
                "agent {} with {last} batches: missing {missing:?}, foreign {foreign:?}, {twice} twice",
                maker.number
            );
        }
    }
}

/// Everything that history holds of a resource's series of [`METRIC`]: (series, time, value as bits), page by page.
fn read_back(api: &mut Client, resource: u64, maker: &Maker, last: u64) -> Vec<(u64, i64, u64)> {
    let mut found = Vec::new();
    // A page before the first and one after the last: what does not belong there must be seen, too.
    let page = PAGE_POINTS / 2 * maker.interval_ms;
    let mut from = maker.start_ms - page;
    let end = maker.time(last) + page;
    while from <= end {
        let to = from + page;
        let path =
            format!("/api/v1/query?metric={METRIC}&resource={resource}&from={from}&to={to}&aggregate=raw&points={PAGE_POINTS}");
        let answer = api.json(&path);
        for series in answer["series"].as_array().unwrap_or_else(|| panic!("{path}: {answer}")) {
            let number = series["attributes"]["n"].as_str().and_then(|n| n.parse().ok()).expect("each series has its number");
            for point in series["points"].as_array().expect("a series has points") {
                found.push((number, time_of(point), point[1].as_f64().expect("a raw point has a value").to_bits()));
            }
        }
        from = to;
    }
    found
}

fn time_of(point: &Value) -> i64 {
    point[0].as_i64().expect("a point starts with its time in ms")
}
