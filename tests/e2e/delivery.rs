//! From a sidecar's reading to history, through everything that can come between.

use farol_shared::wire;
use farol_tests::{
    agent,
    batches::Maker,
    collector::Collector,
    load::Stored,
    wait::{now_ms, until, when},
};
use serde_json::Value;

/// A gauge that every agent writes at every tick.
const HEARTBEAT: &str = "farol.agent.memory.usage";

/// Times of the raw points of one metric of a resource, in order.
fn times(collector: &mut Collector, resource: u64, metric: &str, from_ms: i64, to_ms: i64) -> Vec<i64> {
    let path = format!("/api/v1/query?metric={metric}&resource={resource}&from={from_ms}&to={to_ms}&aggregate=raw&points=5000");
    let answer = collector.api().json(&path);
    let points = answer["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point[0].as_i64().unwrap()).collect()
}

/// Waits until the resource's heartbeat has a point at or after this time.
fn wait_sample_after(collector: &mut Collector, resource: u64, time_ms: i64) {
    until("a sample after the cut", || {
        let times = times(collector, resource, HEARTBEAT, time_ms, now_ms() + 1_000);
        when(times, |times| !times.is_empty()).map(|_| ())
    });
}

/// Waits until everything that the agent took is stored, and nothing was lost.
fn wait_complete(collector: &mut Collector, agent: &str, from_ms: i64) -> Value {
    until("every sample to be stored", || {
        let row = collector.completeness(agent, from_ms, now_ms() + 1_000);
        let lost: u64 = row["lost"].as_array().unwrap().iter().map(|lost| lost["samples"].as_u64().unwrap()).sum();
        assert_eq!(lost, 0, "{row}");
        when(row, |row| row["stored"].as_u64() > Some(0) && row["stored"] == row["expected"])
    })
}

#[test]
fn a_sidecars_samples_reach_history() {
    let start = now_ms();
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "shop").start();
    let resource = collector.wait_resource("shop");
    let id = resource["id"].as_u64().unwrap();
    wait_sample_after(&mut collector, id, start);
    let series = collector.api().json(&format!("/api/v1/series?resource={id}"));
    let metrics: Vec<&str> = series["series"].as_array().unwrap().iter().map(|one| one["metric"].as_str().unwrap()).collect();
    assert!(metrics.contains(&HEARTBEAT), "{metrics:?}");
    for metric in &metrics {
        assert!(farol_shared::catalog::find(metric).is_some(), "{metric} is not in the catalogue");
    }
    until("figures of the resource", || {
        let latest = collector.wait_resource("shop")["latest"].clone();
        when(latest, |latest| latest["memory_used"].as_f64() > Some(0.0) && latest["cpu_ratio"].is_number())
    });
    let agent_id = resource["agent"].as_str().unwrap();
    wait_complete(&mut collector, agent_id, start);
}

#[test]
fn a_batch_sent_twice_is_stored_once() {
    let mut collector = Collector::start();
    let maker = Maker::new(1, now_ms() - 60_000, 100, 5);
    let mut client = collector.agent_client().with("Content-Type", wire::CONTENT_TYPE);
    for (seq, times) in [(1, 2), (2, 1), (3, 3)] {
        for _ in 0..times {
            let answer = client.send("POST", wire::PATH, &[], &maker.body(seq)).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(wire::decode_ack(&answer.body).unwrap().seq, seq);
        }
    }
    // An old one again, after newer ones, and in a body that looks different on the way.
    let compressed = zstd::bulk::compress(&maker.body(1), 3).unwrap();
    let answer = client.send("POST", wire::PATH, &[("Content-Encoding", "zstd")], &compressed).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    Stored::one(maker.clone(), 3).check(&mut collector);
    // Repeats are entered into the books with the next batch that is written.
    let answer = client.send("POST", wire::PATH, &[], &maker.body(4)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = collector.completeness("load-1", maker.start_ms, now_ms());
    assert_eq!((&row["repeated"], &row["stored"]), (&20.into(), &20.into()), "four repeats of five samples: {row}");
    // A repeat is still recognised by the next run of the collector.
    collector.kill();
    collector.restart();
    let answer =
        client.send("POST", wire::PATH, &[], &maker.body(4)).or_else(|_| client.send("POST", wire::PATH, &[], &maker.body(4)));
    assert_eq!(answer.unwrap().status, 200);
    Stored::one(maker, 4).check(&mut collector);
}

#[test]
fn a_collector_that_was_away_leaves_no_gap() {
    let start = now_ms();
    let mut collector = Collector::start();
    let mut agent = agent::beside(&collector, "patient").start();
    let id = collector.resource_id("patient");
    wait_sample_after(&mut collector, id, start);
    collector.kill();
    let gone = now_ms();
    // The agent must have failed to deliver for a while: its own clock tells, not ours.
    until("the collector to have been away for three seconds", || when(now_ms() - gone, |away| *away > 3_000));
    assert!(agent.ended().is_none(), "the agent ended");
    let back = now_ms();
    collector.restart();
    wait_sample_after(&mut collector, id, back);
    let agent_id = collector.wait_resource("patient")["agent"].as_str().unwrap().to_owned();
    wait_complete(&mut collector, &agent_id, start);
    let times = times(&mut collector, id, HEARTBEAT, gone - 500, back + 500);
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(i64::MAX);
    assert!(gap < (back - gone) / 2, "a gap of {gap} ms while the collector was away from {gone} to {back}: {times:?}");
}

#[test]
fn an_agent_that_was_killed_delivers_its_spool_when_it_is_back() {
    let start = now_ms();
    let spool = tempfile::tempdir().unwrap();
    let mut collector = Collector::start();
    let options = || agent::beside(&collector, "phoenix").spool(spool.path());
    let (mut first, again) = (options().start(), options());
    let id = collector.resource_id("phoenix");
    wait_sample_after(&mut collector, id, start);
    collector.kill();
    let gone = now_ms();
    // Undelivered batches go to disk once delivery has failed for a while; only what is there outlives kill -9.
    until("the spool to reach the disk", || when(bytes_under(spool.path()), |bytes| *bytes > 4_096));
    let on_disk = now_ms();
    until("more batches to follow", || when(now_ms() - on_disk, |waited| *waited > 1_000));
    first.kill();
    let killed = now_ms();
    let mut second = again.start();
    let back = now_ms();
    collector.restart();
    wait_sample_after(&mut collector, id, back);
    assert!(second.ended().is_none(), "the agent ended");
    until("the spool to be delivered", || {
        let times = times(&mut collector, id, HEARTBEAT, gone, killed);
        let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(i64::MAX);
        // All but the last moment before the kill, which was not on disk.
        let last = times.last().copied().unwrap_or_default();
        when((gap, last), |(gap, last)| *gap < 1_000 && *last >= on_disk)
    });
    // The same machine is the same resource, and no second agent appeared.
    let all = collector.api().json("/api/v1/resources");
    let count = all["resources"].as_array().unwrap().iter().filter(|one| one["name"] == "phoenix").count();
    assert_eq!(count, 1, "{all}");
}

#[test]
fn what_an_agent_still_holds_is_delivered_when_it_is_stopped() {
    let start = now_ms();
    let mut collector = Collector::start();
    let mut agent = agent::beside(&collector, "orderly").start();
    let id = collector.resource_id("orderly");
    wait_sample_after(&mut collector, id, start);
    let status = agent.stop();
    assert!(status.success(), "{status}: {}", agent.log());
    let agent_id = collector.wait_resource("orderly")["agent"].as_str().unwrap().to_owned();
    wait_complete(&mut collector, &agent_id, start);
}

fn bytes_under(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.metadata().map_or(0, |meta| if meta.is_dir() { bytes_under(&entry.path()) } else { meta.len() }))
        .sum()
}
