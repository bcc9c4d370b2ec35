//! A droplet or an app: what is asked of it, and what is known.

use std::collections::BTreeMap;

use super::{Matrix, answer};
use crate::pull::{
    PollError,
    infra::{self, Deployment, Gap, Points, Target, Writer},
};

/// Bytes a second of a Mbit/s.
const MBIT: f64 = 125_000.0;

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Droplet,
    App,
}

impl What {
    /// What is asked, one call each.
    pub(super) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Droplet => &[
                "cpu",
                "memory_total",
                "memory_available",
                "inbound",
                "outbound",
                "filesystem_size",
                "filesystem_free",
                "load_1",
            ],
            Self::App => &["cpu_percentage", "memory_percentage", "restart_count", "deployments"],
        }
    }

    /// Path and query of one call. The id holds letters, digits and dashes.
    pub(super) fn question(self, part: &str, id: &str, start_s: i64, end_s: i64) -> (String, Vec<(&'static str, String)>) {
        let times = [("start", start_s.to_string()), ("end", end_s.to_string())];
        let metrics = "/v2/monitoring/metrics";
        match (self, part) {
            (Self::Droplet, "inbound" | "outbound") => {
                let mut query =
                    vec![("host_id", id.to_owned()), ("interface", "public".to_owned()), ("direction", part.to_owned())];
                query.extend(times);
                (format!("{metrics}/droplet/bandwidth"), query)
            }
            (Self::Droplet, _) => {
                (format!("{metrics}/droplet/{part}"), [vec![("host_id", id.to_owned())], times.to_vec()].concat())
            }
            (Self::App, "deployments") => (format!("/v2/apps/{id}/deployments"), vec![("per_page", "20".to_owned())]),
            (Self::App, _) => (format!("{metrics}/apps/{part}"), [vec![("app_id", id.to_owned())], times.to_vec()].concat()),
        }
    }
}

/// A target and what is known of it.
#[derive(Debug)]
pub(super) struct Known {
    pub what: What,
    pub id: String,
    pub name: String,
    pub gap: Gap,
    pub deployments: Vec<Deployment>,
    parts: BTreeMap<&'static str, Matrix>,
    reason: Option<String>,
}

impl Known {
    pub(super) fn new(what: What, id: String, name: String) -> Self {
        Self { what, id, name, gap: Gap::default(), deployments: Vec::new(), parts: BTreeMap::new(), reason: None }
    }

    /// It is asked anew: what was wrong before does not count any more.
    pub(super) fn begin(&mut self) {
        self.reason = None;
    }

    /// Takes one answer in.
    pub(super) fn take(&mut self, part: &'static str, body: &[u8]) -> Result<(), PollError> {
        if part == "deployments" {
            self.deployments = answer::deployments(body, &self.name)?;
        } else {
            self.parts.insert(part, answer::matrix(body, part)?);
        }
        Ok(())
    }

    /// One part could not be had.
    pub(super) fn failed(&mut self, part: &str, error: &PollError) {
        self.reason.get_or_insert_with(|| format!("{part}: {error}"));
    }

    fn of(&self, part: &str) -> Matrix {
        self.parts.get(part).cloned().unwrap_or_default()
    }

    /// Writes what is known, and shows it.
    pub(super) fn show(&self, writer: &mut Writer<'_>) -> Target {
        let mut target = match self.what {
            What::Droplet => self.droplet(writer),
            What::App => self.app(writer),
        };
        if let Some(reason) = &self.reason {
            target.lacks(&infra::shown(reason));
        }
        target
    }

    fn droplet(&self, writer: &mut Writer<'_>) -> Target {
        let mut target = Target::new(&self.name, "droplet");
        let (total, available) = (answer::sum(&self.of("memory_total")), answer::sum(&self.of("memory_available")));
        let used = infra::together(&total, &available, |total, available| Some((total - available).max(0.0)));
        target.memory_limit = infra::newest(&total, writer.now_ms, writer.fresh_ms);
        target.memory_used = infra::newest(&used, writer.now_ms, writer.fresh_ms);
        writer.cpu(&mut target, &answer::cpu(&self.of("cpu")));
        writer.memory(&mut target, &infra::together(&used, &total, infra::share));
        let rate = |part| answer::sum(&self.of(part)).into_iter().map(|(time, mbit)| (time, mbit * MBIT)).collect::<Points>();
        writer.network(&mut target, &rate("inbound"), &rate("outbound"));
        writer.disk(&mut target, &answer::disk(&self.of("filesystem_size"), &self.of("filesystem_free")));
        let load = answer::sum(&self.of("load_1"));
        if !load.is_empty() {
            writer.figure(&mut target, "load, 1 min", "1", &load);
        }
        if target.is_blank() && self.reason.is_none() {
            target.lacks("no data: DigitalOcean has no points of it. Check the id; the droplet may be off");
        } else if self.reason.is_none() && target.memory_ratio.is_none() {
            target.lacks("memory and disk need DigitalOcean's metrics agent (do-agent) on the droplet");
        }
        target
    }

    fn app(&self, writer: &mut Writer<'_>) -> Target {
        let mut target = Target::new(&self.name, "app");
        let ratio =
            |part| answer::mean(&self.of(part)).into_iter().map(|(time, percent)| (time, percent / 100.0)).collect::<Points>();
        writer.cpu(&mut target, &ratio("cpu_percentage"));
        writer.memory(&mut target, &ratio("memory_percentage"));
        let restarts = answer::sum(&self.of("restart_count"));
        if !restarts.is_empty() {
            writer.figure(&mut target, "restarts", "{restart}", &restarts);
        }
        if target.is_blank() && self.reason.is_none() {
            target.lacks("no data: DigitalOcean has no points of it. Check the id; the app may be asleep");
        }
        target
    }
}
