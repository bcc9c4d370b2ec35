//! Decompression within bounds, with a context and a buffer that each thread keeps.

use std::cell::RefCell;

use axum::http::StatusCode;
use farol_shared::limit::BATCH_DECODED_BYTES_MAX;
use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

use super::{Encoding, Refusal};

/// A buffer that grew beyond this is given back after use, in bytes.
const KEPT_BYTES_MAX: usize = 256 << 10;

thread_local! {
    static KEPT: RefCell<Option<(Decompressor<'static>, Vec<u8>)>> = const { RefCell::new(None) };
}

/// How many bytes the decoded batch takes, by its own account.
pub(super) fn size(body: &[u8], encoding: Encoding) -> usize {
    match encoding {
        Encoding::Identity => body.len(),
        Encoding::Zstd => stated(body).unwrap_or(usize::MAX),
    }
}

/// Calls `use_plain` with the decompressed body.
///
/// # Errors
/// 413 when it is or says it is too large, 400 when it cannot be decompressed, and what `use_plain` answers.
pub(super) fn with<T>(body: &[u8], use_plain: impl FnOnce(&[u8]) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let Some(size) = stated(body) else {
        return Err(malformed("the zstd frame does not state its size, or is none"));
    };
    if size > BATCH_DECODED_BYTES_MAX {
        let detail = format!("the batch is {size} bytes when decompressed, the limit is {BATCH_DECODED_BYTES_MAX}");
        return Err(Refusal::never(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    KEPT.with_borrow_mut(|kept| {
        let (mut context, mut buffer) = match kept.take() {
            Some(kept) => kept,
            None => (Decompressor::new().map_err(|_| Refusal::busy("no memory to decompress"))?, Vec::new()),
        };
        buffer.clear();
        buffer.reserve(size);
        // Writes only within the buffer's capacity, so that a frame that lies about its size fails here.
        let written = context.decompress_to_buffer(body, &mut buffer);
        let result = match written {
            Ok(_) if buffer.len() <= BATCH_DECODED_BYTES_MAX => use_plain(&buffer),
            Ok(_) => Err(malformed("the zstd frame is larger than it says")),
            Err(_) => Err(malformed("the body cannot be decompressed by zstd")),
        };
        buffer.shrink_to(KEPT_BYTES_MAX);
        *kept = Some((context, buffer));
        result
    })
}

fn stated(body: &[u8]) -> Option<usize> {
    usize::try_from(get_frame_content_size(body).ok()??).ok()
}

fn malformed(detail: &'static str) -> Refusal {
    Refusal::never(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(result: &Result<Vec<u8>, Refusal>) -> u16 {
        match result {
            Err(Refusal::Never { status, .. }) => status.as_u16(),
            Ok(_) | Err(Refusal::Later { .. }) => 0,
        }
    }

    fn plain(body: &[u8]) -> Result<Vec<u8>, Refusal> {
        with(body, |plain| Ok(plain.to_vec()))
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for len in [0, 1, 1_000, 1_000_000] {
            let text = vec![7_u8; len];
            let body = zstd::bulk::compress(&text, 1).unwrap();
            assert_eq!(size(&body, Encoding::Zstd), len);
            assert_eq!(plain(&body).unwrap(), text);
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_grows() {
        let bomb = zstd::bulk::compress(&vec![0; BATCH_DECODED_BYTES_MAX + 1], 1).unwrap();
        assert!(bomb.len() < 10_000);
        assert_eq!(status(&plain(&bomb)), 413);
    }

    #[test]
    fn a_damaged_body_is_malformed() {
        let mut body = zstd::bulk::compress(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1).unwrap();
        assert_eq!(status(&plain(b"no zstd at all")), 400);
        assert_eq!(status(&plain(&[])), 400);
        body.truncate(body.len() - 3);
        assert_eq!(status(&plain(&body)), 400);
    }

    #[test]
    fn two_frames_in_one_body_do_not_escape_the_bound() {
        let frame = zstd::bulk::compress(&vec![0; 100_000], 1).unwrap();
        let twice = [frame.clone(), frame].concat();
        assert!(plain(&twice).is_ok_and(|plain| plain.len() <= BATCH_DECODED_BYTES_MAX) || status(&plain(&twice)) == 400);
    }
}
