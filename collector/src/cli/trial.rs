//! `check-config`: asks every integration once and says what it found.

use std::io::Write;

use farol_shared::clock::Clock as _;

use super::{CliError, Settings};
use crate::{
    clock::SystemClock,
    pull::{At, Instance, PollError, Reading},
};

/// Whether all of them answered.
pub(super) fn ask(settings: &Settings, out: &mut dyn Write) -> Result<bool, CliError> {
    if settings.pull.is_empty() {
        return Ok(true);
    }
    writeln!(out, "\nEvery integration is asked once:")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let mut is_well = true;
    for declared in &settings.pull {
        let told = match Instance::open(declared.clone()) {
            Ok(mut instance) => {
                let at = At { now_ms: SystemClock.now_ms(), since_ms: None };
                let told = runtime.block_on(instance.poll(&at));
                // Connections and streams end inside the runtime that they began in.
                runtime.block_on(async move { drop(instance) });
                told
            }
            Err(wrong) => Err(PollError::bad_answer(wrong)),
        };
        is_well &= told.is_ok();
        writeln!(out, "  {}", sentence(&declared.key(), told))?;
    }
    Ok(is_well)
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
    use super::*;

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
