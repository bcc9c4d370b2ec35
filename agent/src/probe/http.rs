//! HTTP and HTTPS probes: one request, its status, and what its body holds. Redirects are answers, not followed.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use farol_shared::report::chain;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble},
    setting::Asked,
    tls,
};

/// Most of a body that is read, in bytes; what comes later is neither waited for nor searched. A health page has a few hundred.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Room for the head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// What is wrong with a request as it is written, if anything.
pub(super) fn fault(asked: &Asked) -> Option<String> {
    if !asked.method.is_empty() && Method::from_bytes(asked.method.as_bytes()).is_err() {
        return Some(format!("'{}' is no method such as GET", asked.method));
    }
    let is_wrong =
        |name: &str, value: &str| HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err();
    let wrong = asked.headers.iter().find(|(name, value)| is_wrong(name, value.reveal()));
    wrong.map(|(name, _)| format!("the header '{name}' has a name or value that HTTP does not allow"))
}

/// Asks once.
pub(super) async fn check(attempt: &Attempt<'_>, kept: &mut tls::Kept) -> Result<Finding, Trouble> {
    let request = request(attempt)?;
    let wire = Connection::open_any(attempt, kept).await?.into_wire();
    let broken = |error: &hyper::Error| Trouble::Other(format!("no HTTP answer: {}", chain(error)));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(wire))
        .await
        .map_err(|error| broken(&error))?;
    attempt.stage("waiting for the answer");
    let asking = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        attempt.stage("reading the answer");
        judge(attempt, response).await
    };
    // The connection moves the bytes while the answer is waited for; it ends first only when it breaks.
    let mut asking = std::pin::pin!(asking);
    let finding = tokio::select! {
        finding = &mut asking => finding,
        _ = connection => asking.await,
    }?;
    Ok(tls::judge(attempt, finding))
}

fn request(attempt: &Attempt<'_>) -> Result<Request<Empty<Bytes>>, Trouble> {
    let probe = attempt.probe;
    let address = &probe.address;
    let path = if address.path.is_empty() { "/" } else { &address.path };
    let uri = if address.query.is_empty() { path.to_owned() } else { format!("{path}?{}", address.query) };
    let method = if probe.http.method.is_empty() { "GET" } else { &probe.http.method };
    let is_usual = address.port == Some(if probe.is_encrypted { 443 } else { 80 });
    let host = if is_usual { super::address::Address { port: None, ..address.clone() }.authority() } else { address.authority() };
    let mut request = Request::builder().method(method).uri(uri).body(Empty::new()).map_err(other)?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(&host).map_err(other)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("farol-agent/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(user) = &address.user {
        let password = probe.password().map_err(Trouble::Other)?;
        let both = format!("{user}:{}", password.as_ref().map_or("", |password| password.reveal()));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).map_err(other)?);
    }
    for (name, value) in &probe.http.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(other)?;
        headers.insert(name, HeaderValue::from_str(value.reveal()).map_err(other)?);
    }
    Ok(request)
}

/// No text of the request itself, which may hold a secret.
fn other(error: impl std::error::Error) -> Trouble {
    Trouble::Other(format!("cannot ask: {error}"))
}

async fn judge(attempt: &Attempt<'_>, response: Response<Incoming>) -> Result<Finding, Trouble> {
    let asked = &attempt.probe.http;
    let status = response.status();
    let mut search = Search::new(asked.body_contains.as_deref().unwrap_or_default());
    let is_whole = search.run(response.into_body()).await.map_err(|error| Trouble::Other(chain(&error).to_string()))?;
    attempt.answered();
    if !is_right(status, asked) {
        return Ok(Finding::offline(format!("status {status}")));
    }
    if !search.is_found {
        let part = if is_whole { "" } else { "the beginning of " };
        return Ok(Finding::offline(format!("{part}the answer does not hold the text that it should")));
    }
    Ok(Finding::online())
}

fn is_right(status: StatusCode, asked: &Asked) -> bool {
    if asked.statuses.is_empty() {
        return (200..400).contains(&status.as_u16());
    }
    asked.statuses.iter().any(|range| range.contains(&status.as_u16()))
}

/// Looks for a text in a body as it comes, keeping only as much of it as the text is long.
struct Search<'a> {
    text: &'a [u8],
    tail: Vec<u8>,
    is_found: bool,
}

impl<'a> Search<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), tail: Vec::new(), is_found: text.is_empty() }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.is_found {
            return;
        }
        // Only the seam is joined; the bulk is searched where it lies.
        let keep = self.text.len() - 1;
        self.tail.extend_from_slice(bytes.get(..keep).unwrap_or(bytes));
        let has = |bytes: &[u8]| bytes.windows(self.text.len()).any(|part| part == self.text);
        self.is_found = has(&self.tail) || has(bytes);
        if bytes.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(bytes.get(bytes.len() - keep..).unwrap_or_default());
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
    }

    /// Reads a body to its end or [`BODY_BYTES_MAX`]; true for its end.
    async fn run<B: Body<Data = Bytes> + Unpin>(&mut self, mut body: B) -> Result<bool, B::Error> {
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            self.take(&bytes);
            length += bytes.len();
            if length >= BODY_BYTES_MAX {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_found_however_the_body_is_cut(parts in vec("[ab]{0,6}", 0..8), text in "[ab]{1,5}") {
            let mut search = Search::new(&text);
            parts.iter().for_each(|part| search.take(part.as_bytes()));
            prop_assert_eq!(search.is_found, parts.concat().contains(&text));
            prop_assert!(search.tail.len() < 2 * text.len());
        }
    }
}
