//! Logging to standard error: for people with time and colour, for systemd's journal with a level prefix and neither.

use std::{fmt, io, io::IsTerminal as _};

use farol_shared::config::Vars;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::{Layer as _, SubscriberExt as _},
    registry::{LookupSpan, Registry},
};

/// Starts logging what `filter` lets through. A second call changes nothing.
pub(super) fn start(filter: Targets, vars: &dyn Vars) {
    let base = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    // systemd sets it for whatever writes straight to the journal, which keeps time and level by itself.
    let is_started = if vars.var("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal() {
        let layer = base.with_ansi(false).event_format(Journal).with_filter(filter);
        tracing::subscriber::set_global_default(Registry::default().with(layer))
    } else {
        let layer = base.with_ansi(io::stderr().is_terminal()).with_filter(filter);
        tracing::subscriber::set_global_default(Registry::default().with(layer))
    };
    // Only a test can have been first, and then its log is the log.
    drop(is_started);
}

/// One line an event: `<6>access: person signed in username=ana`.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        write!(writer, "<{}>{}: ", priority(*about.level()), about.target())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The level in the numbers of syslog, which the journal reads.
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
