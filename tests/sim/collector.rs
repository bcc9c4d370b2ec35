//! The simulated collector: the real door (routes, access, ingest) and store, served over the simulated network.

use std::{
    cell::RefCell,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{FromRef, Request},
    middleware::{self, Next},
    routing::post,
    serve::Listener,
};
use farol_collector::{
    access::Access,
    config::AccessSettings,
    ingest::{Ingest, routes::batches},
    live::Live,
    push::{Push, feed},
    service::{self, Services},
    state::State,
};
use farol_shared::{secret::Secret, wire};
use farol_store::{Options, Store};
use farol_tests::collector::AGENT_TOKEN;
use tokio::sync::mpsc;
use turmoil::net::{TcpListener, TcpStream};

use crate::SimClock;

/// Where it listens.
pub(crate) const PORT: u16 = 8650;
/// Samples are sealed after this long, so that a simulation of minutes sees blocks, too.
pub(crate) const SEAL_AFTER_MS: i64 = 20_000;

/// How the simulated store works.
pub(crate) fn options() -> Options {
    Options { seal_after_ms: SEAL_AFTER_MS, ..Options::default() }
}

/// Everything that outlives a crash of the collector.
pub(crate) struct Plan {
    folder: PathBuf,
    clock: Arc<SimClock>,
    /// Requests that wait for the store's real thread.
    inside: Arc<AtomicUsize>,
    store: RefCell<Option<Store>>,
}

/// What the routes need.
#[derive(Clone)]
struct Door {
    ingest: Ingest,
    access: Access,
}

impl FromRef<Door> for Ingest {
    fn from_ref(door: &Door) -> Self {
        door.ingest.clone()
    }
}

impl FromRef<Door> for Access {
    fn from_ref(door: &Door) -> Self {
        door.access.clone()
    }
}

impl Plan {
    /// A collector with its data below this folder.
    pub(crate) fn new(folder: &Path, clock: Arc<SimClock>) -> Self {
        let folder = folder.join("collector");
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, clock, inside: Arc::default(), store: RefCell::default() }
    }

    /// The store's thread is real: waits for what was handed to it, so that simulated time does not run away.
    pub(crate) fn settle(&self) {
        let store = self.store.borrow();
        let Some(store) = store.as_ref() else { return };
        if self.inside.load(Ordering::Relaxed) > 0 {
            while store.stats().queue_depth > 0 {
                thread::sleep(Duration::from_micros(100));
            }
        }
    }

    /// Lets go of the store after the last run.
    pub(crate) fn close(&self) {
        self.store.take();
    }

    /// One run of the collector, until it crashes.
    pub(crate) async fn serve(self: Rc<Self>) -> turmoil::Result {
        // What waited in a run that crashed is gone.
        self.inside.store(0, Ordering::Relaxed);
        self.store.take();
        let clock = Arc::clone(&self.clock);
        let store = open(&self.folder, &clock);
        let (state, _thread) = State::open(&self.folder.join("state.db"), Arc::<SimClock>::clone(&clock))?;
        let settings = AccessSettings {
            admin_password: None,
            agent_token: Some(Secret::new(AGENT_TOKEN)),
            session_idle: Duration::from_secs(3_600),
            session_max: Duration::from_secs(3_600),
            token_lifetime: Duration::from_secs(3_600),
            secure_cookie: false,
            ..AccessSettings::default()
        };
        let (access, _) = Access::open(state, settings, None, Arc::<SimClock>::clone(&clock)).await?;
        let live = Arc::new(Live::new(&store.resources()));
        let push = Push::new(live, store.clone(), access.clone(), Arc::<SimClock>::clone(&clock), 10);
        let (shown, queue) = mpsc::channel(feed::QUEUE_MAX);
        let services = service::start(&Services::default());
        let inlets = feed::Inlets { services, alerts: None };
        tokio::spawn(feed::deliver(push.clone(), inlets, queue));
        let ingest = Ingest::new(store.clone(), push, clock, shown);
        self.store.replace(Some(store));
        let inside = Arc::clone(&self.inside);
        let count = middleware::from_fn(move |request: Request<Body>, next: Next| {
            let inside = Arc::clone(&inside);
            async move {
                inside.fetch_add(1, Ordering::Relaxed);
                let response = next.run(request).await;
                inside.fetch_sub(1, Ordering::Relaxed);
                response
            }
        });
        let router: Router = Router::new().route(wire::PATH, post(batches)).layer(count).with_state(Door { ingest, access });
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        axum::serve(SimListener(listener), router).await?;
        Ok(())
    }
}

/// Opens the store; the thread of a run that just crashed may hold it for a moment.
pub(crate) fn open(folder: &Path, clock: &Arc<SimClock>) -> Store {
    let mut last = None;
    for _ in 0..2_000 {
        match Store::open(folder, options(), Arc::<SimClock>::clone(clock)) {
            Ok(store) => return store,
            Err(error) => last = Some(error),
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the store does not open: {last:?}");
}

struct SimListener(TcpListener);

impl Listener for SimListener {
    type Io = TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (TcpStream, std::net::SocketAddr) {
        loop {
            if let Ok(accepted) = self.0.accept().await {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        self.0.local_addr()
    }
}
