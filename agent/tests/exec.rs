//! `farol-agent exec` as a container's first process: real programs, a real PID namespace, a real terminal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use farol_shared::{batch::Batch, limit, record::Level, wire};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const AGENT: &str = env!("CARGO_BIN_EXE_farol-agent");

/// Nothing listens there.
const DEAD: &str = "http://127.0.0.1:9";

/// How long a test waits for what must come.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The agent's variables, for any program that starts it.
fn with_variables<'a>(command: &'a mut Command, url: &str) -> &'a mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FAROL_")) {
        command.env_remove(name);
    }
    let fixed = [("FAROL_TOKEN", "t"), ("FAROL_HTTP_LISTEN", "off"), ("FAROL_STATSD_LISTEN", "off"), ("FAROL_LOG", "error")];
    command.envs(fixed).env("FAROL_COLLECTOR_URL", url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

fn exec(script: &str) -> Command {
    let mut command = Command::new(AGENT);
    command.args(["exec", "--", "sh", "-c", script]);
    with_variables(&mut command, DEAD);
    command
}

/// The same as the first process of a PID namespace of its own.
fn exec_in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    // Only root may make a namespace as it is.
    let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t0");
    if !is_root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--mount-proc", AGENT, "exec", "--", "sh", "-c", script]);
    with_variables(&mut command, DEAD);
    command
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The only child of a process: of `unshare`, the first process of the namespace.
fn child_of(parent: &Child) -> Pid {
    let path = format!("/proc/{0}/task/{0}/children", parent.id());
    for _ in 0..WAIT_MAX.as_millis() / 20 {
        if let Some(pid) = fs::read_to_string(&path).unwrap().split_whitespace().next() {
            return Pid::from_raw(pid.parse().unwrap());
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("unshare has no child");
}

#[test]
fn the_status_is_that_of_the_command() {
    let place = tempfile::tempdir().unwrap();
    let plain = place.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        let output = exec(script).output().unwrap();
        assert_eq!(status(&output), Some(expected), "{script}: {}", text(&output.stderr));
    }
    for (program, expected) in [("/no/such/program", 127), (plain.to_str().unwrap(), 126)] {
        let mut command = Command::new(AGENT);
        let output = with_variables(command.args(["exec", "--", program]), DEAD).output().unwrap();
        assert_eq!(status(&output), Some(expected), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(program));
    }
    let output = with_variables(Command::new(AGENT).arg("exec"), DEAD).output().unwrap();
    assert_eq!(status(&output), Some(64));
}

#[test]
fn a_wrong_configuration_is_told_and_the_command_runs() {
    let mut command = exec("echo out; echo err >&2; exit 5");
    let output = command.env_remove("FAROL_COLLECTOR_URL").output().unwrap();
    assert_eq!((status(&output), text(&output.stdout).as_str()), (Some(5), "out\n"));
    let errors = text(&output.stderr);
    let is_told = errors.contains("FAROL_COLLECTOR_URL") && errors.contains("without being measured");
    assert!(is_told && errors.ends_with("err\n"), "{errors}");
    let output = exec("echo out; exit 6").env("FAROL_SPOOL_DIR", "/proc/nowhere").output().unwrap();
    assert_eq!((status(&output), text(&output.stdout).as_str()), (Some(6), "out\n"));
    assert!(text(&output.stderr).contains("agent not started"), "{}", text(&output.stderr));
}

#[test]
fn fifty_megabytes_pass_byte_for_byte_with_the_collector_away() {
    let place = tempfile::tempdir().unwrap();
    let copy = |name: &str| place.path().join(name).display().to_string();
    let (out, err) = (copy("out"), copy("err"));
    let script =
        format!("head -c 52428800 /dev/urandom | tee {out}; head -c 3000000 /dev/urandom | tee {err} >&2; printf 'no end'");
    let mut child = exec(&script).spawn().unwrap();
    let mut errors = child.stderr.take().unwrap();
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        errors.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    assert!(child.wait().unwrap().success());
    let expected = [fs::read(out).unwrap(), b"no end".to_vec()].concat();
    assert!(output == expected, "{} bytes came of {}", output.len(), expected.len());
    // The agent's own lines may follow what the command wrote.
    assert!(errors.join().unwrap().starts_with(&fs::read(err).unwrap()));
}

#[test]
fn as_first_process_it_passes_signals_on() {
    let script = "trap 'echo usr1' USR1; trap 'echo usr2' USR2; trap 'echo hup' HUP; trap 'echo winch' WINCH;
        trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = exec_in_namespace(script).spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = |expected: &str| assert_eq!(lines.recv_timeout(WAIT_MAX).as_deref(), Ok(expected));
    next("ready");
    let pid = child_of(&child);
    for (signal, word) in
        [(Signal::SIGUSR1, "usr1"), (Signal::SIGUSR2, "usr2"), (Signal::SIGHUP, "hup"), (Signal::SIGWINCH, "winch")]
    {
        kill(pid, signal).unwrap();
        next(word);
    }
    kill(pid, Signal::SIGTSTP).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    next("term");
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

/// Leaves orphans behind, some in sessions of their own, and succeeds once all have ended and none is a zombie. They are
/// told by their argument.
const ORPHANS: &str = r#"
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sh -c 'sleep 0.1' &); done
    for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.1' &); done
    first=$PPID
    i=0
    while [ $i -lt 400 ]; do
        sleep 0.05
        i=$((i+1))
        # State and parent stand behind the name in brackets.
        left=$(cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | awk -v first=$first '$2 == first' | wc -l)
        # This shell itself is the one that may be left.
        [ $i -gt 5 ] && [ $left = 1 ] && exit 0
    done
    exit 1"#;

#[test]
fn orphans_are_reaped_as_first_process_and_otherwise() {
    for mut command in [exec_in_namespace(ORPHANS), exec(ORPHANS)] {
        let output = command.output().unwrap();
        assert_eq!(status(&output), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn a_command_that_does_not_end_in_time_is_killed() {
    let mut command = exec_in_namespace("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    let mut child = command.env("FAROL_EXEC_GRACE", "200ms").spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    kill(child_of(&child), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(137));
}

#[test]
fn output_that_orphans_hold_open_delays_nobody() {
    let output = exec_in_namespace("(sleep 1000 &); echo done; exit 3").output().unwrap();
    assert_eq!((status(&output), text(&output.stdout).as_str()), (Some(3), "done\n"));
}

/// Starts a command on a terminal of its own.
fn on_terminal(line: &str) -> Child {
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
    with_variables(&mut command, DEAD).env("PS1", "> ").stdin(Stdio::piped()).spawn().unwrap()
}

fn read_until(child: &mut Child, word: &str) {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(word.as_bytes()) {
        let length = child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
        assert_eq!(length, 1, "ended before {word}: {}", text(&seen));
        seen.push(byte[0]);
    }
}

fn type_in(child: &mut Child, keys: &str) {
    child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
}

#[test]
fn the_command_owns_the_terminal() {
    let script = "test -t 0 && test -t 1 && test -t 2 && echo is-tty; read line; echo got:$line; exit 4";
    let mut child = on_terminal(&format!("{AGENT} exec -- sh -c '{script}'"));
    read_until(&mut child, "is-tty");
    type_in(&mut child, "hello\n");
    read_until(&mut child, "got:hello");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn the_key_that_interrupts_reaches_the_command() {
    let script = "trap \"echo interrupted; exit 3\" INT; echo ready; while :; do sleep 0.05; done";
    let mut child = on_terminal(&format!("{AGENT} exec -- sh -c '{script}'"));
    read_until(&mut child, "ready");
    type_in(&mut child, "\x03");
    read_until(&mut child, "interrupted");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn the_key_that_stops_gives_the_shell_its_terminal_back() {
    let mut child = on_terminal("bash --norc --noprofile -i");
    // The quotes in the words keep what is typed from being taken for what is answered.
    type_in(&mut child, &format!("{AGENT} exec -- sh -c 'echo rea\"\"dy; read line; echo got:$line; exit 4'\n"));
    read_until(&mut child, "ready");
    type_in(&mut child, "\x1a");
    read_until(&mut child, "Stopped");
    type_in(&mut child, "echo in-sh''ell\n");
    read_until(&mut child, "in-shell");
    type_in(&mut child, "fg\n");
    read_until(&mut child, "exit 4'");
    type_in(&mut child, "hello\n");
    read_until(&mut child, "got:hello");
    type_in(&mut child, "exit $?\n");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

/// A collector that takes everything and gives it to the test.
fn collector() -> (String, mpsc::Receiver<Batch>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, batches) = mpsc::channel();
    thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            while let Some(batch) = read_batch(&mut connection) {
                let body = wire::encode_ack(&wire::Ack { seq: batch.seq, watched: false, now_ms: 0 });
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                if connection.write_all(&[head.as_bytes(), &body].concat()).is_err() || sender.send(batch).is_err() {
                    break;
                }
            }
        }
    });
    (url, batches)
}

fn read_batch(connection: &mut impl Read) -> Option<Batch> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = text(&head).to_lowercase();
    let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;
    if head.contains("content-encoding: zstd") {
        body = zstd::bulk::decompress(&body, limit::BATCH_DECODED_BYTES_MAX).ok()?;
    }
    wire::decode(&body).ok()
}

#[test]
fn what_the_command_prints_is_recognised_to_its_last_line() {
    let (url, batches) = collector();
    let script = "echo INFO fine; printf 'Traceback (most recent call last):\\n  File \"a\"\\nKeyError: 1\\n' >&2;
        echo ERROR last words; exit 1";
    let output = exec(script).env("FAROL_COLLECTOR_URL", url).env("FAROL_SERVICE", "shop").output().unwrap();
    assert_eq!(status(&output), Some(1), "{}", text(&output.stderr));
    let records: Vec<_> = batches.try_iter().flat_map(|batch| batch.frames).flat_map(|frame| frame.records).collect();
    let logs = records.iter().flat_map(|one| &one.logs);
    let mut logs: Vec<_> = logs.map(|log| (log.source.as_str(), log.message.as_str())).collect();
    logs.sort_unstable();
    assert_eq!(logs, [("stderr", "KeyError: 1"), ("stdout", "ERROR last words")]);
    assert_eq!(records.iter().map(|one| one.levels.of(Level::Info)).sum::<u64>(), 1);
    assert_eq!(records.iter().flat_map(|one| &one.errors).map(|error| error.kind.as_str()).collect::<Vec<_>>(), ["KeyError"]);
}
