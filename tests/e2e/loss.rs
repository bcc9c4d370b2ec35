//! Losing data is a counted, visible event with its cause; not losing any is shown, too.

use farol_tests::{
    agent,
    collector::Collector,
    random::Random,
    wait::{now_ms, until, when},
};
use serde_json::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lost(row: &Value, cause: &str) -> u64 {
    let causes = row["lost"].as_array().expect("the row lists losses");
    causes.iter().filter(|one| one["cause"] == cause).map(|one| one["samples"].as_u64().unwrap()).sum()
}

#[test]
fn a_spool_that_overflows_is_counted_as_lost_with_its_cause() {
    let start = now_ms();
    let mut collector = Collector::start();
    // The smallest spool, and batches that no compression makes small: it overflows in moments, not after an hour.
    let mut noise = Random::seeded(1);
    let long: Vec<String> = (0..28).map(|n| format!("noise.{n}={}", hex(&noise.bytes(250)))).collect();
    let mut agent = agent::beside(&collector, "narrow")
        .var("FAROL_SPOOL_MAX", "1MiB")
        .var("FAROL_SPOOL_MEMORY", "1MiB")
        .var("OTEL_RESOURCE_ATTRIBUTES", &long.join(","))
        .start();
    let id = collector.wait_resource("narrow")["agent"].as_str().unwrap().to_owned();
    let row = collector.completeness(&id, start, now_ms() + 1_000);
    assert_eq!(row["lost"].as_array().map(Vec::len), Some(0), "nothing is lost yet: {row}");
    collector.kill();
    until("the agent to say that it lost samples", || {
        assert!(agent.ended().is_none(), "the agent ended");
        when(agent.log(), |log| log.contains("samples lost from the spool")).map(|_| ())
    });
    collector.restart();
    until("the loss to be shown", || {
        let row = collector.completeness(&id, start, now_ms() + 1_000);
        when(row, |row| lost(row, "spool_full") > 0)
    });
    // What was lost and what is stored together are all that was taken: nothing vanishes without a cause.
    until("the books to balance", || {
        let row = collector.completeness(&id, start, now_ms() + 1_000);
        let stored = row["stored"].as_u64().unwrap();
        when(row, |row| row["expected"].as_u64() == Some(stored + lost(row, "spool_full")))
    });
}

#[test]
fn a_damaged_spool_is_counted_and_the_rest_is_delivered() {
    let spool = tempfile::tempdir().unwrap();
    let start = now_ms();
    let mut collector = Collector::start();
    let options = agent::beside(&collector, "scarred").spool(spool.path());
    let again = agent::beside(&collector, "scarred").spool(spool.path());
    let mut first = options.start();
    let id = collector.wait_resource("scarred")["agent"].as_str().unwrap().to_owned();
    collector.kill();
    let gone = now_ms();
    until("undelivered batches", || when(now_ms() - gone, |away| *away > 2_000));
    // Stopped in order, it leaves on disk whatever it could not deliver.
    first.stop();
    let mut damaged = 0;
    for entry in std::fs::read_dir(spool.path()).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if bytes.len() > 2_000 {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 40].fill(0xa5);
            std::fs::write(entry.path(), bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "the stopped agent left no spool on disk: {}", first.log());
    let mut second = again.start();
    collector.restart();
    let row = until("the damage to be counted", || {
        assert!(second.ended().is_none(), "the agent ended over a damaged spool");
        let row = collector.completeness(&id, start, now_ms() + 1_000);
        when(row, |row| lost(row, "spool_damaged") > 0)
    });
    assert!(row["stored"].as_u64() > Some(0), "{row}");
}
