//! An end between every two steps of a message: nothing is lost, and what knows keys is told once.

use std::{fs, path::Path, sync::Arc, time::Duration};

use farol_collector::notify::{Reason, sender};
use farol_tests::{
    fake::channels::{Channels as Outside, Turn},
    wait::PATIENCE,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::house::{Hand, House, hook};

async fn open(folder: &Path, clock: &Hand, outside: &Outside) -> House {
    House::open(folder, vec![hook("ops", &outside.url("/hook"), None)], Arc::new(clock.clone())).await
}

/// Files of a folder as they are at this instant: what a machine that loses power now finds at its next start.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_before_it_is_sent_loses_nothing() {
    let (dir, clock, outside) = (TempDir::new().unwrap(), Hand::new(), Outside::start().await);
    House::incidents(dir.path(), 9);
    let house = open(dir.path(), &clock, &outside).await;
    house.enqueue(7, 1, "ops", Reason::Opened).await;
    house.close().await;
    let house = open(dir.path(), &clock, &outside).await;
    house.step("ops").await.unwrap();
    assert_eq!(house.step("ops").await, None);
    assert_eq!(outside.told().len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_while_the_channel_thinks_sends_it_again_under_its_key() {
    let (dir, clock, outside) = (TempDir::new().unwrap(), Hand::new(), Outside::start().await);
    House::incidents(dir.path(), 9);
    let house = open(dir.path(), &clock, &outside).await;
    outside.next([Turn::Hang]);
    let sending = sender::start(house.channels.clone(), house.state.clone(), Arc::new(clock.clone()));
    house.enqueue(7, 1, "ops", Reason::Opened).await;
    let start = Instant::now();
    while outside.told().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        sleep(Duration::from_millis(5)).await;
    }
    sending.abort();
    drop(sending.await);
    house.close().await;
    let house = open(dir.path(), &clock, &outside).await;
    house.step("ops").await.unwrap();
    let told = outside.told();
    assert!(told.len() == 2 && told[0].key == told[1].key, "{told:?}");
    assert_eq!((outside.taken().len(), house.rows().await[0].state.as_str()), (1, "sent"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_between_the_answer_and_its_record_tells_it_again_under_its_key() {
    let (dir, clock, outside) = (TempDir::new().unwrap(), Hand::new(), Outside::start().await);
    House::incidents(dir.path(), 9);
    let house = open(dir.path(), &clock, &outside).await;
    house.enqueue(7, 1, "ops", Reason::Opened).await;
    house.enqueue(7, 2, "ops", Reason::Resolved).await;
    // The disk as it was before the record of the answer.
    let before = TempDir::new().unwrap();
    copy(dir.path(), before.path());
    house.step("ops").await.unwrap();
    house.close().await;
    let house = open(before.path(), &clock, &outside).await;
    while house.step("ops").await.is_some() {}
    let keys: Vec<String> = outside.told().into_iter().map(|told| told.key.unwrap()).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert_eq!(keys[0], keys[1], "the same message again");
    assert!(keys[2].ends_with("-7-2-ops"), "and only then the next: {keys:?}");
    assert_eq!(outside.taken().len(), 2);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_after_the_record_tells_nothing_again() {
    let (dir, clock, outside) = (TempDir::new().unwrap(), Hand::new(), Outside::start().await);
    House::incidents(dir.path(), 9);
    let house = open(dir.path(), &clock, &outside).await;
    house.enqueue(7, 1, "ops", Reason::Opened).await;
    house.step("ops").await.unwrap();
    // Without closing: a process that is killed closes nothing.
    let after = TempDir::new().unwrap();
    copy(dir.path(), after.path());
    house.close().await;
    clock.forward(86_400_000);
    let house = open(after.path(), &clock, &outside).await;
    house.enqueue(7, 1, "ops", Reason::Opened).await;
    assert_eq!(house.step("ops").await, None, "its key is known");
    assert_eq!(outside.told().len(), 1);
    house.close().await;
}
