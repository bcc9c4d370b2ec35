//! A collector's routes with some Redis to act on, and people of every role, on a clock that the test moves.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    http::{HeaderMap, Request},
};
use farol_collector::{
    access::{Access, Role, proxy::ClientAddress, seal::Seal},
    act::{Act, ActInstance, Bounds},
    alert::{self, Rules},
    api::{self, App, Parts},
    config::AccessSettings,
    export::Exports,
    ingest::Ingest,
    live::Live,
    notify::Channels,
    pull::Pull,
    push::{Push, feed},
    redis_link::{Config, Target},
    self_watch::Own,
    service::Services,
    state::{FILE_NAME, Fingerprint, State},
};
use farol_shared::clock::Clock;
use farol_store::{Options, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

const START: i64 = 1_795_237_680_000;

#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

/// The routes, and the cookies of four people.
pub(crate) struct House {
    router: Router,
    clock: Arc<TestClock>,
    pub(crate) act: Act,
    state: State,
    cookies: HashMap<Role, String>,
    _folder: TempDir,
}

/// A Redis to act on. `keys` are those of the configuration beside its url.
pub(crate) fn instance(name: &str, url: &str, keys: &str, allow_actions: bool) -> ActInstance {
    let config = Config::take(&mut keys.parse().unwrap()).unwrap();
    ActInstance { name: name.to_owned(), target: Target::read(Some(url), &config).unwrap(), allow_actions }
}

impl House {
    pub(crate) async fn of(instances: Vec<ActInstance>) -> Self {
        Self::bounded(instances, Bounds::default()).await
    }

    pub(crate) async fn bounded(instances: Vec<ActInstance>, bounds: Bounds) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let told: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let (state, _thread) = State::open(&folder.path().join(FILE_NAME), Arc::clone(&told)).unwrap();
        let act = Act::with_bounds(instances, state.clone(), Arc::clone(&told), bounds);
        let settings = AccessSettings {
            admin_password: None,
            agent_token: None,
            session_idle: Duration::from_secs(86_400),
            session_max: Duration::from_secs(86_400),
            token_lifetime: Duration::from_secs(86_400),
            secure_cookie: false,
            ..AccessSettings::default()
        };
        let (access, _) = Access::open(state.clone(), settings, None, Arc::clone(&told)).await.unwrap();
        let people = state.change(|db| Role::ALL.iter().try_for_each(|role| db.add_user(role.as_str(), "no hash", *role, START)));
        people.await.unwrap();
        let store = Store::open(folder.path(), Options::default(), Arc::clone(&told)).unwrap();
        let live = Arc::new(Live::new(&store.resources()));
        let push = Push::new(Arc::clone(&live), store.clone(), access.clone(), Arc::clone(&told), 10);
        let (shown, _) = mpsc::channel(feed::QUEUE_MAX);
        let ingest = Ingest::new(store.clone(), push.clone(), Arc::clone(&told), shown);
        let pull = Pull::new(&[], &store, START);
        let seal = Seal::load(None, folder.path()).unwrap();
        let channels = Channels::open(state.clone(), seal, Vec::new(), None).await.unwrap();
        let parts = Parts {
            alert: alert::Shown::new(Rules::new(Vec::new(), &[]).unwrap()),
            channels,
            store,
            live,
            services: Services::default(),
            pull,
            push,
            ingest,
            access,
            act: act.clone(),
            clock: told,
            own: Own::default(),
            tls: None,
            exports: Exports::default(),
            started_ms: START,
        };
        let router = api::router(App::new(parts));
        let mut house = Self { router, clock, act, state, cookies: HashMap::new(), _folder: folder };
        for role in Role::ALL {
            house.sign_in(role).await;
        }
        house
    }

    /// Signs a person of this role in, now. Checking a password would take longer than the rest of a test.
    pub(crate) async fn sign_in(&mut self, role: Role) {
        let now_ms = self.clock.now_ms();
        let secret = format!("{role}-{now_ms}");
        let fingerprint = Fingerprint::of(&secret);
        let opened = self.state.change(move |db| db.open_session(role.as_str(), &fingerprint, now_ms, now_ms + 86_400_000));
        opened.await.unwrap();
        self.cookies.insert(role, format!("farol_session={secret}"));
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Posts to a path below `/api/dashboard/redis/`.
    pub(crate) async fn post(&self, role: Role, path: &str, body: Value) -> Answer {
        self.send("POST", &format!("/api/dashboard/redis/{path}"), Some(role), Some(body)).await
    }

    /// The same, which must go well; answers what it says.
    pub(crate) async fn done(&self, role: Role, path: &str, body: Value) -> Value {
        let answer = self.post(role, path, body.clone()).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.json);
        answer.json
    }

    /// Looks at a key, as an operator.
    pub(crate) async fn inspect(&self, key: &str) -> Value {
        // As many as a test likes.
        self.pass(Duration::from_secs(2));
        self.done(Role::Operator, "inspect_key", json!({"key": key})).await
    }

    /// The audit log, newest first.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let answer = self.send("GET", "/api/v1/audit?limit=100", Some(Role::Admin), None).await;
        answer.json["entries"].as_array().unwrap().clone()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, role: Option<Role>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "farol.lan");
        if let Some(role) = role {
            request = request.header("cookie", &self.cookies[&role]).header("sec-fetch-site", "same-origin");
        }
        let client = ClientAddress { address: Some("192.0.2.7".parse().unwrap()), is_https: false };
        request = request.header("content-type", "application/json").extension(client);
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = tower::ServiceExt::oneshot(self.router.clone(), request.body(body).unwrap()).await.unwrap();
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await {
            bytes.extend(frame.unwrap().into_data().unwrap_or_default());
        }
        let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
        Answer { status: parts.status.as_u16(), headers: parts.headers, json }
    }
}
