//! `farol-agent check`: says once, in words, what can be measured here and whether the collector can be reached, and what to
//! do where something is missing.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use farol_shared::{
    batch::{Batch, Tables},
    clock::Clock,
    config::Vars,
    limit,
    record::CheckState,
    report::chain,
    wire::{self, Ack},
};
use farol_spool::{Health, Options, RealDisk, Spool, SpoolError};
use serde_bytes::ByteBuf;

use crate::{
    config::Settings,
    mask, probe,
    read::{Context, ReadError, Roots, SOURCES, SourceRow, Surroundings, identity},
    recorder::Recorder,
    send::{Answer, Connector, Http, Parcel, Sink, Target, proxy::Proxies, tcp::Tcp},
};

/// A clock that is further off makes the page look late; the collector still takes the samples.
const SKEW_WARN_MS: i64 = 1_000;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Works, with less than there could be.
    Reduced,
    /// Does not work.
    Broken,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is.
    pub verdict: Verdict,
    /// What it is about.
    pub thing: String,
    /// What was found, and what to do about it.
    pub words: String,
}

/// Checks everything and prints a line for each thing; true when nothing is broken.
///
/// # Errors
/// Only when the report cannot be written.
pub async fn check(settings: &Settings, vars: &dyn Vars, clock: Arc<dyn Clock>, out: &mut dyn Write) -> io::Result<bool> {
    let mut report = Report { out, worst: Verdict::Fine };
    report.say(Verdict::Fine, "configuration", "valid; `farol-agent --check` prints it")?;
    let agent = place(settings, &mut report)?;
    let (verdict, words) = spool(settings);
    report.say(verdict, "spool", &words)?;
    for (verdict, thing, words) in probes(settings, clock.as_ref()).await {
        report.say(verdict, &thing, &words)?;
    }
    let Some(target) = &settings.target else { return Ok(report.worst < Verdict::Broken) };
    let proxies = Proxies::new(vars);
    let words = match proxies.of(target) {
        Some(proxy) => format!("{}:{} is used, from the environment", proxy.host, proxy.port),
        None => "none is used".to_owned(),
    };
    report.say(Verdict::Fine, "proxy", &words)?;
    for line in collector(target, &agent, Tcp::new(vars), clock).await {
        report.say(line.verdict, &line.thing, &line.words)?;
    }
    Ok(report.worst < Verdict::Broken)
}

struct Report<'a> {
    out: &'a mut dyn Write,
    worst: Verdict,
}

impl Report<'_> {
    fn say(&mut self, verdict: Verdict, thing: &str, words: &str) -> io::Result<()> {
        self.worst = self.worst.max(verdict);
        let mark = match verdict {
            Verdict::Fine => "ok  ",
            Verdict::Reduced => "warn",
            Verdict::Broken => "FAIL",
        };
        writeln!(self.out, "{mark}  {thing:<22} {words}")
    }
}

/// Says where this is and what can be read; gives the agent's name.
fn place(settings: &Settings, report: &mut Report<'_>) -> io::Result<String> {
    let roots = Roots::new(&settings.root);
    let around = Surroundings::find(&roots);
    for (thing, words) in around.words() {
        report.say(Verdict::Fine, thing, &words)?;
    }
    let mut recorder = Recorder::new();
    let resource = identity::own(&roots, &around, &settings.described);
    let own_key = resource.key.clone();
    let named = if settings.described.name.is_some() { "as configured" } else { "found out; FAROL_NAME sets another" };
    report.say(Verdict::Fine, "agent", &format!("{own_key} ({named})"))?;
    let own = recorder.resource(resource);
    let context = Context { roots: &roots, around: &around, own, own_key: &own_key };
    for row in SOURCES {
        let (verdict, words) = source(row, &context, &mut recorder);
        report.say(verdict, &format!("source {}", row.name), &words)?;
    }
    Ok(own_key)
}

fn source(row: &SourceRow, context: &Context<'_>, recorder: &mut Recorder) -> (Verdict, String) {
    let read = (row.open)(context, recorder).and_then(|opened| match opened {
        Some(mut source) => source.read(recorder).map(|()| true),
        None => Ok(false),
    });
    match read {
        Ok(true) => {
            let samples: usize = recorder.take_rows().iter().map(farol_shared::frame::Row::samples).sum();
            (Verdict::Fine, format!("{samples} values"))
        }
        Ok(false) => (Verdict::Fine, "not here".to_owned()),
        Err(error) => {
            let advice = if error.is_denied() { denied(&error) } else { "the other sources work without it" };
            (Verdict::Reduced, format!("{}; {advice}", chain(&error)))
        }
    }
}

fn denied(_: &ReadError) -> &'static str {
    "let the agent read it: run it as root, or as the user that owns the cgroup (Delegate=yes for a systemd unit), \
     or mount it into the container"
}

fn spool(settings: &Settings) -> (Verdict, String) {
    let Some(dir) = &settings.spool.dir else {
        let words = "in memory only: what is not delivered is lost with the agent; set FAROL_SPOOL_DIR to keep it";
        return (Verdict::Reduced, words.to_owned());
    };
    let options = Options { disk_max: settings.spool.disk_bytes_max, ..Options::default() };
    let shown = dir.display();
    match RealDisk::open(dir).and_then(|disk| Spool::open(options, Some(disk))) {
        Ok((spool, opened)) => {
            let size = farol_shared::config::Size;
            let words = format!(
                "{shown}: {} batches, {} of {} wait for delivery",
                opened.batches,
                size(opened.bytes),
                size(settings.spool.disk_bytes_max)
            );
            match spool.health() {
                Health::Degraded { reason } => (Verdict::Broken, format!("{words}; {reason}")),
                Health::Durable | Health::MemoryOnly => (Verdict::Fine, words),
            }
        }
        Err(SpoolError::Locked { .. }) => (Verdict::Fine, format!("{shown}: in use by a running agent")),
        Err(error) => (Verdict::Broken, format!("{}; make it writable or choose another with FAROL_SPOOL_DIR", chain(&error))),
    }
}

/// Does each health check once. One that fails is no fault of the agent's, so that the report as a whole stays good.
async fn probes(settings: &Settings, clock: &dyn Clock) -> Vec<(Verdict, String, String)> {
    let roots = Roots::new(&settings.root);
    let mut lines = Vec::new();
    for one in &settings.listen.probes {
        let result = probe::once(one, &roots, clock).await;
        let verdict = if result.state == CheckState::Online { Verdict::Fine } else { Verdict::Reduced };
        let took = result.latency_s.map(|latency| format!(" in {:.1} ms", latency * 1e3)).unwrap_or_default();
        let detail = if result.detail.is_empty() { String::new() } else { format!("; {}", mask::text(&result.detail)) };
        let words = format!("{}: {}{took}{detail}", result.target, result.state.as_str());
        lines.push((verdict, format!("probe {}", result.name), words));
    }
    lines
}

/// Sends a batch without frames, which the collector answers without storing anything.
async fn collector<C: Connector>(target: &Target, agent: &str, connector: C, clock: Arc<dyn Clock>) -> Vec<Line> {
    let probe = Batch {
        agent: agent.to_owned(),
        boot: 0,
        seq: 1,
        interval_ms: limit::INTERVAL_MS_MAX,
        taken: 0,
        lost: Vec::new(),
        tables: ByteBuf::from(wire::encode_tables(&Tables::default())),
        frames: Vec::new(),
    };
    let parcel = Parcel { boot: 0, seq: 1, body: Bytes::from(wire::encode(&probe)) };
    let answer = Http::new(target.clone(), connector, Arc::clone(&clock)).deliver(&parcel).await;
    judge(target, &answer, clock.now_ms())
}

fn judge(target: &Target, answer: &Answer, now_ms: i64) -> Vec<Line> {
    let line = |verdict, thing: &str, words: String| Line { verdict, thing: thing.to_owned(), words };
    let reached = line(Verdict::Fine, "collector", format!("{} answers", target.authority()));
    match answer {
        Answer::Stored(ack) => {
            vec![reached, line(Verdict::Fine, "token", "accepted".to_owned()), skew(*ack, now_ms)]
        }
        Answer::Unauthorised { status, .. } => {
            let advice = "make one there with `farol-collector token create NAME` and set FAROL_TOKEN or FAROL_TOKEN_FILE";
            vec![reached, line(Verdict::Broken, "token", format!("refused ({status}); {advice}"))]
        }
        Answer::Busy { status, .. } => {
            vec![line(Verdict::Reduced, "collector", format!("{} is busy ({status}); try again", target.authority()))]
        }
        Answer::Refused { status, detail } => {
            let advice = "is it a Farol collector of this version?";
            vec![line(Verdict::Broken, "collector", format!("{} answers {status} {detail}; {advice}", target.authority()))]
        }
        Answer::Failed(error) => {
            let advice =
                "is the address right (FAROL_COLLECTOR_URL), is the collector running, does a firewall or proxy stand between?";
            vec![line(Verdict::Broken, "collector", format!("{}; {advice}", chain(error)))]
        }
    }
}

fn skew(ack: Ack, now_ms: i64) -> Line {
    let skew_ms = now_ms.saturating_sub(ack.now_ms);
    let (verdict, words) = match skew_ms.saturating_abs() {
        _ if ack.now_ms == 0 => (Verdict::Reduced, "the collector does not tell its time".to_owned()),
        off if off <= SKEW_WARN_MS => (Verdict::Fine, format!("{skew_ms} ms from the collector's")),
        off => {
            let verdict = if skew_ms > limit::FUTURE_MS_MAX { Verdict::Broken } else { Verdict::Reduced };
            let side = if skew_ms > 0 { "ahead of" } else { "behind" };
            (verdict, format!("{} s {side} the collector's; keep both in step with NTP (timedatectl, chrony)", off / 1_000))
        }
    };
    Line { verdict, thing: "clock".to_owned(), words }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use farol_shared::secret::Secret;

    use super::*;
    use crate::send::Token;

    fn target() -> Target {
        Target::new("http://collector:8650", Token::Given(Secret::new("t")), None, Duration::from_secs(1)).unwrap()
    }

    fn worst(answer: &Answer, now_ms: i64) -> (Verdict, String) {
        let lines = judge(&target(), answer, now_ms);
        let worst = lines.iter().map(|line| line.verdict).max().unwrap();
        (worst, lines.into_iter().map(|line| format!("{}: {}\n", line.thing, line.words)).collect())
    }

    #[test]
    fn each_answer_says_what_to_do() {
        let now = 1_760_000_000_000;
        let stored = |now_ms| Answer::Stored(Ack { seq: 1, watched: false, now_ms });
        assert_eq!(worst(&stored(now), now + 20).0, Verdict::Fine);
        let (verdict, words) = worst(&stored(now), now - 90_000);
        assert!(verdict == Verdict::Reduced && words.contains("90 s behind"), "{words}");
        let (verdict, words) = worst(&stored(now), now + limit::FUTURE_MS_MAX + 1_000);
        assert!(verdict == Verdict::Broken && words.contains("ahead of"), "{words}");
        assert_eq!(worst(&stored(0), now).0, Verdict::Reduced);
        let (verdict, words) = worst(&Answer::Unauthorised { status: 401, detail: String::new() }, now);
        assert!(verdict == Verdict::Broken && words.contains("token create"), "{words}");
        assert_eq!(worst(&Answer::Busy { status: 503, retry_after: None }, now).0, Verdict::Reduced);
        let failed = Answer::Failed(crate::send::SendError::Status { status: 404, detail: "nginx".into() });
        let (verdict, words) = worst(&failed, now);
        assert!(verdict == Verdict::Broken && words.contains("FAROL_COLLECTOR_URL"), "{words}");
    }

    #[test]
    fn the_spool_is_tried_for_real() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::embedded();
        assert_eq!(spool(&settings).0, Verdict::Reduced);
        settings.spool.dir = Some(dir.path().join("spool"));
        let (verdict, words) = spool(&settings);
        assert!(verdict == Verdict::Fine && words.contains("0 batches"), "{words}");
        let lock = RealDisk::open(&dir.path().join("spool")).unwrap();
        assert!(spool(&settings).1.contains("running agent"));
        drop(lock);
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        settings.spool.dir = Some(file);
        assert_eq!(spool(&settings).0, Verdict::Broken);
    }

    #[tokio::test]
    async fn the_report_has_a_line_for_everything() {
        let mut out = Vec::new();
        let vars = std::collections::BTreeMap::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let token = Token::Given(Secret::new("hunter2"));
        let target = Target::new(&format!("http://{address}"), token, None, Duration::from_secs(1)).unwrap();
        let settings = Settings { target: Some(target), ..Settings::embedded() };
        let is_fine = check(&settings, &vars, Arc::new(crate::clock::SystemClock), &mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!is_fine && !text.contains("hunter2"), "{text}");
        for thing in ["configuration", "place", "cpu limit", "agent", "source host", "spool", "proxy", "FAIL  collector"] {
            assert!(text.contains(thing), "{thing} is missing in {text}");
        }
    }
}
