//! What a channel is sent, and what its answer means: made and judged without a network, so that both are tested on documented shapes.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use farol_shared::secret::Secret;

use super::{Notice, email::Mail, text::Text};

/// How much of an answer's text is told, in characters: a sentence or two.
const SAID_CHARS_MAX: usize = 200;

/// Longest wait that a channel can ask for: beyond it a message would come after everybody has seen the page.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// This installation, as channels know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// A random word, made once: numbers of incidents are the same in two installations that tell one channel.
    pub id: String,
    /// Where people open the page; without it messages hold no links.
    pub public_url: Option<String>,
}

impl House {
    /// Address of an incident in the page; of the alerts when it is a trial.
    #[must_use]
    pub fn link(&self, incident: i64) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        Some(if incident == 0 { format!("{base}/#/alerts") } else { format!("{base}/#/alerts?incident={incident}") })
    }

    /// What one incident is called by systems that gather messages by a key.
    #[must_use]
    pub fn incident_key(&self, notice: &Notice) -> String {
        let incident = if notice.incident == 0 { format!("trial-{}", notice.key) } else { notice.incident.to_string() };
        format!("farol-{}-{incident}", self.id)
    }

    /// What one message is called: the same for every attempt.
    #[must_use]
    pub fn message_key(&self, notice: &Notice) -> String {
        format!("farol-{}-{}", self.id, notice.key)
    }
}

/// All that a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// What is told.
    pub notice: &'a Notice,
    /// The same in words of the channel's language.
    pub text: &'a Text,
    /// Who tells it.
    pub house: &'a House,
    /// Word of the channel.
    pub channel: &'a str,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
}

/// A message, ready to be sent.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// By HTTP.
    Http(Request),
    /// By SMTP.
    Mail(Box<Mail>),
}

/// A `POST`. Its address and its headers are secrets: for most kinds the address is all that one needs to write to the channel.
#[derive(Clone)]
pub struct Request {
    /// Whole address.
    pub url: Secret,
    /// Names and values.
    pub headers: Vec<(String, Secret)>,
    /// What is sent.
    pub body: Bytes,
}

impl Request {
    /// A `POST` of JSON.
    #[must_use]
    pub fn json(url: &str, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), Secret::new("application/json; charset=utf-8"))];
        Self { url: Secret::new(url), headers, body: Bytes::from(body.to_string()) }
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), Secret::new(value)));
        self
    }

    /// The same with `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.header("authorization", &format!("Bearer {}", token.reveal().trim()))
    }

    /// The same with `Authorization: Basic` of `name:password`.
    #[must_use]
    pub fn basic(self, name_and_password: &Secret) -> Self {
        self.header("authorization", &format!("Basic {}", STANDARD.encode(name_and_password.reveal().trim())))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What a channel answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Its beginning, as text.
    pub body: String,
}

impl Answer {
    /// The body read as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Status and the sentence in the body, for people.
    #[must_use]
    pub fn said(&self) -> String {
        let json = self.json();
        let fields = ["description", "message", "detail", "error", "reason", "errors", "title"];
        let found = fields.iter().find_map(|field| match json.get(field)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Array(all) => {
                Some(all.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join("; "))
            }
            inner @ serde_json::Value::Object(_) => inner.get("message")?.as_str().map(str::to_owned),
            _ => None,
        });
        // Plain text is told as it is (Slack, Teams); a page of HTML helps nobody.
        let text = found.filter(|text| !text.is_empty()).unwrap_or_else(|| {
            let is_sentence = json.is_null() && !self.body.trim_start().starts_with('<');
            if is_sentence { self.body.clone() } else { String::new() }
        });
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_CHARS_MAX).collect();
        if text.is_empty() { self.status.to_string() } else { format!("{}: {text}", self.status) }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The channel has it.
    Told(String),
    /// It has not, and may have it later.
    Again {
        /// What went wrong.
        why: String,
        /// How long the channel asks to be left alone.
        after: Option<Duration>,
    },
    /// It never will: somebody must change the channel.
    Dead(String),
}

impl Verdict {
    /// Not now.
    #[must_use]
    pub fn again(why: impl Into<String>) -> Self {
        Self::Again { why: why.into(), after: None }
    }

    /// What a status means by itself: 2xx is a success; 408, 429 and 5xx pass; the rest is for good.
    #[must_use]
    pub fn by_status(answer: &Answer) -> Self {
        let said = answer.said();
        match answer.status {
            200..=299 => Self::Told(said),
            408 | 425 | 429 | 500..=599 => Self::Again { why: said, after: answer.retry_after },
            300..=399 => Self::Dead(format!("{said}: the address leads elsewhere; write the final one")),
            _ => Self::Dead(said),
        }
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Told(text) | Self::Dead(text) | Self::Again { why: text, .. } => text,
        }
    }
}

/// A number of seconds from a field of an answer, bounded.
#[must_use]
pub fn seconds(value: &serde_json::Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok().map(|wait| wait.min(RETRY_AFTER_MAX))
}

/// The first so many characters, the last of them an ellipsis when something is left out.
#[must_use]
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.to_owned() }
    }

    #[test]
    fn a_status_says_whether_to_try_again() {
        for (status, again) in
            [(408, true), (429, true), (500, true), (503, true), (400, false), (404, false), (410, false), (302, false)]
        {
            let verdict = Verdict::by_status(&answer(status, ""));
            assert_eq!(matches!(verdict, Verdict::Again { .. }), again, "{status}: {verdict:?}");
            assert_eq!(matches!(verdict, Verdict::Dead(_)), !again, "{status}");
        }
        assert_eq!(Verdict::by_status(&answer(200, "ok")), Verdict::Told("200: ok".to_owned()));
    }

    #[test]
    fn an_answer_is_told_in_one_line_and_never_as_html() {
        assert_eq!(answer(400, r#"{"message":"invalid\n event","errors":["a","b"]}"#).said(), "400: invalid event");
        assert_eq!(answer(400, r#"{"errors":["a","b"]}"#).said(), "400: a; b");
        assert_eq!(answer(502, "<html>bad</html>").said(), "502");
        assert_eq!(answer(404, "no_service").said(), "404: no_service");
        assert_eq!(answer(500, &"x".repeat(9_999)).said().chars().count(), 5 + SAID_CHARS_MAX);
    }

    #[test]
    fn a_request_never_shows_its_address_or_headers() {
        let request = Request::json("https://hooks.example/s3cr3t", &serde_json::json!({})).header("x", "s3cr3t");
        assert!(!format!("{request:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_cut_text_says_so_and_keeps_whole_characters() {
        assert_eq!(cut("ação", 4), "ação");
        assert_eq!(cut("ação 🚨", 5), "ação…");
        assert_eq!(seconds(&serde_json::json!(1e300)), None);
        assert_eq!(seconds(&serde_json::json!(99_999)), Some(RETRY_AFTER_MAX));
    }
}
