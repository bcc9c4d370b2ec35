//! Every route with every role, with and without a tenant: who gets in, and what of another tenant's data comes out.

use std::collections::BTreeMap;

use farol_collector::{
    access::Role,
    api::{
        route::{Answer, Bound, Least, Method, Route, Takes},
        routes,
    },
};
use farol_shared::{
    batch::{Table, Tables},
    metric::Kind,
    record::{CheckResult, CheckState, ErrorSummary, Event, Level, LogRecord, Records, Request},
    wire,
};
use serde_json::{Value, json};

use crate::{
    harness::{AGENT_TOKEN, Collector, Reply, batch, key, now_ms, resource},
    people::{agent_token, person, send},
    records::summary,
};

/// What everything of the other tenant has in its name.
const OTHERS: &str = "globex";

/// Somebody who calls: in words, role and tenant, token.
struct Caller {
    name: String,
    role: Role,
    is_bound: bool,
    token: String,
}

/// Everybody: each role, unbound and bound to `acme`.
async fn callers(collector: &Collector, admin: &str) -> Vec<Caller> {
    let mut all = Vec::new();
    for role in Role::ALL {
        for tenant in [None, Some("acme")] {
            let name = format!("{role}-{}", tenant.unwrap_or("all"));
            let token = person(collector, admin, &name, role.as_str(), tenant).await;
            all.push(Caller { name, role, is_bound: tenant.is_some(), token });
        }
    }
    all
}

/// A path with something in its places that cannot be there.
fn path_of(route: &Route) -> String {
    let mut path = route.path.replace("/tenant/{id}", "/tenant/acme");
    for (place, with) in
        [("{id}", "999999"), ("{slug}", "no-such"), ("{username}", "nobody"), ("{name}", "none"), ("{kind}", "events")]
    {
        path = path.replace(place, with);
    }
    assert!(!path.contains('{'), "{path}: tell the matrix what may stand there");
    path
}

async fn call(collector: &Collector, route: &Route, token: Option<&str>) -> Reply {
    let method = route.method.as_str().to_ascii_uppercase();
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let mut headers: Vec<(&str, &str)> = Vec::new();
    if token.is_some() {
        headers.push(("authorization", &bearer));
    }
    let body: &[u8] = match route.takes {
        Takes::Json(_) => {
            headers.push(("content-type", "application/json"));
            b"{}"
        }
        Takes::Nothing | Takes::Media(_) => b"",
    };
    if matches!(route.answer, Answer::Socket) {
        headers.extend([
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ]);
    }
    collector.ask(&method, &path_of(route), &headers, body).await
}

/// Whether the answer is the refusal of the guard, not of what stands behind it.
fn is_refused(reply: &Reply) -> bool {
    matches!(reply.status, 401 | 403)
}

/// Routes that end or change what the matrix itself stands on, each with its own test.
const NOT_ASKED: &[&str] = &["/api/auth/logout"];

#[tokio::test(flavor = "multi_thread")]
async fn each_route_lets_in_those_whom_the_table_names_and_nobody_else() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    let callers = callers(&collector, &admin).await;
    let bound_agent = agent_token(&collector, &admin, "acme agents", Some("acme")).await;
    let mut wrong = Vec::new();
    for route in routes::all().filter(|route| !NOT_ASKED.contains(&route.path)) {
        let is_socket = matches!(route.answer, Answer::Socket);
        let what = format!("{} {}", route.method.as_str(), route.path);
        let stranger = call(&collector, route, None).await;
        let is_open = route.least == Least::Nobody || is_socket;
        if is_open == (stranger.status == 401) {
            wrong.push(format!("{what}: a stranger gets {}", stranger.status));
        }
        for agent in [AGENT_TOKEN, &bound_agent] {
            let may = match route.least {
                Least::Nobody | Least::Agent => true,
                // A scraper sees the whole house.
                Least::PersonOrAgent => agent == AGENT_TOKEN,
                Least::Role(_) | Least::Monitoring => false,
            };
            let reply = call(&collector, route, Some(agent)).await;
            if may == is_refused(&reply) {
                wrong.push(format!("{what}: an agent gets {}", reply.status));
            }
        }
        for caller in &callers {
            let (name, reply) = (&caller.name, call(&collector, route, Some(&caller.token)).await);
            let has_role = match route.least {
                Least::Nobody | Least::PersonOrAgent => true,
                Least::Agent => false,
                Least::Role(least) => caller.role >= least,
                Least::Monitoring => caller.role >= Role::SuperAdmin,
            };
            let is_open = route.least == Least::Nobody;
            let may = has_role && (is_open || !caller.is_bound || route.bound == Bound::Filtered);
            if may == is_refused(&reply) {
                wrong.push(format!("{what}: {name} gets {} {}", reply.status, reply.text()));
            }
            if reply.status >= 500 && reply.status != 503 {
                wrong.push(format!("{what}: {name} gets {} {}", reply.status, reply.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    collector.stop().await;
}

/// Everything that a tenant's applications tell, with its name in each text.
fn told_by(tenant: &str) -> Records {
    let now = now_ms() - 5_000;
    let word = |what: &str| format!("{tenant}-{what}");
    let own = || Some(tenant.to_owned());
    let request = Request {
        time_ms: now,
        method: "GET".to_owned(),
        route: word("/route"),
        path: word("/path"),
        status: 500,
        duration_s: 2.0,
        tenant: own(),
        user: Some(word("user")),
        trace_id: Some(word("trace")),
        exception: Some(word("Exception")),
    };
    Records {
        requests: vec![summary(&word("/route"), 500, Some(tenant), 3, 2.0)],
        recent: vec![request.clone()],
        slow: vec![request],
        errors: vec![ErrorSummary {
            kind: word("Error"),
            origin: "request".to_owned(),
            tenant: own(),
            count: 1,
            time_ms: now,
            message: word("message"),
            ..ErrorSummary::default()
        }],
        events: vec![Event {
            time_ms: now,
            kind: "MessageSent".to_owned(),
            tenant: own(),
            payload: json!({ "to": word("to") }).to_string(),
        }],
        logs: vec![LogRecord {
            time_ms: now,
            level: Level::Error,
            message: word("log"),
            source: word("source"),
            tenant: own(),
            ..LogRecord::default()
        }],
        ..Records::default()
    }
}

/// Tells of a tenant what there is to tell: a service that all share, and a host of its own with a check, through its own token.
async fn tell(collector: &Collector, admin: &str, tenant: &str, seq: u64) {
    let shared = crate::records::batch("shared", seq, "shop", vec![(now_ms() - 5_000, told_by(tenant))]);
    collector.store(&shared).await;
    let token = agent_token(collector, admin, &format!("{tenant} agents"), Some(tenant)).await;
    let mut own = batch(&format!("host:{tenant}"), 1, 1, &[(now_ms() - 5_000, 1.0, 10.0), (now_ms() - 4_000, 2.0, 20.0)]);
    let series = vec![key("system.linux.memory.available", "By", Kind::Gauge), key("orders", "{order}", Kind::Counter)];
    let mut host = resource(&format!("host:{tenant}"));
    host.attributes = BTreeMap::from([("host.name".to_owned(), format!("{tenant}-host"))]);
    own.tables = wire::encode_tables(&Tables(vec![Table { resource: host, series }])).into();
    own.frames[0].records = vec![Records {
        checks: vec![CheckResult {
            time_ms: now_ms() - 5_000,
            name: format!("{tenant}-check"),
            kind: "http".to_owned(),
            target: format!("https://{tenant}.example"),
            state: CheckState::Offline,
            ..CheckResult::default()
        }],
        ..told_by(tenant)
    }];
    let bearer = format!("Bearer {token}");
    let reply = collector.post(&wire::encode(&own), &[("authorization", &bearer)]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Questions that the routes answer: every one that takes parameters, with and without naming what belongs to the other.
fn questions(others: &Value) -> Vec<String> {
    let mut all: Vec<String> = routes::all()
        .filter(|route| route.method == Method::Get && route.bound == Bound::Filtered && !matches!(route.answer, Answer::Socket))
        .map(path_of)
        .collect();
    let metrics = "system.linux.memory.available,orders,farol.check.state,http.server.request.rate";
    all.extend([
        format!("/api/v1/query?metric={metrics}"),
        format!("/api/v1/query?metric={metrics}&resource={others}"),
        format!("/api/v1/query?metric={metrics}&across=sum&aggregate=last"),
        format!("/api/v1/series?resource={others}"),
        "/api/v1/series?metric=orders".to_owned(),
        format!("/api/v1/compare?resource={others}"),
        format!("/api/v1/compare?metric={metrics}"),
        format!("/api/monitoring/history?resource={others}"),
        "/api/v1/resources?all=true".to_owned(),
        "/api/v1/logs?level=trace&q=globex".to_owned(),
        "/api/v1/events?type=MessageSent&service=shop".to_owned(),
        format!("/api/v1/checks?service={others}"),
        format!("/api/v1/export?metric={metrics}&format=json"),
        format!("/api/v1/export?metric={metrics}&format=csv&resource={others}"),
        "/api/v1/export?metric=messages_sent&format=ndjson".to_owned(),
        "/api/v1/export/events?format=csv".to_owned(),
        "/api/v1/export/logs?format=ndjson".to_owned(),
        "/api/v1/export/requests?format=json".to_owned(),
        "/api/v1/export/checks?format=csv".to_owned(),
        "/api/v1/dashboard/metrics?period=1h".to_owned(),
    ]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_tenant_comes_out_of_any_question() {
    let (collector, _dir) = Collector::fresh().await;
    let admin = collector.sign_in().await;
    tell(&collector, &admin, "acme", 1).await;
    tell(&collector, &admin, OTHERS, 2).await;
    let resources = collector.json(&admin, "/api/v1/resources").await["resources"].clone();
    let others = resources.as_array().unwrap().iter().find(|one| one["tenant"] == OTHERS).unwrap()["id"].clone();
    let own = person(&collector, &admin, "ana", "admin", Some("acme")).await;
    let (mut leaks, mut seen) = (Vec::new(), 0);
    for path in questions(&others) {
        let whole = send(&collector, &admin, "GET", &path, &Value::Null).await;
        assert!(whole.status < 500, "{path}: {whole:?}");
        let reply = send(&collector, &own, "GET", &path, &Value::Null).await;
        // What is not seen is as if it were not there.
        assert!(reply.status == whole.status || matches!(reply.status, 400 | 404), "{path}: {reply:?}");
        let text = reply.text();
        // The question itself may come back in an answer.
        if reply.status == 200 && text.contains(OTHERS) {
            leaks.push(format!("{path}: {text}"));
        }
        seen += usize::from(reply.status == 200 && text.contains("acme"));
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(seen > 15, "of its own it sees something in many answers, not only in {seen}");
    for path in [
        "/api/v1/logs",
        "/api/v1/events",
        "/api/v1/requests/slow",
        "/api/v1/requests/tenants",
        "/api/v1/errors/types",
        "/api/v1/checks",
    ] {
        let text = send(&collector, &own, "GET", path, &Value::Null).await.text();
        assert!(text.contains("acme"), "{path}: {text}");
    }
    for path in ["/api/v1/logs", "/api/v1/events", "/api/v1/errors/types", "/api/v1/requests/recent"] {
        let reply = send(&collector, &own, "GET", &format!("{path}?tenant={OTHERS}"), &Value::Null).await;
        assert_eq!((reply.status, reply.json()["code"].clone()), (403, json!("other_tenant")), "{path}");
    }
    let points = collector.json(&own, &format!("/api/v1/query?metric=orders&resource={others}")).await;
    assert_eq!(points["series"], json!([]));
    collector.stop().await;
}
