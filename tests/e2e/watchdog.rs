//! A collector whose disk stops answering: its writer hangs, it gives no sign of life any more, and says so to whoever asks.

use std::{io::ErrorKind, os::unix::net::UnixDatagram, time::Duration};

use farol_tests::{
    collector::Collector,
    load::Load,
    wait::{PATIENCE, now_ms, until, when},
};
use tempfile::TempDir;

use crate::disk::Disk;

/// After this much silence a service manager would start the collector anew. A sign comes three times as often.
const SILENCE: Duration = Duration::from_millis(1_500);

/// Most signs that may come after the disk has stopped: those on their way, and those before the writer comes to the disk.
const LAST_SIGNS: usize = 20;

/// What systemd is to a service: a socket that takes words.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { socket: UnixDatagram::bind(folder.path().join("notify")).unwrap(), folder }
    }

    fn address(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    /// The next word; `None` when none comes within this time.
    fn next(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut word = [0; 256];
        match self.socket.recv(&mut word) {
            Ok(length) => Some(String::from_utf8_lossy(&word[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot hear the collector: {error}"),
        }
    }

    fn hears(&self, word: &str) {
        assert_eq!(self.next(PATIENCE).as_deref(), Some(word));
    }
}

#[test]
fn a_writer_that_hangs_gives_no_sign_of_life_until_the_disk_answers_again() {
    let disk = Disk::ext4(256);
    let manager = Manager::new();
    let mut collector = Collector::options()
        .data(&disk.path().join("data"))
        .var("NOTIFY_SOCKET", &manager.address())
        .var("WATCHDOG_USEC", &SILENCE.as_micros().to_string())
        .start();
    manager.hears("READY=1\n");
    manager.hears("WATCHDOG=1\n");
    let load = Load::start(collector.address(), 2, 10, now_ms() - 3 * 3_600_000);
    until("batches to be taken", || when(load.acknowledged(), |count| *count > 10));
    manager.hears("WATCHDOG=1\n");

    let frozen = disk.freeze();
    let last_signs = (0..LAST_SIGNS).take_while(|_| manager.next(SILENCE * 2).is_some()).count();
    assert!(last_signs < LAST_SIGNS, "signs of life come although nothing can be written");
    let health = collector.wait_health("store", "degraded");
    assert!(health["subsystems"]["store"]["detail"].as_str().unwrap().contains("the disk does not answer"), "{health}");
    let told = collector.command(&["health"]).output().unwrap();
    assert!(!told.status.success() && String::from_utf8_lossy(&told.stdout).contains("the disk does not answer"), "{told:?}");
    assert_eq!(manager.next(SILENCE * 2), None, "a sign of life of a writer that hangs");
    assert!(collector.process().ended().is_none(), "the collector ended");

    let held = load.acknowledged();
    drop(frozen);
    manager.hears("WATCHDOG=1\n");
    collector.wait_health("store", "ok");
    until("batches to be taken again", || when(load.acknowledged(), |count| *count > held));
    load.finish().check(&mut collector);
}
