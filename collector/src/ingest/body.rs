//! Reads a request body within bounds of size, time and of what all bodies together may take.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use farol_shared::limit::BATCH_BYTES_MAX;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{BODY_WITHIN, Refusal};

/// Reads a body. The permit stands for its bytes: keep it as long as them.
///
/// # Errors
/// 413 when it is too large, 400 when it ends early, 503 when too many bodies are being read.
pub(super) async fn read(body: Body, in_flight: &Arc<Semaphore>) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
    let too_large = || {
        let detail = format!("the body is larger than {BATCH_BYTES_MAX} bytes");
        Refusal::never(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    // A body of unknown length may turn out as long as it may be.
    let length = body.size_hint().upper().unwrap_or(BATCH_BYTES_MAX as u64);
    let length = u32::try_from(length).ok().filter(|length| *length as usize <= BATCH_BYTES_MAX).ok_or_else(too_large)?;
    let permit = Arc::clone(in_flight).try_acquire_many_owned(length).map_err(|_| Refusal::busy("the collector is busy"))?;
    let collected = timeout(BODY_WITHIN, Limited::new(body, BATCH_BYTES_MAX).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok((collected.to_bytes(), permit)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::never(StatusCode::BAD_REQUEST, "the body ended before it was complete")),
        Err(_) => Err(Refusal::never(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")),
    }
}
