//! Agents whose clocks are wrong.

use farol_shared::{batch::Batch, limit, wire};
use farol_tests::{
    batches::{METRIC, Maker},
    collector::Collector,
    http::Client,
    wait::now_ms,
};

fn send(client: &mut Client, batch: &Batch) -> u16 {
    client.send("POST", wire::PATH, &[("Content-Type", wire::CONTENT_TYPE)], &wire::encode(batch)).unwrap().status
}

/// The maker's batch with its frame at another time.
fn at(maker: &Maker, seq: u64, time_ms: i64) -> Batch {
    let mut batch = maker.batch(seq);
    batch.frames[0].time_ms = time_ms;
    batch
}

/// Raw times of the maker's first series between two times.
fn times(collector: &mut Collector, resource: u64, from_ms: i64, last_ms: i64) -> Vec<i64> {
    let to_ms = last_ms + 1;
    let path = format!("/api/v1/query?metric={METRIC}&resource={resource}&from={from_ms}&to={to_ms}&aggregate=raw&points=1000");
    let answer = collector.api().json(&path);
    let points = answer["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point[0].as_i64().unwrap()).collect()
}

#[test]
fn a_frame_from_the_future_is_refused_and_one_from_a_fast_clock_is_not() {
    let mut collector = Collector::start();
    let maker = Maker::new(1, 0, 1_000, 1);
    let mut client = collector.agent_client();
    let now = now_ms();
    assert_eq!(send(&mut client, &at(&maker, 1, now)), 200);
    assert_eq!(send(&mut client, &at(&maker, 2, now + limit::FUTURE_MS_MAX - 30_000)), 200);
    for wrong in [now + limit::FUTURE_MS_MAX + 60_000, now + 400 * 86_400_000, i64::MAX] {
        assert_eq!(send(&mut client, &at(&maker, 3, wrong)), 422, "at {wrong}");
    }
    let id = collector.resource_id("load-1");
    let to = now + 2 * limit::FUTURE_MS_MAX;
    assert_eq!(times(&mut collector, id, now - 1_000, to), [now, now + limit::FUTURE_MS_MAX - 30_000]);
    // The clock was set right again: the agent's next batch is welcome.
    assert_eq!(send(&mut client, &at(&maker, 4, now + 1_000)), 200);
}

#[test]
fn a_clock_that_jumps_back_and_forth_loses_nothing() {
    let mut collector = Collector::start();
    let maker = Maker::new(1, 0, 1_000, 1);
    let mut client = collector.agent_client();
    let now = now_ms();
    let jumps = [-20_000, -19_000, -3_600_000, -3_599_000, -18_000, -40_000_000, -17_000];
    for (seq, jump) in (1..).zip(jumps) {
        assert_eq!(send(&mut client, &at(&maker, seq, now + jump)), 200, "jump to {jump}");
    }
    let id = collector.resource_id("load-1");
    let mut expected: Vec<i64> = jumps.iter().map(|jump| now + jump).collect();
    expected.sort_unstable();
    assert_eq!(times(&mut collector, id, now - 41_000_000, now), expected);
    collector.kill();
    collector.restart();
    assert_eq!(times(&mut collector, id, now - 41_000_000, now), expected);
}

#[test]
fn times_before_the_epoch_or_long_ago_do_no_harm() {
    let mut collector = Collector::start();
    let maker = Maker::new(1, 0, 1_000, 1);
    let mut client = collector.agent_client();
    let now = now_ms();
    assert_eq!(send(&mut client, &at(&maker, 1, now)), 200);
    for (seq, time) in (2..).zip([0, -1, i64::MIN, i64::MIN + 1, 1_000_000_000_000]) {
        let status = send(&mut client, &at(&maker, seq, time));
        assert!(matches!(status, 200 | 422), "{status} at {time}");
    }
    assert_eq!(send(&mut client, &at(&maker, 9, now + 1_000)), 200);
    let id = collector.resource_id("load-1");
    assert_eq!(times(&mut collector, id, now, now + 1_000), [now, now + 1_000]);
    collector.kill();
    collector.restart();
    collector.wait_health("store", "ok");
    assert_eq!(times(&mut collector, id, now, now + 1_000), [now, now + 1_000]);
}
