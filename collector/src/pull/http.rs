//! HTTP to other systems: one client with bounds, and answers turned into what a poll can act on.
//!
//! No redirects are followed: credentials must not go to another host. Errors name the path, never the query, the headers or
//! what was sent: secrets stand there.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use farol_shared::secret::Secret;
use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{PollError, parse};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Largest answer unless a kind asks for more, in bytes.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// How much of a refusal's text is told, in bytes.
const REFUSAL_BYTES_MAX: usize = 160;

/// Shortest text that is blanked out of a refusal: a shorter one is no secret, and stands in any sentence.
const HIDDEN_BYTES_MIN: usize = 4;

/// Longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// A client of one system.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
    body_max: usize,
}

impl Http {
    /// A client of the system at `base` (`https://host[:port][/prefix]`). `ca_file` names certificates to trust beside the
    /// machine's. `within` bounds each call.
    ///
    /// # Errors
    /// Says what is wrong with the address or the file.
    pub fn new(base: &str, within: Duration, ca_file: Option<&Path>) -> Result<Self, String> {
        let base = address(base)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca_file)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(within)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("farol-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the HTTP client cannot be made: {}", error.without_url()))?;
        Ok(Self { client, base, body_max: BODY_BYTES_MAX })
    }

    /// The same with another bound for answers, in bytes.
    #[must_use]
    pub fn body_max(self, bytes: usize) -> Self {
        Self { body_max: bytes, ..self }
    }

    /// `host[:port]` that is asked.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The address that is asked, without credentials.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Begins a `GET` of a path below the base, such as `/api/overview`. Parts of it that are not ours must be percent-encoded.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// Begins a `POST`.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// Begins a call of any method.
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{}", self.base.path().trim_end_matches('/'), path.trim_start_matches('/')));
        Call { request: self.client.request(method, url), path: path.to_owned(), body_max: self.body_max, hidden: Vec::new() }
    }
}

/// A call being made.
#[derive(Debug)]
pub struct Call {
    request: reqwest::RequestBuilder,
    path: String,
    body_max: usize,
    /// What was sent and must not be told, should a system quote it.
    hidden: Vec<Secret>,
}

impl Call {
    /// Sends a token.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        Self { request: self.request.bearer_auth(token.reveal()), ..self }.hiding(token)
    }

    /// Blanks a secret that stands in a body or a form out of what is told of the answer.
    #[must_use]
    pub fn hiding(mut self, secret: &Secret) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    /// Sends a name and a password.
    #[must_use]
    pub fn basic(self, user: &str, password: &Secret) -> Self {
        Self { request: self.request.basic_auth(user, Some(password.reveal())), ..self }.hiding(password)
    }

    /// Sends a header. One that cannot be sent makes the call fail.
    #[must_use]
    pub fn header(self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        let sent = match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.request.header(name, value)
            }
            // Refused by the builder, told when it is sent.
            Err(_) => self.request.header(name, "\n"),
        };
        Self { request: sent, ..self }.hiding(&Secret::new(value))
    }

    /// Adds parameters to the query.
    #[must_use]
    pub fn query<T: Serialize + ?Sized>(self, parameters: &T) -> Self {
        Self { request: self.request.query(parameters), ..self }
    }

    /// Sends JSON.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        Self { request: self.request.json(value), ..self }
    }

    /// Sends a form.
    #[must_use]
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        Self { request: self.request.form(value), ..self }
    }

    /// Sends bytes.
    #[must_use]
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        Self { request: self.request.body(bytes.into()), ..self }
    }

    /// Sends it and takes any answer of status 200 to 299.
    ///
    /// # Errors
    /// [`PollError`]: as [`Call::send_any`], and [`Answer::refusal`] for other statuses.
    pub async fn send(self) -> Result<Answer, PollError> {
        let answer = self.send_any().await?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(answer.refusal()) }
    }

    /// Sends it and takes whatever is answered.
    ///
    /// # Errors
    /// [`PollError`] when there is no whole answer, or one beyond the bound.
    pub async fn send_any(self) -> Result<Answer, PollError> {
        let Self { request, path, body_max, hidden } = self;
        let mut response = request.send().await.map_err(|error| trouble(error, &path))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| trouble(error, &path).with_status(status))? {
            if body.len() + chunk.len() > body_max {
                let message = format!("the answer to {path} is larger than {} MiB", body_max >> 20);
                return Err(PollError::bad_answer(message).with_status(status));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze(), path, hidden })
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    path: String,
    hidden: Vec<Secret>,
}

impl Answer {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body read as JSON, whatever its content type says.
    ///
    /// # Errors
    /// [`PollError::bad_answer`], saying where it broke.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PollError> {
        parse::json(&self.body, &self.path).map_err(|error| error.with_status(self.status))
    }

    /// How long the system asks to be left alone: `Retry-After` in seconds or as a date.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
            // Against the system's own clock, as the answer tells it: ours may differ.
            Err(_) => http_date(text)?.duration_since(http_date(self.header("date")?)?).unwrap_or(Duration::ZERO),
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }

    /// What a status that is no success means, with the beginning of what the system says.
    #[must_use]
    pub fn refusal(&self) -> PollError {
        let said = self.said();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let path = &self.path;
        let error = match self.status {
            401 => PollError::auth(format!("the credentials are refused for {path}{said}")),
            403 => PollError::auth(format!("the credentials lack a right for {path}{said}")),
            429 => PollError::limited(format!("asked too often{said}"), self.retry_after()),
            500..=599 => PollError {
                retry_after: self.retry_after(),
                ..PollError::unreachable(format!("the system failed at {path}{said}"))
            },
            300..=399 => PollError::bad_answer(format!("{path} leads elsewhere: write the final address as url")),
            _ => PollError::bad_answer(format!("{path} is refused{said}")),
        };
        error.with_status(self.status)
    }

    /// The sentence in an error's body: the usual fields of JSON, else nothing (an HTML page helps nobody). Secrets that it
    /// quotes are blanked out.
    #[must_use]
    pub fn said(&self) -> String {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let fields = ["detail", "message", "error_description", "reason", "error", "title", "Message"];
        let found = fields.iter().find_map(|field| match value.get(field)? {
            serde_json::Value::String(text) => Some(text.clone()),
            inner @ serde_json::Value::Object(_) => inner.get("message")?.as_str().map(str::to_owned),
            _ => None,
        });
        let is_secret = |secret: &&Secret| secret.reveal().len() >= HIDDEN_BYTES_MIN;
        let hidden = self.hidden.iter().filter(is_secret).map(Secret::reveal);
        let text = hidden.fold(found.unwrap_or_default(), |text, secret| text.replace(secret, "***"));
        text.get(..text.floor_char_boundary(REFUSAL_BYTES_MAX)).unwrap_or_default().to_owned()
    }
}

/// Checks an address as people write it.
fn address(text: &str) -> Result<Url, String> {
    let mut url: Url =
        text.trim().parse().map_err(|_| "url is no address: write one such as \"https://host:port\"".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("url must begin with http:// or https:// and name a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url holds credentials: write them as keys of their own, from a file or a variable".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// What can be said of a call that brought no answer.
fn trouble(error: reqwest::Error, path: &str) -> PollError {
    let error = error.without_url();
    let mut causes = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        causes = inner.to_string();
        cause = inner.source();
    }
    if error.is_timeout() {
        return PollError::unreachable(format!("no answer to {path} in time"));
    }
    if error.is_builder() {
        return PollError::auth("a credential holds characters that HTTP cannot carry".to_owned());
    }
    if causes.contains("UnknownIssuer") {
        causes.push_str("; install ca-certificates on this machine, or name the authority's certificate as ca_file");
    }
    let what = if error.is_connect() { "no connection" } else { "the connection broke" };
    PollError::unreachable(if causes.is_empty() { what.to_owned() } else { format!("{what}: {causes}") })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that is still written (RFC 9110, section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = words.next()?;
    let month = u64::try_from(months.iter().position(|month| *month == name)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9_999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part < 61));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1..=31).contains(&day) {
        return None;
    }
    // Days since the epoch, counting years from March so that the leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let seconds = (days.checked_sub(719_468)?) * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// TLS with the machine's certificates, read once.
fn machine_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(target: "pull", "no certificates to trust: install ca-certificates, or name a ca_file");
        }
        roots
    })
}

/// What TLS connections are made with: `ca_file` names certificates to trust beside the machine's.
///
/// # Errors
/// Says what is wrong with the file.
pub fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = machine_roots().clone();
    if let Some(path) = ca_file {
        let wrong = |what: String| format!("ca_file: {} {what}", path.display());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mut added = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(format!("is no PEM: {error}")))?;
            roots.add(certificate).map_err(|error| wrong(format!("holds a certificate that cannot be used: {error}")))?;
            added += 1;
        }
        if added == 0 {
            return Err(wrong("holds no certificate".to_owned()));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be made ready: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        Answer {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
            path: "/x".to_owned(),
            hidden: vec![Secret::new("hunter2")],
        }
    }

    #[test]
    fn a_system_that_quotes_a_secret_does_not_make_us_tell_it() {
        let told = answer(400, &[], r#"{"detail":"no account for Bearer hunter2 here"}"#).refusal();
        assert_eq!(told.to_string(), "400: /x is refused: no account for Bearer *** here");
    }

    #[test]
    fn retry_after_comes_in_seconds_or_as_a_date() {
        assert_eq!(answer(429, &[("retry-after", "7")], "").retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(answer(429, &[("retry-after", "99999999")], "").retry_after(), Some(RETRY_AFTER_MAX));
        let date = ("date", "Sun, 06 Nov 1994 08:49:07 GMT");
        let told = answer(429, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), date], "").retry_after();
        assert_eq!(told, Some(Duration::from_secs(30)));
        assert_eq!(answer(429, &[("retry-after", "soon")], "").retry_after(), None);
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), UNIX_EPOCH.checked_add(Duration::from_secs(784_111_777)));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), UNIX_EPOCH.checked_add(Duration::from_secs(1_709_164_800)));
    }

    #[test]
    fn a_refusal_says_what_the_system_says_and_what_it_means() {
        use super::super::Code;
        let told = answer(403, &[], r#"{"detail":"You do not have permission"}"#).refusal();
        assert_eq!((told.code, told.status), (Code::Auth, Some(403)));
        assert!(told.message.contains("You do not have permission"), "{told}");
        assert_eq!(answer(429, &[("retry-after", "3")], "").refusal().retry_after, Some(Duration::from_secs(3)));
        assert_eq!(answer(503, &[], "<html>").refusal().code, Code::Unreachable);
        assert_eq!(answer(404, &[], r#"{"error":{"message":"gone"}}"#).refusal().to_string(), "404: /x is refused: gone");
    }

    #[test]
    fn an_address_holds_no_credentials_and_has_a_host() {
        assert!(address("https://a.example/base?x=1").is_ok_and(|url| url.as_str() == "https://a.example/base"));
        for wrong in ["ftp://a", "a.example", "https://u:p@a.example", "https://"] {
            assert!(address(wrong).is_err_and(|message| !message.contains("u:p")), "{wrong}");
        }
    }

    #[test]
    fn a_broken_body_is_told_without_quoting_it() {
        let error = answer(200, &[], r#"{"a": "hunter2"#).json::<Vec<u8>>().unwrap_err();
        assert!(error.message.contains("ends too early") || error.message.contains("shape"), "{error}");
        assert!(!error.message.contains("hunter2"));
    }
}
