//! Tests of following logs: real files on disk, the intake they end in, time that is paused.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    sync::Arc,
};

use farol_shared::{
    clock::Clock,
    record::{Level, Records},
    resource::{Resource, ResourceKind},
};
use tempfile::TempDir;
use tokio::{sync::watch, task::LocalSet, time::timeout};

use super::*;
use crate::{
    intake::{Inlet, Settings},
    listen::Stop,
    read::Roots,
    recorder::{Recorder, ResourceSlot},
};

/// 2026-11-21 05:17:37 UTC.
const NOW_MS: i64 = 1_795_238_257_000;

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

/// A run of the receiver in a directory that outlives it.
struct Run {
    context: Context,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ListenError>>,
    recorder: Recorder,
    own: ResourceSlot,
    /// Everything that ticks took, by service.
    taken: Vec<(String, Records)>,
}

fn start(logs: Vec<Log>, streams: Vec<Stream>, state: Option<&Path>) -> Run {
    start_below("/", logs, streams, state)
}

fn start_below(root: impl Into<PathBuf>, logs: Vec<Log>, streams: Vec<Stream>, state: Option<&Path>) -> Run {
    let settings = Settings { service: "own".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
    let (stop, stopped) = Stop::new();
    let context =
        Context { inlet: Inlet::new(settings), clock: Arc::new(StillClock), roots: Rc::new(Roots::new(root)), stop: stopped };
    let mut recorder = Recorder::new();
    let resource = Resource { key: "host:x".into(), kind: ResourceKind::Host, parent: None, tenant: None, attributes: [].into() };
    let own = recorder.resource(resource);
    let task = spawn_local(serve(logs, streams, state.map(Path::to_owned), context.clone()));
    Run { context, stop, task, recorder, own, taken: Vec::new() }
}

impl Run {
    /// What the agent does once a second.
    fn tick(&mut self) {
        let groups = self.context.inlet.open().drain(&mut self.recorder, self.own, true);
        let tables = self.recorder.tables();
        for group in groups {
            let index = usize::try_from(group.resource).unwrap();
            self.taken.push((tables.0[index].resource.key.clone(), group));
        }
    }

    /// Ticks until what was taken is as wished.
    async fn until(&mut self, is_it: impl Fn(&Run) -> bool) {
        let waiting = async {
            loop {
                self.tick();
                if is_it(self) {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let is_over = timeout(Duration::from_secs(120), waiting).await;
        assert!(is_over.is_ok(), "not reached: {:?}", self.messages());
    }

    fn messages(&self) -> Vec<String> {
        self.taken.iter().flat_map(|(_, records)| records.logs.iter().map(|log| log.message.clone())).collect()
    }

    fn count(&self, level: Level) -> u64 {
        self.taken.iter().map(|(_, records)| records.levels.of(level)).sum()
    }

    async fn until_messages(&mut self, count: usize) -> Vec<String> {
        self.until(|run| run.messages().len() >= count).await;
        self.messages()
    }

    /// Stops as the agent does: receivers first, then a last tick.
    async fn stop(mut self) -> Vec<String> {
        self.stop.send_replace(true);
        (&mut self.task).await.unwrap().unwrap();
        self.tick();
        self.messages()
    }

    /// Ends without any goodbye.
    fn kill(self) -> Vec<String> {
        self.task.abort();
        self.messages()
    }
}

/// Runs a test on a `LocalSet`, as the agent does.
async fn here(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn log(path: &Path) -> Log {
    Log { what: What::Files(path.display().to_string()), service: None, multiline: true, start: Start::Beginning }
}

struct Place {
    directory: TempDir,
    state: TempDir,
}

fn place() -> Place {
    Place { directory: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
}

impl Place {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

#[tokio::test(start_paused = true)]
async fn warnings_travel_whole_and_the_rest_is_counted() {
    here(async {
        let place = place();
        let file = place.file("app.log");
        append(&file, "2026-11-21 05:17:30,100 INFO fine\n{\"level\":\"info\"}\nplain\n2026-11-21 05:17:31,500 WARNING slow password=hunter2\n");
        append(&file, "2026-11-21 05:17:32 ERROR broke\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 'k'\nhalf a li");
        let mut run = start(vec![log(&file)], vec![], None);
        let messages = run.until_messages(2).await;
        assert_eq!(messages, ["WARNING slow password=***", "ERROR broke"]);
        assert_eq!((run.count(Level::Info), run.count(Level::Warn), run.count(Level::Error)), (3, 1, 1));
        let (service, records) = run.taken.iter().find(|(_, records)| !records.errors.is_empty()).unwrap();
        assert_eq!(service, "service:own");
        assert_eq!((records.errors[0].kind.as_str(), records.errors[0].origin.as_str()), ("KeyError", "log"));
        let warning = run.taken.iter().flat_map(|(_, records)| &records.logs).find(|log| log.level == Level::Warn).unwrap();
        assert_eq!(warning.time_ms, NOW_MS - 5_500);
        assert_eq!(warning.source, file.display().to_string());
        append(&file, "ne\n");
        run.until(|run| run.count(Level::Info) == 4).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_counted_to_the_last_line_though_not_all_of_it_travels() {
    here(async {
        let place = place();
        let (files, lines) = ([place.file("a.log"), place.file("b.log")], 40_000_u64);
        for file in &files {
            let text: String = (0..lines)
                .map(|line| match line % 100 {
                    7 => format!("2026-11-21 05:17:30 ERROR {line} {}\n  further in\n", "x".repeat(2_000)),
                    _ => format!("2026-11-21 05:17:30 INFO {line}\n"),
                })
                .collect();
            append(file, &text);
        }
        let mut run = start(vec![log(&place.file("*.log"))], vec![], None);
        run.until(|run| run.count(Level::Info) + run.count(Level::Error) == 2 * lines).await;
        assert_eq!(run.count(Level::Error), 2 * lines / 100);
        let kept: usize = run.taken.iter().map(|(_, records)| records.logs.len()).sum();
        assert!((100..800).contains(&kept), "{kept} of 800 errors fit into ticks that hold half a megabyte");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_file_is_read_to_its_end_and_its_successor_from_its_beginning() {
    here(async {
        let place = place();
        let file = place.file("app.log");
        append(&file, "ERROR 1\n");
        let mut run = start(vec![log(&place.file("*.log"))], vec![], Some(place.state.path()));
        run.until_messages(1).await;
        append(&file, "ERROR 2\n");
        fs::rename(&file, place.file("app.log.1")).unwrap();
        append(&place.file("app.log.1"), "ERROR 3\n");
        append(&file, "ERROR 4\n");
        run.until_messages(4).await;
        append(&place.file("app.log.1"), "ERROR 5\n");
        append(&file, "ERROR 6\n");
        let mut messages = run.until_messages(6).await;
        messages.sort();
        assert_eq!(messages, ["ERROR 1", "ERROR 2", "ERROR 3", "ERROR 4", "ERROR 5", "ERROR 6"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_copied_and_cut_loses_nothing() {
    here(async {
        let place = place();
        let file = place.file("app.log");
        append(&file, "ERROR 1 is the first line of this file\n");
        let mut run = start(vec![log(&place.file("*.log"))], vec![], None);
        run.until_messages(1).await;
        append(&file, "ERROR 2\n");
        fs::copy(&file, place.file("app.log.1")).unwrap();
        fs::write(&file, "ERROR 3 is longer than everything that the file held before, so that its size tells nothing\n")
            .unwrap();
        let messages = run.until_messages(3).await;
        let mut first: Vec<&str> = messages.iter().map(|message| message.get(..7).unwrap()).collect();
        first.sort_unstable();
        assert_eq!(first, ["ERROR 1", "ERROR 2", "ERROR 3"]);
        fs::write(&file, "").unwrap();
        run.until(|_| true).await;
        sleep(Duration::from_secs(1)).await;
        append(&file, "ERROR 4\n");
        assert_eq!(run.until_messages(4).await[3], "ERROR 4");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn over_a_restart_nothing_comes_twice_and_nothing_is_lost() {
    here(async {
        let place = place();
        let (file, logs) = (place.file("app.log"), vec![log(&place.file("*.log"))]);
        let mut all = Vec::new();
        append(&file, "ERROR 1\nERROR 2\nTraceback (most recent call last):\n  File \"a\"\nKeyError\nhalf");
        let mut run = start(logs.clone(), vec![], Some(place.state.path()));
        run.until_messages(1).await;
        all.extend(run.stop().await);
        append(&file, " a line\nERROR 3\n");
        append(&place.file("new.log"), "ERROR 4\n");
        let mut run = start(logs.clone(), vec![], Some(place.state.path()));
        run.until_messages(2).await;
        all.extend(run.stop().await);
        // Renamed while nobody looked, with lines that were not read.
        append(&file, "ERROR 5\n");
        fs::rename(&file, place.file("app.log.1")).unwrap();
        append(&file, "ERROR 6\n");
        let mut run = start(logs.clone(), vec![], Some(place.state.path()));
        run.until_messages(2).await;
        all.extend(run.stop().await);
        all.extend(start(logs, vec![], Some(place.state.path())).stop().await);
        all.sort();
        assert_eq!(all, ["ERROR 1", "ERROR 2", "ERROR 3", "ERROR 4", "ERROR 5", "ERROR 6"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_agent_reads_again_only_what_no_tick_had_taken() {
    here(async {
        let place = place();
        let (file, logs) = (place.file("app.log"), vec![log(&place.file("app.log"))]);
        append(&file, "ERROR 1\n");
        let mut run = start(logs.clone(), vec![], Some(place.state.path()));
        run.until_messages(1).await;
        // Two rounds of keeping positions, with ticks between.
        let until = Instant::now() + 4 * SCAN;
        run.until(|_| Instant::now() >= until).await;
        append(&file, "ERROR 2\n");
        // Read and handed in, but no tick takes it: it is lost with the agent, and so must not count as read.
        sleep(4 * SCAN).await;
        assert_eq!(run.kill(), ["ERROR 1"]);
        let mut run = start(logs, vec![], Some(place.state.path()));
        assert_eq!(run.until_messages(1).await, ["ERROR 2"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_first_a_file_is_followed_from_its_end_but_one_that_appears_is_read_whole() {
    here(async {
        let place = place();
        append(&place.file("old.log"), "ERROR old\nERROR hal");
        let logs = vec![Log { start: Start::End, ..log(&place.file("*.log")) }];
        let mut run = start(logs, vec![], None);
        sleep(2 * SCAN).await;
        append(&place.file("old.log"), "f\nERROR 1\n");
        run.until_messages(1).await;
        append(&place.file("young.log"), "ERROR 2\n");
        append(&place.file("packed.log.gz"), "ERROR 3\n");
        assert_eq!(run.until_messages(2).await, ["ERROR 1", "ERROR 2"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn docker_lines_are_joined_and_filed_under_the_container() {
    here(async {
        let place = place();
        let container = place.file("0123456789abcdef0123");
        fs::create_dir(&container).unwrap();
        fs::write(container.join("config.v2.json"), r#"{"ID":"0123","Name":"/web","Config":{"Image":"x"}}"#).unwrap();
        let file = container.join("0123456789abcdef0123-json.log");
        let long = "x".repeat(16 << 10);
        append(&file, &format!("{{\"log\":\"ERROR {long}\",\"stream\":\"stdout\",\"time\":\"2026-11-21T05:17:30.5Z\"}}\n"));
        append(
            &file,
            "{\"log\":\"Traceback (most recent call last):\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T05:17:31Z\"}\n",
        );
        append(&file, "{\"log\":\" end\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-21T05:17:30.6Z\"}\n");
        append(&file, "{\"log\":\"  File \\\"a\\\"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T05:17:31Z\"}\n");
        append(&file, "{\"log\":\"KeyError: 'k'\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T05:17:31Z\"}\nbroken\n");
        let docker = Log { what: What::Docker(Some(place.directory.path().to_owned())), ..log(&file) };
        let mut run = start(vec![docker], vec![], None);
        run.until_messages(2).await;
        let logs: Vec<_> =
            run.taken.iter().flat_map(|(service, records)| records.logs.iter().map(move |log| (service, log))).collect();
        assert!(logs.iter().all(|(service, _)| *service == "service:web"));
        let joined = logs.iter().find(|(_, log)| log.source == "stdout").unwrap().1;
        assert_eq!(joined.time_ms, NOW_MS - 6_500);
        assert!(joined.message.starts_with("ERROR xxx"));
        let trace = logs.iter().find(|(_, log)| log.source == "stderr").unwrap().1;
        assert_eq!(trace.exception.as_deref(), Some("KeyError"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_child_is_recognised_and_its_flood_is_counted() {
    here(async {
        let stream = Stream::new("stderr");
        let mut run = start(vec![], vec![stream.clone()], None);
        stream.put(b"ERROR 1\nTraceback (most recent call last):\n  File \"a\"\nKeyErr");
        stream.put(b"or: 'k'\n");
        run.until_messages(1).await;
        for _ in 0..100 {
            stream.put("INFO 123456789\n".repeat(1_000).as_bytes());
        }
        stream.put(b"torn\nERROR last, without an end");
        stream.end();
        run.until(|run| run.count(Level::Info) > 0).await;
        assert_eq!(run.messages()[0], "ERROR 1");
        let count = run.count(Level::Info);
        assert!((1_000..100_000).contains(&count), "{count} of 100,000 fit");
        run.stop().await;
    })
    .await;
}

/// Writes an entry into a real journal; false when this machine has no program for it.
fn write_journal(directory: &Path, unit: &str, priority: u8, message: &str) -> bool {
    let entry = format!(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_SYSTEMD_UNIT={unit}\n_TRANSPORT=syslog\nPRIORITY={priority}\nMESSAGE={message}\n\n",
        NOW_MS * 1_000
    );
    fs::create_dir_all(directory).unwrap();
    let export = directory.join("entry");
    fs::write(&export, entry).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default().into_string().unwrap_or_default();
    let path = format!("{path}:/lib/systemd:/usr/lib/systemd");
    let mut command = std::process::Command::new("systemd-journal-remote");
    let command = command.arg("-o").arg(directory.join("system.journal")).arg(&export).env("PATH", path);
    command.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_real_journal_is_followed_and_over_a_restart_nothing_comes_twice() {
    here(async {
        let place = place();
        let journal = place.file("var/log/journal");
        if !write_journal(&journal, "a.service", 3, "one") {
            eprintln!("skipped: systemd-journal-remote is not here to write a journal");
            return;
        }
        let unit = Log { what: What::Journal(vec!["a.service".to_owned()]), start: Start::Beginning, ..log(Path::new("/")) };
        let begin = || start_below(place.directory.path(), vec![unit.clone()], vec![], Some(place.state.path()));
        let mut run = begin();
        run.until_messages(1).await;
        assert!(write_journal(&journal, "b.service", 3, "of another unit"));
        assert!(write_journal(&journal, "a.service", 4, "two"));
        run.until_messages(2).await;
        assert!(run.taken.iter().all(|(service, _)| service == "service:a"));
        let mut all = run.stop().await;
        assert!(write_journal(&journal, "a.service", 2, "three"));
        let mut run = begin();
        run.until_messages(1).await;
        all.extend(run.stop().await);
        assert_eq!(all, ["one", "two", "three"]);
    })
    .await;
}

#[test]
fn logs_are_configured_by_words_and_tables() {
    let what = |word: &str| Log::from_word(word).map(|log| log.what);
    assert_eq!(what("/var/log/*.log"), Ok(What::Files("/var/log/*.log".to_owned())));
    assert_eq!(what("docker:"), Ok(What::Docker(None)));
    assert_eq!(what("docker:/data/containers"), Ok(What::Docker(Some("/data/containers".into()))));
    assert_eq!(what("journald:"), Ok(What::Journal(vec![])));
    assert_eq!(what("journald:unit=a.service;unit=b.service"), Ok(What::Journal(vec!["a.service".into(), "b.service".into()])));
    for wrong in ["app.log", "docker:data", "journald:a.service", "journald:unit=-x", "journald:unit="] {
        assert!(what(wrong).is_err(), "{wrong}");
    }
    let table = |text: &str| serde_json::from_str::<Log>(text);
    let log = table(r#"{"units":["a.service"],"service":"a","multiline":false,"start":"beginning"}"#).unwrap();
    assert_eq!(
        log,
        Log {
            what: What::Journal(vec!["a.service".into()]),
            service: Some("a".into()),
            multiline: false,
            start: Start::Beginning
        }
    );
    for wrong in [
        r#"{}"#,
        r#"{"path":"/a","docker":""}"#,
        r#"{"path":"a"}"#,
        r#"{"path":"/a","more":1}"#,
        r#"{"path":"/a","start":"middle"}"#,
    ] {
        assert!(table(wrong).is_err(), "{wrong}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_pass_through_a_flow_and_a_container(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), pieces in proptest::collection::vec(("[ -~]{0,30}", proptest::bool::ANY, proptest::bool::ANY), 0..20)) {
        let settings = Settings { service: "own".to_owned(), environment: None, tenant: None, slow_s: 0.5 };
        let inlet = Inlet::new(settings);
        let mut intake = inlet.open();
        let mut hand = Hand { intake: &mut intake, now_ms: NOW_MS, now: Instant::now(), is_live: true };
        let mut flow = flow::Flow::new(crate::intake::OWN, "x", true);
        let mut container = docker::Container::new(crate::intake::OWN, true);
        for line in bytes.split(|byte| *byte == b'\n') {
            flow.line(line, 0, assemble::Stamp::default(), &mut hand);
            flow.record(line, assemble::Stamp::default(), &mut hand);
            container.line(line, 0, &mut hand);
        }
        for (text, is_whole, is_error) in pieces {
            let end = if is_whole { "\n" } else { "" };
            let stream = if is_error { "stderr" } else { "stdout" };
            let line = serde_json::json!({"log": format!("{text}{end}"), "stream": stream, "time": "2026-11-21T05:17:30Z"}).to_string();
            container.line(line.as_bytes(), 0, &mut hand);
        }
        flow.flush(&mut hand);
        container.flows().for_each(|flow| flow.flush(&mut hand));
    }
}
