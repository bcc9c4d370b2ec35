//! How messages travel by HTTP: one client, no redirects, bounded in time and bytes; and the one place that sends a message at all.
//!
//! A channel may be on the inside of the house, as a team's own ntfy is. That is why only administrators make channels.

use std::time::Duration;

use reqwest::{
    Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::timeout;

use super::{
    channel::Channel,
    outside::{Outside, REFUSAL, is_inside},
    request::{Answer, Outgoing, RETRY_AFTER_MAX, Request, Telling, Verdict},
};
use crate::pull::http::{http_date, tls};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long a whole exchange by HTTP may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long a whole message may take, whatever it travels by: a mail takes several exchanges.
pub const SEND_WITHIN: Duration = Duration::from_secs(45);

/// How much of an answer is read, in bytes: more than any of them says.
const ANSWER_BYTES_MAX: usize = 8 << 10;

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    /// Reaches everything.
    any: reqwest::Client,
    /// Reaches public addresses.
    outside: reqwest::Client,
}

impl Client {
    /// Makes the client.
    ///
    /// # Errors
    /// Says why TLS cannot be made ready.
    pub fn new() -> Result<Self, String> {
        let made = |error: reqwest::Error| format!("the HTTP client cannot be made: {}", error.without_url());
        let builder = || {
            Ok::<_, String>(
                reqwest::Client::builder()
                    .tls_backend_preconfigured(tls(None)?)
                    // What is sent holds secrets and is meant for one address.
                    .redirect(reqwest::redirect::Policy::none())
                    .connect_timeout(CONNECT_WITHIN)
                    .timeout(ANSWER_WITHIN)
                    .pool_max_idle_per_host(1)
                    .user_agent(concat!("Farol/", env!("CARGO_PKG_VERSION"))),
            )
        };
        // A proxy would look names up itself, on the inside.
        let outside = builder()?.no_proxy().dns_resolver(Outside).build().map_err(made)?;
        Ok(Self { any: builder()?.build().map_err(made)?, outside })
    }

    /// Sends one message by a channel and says what became of it. What is said holds no secret of the channel.
    pub async fn tell(&self, channel: &Channel, telling: &Telling<'_>) -> Verdict {
        let medium = match &channel.medium {
            Ok(medium) => medium,
            Err(why) => return Verdict::again(why.clone()),
        };
        let sending = async {
            match medium.render(telling) {
                Outgoing::Mail(mail) => mail.send(channel.is_kept_outside()).await,
                Outgoing::Http(request) => match self.send(request, channel.is_kept_outside()).await {
                    Ok(answer) => medium.verdict(&answer),
                    Err(why) => Verdict::again(why),
                },
            }
        };
        let verdict = timeout(SEND_WITHIN, sending).await.unwrap_or_else(|_| Verdict::again("no answer in time"));
        match verdict {
            Verdict::Told(said) => Verdict::Told(channel.scrub(&said)),
            Verdict::Again { why, after } => Verdict::Again { why: channel.scrub(&why), after },
            Verdict::Dead(why) => Verdict::Dead(channel.scrub(&why)),
        }
    }

    async fn send(&self, request: Request, is_kept_outside: bool) -> Result<Answer, String> {
        let url: Url = request.url.reveal().trim().parse().map_err(|_| "the address cannot be read".to_owned())?;
        if is_kept_outside && is_inside(&url) {
            return Err(REFUSAL.to_owned());
        }
        let client = if is_kept_outside { &self.outside } else { &self.any };
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value.reveal()).ok());
            let Some((name, mut value)) = header else {
                return Err(format!("the header {name} holds what HTTP cannot carry"));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let sent = client.post(url).headers(headers).body(request.body).send().await;
        read(sent.map_err(trouble)?).await
    }

    /// Asks or tells an address that is alone a message: the sign of life.
    ///
    /// # Errors
    /// What went wrong, without the address.
    pub async fn knock(&self, method: reqwest::Method, url: &str) -> Result<Answer, String> {
        read(self.any.request(method, url).send().await.map_err(trouble)?).await
    }
}

/// Reads the beginning of an answer.
async fn read(mut response: Response) -> Result<Answer, String> {
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(chunk.get(..ANSWER_BYTES_MAX - body.len()).unwrap_or(&chunk)),
            Ok(None) => break,
            // Half an answer is none: some kinds tell a failure in it.
            Err(error) => return Err(trouble(error)),
        }
    }
    Ok(Answer { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() })
}

/// How long the other side asks to be left alone: seconds, or a date against its own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let written = text("retry-after")?;
    let wait = match written.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => http_date(written)?.duration_since(http_date(text("date")?)?).unwrap_or_default(),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// What can be said of an exchange that brought no answer; never the address.
fn trouble(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    let mut last = String::new();
    while let Some(inner) = cause {
        last = inner.to_string();
        cause = inner.source();
    }
    let what = if error.is_connect() { "no connection" } else { "the connection broke" };
    if last.is_empty() { what.to_owned() } else { format!("{what}: {last}") }
}
