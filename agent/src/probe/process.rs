//! Process probes: whether something of a name runs, by `/proc`.
//!
//! The scan gives the thread back every [`CHUNK`] processes and ends after [`PROCESSES_MAX`].

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{Attempt, Finding, connection::Trouble};

/// Most processes that are looked at. A pod has ten, a busy host some thousand.
const PROCESSES_MAX: usize = 50_000;

/// Processes that are looked at in one go: about 2 ms.
const CHUNK: usize = 100;

/// How much of a process's files is read, in bytes; a name stands at their beginning.
const FILE_BYTES_MAX: u64 = 1 << 10;

/// Programs whose name says little: for them the words after it count too.
const INTERPRETERS: &[&str] =
    &["python", "pypy", "node", "ruby", "perl", "php", "java", "dotnet", "beam.smp", "bash", "sh", "uwsgi", "bun", "deno"];

/// Words of an interpreter's command line that may be the name of what it runs.
const WORDS_MAX: usize = 8;

/// Looks once.
pub(super) async fn check(attempt: &Attempt<'_>) -> Result<Finding, Trouble> {
    let name = attempt.probe.words.first().map_or("", String::as_str);
    attempt.stage("reading /proc");
    let proc = attempt.roots.path("/proc");
    let unread = |error: io::Error| Trouble::Other(format!("cannot read {}: {error}", proc.display()));
    let mut count = 0_usize;
    for (index, entry) in fs::read_dir(&proc).map_err(unread)?.enumerate() {
        if index >= PROCESSES_MAX {
            break;
        }
        if index % CHUNK == CHUNK - 1 {
            tokio::task::yield_now().await;
        }
        // A process may end at any moment.
        let Ok(entry) = entry else { continue };
        if entry.file_name().to_str().is_some_and(|pid| pid.bytes().all(|byte| byte.is_ascii_digit())) {
            count += usize::from(is_called(&entry.path(), name));
        }
    }
    attempt.answered();
    Ok(match count {
        0 => Finding::offline(format!("no process is called {name}")),
        1 => Finding::remark("1 process"),
        _ => Finding::remark(format!("{count} processes")),
    })
}

fn is_called(process: &Path, name: &str) -> bool {
    let Some(stat) = read(&process.join("stat")) else { return false };
    let Some((own, state)) = own_name(&stat) else { return false };
    // Ended ones that nobody has asked after yet do not work any more.
    if matches!(state, b'Z' | b'X') {
        return false;
    }
    // The kernel keeps 15 bytes of a name; a longer one shows in the command line only.
    own == name.as_bytes() || read(&process.join("cmdline")).is_some_and(|line| has_word(&line, name))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Name and state in a `stat` file. The name stands in parentheses and may hold some itself.
fn own_name(stat: &[u8]) -> Option<(&[u8], u8)> {
    let start = stat.iter().position(|byte| *byte == b'(')? + 1;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    Some((stat.get(start..end)?, *stat.get(end + 2)?))
}

/// Whether a command line is one of `name`.
fn has_word(line: &[u8], name: &str) -> bool {
    let mut words = line.split(|byte| *byte == 0);
    // Programs that set their own title write all of it into the first word, such as `gunicorn: master [app]`.
    let first = words.next().unwrap_or_default();
    let title = first.split(|byte| byte.is_ascii_whitespace() || *byte == b':').next().unwrap_or_default();
    let program = base(title);
    if base(first) == name.as_bytes() || program == name.as_bytes() {
        return true;
    }
    let is_version = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    let is_interpreter = INTERPRETERS
        .iter()
        .any(|interpreter| program.strip_prefix(interpreter.as_bytes()).is_some_and(|rest| rest.iter().copied().all(is_version)));
    is_interpreter && words.take(WORDS_MAX).any(|word| base(word) == name.as_bytes())
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn names_are_found_where_programs_put_them() {
        for (line, name) in [
            ("/usr/bin/redis-server\0*:6379", "redis-server"),
            ("gunicorn: master [app]\0\0\0", "gunicorn"),
            ("nginx: worker process", "nginx"),
            ("/usr/bin/python3.11\0/usr/local/bin/celery\0worker", "celery"),
            ("python3\0-m\0uvicorn\0main:app", "uvicorn"),
            ("node\0--inspect\0/app/server.js", "server.js"),
            ("java\0-jar\0/app/api.jar", "api.jar"),
        ] {
            assert!(has_word(line.replace("\\0", "\0").as_bytes(), name), "{line}");
        }
        for (line, name) in
            [("vim\0gunicorn", "gunicorn"), ("tail\0-f\0/var/log/nginx", "nginx"), ("pythonic\0x", "x"), ("", "x")]
        {
            assert!(!has_word(line.as_bytes(), name), "{line}");
        }
        assert_eq!(own_name(b"12 (a) b (c)) S 1"), Some((&b"a) b (c)"[..], b'S')));
    }

    #[test]
    fn ended_processes_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        for (stat, is_there) in [("7 (app) S 1", true), ("7 (app) Z 1", false), ("7 (other) S 1", false), ("", false)] {
            fs::write(dir.path().join("stat"), stat).unwrap();
            assert_eq!(is_called(dir.path(), "app"), is_there, "{stat}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..64)) {
            prop_assert!(own_name(&bytes).is_none_or(|(name, _)| name.len() < bytes.len()));
            prop_assert!(!has_word(&bytes, "a name that is nowhere"));
        }
    }
}
