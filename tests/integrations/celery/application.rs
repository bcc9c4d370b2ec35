//! An application with Celery: its workers, its sender, and a Farol that watches it.

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use farol_collector::pull::{At, Instance, PollError, Reading};
use farol_tests::{
    process::{Process, project, setting},
    wait::now_ms,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long a worker may take to be there or to be done on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// What the arguments of every task hold, and no answer may.
const ARGUMENT: &str = "ana@example";

/// The application's broker, as its own settings name it.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    broker: String,
    /// Name of the master, when Sentinels say where the broker is.
    pub(crate) master: Option<String>,
}

impl Application {
    pub(crate) fn of(broker: &str) -> Self {
        Self { broker: broker.to_owned(), master: None }
    }

    fn command(&self, program: &str) -> Command {
        let target = setting("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from);
        let path = target.join("apps/bin").join(program);
        assert!(path.exists(), "{} is missing: run `tests/run integrations` once", path.display());
        let mut command = Process::command(path);
        command.current_dir(project().join("tests/apps")).env("PYTHONDONTWRITEBYTECODE", "1").env("BROKER", &self.broker);
        if let Some(master) = &self.master {
            command.env("MASTER", master);
        }
        command
    }

    /// Starts a worker with more arguments, such as `["-E"]`.
    pub(crate) fn worker(&self, name: &str, arguments: &[&str]) -> Process {
        let mut command = self.command("celery");
        command.args(["-A", "jobs_celery", "worker", "-c", "2", "--loglevel", "WARNING", "-n", name]).args(arguments);
        Process::start(&format!("worker {name}"), command)
    }

    /// Sends tasks: `NAME=COUNT[:QUEUE[:PRIORITY]]`.
    pub(crate) fn send(&self, words: &[&str]) {
        let mut command = self.command("python");
        let output = command.arg("jobs_celery.py").args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A Farol that watches a broker.
pub(crate) struct Watch {
    instance: Instance,
}

impl Watch {
    pub(crate) fn of(toml: &str) -> Self {
        Self { instance: Instance::from_toml("celery", toml, &BTreeMap::new()).unwrap() }
    }

    pub(crate) async fn poll(&mut self) -> Result<Reading, PollError> {
        let told = self.instance.poll(&At { now_ms: now_ms(), since_ms: None }).await;
        let text = format!("{told:?}");
        assert!(!text.contains(ARGUMENT) && !text.contains("s3cr3t"), "something secret in {text}");
        told
    }

    /// Polls until the snapshot is as wanted, and returns the reading with it.
    pub(crate) async fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> (Reading, Value) {
        let began = Instant::now();
        loop {
            let told = self.poll().await;
            let seen = match told {
                Ok(reading) => {
                    let snapshot = reading.snapshots["celery"].clone();
                    if is_it(&snapshot) {
                        return (reading, snapshot);
                    }
                    format!("{snapshot:#}; missing {:?}", reading.missing)
                }
                Err(error) => format!("{error:?}"),
            };
            assert!(began.elapsed() < PATIENCE, "waited for {what}; last seen: {seen}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Polls until it fails or a part is missing, and returns why.
    pub(crate) async fn until_trouble(&mut self) -> PollError {
        let began = Instant::now();
        loop {
            match self.poll().await {
                Err(error) => return error,
                Ok(reading) => {
                    if let Some((_, error)) = reading.missing.first() {
                        return error.clone();
                    }
                    assert!(began.elapsed() < PATIENCE, "no trouble: {reading:?}");
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The row of a list whose `name` is this.
pub(crate) fn named<'a>(snapshot: &'a Value, list: &str, name: &str) -> &'a Value {
    let rows = snapshot[list].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or(&Value::Null)
}

/// Whether a note says this.
pub(crate) fn says(snapshot: &Value, words: &str) -> bool {
    snapshot["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains(words))
}
