//! Databases that are damaged, newer, copied: refused untouched, or opened as they are.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use farol_tests::{
    collector::Collector,
    load::Load,
    random::Random,
    wait::{now_ms, until, when},
};

/// A collector that has stored a little and was stopped in order.
fn stopped_with_history() -> Collector {
    let mut collector = Collector::start();
    let load = Load::start(collector.address(), 3, 10, now_ms() - 3_600_000);
    until("some history", || when(load.acknowledged(), |count| *count > 100));
    load.finish().check(&mut collector);
    assert!(collector.stop().success());
    collector
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file());
    entries.map(|entry| (entry.path(), fs::read(entry.path()).unwrap())).collect()
}

/// Starts the collector on what lies there, expects a clear refusal and every database byte as it was.
fn check_refused(collector: &mut Collector, file: &str, words: &[&str]) {
    let before = contents(collector.data());
    collector.spawn();
    let status = collector.process().wait();
    let log = collector.log();
    assert!(!status.success(), "the collector took a {words:?} {file}: {log}");
    assert!(log.contains(file), "the refusal does not name {file}: {log}");
    assert!(words.iter().any(|word| log.to_lowercase().contains(word)), "the refusal says none of {words:?}: {log}");
    assert!(!log.contains("panicked"), "{log}");
    let after = contents(collector.data());
    // The `-shm` file is SQLite's index of the write-ahead log, made anew by whoever opens the database.
    for (path, bytes) in before.iter().filter(|(path, _)| path.extension().is_none_or(|end| end != "db-shm")) {
        assert!(after.get(path) == Some(bytes), "{} was changed", path.display());
    }
}

#[test]
fn a_damaged_history_is_refused_and_left_untouched() {
    let mut collector = stopped_with_history();
    let path = collector.data().join("history.db");
    let good = fs::read(&path).unwrap();
    let mut random = Random::seeded(7);
    let mut head = good.clone();
    head[..100].copy_from_slice(&random.bytes(100));
    fs::write(&path, head).unwrap();
    check_refused(&mut collector, "history.db", &["damaged", "not a database", "malformed", "corrupt"]);
    fs::write(&path, random.bytes(good.len())).unwrap();
    check_refused(&mut collector, "history.db", &["damaged", "not a database", "malformed", "corrupt"]);
    // The good file again: nothing was left behind that would hinder it.
    fs::write(&path, good).unwrap();
    collector.restart();
    collector.wait_health("store", "ok");
}

#[test]
fn a_history_with_broken_pages_is_refused_or_served_but_never_silently_lost() {
    let mut collector = stopped_with_history();
    let path = collector.data().join("history.db");
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    // The second page onwards: the header is right, the trees are not.
    for at in (4_096..bytes.len()).step_by(4_096) {
        bytes[at..at + 64].fill(0xee);
    }
    fs::write(&path, &bytes).unwrap();
    check_refused(&mut collector, "history.db", &["damaged", "malformed", "corrupt"]);
}

#[test]
fn a_newer_history_is_refused_and_left_untouched() {
    let mut collector = stopped_with_history();
    for file in ["history.db", "state.db"] {
        let path = collector.data().join(file);
        let good = fs::read(&path).unwrap();
        let mut newer = good.clone();
        // SQLite keeps the schema's version (user_version) at byte 60 of the header.
        newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
        fs::write(&path, newer).unwrap();
        check_refused(&mut collector, file, &["newer", "knows up to"]);
        fs::write(&path, good).unwrap();
    }
    collector.restart();
    collector.wait_health("store", "ok");
}

#[test]
fn a_second_collector_on_the_same_data_is_refused() {
    let mut first = Collector::start();
    let mut second = Collector::options().data(first.data()).launch();
    let status = second.process().wait();
    assert!(!status.success(), "two collectors wrote one history: {}", second.log());
    assert!(!second.log().contains("panicked"), "{}", second.log());
    first.wait_ready();
    first.wait_health("store", "ok");
}

#[test]
fn a_backup_made_while_running_opens_as_a_working_data_directory() {
    let mut collector = Collector::start();
    let load = Load::start(collector.address(), 4, 10, now_ms() - 3_600_000);
    until("some history", || when(load.acknowledged(), |count| *count > 200));
    let before = load.acknowledged();
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join("copy");
    collector.run(&["backup", &target.display().to_string()]);
    until("the load to go on after the backup", || when(load.acknowledged(), |count| *count > before + 50));
    let stored = load.finish();
    stored.check(&mut collector);
    let mut restored = Collector::options().data(&target).start();
    restored.wait_health("store", "ok");
    // The same accounts, and each agent's samples up to one moment without a gap.
    for number in 0..4 {
        let name = farol_tests::batches::name(number);
        let row = restored.completeness(&name, 0, now_ms());
        assert!(row["stored"].as_u64() > Some(0) && row["stored"] == row["expected"], "{row}");
    }
}
