//! Logging to standard error: for people with time and colour, for systemd's journal with a level prefix and neither.

use std::{fmt, io, io::IsTerminal};

use farol_shared::config::Vars;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Starts logging up to `level`. A second call changes nothing.
pub fn start(level: Level, vars: &dyn Vars) {
    let base = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    // systemd sets it for whatever writes straight to the journal, which keeps time and level by itself.
    let is_started = if vars.var("JOURNAL_STREAM").is_some() {
        tracing::subscriber::set_global_default(base.with_ansi(false).event_format(Journal).finish())
    } else {
        tracing::subscriber::set_global_default(base.with_ansi(io::stderr().is_terminal()).finish())
    };
    // Only a test or an embedding program can have been first, and then theirs is the log.
    drop(is_started);
}

/// One line an event: `<4>farol_agent::send: delivery failed error=...`.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = priority(*event.metadata().level());
        write!(writer, "<{priority}>{}: ", event.metadata().target())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The level in the numbers of syslog, which the journal reads.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_journal_gets_a_level_and_no_time() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).event_format(Journal).finish();
        tracing::subscriber::with_default(
            subscriber,
            || tracing::warn!(target: "farol_agent::send", attempts = 3, "delivery failed"),
        );
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "<4>farol_agent::send: delivery failed attempts=3\n");
    }
}
