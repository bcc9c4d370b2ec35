//! Bodies of requests: received and unpacked within bounds.
//!
//! Bounded: one body as it travels ([`BODY_BYTES_MAX`]) and unpacked ([`UNPACKED_BYTES_MAX`]), all that are being received
//! together ([`RECEIVING_BYTES_MAX`], then 503), and the wait ([`BODY_WAIT_MAX`]). What is refused is read and thrown away
//! for a moment, so that the sender reads the answer instead of seeing the connection break.

use std::{cell::Cell, io::Read, time::Duration};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, StatusCode,
    body::{Body, Incoming},
    header::CONTENT_ENCODING,
};

/// Largest body as it travels. It is what OTLP's own receivers take.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;

/// Largest body unpacked: guards against bodies made to explode. A full export of an SDK has below 1 MiB.
pub(super) const UNPACKED_BYTES_MAX: usize = 8 << 20;

/// Most bytes of bodies that are being received at a time.
const RECEIVING_BYTES_MAX: usize = 8 << 20;

/// The buffer of a body grows by this much.
const GROWTH_BYTES: usize = 64 << 10;

/// Longest wait for a whole body.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a refused body is read and thrown away.
const DISCARD_MAX: Duration = Duration::from_secs(2);

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Too large as it travels.
    #[error("The body is larger than {} MiB: send several", BODY_BYTES_MAX >> 20)]
    Large,
    /// Too large unpacked.
    #[error("The body is larger than {} MiB unpacked: send several", UNPACKED_BYTES_MAX >> 20)]
    LargeUnpacked,
    /// An encoding that is not known.
    #[error("Content-Encoding must be gzip or identity")]
    Encoding,
    /// No gzip, though it says so.
    #[error("The body is not gzip")]
    NotGzip,
    /// It did not come in time.
    #[error("The body did not come within {} s", BODY_WAIT_MAX.as_secs())]
    Late,
    /// The connection broke.
    #[error("The body ended early")]
    Broken,
    /// Too much is being received at the moment.
    #[error("Too much is being received at the moment: try again")]
    Busy,
}

impl BodyError {
    /// The status that says the same.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Large | Self::LargeUnpacked => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotGzip | Self::Broken => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The cause by which the loss is counted.
    pub(super) const fn cause(self) -> &'static str {
        match self {
            Self::Large | Self::LargeUnpacked => "oversize",
            Self::Encoding | Self::NotGzip | Self::Broken | Self::Late => "malformed",
            Self::Busy => "full",
        }
    }
}

/// Reads a body whole and unpacks it.
pub(super) async fn read(headers: &HeaderMap, body: &mut Incoming, receiving: &Cell<usize>) -> Result<Bytes, BodyError> {
    let packed = async {
        let is_packed = is_gzip(headers)?;
        Ok((is_packed, receive(body, receiving).await?))
    };
    let (is_packed, body) = tokio::time::timeout(BODY_WAIT_MAX, packed).await.unwrap_or(Err(BodyError::Late))?;
    if is_packed { unpack(&body).map(Bytes::from) } else { Ok(body) }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, BodyError> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let (encoding, another) = (encodings.next(), encodings.next());
    let Some(encoding) = encoding else { return Ok(false) };
    match encoding.to_str().unwrap_or("?").trim() {
        _ if another.is_some() => Err(BodyError::Encoding),
        word if word.is_empty() || word.eq_ignore_ascii_case("identity") => Ok(false),
        word if word.eq_ignore_ascii_case("gzip") || word.eq_ignore_ascii_case("x-gzip") => Ok(true),
        _ => Err(BodyError::Encoding),
    }
}

async fn receive(body: &mut Incoming, receiving: &Cell<usize>) -> Result<Bytes, BodyError> {
    let told = body.size_hint().lower();
    if told > BODY_BYTES_MAX as u64 {
        return Err(BodyError::Large);
    }
    let mut held = Held { receiving, bytes: 0 };
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if whole.len() + part.len() > BODY_BYTES_MAX {
            return Err(BodyError::Large);
        }
        held.hold(part.len())?;
        if whole.capacity() - whole.len() < part.len() {
            // Not doubled, so that what is held is what is counted.
            whole.reserve_exact(part.len().max(GROWTH_BYTES));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}

/// Bytes that one body holds of the share of all, given back when it goes.
struct Held<'a> {
    receiving: &'a Cell<usize>,
    bytes: usize,
}

impl Held<'_> {
    fn hold(&mut self, bytes: usize) -> Result<(), BodyError> {
        if self.receiving.get() + bytes > RECEIVING_BYTES_MAX {
            return Err(BodyError::Busy);
        }
        self.receiving.set(self.receiving.get() + bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.receiving.set(self.receiving.get() - self.bytes);
    }
}

/// Unpacks gzip, up to [`UNPACKED_BYTES_MAX`].
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut plain = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(UNPACKED_BYTES_MAX as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| BodyError::NotGzip)?;
    if plain.len() > UNPACKED_BYTES_MAX { Err(BodyError::LargeUnpacked) } else { Ok(plain) }
}

/// Reads the rest of a refused body and throws it away, for a moment.
pub(super) async fn discard(mut body: Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever sends for longer than that sees the connection close.
    drop(tokio::time::timeout(DISCARD_MAX, rest).await);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert_eq!(unpack(&pack(b"hello")), Ok(b"hello".to_vec()));
        assert_eq!(unpack(&[pack(b"hel"), pack(b"lo")].concat()), Ok(b"hello".to_vec()), "members follow each other");
        assert_eq!(unpack(&pack(b"hello")[..12]), Err(BodyError::NotGzip), "cut short");
        assert_eq!(unpack(b"hello"), Err(BodyError::NotGzip));
    }

    #[test]
    fn a_body_made_to_explode_is_refused() {
        let bomb = pack(&vec![0; UNPACKED_BYTES_MAX + 1]);
        assert!(bomb.len() < UNPACKED_BYTES_MAX / 100);
        assert_eq!(unpack(&bomb), Err(BodyError::LargeUnpacked));
        assert_eq!(unpack(&pack(&vec![0; UNPACKED_BYTES_MAX])).map(|plain| plain.len()), Ok(UNPACKED_BYTES_MAX));
    }

    #[test]
    fn bodies_share_a_bound_and_give_it_back() {
        let receiving = Cell::new(0);
        let mut first = Held { receiving: &receiving, bytes: 0 };
        assert_eq!(first.hold(RECEIVING_BYTES_MAX), Ok(()));
        assert_eq!(Held { receiving: &receiving, bytes: 0 }.hold(1), Err(BodyError::Busy));
        drop(first);
        assert_eq!(receiving.get(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..60) {
            drop(unpack(&bytes));
            let packed = pack(&bytes);
            drop(unpack(packed.get(..packed.len().saturating_sub(cut)).unwrap()));
            let mut damaged = packed;
            let place = cut % damaged.len();
            damaged[place] ^= 0x55;
            drop(unpack(&damaged));
        }
    }
}
