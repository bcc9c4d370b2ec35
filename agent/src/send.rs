//! Delivery: one batch at a time, in order, over one kept connection, each answered before the next leaves.
//!
//! In: encoded batches. Out: an [`Answer`] for each. Invariants: one request in flight; the token is never logged; every
//! wait has a timeout; an answer is read up to [`limit::ANSWER_BYTES_MAX`]. What an answer means for the spool is
//! decided by the caller; see [`Answer`].

use std::{fmt, future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use farol_shared::{
    clock::Clock,
    limit,
    secret::Secret,
    wire::{self, Ack, WireError},
};
use http_body_util::{Full, Limited};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, header};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::batch::is_compressed;

mod connection;
pub mod proxy;
pub mod tcp;
pub(crate) mod tls;

use connection::Open;
use tls::Secure;

/// One batch on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Random number of the run that made it; after a restart an earlier one.
    pub boot: u64,
    /// Its number in that run.
    pub seq: u64,
    /// The exact body.
    pub body: Bytes,
}

/// What became of one batch, by the table of the wire.
#[derive(Debug)]
pub enum Answer {
    /// On disk up to this number: forget it.
    Stored(Ack),
    /// Never acceptable: count, say once, forget.
    Refused {
        /// HTTP status.
        status: u16,
        /// What the collector says about it, cut to one line.
        detail: String,
    },
    /// The token is refused: keep, say so, retry slowly.
    Unauthorised {
        /// HTTP status.
        status: u16,
        /// What the collector says about it, cut to one line.
        detail: String,
    },
    /// The collector is busy: keep, retry after the time it asks for.
    Busy {
        /// HTTP status.
        status: u16,
        /// At most [`limit::RETRY_AFTER_S_MAX`]; `None` when the collector names none.
        retry_after: Option<Duration>,
    },
    /// No usable answer: keep, back off.
    Failed(SendError),
}

/// Where batches go. The agent's is HTTP; the collector's own agent and simulations have others.
pub trait Sink {
    /// Delivers one batch. Dropping the future forgets the attempt; the batch may have arrived or not.
    fn deliver(&mut self, parcel: &Parcel) -> impl Future<Output = Answer>;
}

/// How a connection to the collector is made, so that a simulation can bring its own network.
pub trait Connector {
    /// A connection in both directions.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;
    /// Opens a connection to the collector, before any TLS.
    fn connect(&self, target: &Target) -> impl Future<Output = io::Result<Self::Stream>>;
}

/// Why there was no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error("cannot connect to {authority}")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A wait took too long.
    #[error("no {what} from {authority} within {} ms", limit.as_millis())]
    Timeout {
        /// `connection` or `answer`.
        what: &'static str,
        /// Host and port.
        authority: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates to trust{}", file.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default())]
    Certificates {
        /// The configured file, if any.
        file: Option<PathBuf>,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// The token file cannot be read.
    #[error("cannot read the token from {}", file.display())]
    TokenFile {
        /// The configured file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// The connection broke or what came was not HTTP.
    #[error("the exchange with {authority} broke off")]
    Exchange {
        /// Host and port.
        authority: String,
        /// What happened.
        #[source]
        source: hyper::Error,
    },
    /// An answer outside the table, such as a proxy's.
    #[error("unexpected answer {status}: {detail}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Start of the answer's body.
        detail: String,
    },
    /// The answer's body is too long or broke off.
    #[error("the answer could not be read: {0}")]
    Body(String),
    /// 200, but not from a collector.
    #[error("the answer is not a collector's")]
    Answer(#[source] WireError),
}

/// The agent's token, or where to find it.
#[derive(Debug, Clone)]
pub enum Token {
    /// Given as it is.
    Given(Secret),
    /// In a file, read when a connection is opened or the token is refused.
    File(PathBuf),
}

impl Token {
    /// Reads the token; blocking, but only from a small local file.
    ///
    /// # Errors
    /// [`SendError::TokenFile`].
    pub fn read(&self) -> Result<Secret, SendError> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::File(file) => std::fs::read_to_string(file)
                .map(|text| Secret::new(&text))
                .map_err(|source| SendError::TokenFile { file: file.clone(), source }),
        }
    }
}

/// The collector's address and what is needed to be let in.
#[derive(Debug, Clone)]
pub struct Target {
    url: String,
    is_https: bool,
    host: String,
    port: u16,
    path: String,
    token: Token,
    ca_file: Option<PathBuf>,
    timeout: Duration,
}

impl Target {
    /// Takes an address apart.
    ///
    /// # Errors
    /// A sentence for people when it is not an address of a collector.
    pub fn new(url: &str, token: Token, ca_file: Option<PathBuf>, timeout: Duration) -> Result<Self, String> {
        let uri: Uri = url.trim().parse().map_err(|error| format!("'{url}' is not an address: {error}"))?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("'{url}' must start with http:// or https://")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| format!("'{url}' names no host"))?;
        if authority.as_str().contains('@') {
            return Err("must not contain a user or password: the token goes into FAROL_TOKEN".to_owned());
        }
        if uri.query().is_some() {
            return Err(format!("'{url}' must not have a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let path = format!("{}{}", uri.path().trim_end_matches('/'), wire::PATH);
        Ok(Self { url: url.trim().to_owned(), is_https, host, port, path, token, ca_file, timeout })
    }

    /// Host and port for people and for the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// Host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The token or its file.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }
}

impl fmt::Display for Target {
    /// In the form of the configuration file; the token is masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "url = {:?}", self.url)?;
        match &self.token {
            Token::Given(secret) => writeln!(f, "token = \"{secret}\"")?,
            Token::File(file) => writeln!(f, "token_file = {file:?}")?,
        }
        if let Some(file) = &self.ca_file {
            writeln!(f, "ca_file = {file:?}")?;
        }
        write!(f, "timeout = \"{}\"", farol_shared::config::Span(self.timeout))
    }
}

/// Delivers over HTTP/1.1, with TLS when the address says so.
pub struct Http<C: Connector> {
    target: Target,
    connector: C,
    clock: Arc<dyn Clock>,
    secure: Option<Secure>,
    token: Option<Secret>,
    open: Option<Open>,
}

impl<C: Connector> fmt::Debug for Http<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("target", &self.target).field("is_open", &self.open.is_some()).finish_non_exhaustive()
    }
}

impl<C: Connector> Sink for Http<C> {
    async fn deliver(&mut self, parcel: &Parcel) -> Answer {
        let was_open = self.open.is_some();
        let answer = match self.exchange(parcel).await {
            // The other side may have closed a connection that was idle. A repeat is harmless: it is recognised.
            Err(SendError::Exchange { .. }) if was_open => self.exchange(parcel).await,
            first => first,
        };
        answer.unwrap_or_else(Answer::Failed)
    }
}

impl<C: Connector> Http<C> {
    /// Prepares; connects with the first batch.
    #[must_use]
    pub fn new(target: Target, connector: C, clock: Arc<dyn Clock>) -> Self {
        Self { target, connector, clock, secure: None, token: None, open: None }
    }

    async fn exchange(&mut self, parcel: &Parcel) -> Result<Answer, SendError> {
        // Taken out, so that a failed or forgotten exchange leaves no half-used connection behind.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let request = self.request(parcel)?;
        let limit = self.target.timeout;
        let exchange = async {
            let response = open.call(request).await.map_err(|source| self.broken(source))?;
            let (status, retry_after) = (response.status(), retry_after(&response));
            Ok((status, retry_after, open.read(Limited::new(response.into_body(), limit::ANSWER_BYTES_MAX)).await))
        };
        let waited = timeout(limit, exchange).await.map_err(|_| self.late("answer"))?;
        let (status, retry_after, body) = waited?;
        let body = body.map_err(|error| SendError::Body(error.to_string()))?;
        if !open.is_closed() {
            self.open = Some(open);
        }
        self.judge(status, retry_after, &body)
    }

    fn judge(&mut self, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Result<Answer, SendError> {
        let (code, detail) = (status.as_u16(), || one_line(body));
        Ok(match code {
            200 => Answer::Stored(wire::decode_ack(body).map_err(SendError::Answer)?),
            400 | 413 | 415 | 422 => Answer::Refused { status: code, detail: detail() },
            401 | 403 => {
                // The file may hold a new token by the next attempt.
                self.token = None;
                Answer::Unauthorised { status: code, detail: detail() }
            }
            429 | 503 => Answer::Busy { status: code, retry_after },
            _ => return Err(SendError::Status { status: code, detail: detail() }),
        })
    }

    async fn connect(&mut self) -> Result<Open, SendError> {
        if self.target.is_https && self.secure.is_none() {
            self.secure = Some(Secure::new(&self.target.host, self.target.ca_file.as_deref())?);
        }
        let connected = async {
            let stream = self.connector.connect(&self.target).await?;
            match &self.secure {
                Some(secure) => Ok(Open::new(secure.wrap(stream).await?).await),
                None => Ok(Open::new(stream).await),
            }
        };
        match timeout(self.target.timeout, connected).await {
            Ok(Ok(handshake)) => handshake.map_err(|source| self.broken(source)),
            Ok(Err(source)) => Err(SendError::Connect { authority: self.target.authority(), source }),
            Err(_) => Err(self.late("connection")),
        }
    }

    fn request(&mut self, parcel: &Parcel) -> Result<Request<Full<Bytes>>, SendError> {
        if self.token.is_none() {
            self.token = Some(self.target.token.read()?);
        }
        let bearer = format!("Bearer {}", self.token.as_ref().map_or("", Secret::reveal));
        let mut request = Request::post(self.target.path.as_str())
            .header(header::HOST, self.target.authority())
            .header(header::CONTENT_TYPE, wire::CONTENT_TYPE)
            .header(header::USER_AGENT, concat!("farol-agent/", env!("CARGO_PKG_VERSION")))
            .header("farol-sent-ms", self.clock.now_ms());
        if is_compressed(&parcel.body) {
            request = request.header(header::CONTENT_ENCODING, "zstd");
        }
        // A token with a line break cannot be a header: the collector would refuse it anyway, so send none.
        if let Ok(mut value) = header::HeaderValue::try_from(bearer) {
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        Ok(request.body(Full::new(parcel.body.clone())).expect("path and host were checked with the configuration"))
    }

    fn broken(&self, source: hyper::Error) -> SendError {
        SendError::Exchange { authority: self.target.authority(), source }
    }

    fn late(&self, what: &'static str) -> SendError {
        SendError::Timeout { what, authority: self.target.authority(), limit: self.target.timeout }
    }
}

/// The seconds of `Retry-After`, cut to the limit. The form with a date counts as none: the agent's clock may be wrong.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds: u64 = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(limit::RETRY_AFTER_S_MAX)))
}

/// The start of an answer's body as one line for the log.
fn one_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::recorder::cut(&line, 300).to_owned()
}

#[cfg(test)]
mod tests;
