//! Scrape: reads the page of metrics of a local program every so often, as Prometheus does.
//!
//! In: the text format or `OpenMetrics` over HTTP/1.1. Out: counters as they stand, gauges, and histograms as distributions
//! of what was added since the last time. A page is read as it comes and never held whole. Bounded by [`BODY_BYTES_MAX`], the
//! target's `timeout` and `series_max`. Whether a target answers is a series: `farol.scrape.up`.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
use farol_shared::{catalog, config::Span, report};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    config::list::Item,
    intake::Label,
    listen::{Context, ListenError},
};

mod page;
mod text;

use page::{Counts, Memory, Page};

/// Largest page, in bytes. A large exporter has a tenth of it.
const BODY_BYTES_MAX: usize = 10 << 20;

/// Largest read buffer of a connection, in bytes.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// What is asked for, the better format first. Compression is not: the page does not leave the machine.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Scrape {
    /// Host and port.
    authority: String,
    /// Path and query.
    path: String,
    interval: Duration,
    timeout: Duration,
    /// Patterns of names; empty for all.
    allow: Vec<String>,
    series_max: usize,
    /// Labels that every sample gets, `instance` among them.
    labels: BTreeMap<String, String>,
}

impl fmt::Display for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query may hold a secret.
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "http://{}{path} every {}, at most {} series", self.authority, Span(self.interval), self.series_max)
    }
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    #[serde(default = "interval")]
    interval: Span,
    timeout: Option<Span>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default = "series_max")]
    series_max: usize,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

fn interval() -> Span {
    Span(Duration::from_secs(15))
}

fn series_max() -> usize {
    1_000
}

impl TryFrom<Written> for Scrape {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let url = &written.url;
        let uri: Uri = url.parse().map_err(|error| format!("'{url}' is not an address: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("'{url}' must start with http://: only local endpoints are scraped"));
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| format!("'{url}' names no host"))?;
        if authority.as_str().contains('@') {
            return Err("an address to scrape must not contain a user or password".to_owned());
        }
        let port = authority.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map(ToString::to_string).filter(|path| path != "/" || url.ends_with('/'));
        let path = path.unwrap_or_else(|| "/metrics".to_owned());
        let interval = written.interval.0;
        if !(Duration::from_secs(1)..=Duration::from_secs(120)).contains(&interval) {
            return Err(format!("interval {} is out of bounds: choose 1s to 2m", written.interval));
        }
        let limit = written.timeout.map_or(Duration::from_secs(10).min(interval), |timeout| timeout.0);
        if limit.is_zero() || limit > interval {
            return Err(format!("timeout {} must not be longer than the interval", Span(limit)));
        }
        let authority = format!("{}:{port}", authority.host());
        let mut labels = written.labels;
        let instance = if path == "/metrics" { authority.clone() } else { format!("{authority}{path}") };
        labels.entry("instance".to_owned()).or_insert(instance);
        let (allow, series_max) = (written.allow, written.series_max);
        Ok(Self { authority, path, interval, timeout: limit, allow, series_max, labels })
    }
}

impl Item for Scrape {
    fn from_word(word: &str) -> Result<Self, String> {
        let (url, labels) = (word.to_owned(), BTreeMap::new());
        Written { url, interval: interval(), timeout: None, allow: Vec::new(), series_max: series_max(), labels }.try_into()
    }
}

/// Why a page was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the exchange broke off")]
    Exchange(#[source] hyper::Error),
    #[error("the address cannot be asked for")]
    Request(#[source] hyper::http::Error),
    #[error("unexpected answer {0}")]
    Status(StatusCode),
    #[error("the answer is no page of metrics but {0}")]
    Content(String),
    #[error("the page is longer than {BODY_BYTES_MAX} bytes")]
    Oversize,
    #[error("no whole answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Scrapes one endpoint until told to stop.
///
/// # Errors
/// None: an endpoint that does not answer is a fact, and is asked again.
pub async fn serve(scrape: Scrape, mut context: Context) -> Result<(), ListenError> {
    let mut memory = Memory::default();
    let mut was_up = None;
    let mut ticks = tokio::time::interval(scrape.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = context.stop.clone();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = context.stop.stopped() => return Ok(()),
        }
        let begun = Instant::now();
        let read = tokio::select! {
            read = timeout(scrape.timeout, read(&scrape, &mut memory, &context)) => read,
            () = stop.stopped() => return Ok(()),
        };
        let result = read.unwrap_or(Err(ScrapeError::Timeout(scrape.timeout)));
        tell(&scrape, &context, result.as_ref().ok(), begun.elapsed());
        let is_up = result.is_ok();
        let is_changed = was_up.replace(is_up) != Some(is_up);
        match result {
            Ok(counts) if is_changed => info!(target = scrape.authority, samples = counts.samples, "scrape works"),
            Err(error) if is_changed => {
                warn!(target = scrape.authority, error = %report::chain(&error), "scrape fails");
            }
            _ => {}
        }
    }
}

/// Records how it went.
#[expect(clippy::cast_precision_loss, reason = "series are few")]
fn tell(scrape: &Scrape, context: &Context, counts: Option<&Counts>, took: Duration) {
    let mut intake = context.inlet.open();
    let address = scrape.labels.get("instance").map_or("", String::as_str);
    let attributes = [("server.address", address)];
    let mut set = |metric: &'static farol_shared::metric::Metric, value: f64| {
        intake.gauge(&Label { name: metric.name, unit: metric.unit, attributes: &attributes }, value);
    };
    set(&catalog::SCRAPE_UP, f64::from(u8::from(counts.is_some())));
    set(&catalog::SCRAPE_DURATION, took.as_secs_f64());
    if let Some(counts) = counts {
        set(&catalog::SCRAPE_SERIES, counts.series as f64);
    }
}

/// Reads the page once.
async fn read(scrape: &Scrape, memory: &mut Memory, context: &Context) -> Result<Counts, ScrapeError> {
    let stream = TcpStream::connect(&scrape.authority).await.map_err(ScrapeError::Connect)?;
    let builder = hyper::client::conn::http1::Builder::new().max_buf_size(BUFFER_BYTES_MAX).clone();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(ScrapeError::Exchange)?;
    let request = Request::get(&scrape.path)
        .header(header::HOST, &scrape.authority)
        .header(header::ACCEPT, ACCEPT)
        .header(header::USER_AGENT, concat!("farol-agent/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header("x-prometheus-scrape-timeout-seconds", scrape.timeout.as_secs().max(1))
        .body(Empty::<Bytes>::new())
        .map_err(ScrapeError::Request)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(ScrapeError::Exchange)?;
        check(&response)?;
        read_body(response.into_body(), scrape, memory, context).await
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        read = &mut exchange => read,
        // How the connection ended the exchange says as well, and it has the last bytes.
        ended = &mut connection => {
            if let Err(error) = ended {
                debug!(%error, "connection ended");
            }
            exchange.await
        }
    }
}

fn check(response: &Response<Incoming>) -> Result<(), ScrapeError> {
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status(response.status()));
    }
    let of = |name: header::HeaderName| {
        response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let kind = of(header::CONTENT_TYPE).unwrap_or_default();
    let is_text = kind.is_empty() || kind.starts_with("text/plain") || kind.starts_with("application/openmetrics-text");
    let encoding = of(header::CONTENT_ENCODING).unwrap_or_default();
    let is_plain = encoding.is_empty() || encoding == "identity";
    let wrong = if is_text { &encoding } else { &kind };
    (is_text && is_plain).then_some(()).ok_or_else(|| ScrapeError::Content(crate::recorder::cut(wrong, 100).to_owned()))
}

async fn read_body(mut body: Incoming, scrape: &Scrape, memory: &mut Memory, context: &Context) -> Result<Counts, ScrapeError> {
    let mut page = Page::new(scrape, memory);
    let mut bytes = 0;
    let mut outcome = Ok(());
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => {
                outcome = Err(ScrapeError::Exchange(error));
                break;
            }
        };
        bytes += data.len();
        if bytes > BODY_BYTES_MAX {
            outcome = Err(ScrapeError::Oversize);
            break;
        }
        page.feed(&data, &mut context.inlet.open());
        // A long page must not keep the other tasks waiting.
        tokio::task::yield_now().await;
    }
    let mut intake = context.inlet.open();
    // The last line of a page that broke off may be half of one, and is not read.
    let counts = if outcome.is_ok() { page.end(&mut intake) } else { page.counts };
    intake.received("scrape", counts.samples);
    for (kind, cause, count) in [("line", "malformed", counts.malformed), ("metric", "series_max", counts.refused)] {
        if count > 0 {
            intake.drop_records(kind, cause, count);
        }
    }
    outcome.map(|()| counts)
}

#[cfg(test)]
mod tests;
