//! `check-config`: asks every integration once and says what it found.

use std::{io::Write, panic::AssertUnwindSafe};

use farol_shared::clock::Clock as _;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::CliError;
use crate::{
    clock::SystemClock,
    pull::{At, Declared, Instance, PollError, Reading},
};

/// How many are asked at once: then a few that hang do not make people wait for all of their times, one after the other.
const AT_ONCE: usize = 16;

/// Whether all of them answered.
pub(super) fn ask(all: &[Declared], out: &mut dyn Write) -> Result<bool, CliError> {
    if all.is_empty() {
        return Ok(true);
    }
    writeln!(out, "\nEvery integration is asked once:")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let mut is_well = true;
    runtime.block_on(async {
        // Told in the order of the configuration, each as soon as those before it are told.
        let mut asked = stream::iter(all).map(ask_one).buffered(AT_ONCE);
        while let Some((key, told)) = asked.next().await {
            is_well &= told.is_ok();
            writeln!(out, "  {}", sentence(&key, told))?;
        }
        Ok(is_well)
    })
}

/// Its key, and what it said. Connections and streams end inside the runtime that they began in.
async fn ask_one(declared: &Declared) -> (String, Result<Reading, PollError>) {
    let asking = async {
        let mut instance = Instance::open(declared.clone()).map_err(PollError::bad_answer)?;
        instance.poll(&At { now_ms: SystemClock.now_ms(), since_ms: None }).await
    };
    // A bug of one kind must not hide what the others say.
    let broken = |_| Err(PollError::bad_answer("the integration broke inside: this is a bug of Farol"));
    (declared.key(), AssertUnwindSafe(asking).catch_unwind().await.unwrap_or_else(broken))
}

fn sentence(key: &str, told: Result<Reading, PollError>) -> String {
    match told {
        Err(error) => format!("{key}: FAILED: {error}"),
        Ok(reading) => {
            let mut lines = vec![format!("{key}: ok: {} values", reading.now.len())];
            lines.extend(reading.said);
            lines.extend(reading.missing.iter().map(|(part, error)| format!("MISSING {part}: {error}")));
            lines.join("\n    ")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    use super::*;
    use crate::pull;

    fn declared(kind: &str, toml: &str) -> Declared {
        Declared::read(pull::kind(kind).unwrap(), toml.parse().unwrap(), &BTreeMap::new()).unwrap()
    }

    /// Its server answers only when it was asked by both: one after the other, each would wait in vain.
    #[test]
    fn they_are_asked_side_by_side_and_told_in_order() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let mut both: Vec<_> = (0..2).map(|_| server.accept().unwrap().0).collect();
            for stream in &mut both {
                let _asked = stream.read(&mut [0; 4_096]).unwrap();
                stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            }
        });
        let of = |name: &str| declared("rabbitmq", &format!("name = \"{name}\"\nurl = \"{url}\"\ntimeout = \"2s\""));
        let mut out = Vec::new();
        assert!(!ask(&[of("b"), of("a")], &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let (b, a) = (text.find("rabbitmq:b: FAILED: 403").unwrap(), text.find("rabbitmq:a: FAILED: 403").unwrap());
        assert!(b < a, "{text}");
        answering.join().unwrap();
    }

    #[test]
    fn what_was_found_and_what_was_missing_is_said() {
        let mut reading = Reading::default();
        reading.say("Redis 7.0.15 with 3 keys");
        reading.missing("slow log", PollError::auth("may not run SLOWLOG"));
        let text = sentence("redis:cache", Ok(reading));
        assert_eq!(text, "redis:cache: ok: 0 values\n    Redis 7.0.15 with 3 keys\n    MISSING slow log: may not run SLOWLOG");
        let gone = PollError::unreachable("no connection");
        assert_eq!(sentence("redis:cache", Err(gone)), "redis:cache: FAILED: no connection");
    }
}
