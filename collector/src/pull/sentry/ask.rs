//! Asking Sentry: one call of an organisation at a time, waits that it asks for, refusals in words that name the scope.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, Weak},
    time::Duration,
};

use farol_shared::secret::Secret;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::pull::{
    PollError,
    http::{Answer, Http},
    reading::RateLimit,
};

/// Longest wait for the next window of calls that is taken within a poll. Sentry's windows are of a second or so.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Most waits of one call.
const WAITS_MAX: usize = 2;

/// Longest wait that is asked of the runner.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// What is asked, and what a token needs for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    /// Last part of the path.
    pub(super) path: &'static str,
    /// Scope.
    pub(super) scope: &'static str,
}

/// Asks one organisation. Calls of one organisation never overlap, whichever instance makes them: Sentry counts them
/// together, and allows few at a time.
pub(super) struct Asker {
    pub(super) http: Http,
    pub(super) organization: String,
    token: Secret,
    gate: Arc<Mutex<()>>,
    /// What the poll was told the time is, and when.
    told: (i64, Instant),
    rate_limit: Option<RateLimit>,
}

impl Asker {
    pub(super) fn new(http: Http, organization: String, token: Secret) -> Self {
        let gate = gate(&format!("{}/{organization}", http.host()));
        Self { http, organization, token, gate, told: (0, Instant::now()), rate_limit: None }
    }

    /// A poll begins.
    pub(super) fn begin(&mut self, now_ms: i64) {
        self.told = (now_ms, Instant::now());
        self.rate_limit = None;
    }

    /// The tightest of the limits that the answers of this poll told.
    pub(super) fn rate_limit(&self) -> Option<RateLimit> {
        self.rate_limit
    }

    /// Asks, and waits for the next window when it is near.
    pub(super) async fn ask(&mut self, subject: Subject, query: &[(&str, &str)]) -> Result<Answer, PollError> {
        let gate = Arc::clone(&self.gate);
        let _turn = gate.lock().await;
        let mut waits = 0;
        loop {
            let path = format!("/api/0/organizations/{}/{}/", self.organization, subject.path);
            let answer = self.http.get(&path).bearer(&self.token).query(query).send_any().await?;
            self.note(&answer);
            if answer.status != 429 {
                return if (200..300).contains(&answer.status) { Ok(answer) } else { Err(self.refusal(&answer, subject)) };
            }
            let wait = answer.retry_after().or_else(|| self.until_reset(&answer));
            match wait.filter(|wait| *wait <= WAIT_MAX && waits < WAITS_MAX) {
                Some(wait) => sleep(wait).await,
                // A near end that did not help is not believed: clocks that differ would have it asked for ever.
                None => return Err(PollError { retry_after: wait.filter(|wait| *wait > WAIT_MAX), ..answer.refusal() }),
            }
            waits += 1;
        }
    }

    /// Until the window of calls ends. The header has whole seconds: one more is sure to be enough.
    fn until_reset(&self, answer: &Answer) -> Option<Duration> {
        let reset_ms = reset_at(answer)?;
        let now_ms = self.told.0 + i64::try_from(self.told.1.elapsed().as_millis()).ok()?;
        let wait = Duration::from_millis(u64::try_from(reset_ms - now_ms).unwrap_or(0)) + Duration::from_millis(100);
        Some(wait.min(PAUSE_MAX))
    }

    fn note(&mut self, answer: &Answer) {
        let whole = |name| answer.header(name)?.trim().parse().ok();
        let told = RateLimit {
            limit: whole("x-sentry-rate-limit-limit"),
            remaining: whole("x-sentry-rate-limit-remaining"),
            reset_at: reset_at(answer),
        };
        let Some(remaining) = told.remaining else { return };
        let is_tighter = self.rate_limit.and_then(|known| known.remaining).is_none_or(|known| remaining < known);
        if is_tighter {
            self.rate_limit = Some(told);
        }
    }

    fn refusal(&self, answer: &Answer, subject: Subject) -> PollError {
        let said = answer.said();
        let said = if said.is_empty() { said } else { format!(" (Sentry says: {said})") };
        let error = match answer.status {
            401 => PollError::auth(format!("the token is refused: make one of an internal integration{said}")),
            403 => PollError::auth(format!(
                "token lacks {}, needed for {}, or has no access to the project{said}",
                subject.scope, subject.path
            )),
            404 => PollError::bad_answer(format!(
                "{} knows no {} of an organisation {}: check organization, and url (organisations in the EU are at \
                 https://de.sentry.io)",
                self.http.host(),
                subject.path,
                self.organization
            )),
            _ => return answer.refusal(),
        };
        error.with_status(answer.status)
    }
}

/// `X-Sentry-Rate-Limit-Reset`, in seconds since the epoch, as ms.
fn reset_at(answer: &Answer) -> Option<i64> {
    let seconds: i64 = answer.header("x-sentry-rate-limit-reset")?.trim().split('.').next()?.parse().ok()?;
    seconds.checked_mul(1_000).filter(|ms| *ms >= 0)
}

/// The gate of an organisation, one for all instances in this process. Gates that nobody holds are forgotten.
fn gate(organization: &str) -> Arc<Mutex<()>> {
    static GATES: OnceLock<std::sync::Mutex<BTreeMap<String, Weak<Mutex<()>>>>> = OnceLock::new();
    let mut gates = GATES.get_or_init(std::sync::Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    gates.retain(|_, gate| gate.strong_count() > 0);
    if let Some(known) = gates.get(organization).and_then(Weak::upgrade) {
        return known;
    }
    let made = Arc::default();
    gates.insert(organization.to_owned(), Arc::downgrade(&made));
    made
}

/// The cursor of the next page, when the `Link` header says that there is one. Addresses in it may hold commas, so it is not
/// split at them.
pub(super) fn next_cursor(link: &str) -> Option<String> {
    let mut rest = link;
    while let Some((_, after)) = rest.split_once('<') {
        let (_, parameters) = after.split_once('>')?;
        let end = parameters.find('<').unwrap_or(parameters.len());
        let (mine, others) = parameters.split_at(end);
        let is = |name: &str, value: &str| parameter(mine, name) == Some(value);
        if is("rel", "next") {
            return is("results", "true").then(|| parameter(mine, "cursor").map(str::to_owned))?;
        }
        rest = others;
    }
    None
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|one| {
        let (key, value) = one.trim().trim_end_matches([',', ' ']).split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_found_though_addresses_hold_commas() {
        let link = |results: &str| {
            format!(
                r#"<https://sentry.io/issues/?query=a:[1,2]&cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", <https://sentry.io/issues/?query=a:[1,2]&cursor=0:100:0>; rel="next"; results="{results}"; cursor="0:100:0""#
            )
        };
        assert_eq!(next_cursor(&link("true")).as_deref(), Some("0:100:0"));
        assert_eq!(next_cursor(&link("false")), None);
        assert_eq!(next_cursor(""), None);
    }

    #[test]
    fn instances_of_one_organisation_share_a_gate() {
        let (one, two, other) = (gate("h/shared"), gate("h/shared"), gate("h/other"));
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &other));
    }

    proptest! {
        #[test]
        fn any_link_header_is_read_or_passed_over(link in "[<>;,=\" a-z:0-9]{0,120}|\\PC{0,60}") {
            let _cursor = next_cursor(&link);
        }
    }
}
