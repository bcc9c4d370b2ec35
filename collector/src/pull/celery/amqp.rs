//! RabbitMQ as the broker: where it is, and a connection with a channel that says why it was closed.

use std::{
    fmt,
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use amqprs::{
    Ack, BasicProperties, Cancel, CloseChannel, Nack, Return,
    callbacks::ChannelCallback,
    channel::Channel,
    connection::{Connection, OpenConnectionArguments},
    error::Error,
    tls::TlsAdaptor,
};
use farol_shared::secret::Secret;
use reqwest::Url;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::pull::{PollError, http};

pub(super) mod broker;
pub(super) mod stream;

/// How an address is written.
pub(super) const EXAMPLE: &str = "amqp://farol@127.0.0.1:5672//";

/// What the list of connections calls us.
const CONNECTION_NAME: &str = "farol-collector";

/// Heartbeat that is proposed, in seconds: two lost ones end a dead connection.
const HEARTBEAT_S: u16 = 10;

/// Longest short text of AMQP, in bytes.
const TEXT_BYTES_MAX: usize = 255;

/// Where a RabbitMQ is. Its `Debug` tells no password.
#[derive(Clone)]
pub(super) struct AmqpTarget {
    host: String,
    port: u16,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Virtual host.
    pub vhost: String,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for AmqpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AmqpTarget").field(&self.describe()).finish()
    }
}

impl AmqpTarget {
    /// Reads an address; `username` and `password` are for one that has none.
    pub(super) fn read(
        url: &Url,
        username: Option<&str>,
        password: Option<&Secret>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let has_tls = url.scheme().eq_ignore_ascii_case("amqps");
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("url names no host: write one such as \"{EXAMPLE}\""))?;
        let named = Some(decoded(url.username())?).filter(|name| !name.is_empty());
        let word = url.password().map(decoded).transpose()?;
        let path = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        let vhost = if path.is_empty() { "/".to_owned() } else { path };
        let username = named.or_else(|| username.map(str::to_owned)).unwrap_or_else(|| "guest".to_owned());
        let password = word.map(|word| Secret::new(&word)).or_else(|| password.cloned()).unwrap_or_else(|| Secret::new("guest"));
        if [username.len(), vhost.len(), password.reveal().len()].into_iter().any(|length| length > TEXT_BYTES_MAX) {
            return Err(format!("user name, password and virtual host have at most {TEXT_BYTES_MAX} bytes each"));
        }
        if ca_file.is_some() && !has_tls {
            return Err("ca_file is of use only with TLS: write the address as amqps://".to_owned());
        }
        let tls = if has_tls { Some(TlsConnector::from(Arc::new(http::tls(ca_file)?))) } else { None };
        let usual = if has_tls { 5671 } else { 5672 };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(usual), username, password, vhost, tls })
    }

    /// Where it is, for people.
    pub(super) fn describe(&self) -> String {
        let tls = if self.tls.is_some() { " (TLS)" } else { "" };
        let vhost = self.vhost.trim_start_matches('/');
        let slash = if vhost.is_empty() { "" } else { "/" };
        format!("{}{slash}{vhost}{tls}", self.address())
    }

    fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// Connects.
    pub(super) async fn connect(&self, within: Duration) -> Result<Connection, PollError> {
        let silent = || PollError::unreachable(format!("{} does not answer in time", self.address()));
        let connecting = async {
            let mut arguments = OpenConnectionArguments::new(&self.host, self.port, &self.username, self.password.reveal());
            arguments.virtual_host(&self.vhost).connection_name(CONNECTION_NAME).heartbeat(HEARTBEAT_S);
            if let Some(connector) = &self.tls {
                arguments.tls_adaptor(TlsAdaptor::new(connector.clone(), self.host.clone()));
            }
            // The library expects the right kinds of values in the greeting; a server that sends others ends this task only.
            let opening = Opening(tokio::spawn(async move { Connection::open(&arguments).await }));
            opening.await.map_err(|error| self.refused(&error))
        };
        timeout(within, connecting).await.unwrap_or_else(|_| Err(silent()))
    }

    fn refused(&self, error: &Refusal) -> PollError {
        let (address, vhost) = (self.address(), &self.vhost);
        let Refusal::Said(error) = error else {
            return PollError::bad_answer(format!("{address} does not greet as RabbitMQ does: is it one?"));
        };
        let said = error.to_string();
        // RabbitMQ hangs up on wrong credentials; a virtual host that is missing or forbidden is told by its number.
        if said.contains("peer shutdown") || said.contains("reset by peer") || said.contains("ACCESS_REFUSED") {
            PollError::auth(format!("{address} hung up during the login: wrong user name or password?"))
        } else if said.contains("530") || said.contains("NOT_ALLOWED") || said.contains("vhost") {
            PollError::auth(format!(
                "{address} lets this user not into the virtual host {vhost}: does it exist, and has the user rights in it?"
            ))
        } else if matches!(error, Error::NetworkError(_)) {
            PollError::unreachable(format!("no connection to {address}: {said}"))
        } else {
            PollError::bad_answer(format!("{address} does not open a connection"))
        }
    }
}

/// A connection being opened; ends with whoever waits for it.
struct Opening(tokio::task::JoinHandle<Result<Connection, Error>>);

/// Why none came of it.
enum Refusal {
    /// As the library says.
    Said(Error),
    /// The library came to its end.
    Nonsense,
}

impl Future for Opening {
    type Output = Result<Connection, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| match ended {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Refusal::Said(error)),
            Err(_) => Err(Refusal::Nonsense),
        })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why the server closed a channel: its number and text.
#[derive(Debug, Clone, Default)]
pub(super) struct Closed(Arc<Mutex<Option<(u16, String)>>>);

impl Closed {
    /// Number and text, once it is closed.
    pub(super) fn why(&self) -> Option<(u16, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a call that failed on this channel means.
    pub(super) fn error(&self, what: &str) -> PollError {
        match self.why() {
            Some((403, text)) => PollError::auth(format!("the user lacks a right for {what}: {text}")),
            Some((code, text)) => PollError::bad_answer(format!("{what} is refused: {code} {text}")),
            None => PollError::unreachable(format!("the connection broke during {what}")),
        }
    }
}

/// Opens a channel that remembers why it was closed.
pub(super) async fn open_channel(connection: &Connection) -> Result<(Channel, Closed), PollError> {
    let broke = |_| PollError::unreachable("the connection broke while a channel was opened");
    let channel = connection.open_channel(None).await.map_err(broke)?;
    let closed = Closed::default();
    channel.register_callback(closed.clone()).await.map_err(broke)?;
    Ok((channel, closed))
}

/// A future as the library's macro writes it.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// Written without the macro of the library's trait, which would be one more dependency.
impl ChannelCallback for Closed {
    fn close<'a, 'b, 'c>(&'a mut self, _: &'b Channel, close: CloseChannel) -> Boxed<'c, Result<(), Error>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let text: String = close.reply_text().chars().take(TEXT_BYTES_MAX).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((close.reply_code(), text));
        Box::pin(async { Ok(()) })
    }

    fn cancel<'a, 'b, 'c>(&'a mut self, _: &'b Channel, _: Cancel) -> Boxed<'c, Result<(), Error>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async { Ok(()) })
    }

    fn flow<'a, 'b, 'c>(&'a mut self, _: &'b Channel, active: bool) -> Boxed<'c, Result<bool, Error>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move { Ok(active) })
    }

    fn publish_ack<'a, 'b, 'c>(&'a mut self, _: &'b Channel, _: Ack) -> Boxed<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async {})
    }

    fn publish_nack<'a, 'b, 'c>(&'a mut self, _: &'b Channel, _: Nack) -> Boxed<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async {})
    }

    fn publish_return<'a, 'b, 'c>(&'a mut self, _: &'b Channel, _: Return, _: BasicProperties, _: Vec<u8>) -> Boxed<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async {})
    }
}

/// What stands percent-encoded in an address.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = || std::str::from_utf8(tail.get(..2)?).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, code()) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "url holds bytes that are no text: encode them as UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<AmqpTarget, String> {
        AmqpTarget::read(&url.parse().unwrap(), None, None, None)
    }

    #[test]
    fn an_address_names_user_password_and_virtual_host() {
        for (url, username, password, vhost, shown) in [
            ("amqp://mq", "guest", "guest", "/", "mq:5672"),
            ("amqp://mq//", "guest", "guest", "/", "mq:5672"),
            ("amqp://a:p%40ss@mq:7/shop", "a", "p@ss", "shop", "mq:7/shop"),
            ("amqp://a:b@[::1]/%2Fx", "a", "b", "/x", "[::1]:5672/x"),
            ("amqps://mq/", "guest", "guest", "/", "mq:5671 (TLS)"),
        ] {
            let target = read(url).unwrap();
            assert_eq!((target.username.as_str(), target.password.reveal(), target.vhost.as_str()), (username, password, vhost));
            assert_eq!(target.describe(), shown);
            assert!(!format!("{target:?}").contains("p@ss"));
        }
        assert!(read(&format!("amqp://mq/{}", "x".repeat(256))).unwrap_err().contains("255"));
        let beside = AmqpTarget::read(&"amqp://ada@mq".parse().unwrap(), None, Some(&Secret::new("s3cr3t")), None).unwrap();
        assert_eq!((beside.username.as_str(), beside.password.reveal()), ("ada", "s3cr3t"));
    }

    #[test]
    fn percent_signs_that_encode_nothing_stand_for_themselves() {
        assert_eq!(decoded("a%2Fb%").unwrap(), "a/b%");
        assert_eq!(decoded("%zz%4").unwrap(), "%zz%4");
        assert!(decoded("%ff").is_err());
    }
}
