//! Tests of the receiver on real sockets.

use std::rc::Rc;

use farol_shared::resource::{Resource, ResourceKind};
use tokio::{sync::watch, task::LocalSet};

use super::*;
use crate::{
    clock::SystemClock,
    intake::{self, Inlet},
    listen::Stop,
    read::Roots,
    recorder::{Recorder, ResourceSlot},
};

struct Bench {
    context: Context,
    stop: watch::Sender<bool>,
    recorder: Recorder,
    own: ResourceSlot,
}

impl Bench {
    fn new() -> Self {
        let settings = intake::Settings { service: "shop".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let mut recorder = Recorder::new();
        let (key, attributes) = ("host:a".to_owned(), [].into());
        let own = recorder.resource(Resource { key, kind: ResourceKind::Host, parent: None, tenant: None, attributes });
        let (stop, stopped) = Stop::new();
        let context = Context {
            inlet: Inlet::new(settings),
            clock: std::sync::Arc::new(SystemClock),
            roots: Rc::new(Roots::new("/")),
            stop: stopped,
        };
        Self { context, stop, recorder, own }
    }

    /// The newest value of a series.
    fn value(&mut self, name: &str, attribute: &str) -> Option<f64> {
        self.context.inlet.open().drain(&mut self.recorder, self.own, true);
        let table = self.recorder.tables().0.remove(0);
        let row = self.recorder.take_rows().remove(0);
        let is_it = |key: &farol_shared::batch::SeriesKey| {
            key.metric == name && (attribute.is_empty() || key.attributes.iter().any(|(_, value)| value == attribute))
        };
        table.series.iter().zip(row.0).find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }

    /// Waits until a series has this value.
    async fn wait_for(&mut self, name: &str, attribute: &str, wanted: f64) {
        let mut last = None;
        for _ in 0..10_000 {
            last = self.value(name, attribute);
            if last == Some(wanted) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("{name} is {last:?}, not {wanted}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn datagrams_over_udp_are_counted_and_the_last_ones_are_taken_at_the_end() {
    LocalSet::new().block_on(&runtime(), async {
        let mut bench = Bench::new();
        // A port that was free a moment ago.
        let address = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = Settings { address: Some(address), ..Settings::default() };
        let serving = tokio::task::spawn_local(serve(settings, bench.context.clone()));
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(address).unwrap();
        while sender.send(b"ready:1|g").is_err() || bench.value("ready", "") != Some(1.0) {
            sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..100 {
            sender.send(b"hits:1|c|#route:/x\nhits:1|c\nwrong").unwrap();
        }
        bench.wait_for("hits", "/x", 100.0).await;
        bench.wait_for("farol.agent.records.dropped", "malformed", 100.0).await;
        sender.send(b"hits:1|c|#route:/x").unwrap();
        bench.stop.send_replace(true);
        serving.await.unwrap().unwrap();
        bench.wait_for("hits", "/x", 101.0).await;
    });
}

#[test]
fn a_unix_socket_that_was_left_behind_is_taken_over_and_removed_at_the_end() {
    LocalSet::new().block_on(&runtime(), async {
        let mut bench = Bench::new();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("statsd.sock");
        drop(std::os::unix::net::UnixDatagram::bind(&path).unwrap());
        let settings = Settings { socket: Some(path.clone()), ..Settings::default() };
        let serving = tokio::task::spawn_local(serve(settings.clone(), bench.context.clone()));
        let sender = std::os::unix::net::UnixDatagram::unbound().unwrap();
        while sender.send_to(b"hits:3|c", &path).is_err() {
            sleep(Duration::from_millis(1)).await;
        }
        bench.wait_for("hits", "", 3.0).await;
        let second = serve(settings, bench.context.clone()).await;
        assert!(matches!(second, Err(ListenError::Bind { .. })), "a socket in use is not taken over");
        bench.stop.send_replace(true);
        serving.await.unwrap().unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn what_the_kernel_drops_is_counted() {
    LocalSet::new().block_on(&runtime(), async {
        let mut bench = Bench::new();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &4_096).unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(b"hits:1|c", socket.local_addr().unwrap()).unwrap();
        }
        let drops = Drops::new(&bench.context.roots, false, fstat(&socket).unwrap().st_ino);
        bench.stop.send_replace(true);
        let pace = Pace { rest: REST_MIN, drops: Some(drops) };
        receive(&socket, pace, Sorter::new(SignedGauge::Relative, Vec::new()), bench.context.clone()).await.unwrap();
        bench.value("hits", "");
        let (read, lost) = (bench.value("hits", "").unwrap(), bench.value("farol.agent.records.dropped", "socket").unwrap());
        assert!(lost > 0.0 && (read + lost - 100.0).abs() < 0.5, "{read} read, {lost} lost");
    });
}

#[test]
fn the_rest_is_as_long_as_the_buffer_bears() {
    assert_eq!(rest_of(0), REST_MIN);
    assert_eq!(rest_of(2 * 212_992), Duration::from_micros(1_770));
    assert_eq!(rest_of(2 * BUFFER_BYTES), REST_MAX);
}
