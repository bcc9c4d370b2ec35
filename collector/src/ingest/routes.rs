//! `POST /v1/batches`: batches over HTTP.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use farol_shared::wire;

use super::{Encoding, Ingest, Refusal, body};
use crate::{
    access::{AgentAuth, extract::bearer, proxy::ClientAddress},
    problem::Problem,
};

/// Header in which an agent says what its clock showed when it sent the batch, in milliseconds since the epoch.
pub const SENT_MS: &str = "farol-sent-ms";

/// The agents' door: takes a batch from whoever brings an agent token.
///
/// # Errors
/// What an agent is told, as the architecture's table of the wire has it.
pub async fn batches(
    State(ingest): State<Ingest>,
    agent: Result<AgentAuth, Problem>,
    client: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let agent = agent.inspect_err(|_| {
        ingest.0.arrivals.turn_away(client.address, bearer(&headers), ingest.0.clock.now_ms());
    })?;
    let encoding = encoding(&headers)?;
    let sent_ms = headers.get(SENT_MS).and_then(|value| value.to_str().ok()?.parse().ok());
    let (body, _permit) = body::read(body, &ingest.0.in_flight).await?;
    let ack = ingest.accept_from(Some(&agent), body, encoding, sent_ms).await?;
    Ok(([(header::CONTENT_TYPE, wire::CONTENT_TYPE)], wire::encode_ack(&ack)).into_response())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let unsupported = |detail: &str| Refusal::never(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let known = |text: &str| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if known(media) != known(wire::CONTENT_TYPE) {
        return Err(unsupported("send Content-Type: application/vnd.farol.batch+msgpack; version=1"));
    }
    let version = media.split(';').filter_map(|part| part.trim().strip_prefix("version=")).next();
    if version.is_some_and(|version| version != "1") {
        return Err(unsupported("this collector reads version 1 of a batch"));
    }
    match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str()) {
        None | Some(Ok("identity" | "")) => Ok(Encoding::Identity),
        Some(Ok("zstd")) => Ok(Encoding::Zstd),
        Some(_) => Err(unsupported("Content-Encoding must be zstd or absent")),
    }
}
