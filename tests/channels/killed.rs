//! A process that writes into the outbox and sends, killed at random instants: what it wrote is told, in order, and once to what knows keys.
//! `FAROL_KILLS=n` for a long run.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use farol_collector::{
    clock::SystemClock,
    notify::{Reason, sender},
};
use farol_tests::{
    fake::channels::{Channels as Outside, Turn},
    process::setting,
    random::Random,
    wait::PATIENCE,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::house::{House, hook};

const KILLS: u64 = 15;

/// Incidents that messages are of.
const INCIDENTS: i64 = 3;

async fn open(folder: &Path, url: &str) -> House {
    House::open(folder, vec![hook("ops", url, None)], Arc::new(SystemClock)).await
}

/// The process that is killed: writes message after message, and sends. Not a test by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn tell_until_killed() {
    let words = setting("FAROL_TELL_CHILD").expect("started by the test below");
    let (folder, rest) = words.split_once(',').unwrap();
    let (next, url) = rest.split_once(',').unwrap();
    let house = open(Path::new(folder), url).await;
    let _sending = sender::start(house.channels.clone(), house.state.clone(), Arc::new(SystemClock));
    for number in next.parse::<i64>().unwrap().. {
        house.enqueue(number % INCIDENTS + 1, number, "ops", Reason::Updated).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "wrote {number}").and_then(|()| out.flush()).unwrap();
        drop(out);
        sleep(Duration::from_millis(40)).await;
    }
}

fn start(folder: &Path, next: i64, url: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killed::tell_until_killed", "--nocapture"])
        .env("FAROL_TELL_CHILD", format!("{},{next},{url}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts a process, kills it soon after it has written so much, and answers the last number that it surely wrote.
fn run_and_kill(folder: &Path, next: i64, url: &str, random: &mut Random) -> i64 {
    let mut child = start(folder, next, url);
    let (mut wanted, mut last) = (random.between(1, 25), next - 1);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(number) = line.strip_prefix("wrote ") else { continue };
        last = number.parse().unwrap();
        wanted = wanted.saturating_sub(1);
        if wanted == 0 {
            thread::sleep(Duration::from_micros(random.between(0, 60_000)));
            child.kill().unwrap();
            wanted = u64::MAX;
        }
    }
    child.wait().unwrap();
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_killed_at_random_loses_nothing_and_tells_in_order() {
    let kills = setting("FAROL_KILLS").map_or(KILLS, |text| text.parse().expect("FAROL_KILLS is a number"));
    let seed = Random::seed_of_run();
    eprintln!("FAROL_SEED={seed}");
    let mut random = Random::seeded(seed);
    let (dir, outside) = (TempDir::new().unwrap(), Outside::start().await);
    House::incidents(dir.path(), INCIDENTS);
    let url = outside.url("/hook");
    let mut last = 0;
    for _ in 0..kills {
        outside.next([Turn::Fine, Turn::Fine, Turn::Status(503, String::new())]);
        let (folder, next, to, mut dice) =
            (dir.path().to_owned(), last + 1, url.clone(), Random::seeded(random.between(0, u64::MAX - 1)));
        // One more may have been written whose line the kill swallowed: its number is taken again, and its key is known.
        last = tokio::task::spawn_blocking(move || run_and_kill(&folder, next, &to, &mut dice)).await.unwrap();
    }
    let house = open(dir.path(), &url).await;
    let sending = sender::start(house.channels.clone(), house.state.clone(), Arc::new(SystemClock));
    let start = Instant::now();
    while house.rows().await.iter().any(|row| row.state == "waiting") {
        assert!(start.elapsed() < PATIENCE, "some still wait");
        sleep(Duration::from_millis(50)).await;
    }
    sending.abort();
    drop(sending.await);
    let numbers: Vec<(i64, i64)> = outside.taken().iter().map(|key| numbers(key)).collect();
    for number in 1..=last {
        assert!(numbers.iter().any(|(_, known)| *known == number), "message {number} of {last} was never told");
    }
    for incident in 1..=INCIDENTS {
        let of_one: Vec<i64> = numbers.iter().filter(|(known, _)| *known == incident).map(|(_, number)| *number).collect();
        assert!(of_one.is_sorted(), "incident {incident} was told out of order: {of_one:?}");
    }
    let again = outside.told().len() - numbers.len();
    eprintln!("{kills} kills, {last} messages, {again} attempts more than messages");
    house.close().await;
}

/// Incident and number of a key, `farol-HOUSE-INCIDENT-NUMBER-CHANNEL`.
fn numbers(key: &str) -> (i64, i64) {
    let parts: Vec<&str> = key.split('-').collect();
    (parts[2].parse().unwrap(), parts[3].parse().unwrap())
}
