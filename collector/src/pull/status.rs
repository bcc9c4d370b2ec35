//! How an instance is doing, in words that a person understands.

use std::time::Duration;

use farol_shared::config::Span;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    error::{Code, PollError},
    reading::{RateLimit, Reading},
};

/// Longest pause between two polls of an instance that fails, unless its system asks for more.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);

/// An instance that is asked every second or two is asked again at least this often: it is near, and asking costs little.
const BACKOFF_NEAR_MAX: Duration = Duration::from_secs(30);

/// The interval up to which a system counts as near.
const NEAR: Duration = Duration::from_secs(10);

/// Pause after refused credentials: asking again and again may lock the account.
const REFUSED_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Longest pause that a system may ask for: one that names the end of time is asked again all the same.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// What is older than so many intervals is told, but as old.
pub const STALE_INTERVALS: u32 = 3;

/// What an instance's badge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InstanceState)]
pub enum State {
    /// No answer yet.
    Pending,
    /// The newest poll brought everything.
    Ok,
    /// The newest poll brought something; the rest says why it is missing.
    Partial,
    /// Within a pause that the system asked for.
    Stale,
    /// The credentials are refused, or lack a right.
    AuthError,
    /// No answer.
    Unreachable,
    /// An answer of another shape.
    BadAnswer,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = InstanceError)]
pub struct LastError {
    /// What sort of trouble.
    pub code: Code,
    /// Status of the HTTP answer, if there was one.
    pub http_status: Option<u16>,
    /// What was wrong and what to do.
    pub message: String,
    /// When, in ms since the epoch.
    pub at: i64,
}

/// A part that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MissingPart)]
pub struct Missing {
    /// Which.
    pub part: String,
    /// What sort of trouble.
    pub code: Code,
    /// What was wrong and what to do.
    pub message: String,
}

/// The state of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InstanceStatus)]
pub struct Status {
    /// In a word.
    pub state: State,
    /// Since when it is in this state, in ms since the epoch.
    pub since: i64,
    /// When a poll last brought something.
    pub last_ok: Option<i64>,
    /// What went wrong last; `null` when all is well.
    pub last_error: Option<LastError>,
    /// Parts that the newest poll could not have.
    pub missing: Vec<Missing>,
    /// How often it is asked, in seconds.
    pub interval_s: f64,
    /// When it is asked next.
    pub next_poll: Option<i64>,
    /// What is left of the calls that its system allows.
    pub rate_limit: Option<RateLimit>,
    /// How long the newest poll took.
    pub latency_ms: Option<u64>,
    /// In a sentence, for scripts; the page writes its own.
    pub text: String,
}

/// What is known of an instance's polls.
#[derive(Debug, Clone)]
pub(super) struct Track {
    state: State,
    since_ms: i64,
    last_ok_ms: Option<i64>,
    failing_since_ms: Option<i64>,
    last_error: Option<LastError>,
    missing: Vec<Missing>,
    rate_limit: Option<RateLimit>,
    latency: Option<Duration>,
    failures: u32,
    next_ms: i64,
    /// When that was said. A clock that is before it was set back.
    said_ms: i64,
    interval: Duration,
}

impl Track {
    pub(super) fn new(now_ms: i64, interval: Duration) -> Self {
        Self {
            state: State::Pending,
            since_ms: now_ms,
            last_ok_ms: None,
            failing_since_ms: None,
            last_error: None,
            missing: Vec::new(),
            rate_limit: None,
            latency: None,
            failures: 0,
            next_ms: now_ms,
            said_ms: now_ms,
            interval,
        }
    }

    /// When the next poll is due, in ms since the epoch.
    pub(super) fn next_ms(&self) -> i64 {
        self.next_ms
    }

    /// Whether the next poll is due. It is when the clock was set back: else it would be awaited for as long as that was.
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        self.next_ms <= now_ms || now_ms < self.said_ms
    }

    /// Takes what was known before a restart.
    pub(super) fn remember(&mut self, last_ok_ms: i64) {
        self.last_ok_ms = Some(last_ok_ms);
    }

    /// A poll brought something. Says whether the state changed. `jitter` is from 0 to 1.
    pub(super) fn succeed(&mut self, now_ms: i64, took: Duration, reading: &Reading, jitter: f64) -> bool {
        let part = |(part, error): &(&'static str, PollError)| Missing {
            part: (*part).to_owned(),
            code: error.code,
            message: error.to_string(),
        };
        self.missing = reading.missing.iter().map(part).collect();
        self.rate_limit = reading.rate_limit.or(self.rate_limit);
        self.latency = Some(took);
        self.failures = 0;
        self.failing_since_ms = None;
        self.last_error = None;
        self.last_ok_ms = Some(now_ms);
        // A tenth more or less, so that instances do not march in step.
        let pause = self.interval.mul_f64(0.9 + 0.2 * jitter);
        let asked = reading.missing.iter().filter_map(|(_, error)| error.retry_after).max().unwrap_or_default();
        self.wait(now_ms, pause.max(asked));
        self.enter(if self.missing.is_empty() { State::Ok } else { State::Partial }, now_ms)
    }

    /// A poll brought nothing. Says whether the state changed.
    pub(super) fn fail(&mut self, now_ms: i64, took: Duration, error: &PollError, jitter: f64) -> bool {
        self.latency = Some(took);
        self.failures = self.failures.saturating_add(1);
        self.failing_since_ms.get_or_insert(now_ms);
        self.last_error =
            Some(LastError { code: error.code, http_status: error.status, message: error.message.clone(), at: now_ms });
        let pause = match error.retry_after {
            // Once as soon as the system allows; one that allows it at once and refuses again is asked at the usual pace.
            Some(asked) if self.failures > 1 => asked.max(self.interval),
            Some(asked) => asked,
            None => self.backoff(error.code, jitter),
        };
        self.wait(now_ms, pause.max(Duration::from_millis(500)));
        self.enter(
            match error.code {
                Code::Auth => State::AuthError,
                Code::Unreachable => State::Unreachable,
                Code::BadAnswer => State::BadAnswer,
                Code::Limited => State::Stale,
                Code::Pending => State::Pending,
            },
            now_ms,
        )
    }

    fn wait(&mut self, now_ms: i64, pause: Duration) {
        self.next_ms = now_ms.saturating_add(ms(pause.min(ASKED_PAUSE_MAX.max(self.interval.mul_f64(1.1)))));
        self.said_ms = now_ms;
    }

    fn backoff(&self, code: Code, jitter: f64) -> Duration {
        let is_near = self.interval <= NEAR;
        let most = if is_near { BACKOFF_NEAR_MAX } else { BACKOFF_MAX };
        if code == Code::Auth {
            return if is_near { BACKOFF_NEAR_MAX } else { REFUSED_PAUSE };
        }
        if code == Code::Pending {
            return self.interval;
        }
        let doubled = self.interval.saturating_mul(1 << self.failures.min(10)).min(most);
        // Full jitter, but never sooner than the usual pause.
        doubled.mul_f64(jitter).max(self.interval)
    }

    fn enter(&mut self, state: State, now_ms: i64) -> bool {
        let is_new = self.state != state;
        if is_new {
            (self.state, self.since_ms) = (state, now_ms);
        }
        is_new
    }

    /// Whether what is shown is older than [`STALE_INTERVALS`].
    pub(super) fn is_stale(&self, now_ms: i64) -> bool {
        self.last_ok_ms.is_none_or(|last_ms| self.is_old(last_ms, now_ms))
    }

    /// Whether what was taken at a time is older than that, or from a future that a clock set back left behind.
    pub(super) fn is_old(&self, time_ms: i64, now_ms: i64) -> bool {
        let bound = self.interval.saturating_mul(STALE_INTERVALS).max(Duration::from_secs(5));
        now_ms.abs_diff(time_ms) > ms(bound).unsigned_abs()
    }

    pub(super) fn last_ok_ms(&self) -> Option<i64> {
        self.last_ok_ms
    }

    pub(super) fn is_well(&self) -> bool {
        matches!(self.state, State::Ok | State::Partial)
    }

    pub(super) fn view(&self, now_ms: i64) -> Status {
        let is_late = matches!(self.state, State::Ok | State::Partial) && self.is_stale(now_ms);
        Status {
            state: if is_late { State::Stale } else { self.state },
            since: self.since_ms,
            last_ok: self.last_ok_ms,
            last_error: self.last_error.clone(),
            missing: self.missing.clone(),
            interval_s: self.interval.as_secs_f64(),
            next_poll: Some(self.next_ms),
            rate_limit: self.rate_limit,
            latency_ms: self.latency.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            text: self.text(now_ms),
        }
    }

    fn text(&self, now_ms: i64) -> String {
        let error = |error: &LastError| match error.http_status {
            Some(status) => format!("{status}, {}", error.message),
            None => error.message.clone(),
        };
        match (&self.last_error, self.last_ok_ms) {
            (Some(told), _) if told.code == Code::Pending => format!("waiting: {}", told.message),
            (Some(told), _) => {
                format!("failing for {}: {}", age(now_ms.saturating_sub(self.failing_since_ms.unwrap_or(told.at))), error(told))
            }
            (None, _) if self.state == State::Pending => "waiting for the first answer".to_owned(),
            (None, last_ms) => {
                let last_ms = last_ms.unwrap_or(self.since_ms);
                let what = if self.missing.is_empty() { "ok" } else { "in part" };
                let missing: Vec<String> =
                    self.missing.iter().map(|missing| format!("; {}: {}", missing.part, missing.message)).collect();
                format!("{what} {} ago{}", age(now_ms.saturating_sub(last_ms)), missing.concat())
            }
        }
    }
}

/// A span of time as people say it: one unit.
fn age(ms: i64) -> String {
    let seconds = u64::try_from(ms.max(0)).unwrap_or(0) / 1_000;
    let (number, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{number} {unit}")
}

fn ms(span: Duration) -> i64 {
    i64::try_from(Span(span).ms()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(7);

    #[test]
    fn an_instance_backs_off_and_recovers_at_once() {
        let mut track = Track::new(0, Duration::from_secs(60));
        assert_eq!((track.view(0).state, track.view(0).text.as_str()), (State::Pending, "waiting for the first answer"));
        assert!(track.succeed(0, TOOK, &Reading::default(), 0.5));
        assert_eq!((track.next_ms(), track.view(12_000).text.as_str()), (60_000, "ok 12 s ago"));
        let gone = PollError::unreachable("no connection");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            track.fail(100_000, TOOK, &gone, 1.0);
            pauses.push((track.next_ms() - 100_000) / 1_000);
        }
        assert_eq!(pauses, [120, 240, 480, 900, 900, 900, 900, 900]);
        let told = PollError::auth("token lacks project:read").with_status(401);
        track.fail(280_000, TOOK, &told, 1.0);
        assert_eq!(track.view(280_000).text, "failing for 3 min: 401, token lacks project:read");
        assert_eq!(track.view(280_000).state, State::AuthError);
        track.succeed(300_000, TOOK, &Reading::default(), 0.5);
        assert_eq!((track.view(300_000).state, track.view(300_000).last_error), (State::Ok, None));
    }

    #[test]
    fn a_system_that_asks_for_a_pause_gets_it() {
        let mut track = Track::new(0, Duration::from_secs(2));
        track.fail(0, TOOK, &PollError::limited("asked too often", Some(Duration::from_secs(77))), 0.0);
        assert_eq!((track.next_ms(), track.view(0).state), (77_000, State::Stale));
        let mut reading = Reading::default();
        reading.missing("issues", PollError::limited("asked too often", Some(Duration::from_secs(9))));
        track.succeed(0, TOOK, &reading, 0.5);
        assert_eq!((track.next_ms(), track.view(0).state), (9_000, State::Partial));
    }

    #[test]
    fn a_pause_that_is_asked_for_is_neither_a_storm_nor_forever() {
        let mut track = Track::new(0, Duration::from_secs(60));
        let at_once = PollError::limited("asked too often", Some(Duration::ZERO));
        track.fail(0, TOOK, &at_once, 0.0);
        assert_eq!(track.next_ms(), 500, "once as soon as it allows");
        track.fail(1_000, TOOK, &at_once, 0.0);
        assert_eq!(track.next_ms(), 61_000, "but not again and again");
        track.fail(1_000, TOOK, &PollError::limited("go away", Some(Duration::MAX)), 0.0);
        assert_eq!(track.next_ms(), 3_601_000);
    }

    #[test]
    fn a_clock_set_back_stops_no_poll_and_keeps_nothing_fresh() {
        let hour = 3_600_000;
        let mut track = Track::new(hour, Duration::from_secs(60));
        track.succeed(2 * hour, TOOK, &Reading::default(), 0.5);
        assert!(!track.is_due(2 * hour + 59_999) && track.is_due(2 * hour + 60_000));
        assert!(track.is_due(hour), "it would have been asked in an hour");
        assert!(track.is_stale(hour) && track.view(hour).state == State::Stale);
        track.succeed(hour, TOOK, &Reading::default(), 0.5);
        assert!(!track.is_due(hour + 1) && !track.is_stale(hour + 1));
    }

    #[test]
    fn a_near_system_is_asked_again_soon_and_an_old_answer_is_stale() {
        let mut track = Track::new(0, Duration::from_secs(2));
        for _ in 0..20 {
            track.fail(0, TOOK, &PollError::unreachable("gone"), 1.0);
        }
        assert_eq!(track.next_ms(), 30_000);
        track.succeed(0, TOOK, &Reading::default(), 0.5);
        assert!(!track.is_stale(6_000) && track.is_stale(6_001));
        assert_eq!(track.view(7_000).state, State::Stale);
    }
}
