//! Tests: an agent that ticks is well, one that stalls is not, and one that is gone is told apart.

use std::collections::BTreeMap;

use super::*;

fn in_folder(folder: &tempfile::TempDir) -> BTreeMap<String, String> {
    BTreeMap::from([("RUNTIME_DIRECTORY".to_owned(), folder.path().display().to_string())])
}

/// Asks from another thread, as another process would.
async fn asked(vars: &BTreeMap<String, String>) -> (bool, String) {
    let place = Place::own(vars);
    tokio::task::spawn_blocking(move || judge(place.connect()?)).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_well_while_it_ticks_and_stalled_when_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let vars = in_folder(&folder);
    let alive = Alive::open(&vars, Manager::default());
    tokio::select! {
        () = alive.tell() => unreachable!("it tells for ever"),
        () = async {
            assert_eq!(asked(&vars).await, (false, "stalled it does not read yet".to_owned()));
            alive.beat(Duration::from_secs(1));
            assert_eq!(asked(&vars).await, (true, "ok it reads every 1 s, last 0.0 s ago".to_owned()));
            tokio::time::advance(Duration::from_secs(11)).await;
            assert!(asked(&vars).await.0, "a busy machine is no stalled agent");
            tokio::time::advance(Duration::from_secs(2)).await;
            assert_eq!(asked(&vars).await, (false, "stalled it reads every 1 s, last 13.0 s ago".to_owned()));
        } => {}
    }
}

#[tokio::test]
async fn the_socket_of_a_killed_agent_is_taken_over_and_that_of_a_running_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let vars = in_folder(&folder);
    let first = Alive::open(&vars, Manager::default());
    assert!(first.listener.is_some());
    assert!(Alive::open(&vars, Manager::default()).listener.is_none(), "the first still listens");
    drop(first);
    assert!(folder.path().join(SOCKET).exists(), "a killed agent leaves it too");
    assert!(Alive::open(&vars, Manager::default()).listener.is_some());
}

#[tokio::test]
async fn signs_of_life_are_given_only_while_the_loop_ticks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let vars = BTreeMap::from([
        ("RUNTIME_DIRECTORY".to_owned(), folder.path().display().to_string()),
        ("NOTIFY_SOCKET".to_owned(), path.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), "30000".to_owned()),
    ]);
    let alive = Alive::open(&vars, Manager::find(&vars));
    let heard = async || {
        let mut words = [0; 64];
        let length = socket.recv(&mut words).await.unwrap();
        String::from_utf8_lossy(&words[..length]).into_owned()
    };
    tokio::select! {
        () = alive.tell() => unreachable!("it tells for ever"),
        () = async {
            alive.begin(Duration::from_secs(1));
            assert_eq!(heard().await, "READY=1\n");
            assert_eq!(heard().await, "WATCHDOG=1\n");
            assert_eq!(heard().await, "WATCHDOG=1\n");
        } => {}
    }
    let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    alive.beat.set(Some((long_ago, Duration::from_secs(1))));
    let mut words = [0; 64];
    while socket.try_recv(&mut words).is_ok() {}
    assert!(
        timeout(Duration::from_millis(100), async {
            tokio::select! {
                () = alive.tell() => {}
                _ = heard() => {}
            }
        })
        .await
        .is_err(),
        "a stalled loop gave a sign of life"
    );
}
