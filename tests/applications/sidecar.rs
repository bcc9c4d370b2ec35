//! A collector and an agent with every ear open, on addresses of their own.

use std::{net::SocketAddr, path::PathBuf};

use farol_tests::{
    agent,
    collector::Collector,
    http::Client,
    process::Process,
    wait::{now_ms, until, when},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::programs::Var;

pub(crate) struct Sidecar {
    pub(crate) collector: Collector,
    pub(crate) agent: Process,
    /// OTLP and JSON.
    pub(crate) http: SocketAddr,
    pub(crate) statsd: SocketAddr,
    /// Datagrams of the middlewares.
    pub(crate) socket: PathBuf,
    /// Where the agent's proxy listens, if it is told to.
    pub(crate) front: SocketAddr,
    /// Where the application listens.
    pub(crate) app: SocketAddr,
    pub(crate) folder: TempDir,
    service: String,
    started_ms: i64,
}

impl Sidecar {
    /// An agent of a service, with more variables of its environment.
    pub(crate) fn start(service: &str, vars: impl FnOnce(&Places) -> Vec<Var<'static>>) -> Self {
        let collector = Collector::start();
        let folder = TempDir::new().unwrap();
        let at = |port| SocketAddr::new(collector.address().ip(), port);
        let places = Places { front: at(8000), app: at(8001), folder: folder.path().to_path_buf() };
        let socket = folder.path().join("farol.sock");
        let mut options = agent::beside(&collector, &format!("{service}-sidecar"))
            .var("FAROL_SERVICE", service)
            .var("FAROL_HTTP_LISTEN", &at(4318).to_string())
            .var("FAROL_STATSD_LISTEN", &at(8125).to_string())
            .var("FAROL_SOCKET", &socket.display().to_string());
        for (key, value) in vars(&places) {
            options = options.var(key, &value);
        }
        let agent = options.start();
        until("the agent to listen", || {
            Client::new(at(4318)).send("GET", "/health", &[], &[]).map_err(|error| error.to_string())
        });
        Self {
            agent,
            http: at(4318),
            statsd: at(8125),
            socket,
            front: places.front,
            app: places.app,
            folder,
            service: service.to_owned(),
            started_ms: now_ms() - 60_000,
            collector,
        }
    }

    /// A client of the agent's HTTP receiver.
    pub(crate) fn ear(&self) -> Client {
        Client::new(self.http)
    }

    /// What the collector answers about this service since the start.
    pub(crate) fn ask(&mut self, path: &str) -> Value {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}service={}&from={}&to={}", self.service, self.started_ms, now_ms() + 60_000);
        let answer = self.collector.api().get(&path);
        if answer.status == 200 { answer.json() } else { Value::String(answer.text()) }
    }

    /// Waits until as many requests are counted; then ends the agent, which drains, and fails if there are more in the end.
    pub(crate) fn check_count(&mut self, count: u64) -> Value {
        until(&format!("{count} requests"), || {
            let answer = self.ask("/api/v1/requests/latency");
            when(answer["total"]["count"].as_u64(), |seen| *seen >= Some(count)).map_err(|seen| format!("{seen}: {answer}"))
        });
        assert!(self.agent.stop().success(), "{}", self.agent.log());
        let answer = self.ask("/api/v1/requests/latency");
        assert_eq!(answer["total"]["count"], count, "{answer}");
        answer
    }

    /// The row of one route among the most used.
    pub(crate) fn endpoint(&mut self, method: &str, route: &str) -> Value {
        let answer = self.ask("/api/v1/requests/endpoints?limit=50");
        let rows = answer["endpoints"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let found = rows.iter().find(|row| row["route"] == route && row["method"] == method).cloned();
        found.unwrap_or_else(|| panic!("no {method} {route} in {answer}"))
    }

    /// The agent's peak of resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.agent.peak_memory()
    }

    /// The newest value of one of the agent's own series, summed over those with this attribute value.
    pub(crate) fn own(&mut self, metric: &str, attribute: &str) -> f64 {
        let name = format!("{}-sidecar", self.service);
        let id = self.collector.resource_id(&name);
        let path = format!(
            "/api/v1/query?metric={metric}&resource={id}&from={}&to={}&aggregate=last",
            self.started_ms,
            now_ms() + 1_000
        );
        let answer = self.collector.api().json(&path);
        let rows = answer["series"].as_array().into_iter().flatten();
        let rows =
            rows.filter(|row| row["attributes"].as_object().is_some_and(|all| all.values().any(|value| value == attribute)));
        rows.filter_map(|row| row["points"].as_array()?.last()?.get(1)?.as_f64()).sum()
    }
}

/// Where things are, for the variables of an agent that has yet to start.
pub(crate) struct Places {
    pub(crate) front: SocketAddr,
    pub(crate) app: SocketAddr,
    pub(crate) folder: PathBuf,
}
