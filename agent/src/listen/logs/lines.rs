//! Cuts bytes into lines. Nothing is copied; what has no end yet stays with the caller.

use memchr::memchr;

/// Longest line that is kept. The rest of a longer one is passed over and counted.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// See the head of this file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Splitter {
    /// In the middle of a line whose beginning was given away, or never seen.
    is_skipping: bool,
    /// Lines that were too long, since last asked.
    oversize: u64,
}

impl Splitter {
    /// Passes over everything up to the next line.
    pub(super) fn skip_to_next(&mut self) {
        self.is_skipping = true;
    }

    /// Gives each line of `bytes`, which begin at `from` in their stream, to `each` with the place where it begins. Answers
    /// how many bytes are done with; the caller brings the others again, and more of them.
    pub(super) fn split(&mut self, bytes: &[u8], from: u64, each: &mut dyn FnMut(&[u8], u64)) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', rest);
            if self.is_skipping {
                let Some(end) = end else { return bytes.len() };
                self.is_skipping = false;
                at += end + 1;
                continue;
            }
            let place = from + u64::try_from(at).unwrap_or(u64::MAX);
            match end {
                Some(end) if end <= LINE_BYTES_MAX => {
                    each(without_return(&rest[..end]), place);
                    at += end + 1;
                }
                Some(end) => {
                    self.oversize += 1;
                    each(&rest[..LINE_BYTES_MAX], place);
                    at += end + 1;
                }
                None if rest.len() >= LINE_BYTES_MAX => {
                    self.oversize += 1;
                    self.is_skipping = true;
                    each(&rest[..LINE_BYTES_MAX], place);
                    return bytes.len();
                }
                None => break,
            }
        }
        at
    }

    /// Lines that were too long since the last call.
    pub(super) fn take_oversize(&mut self) -> u64 {
        std::mem::take(&mut self.oversize)
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines with their places, what is left, and how many were too long.
    type Found = (Vec<(Vec<u8>, u64)>, Vec<u8>, u64);

    /// Brings bytes in pieces, as a reader does.
    fn split(pieces: &[Vec<u8>]) -> Found {
        let (mut splitter, mut waiting, mut from, mut lines) = (Splitter::default(), Vec::new(), 0, Vec::new());
        for piece in pieces {
            waiting.extend_from_slice(piece);
            let done = splitter.split(&waiting, from, &mut |line, place| lines.push((line.to_vec(), place)));
            waiting.drain(..done);
            from += done as u64;
        }
        (lines, waiting, splitter.take_oversize())
    }

    #[test]
    fn a_line_without_an_end_is_held_back() {
        let (lines, rest, _) = split(&[b"one\ntw".to_vec(), b"o\r\n\nthr".to_vec()]);
        assert_eq!(lines, [(b"one".to_vec(), 0), (b"two".to_vec(), 4), (Vec::new(), 9)]);
        assert_eq!(rest, b"thr");
    }

    #[test]
    fn of_a_line_too_long_the_beginning_is_kept_and_the_rest_passed_over() {
        let long = vec![b'x'; LINE_BYTES_MAX + 7];
        let (lines, rest, oversize) = split(&[long.clone(), b"more\nnext\n".to_vec(), [long, b"\nlast\n".to_vec()].concat()]);
        let lengths: Vec<usize> = lines.iter().map(|(line, _)| line.len()).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, 4, LINE_BYTES_MAX, 4]);
        assert_eq!((rest.len(), oversize), (0, 2));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_lines(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300), cuts in proptest::collection::vec(1_usize..40, 0..20)) {
            let whole = split(std::slice::from_ref(&bytes));
            let mut rest = bytes.as_slice();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece.to_vec());
                rest = after;
            }
            pieces.push(rest.to_vec());
            prop_assert_eq!(split(&pieces), whole.clone());
            let back: usize = whole.0.last().map_or(0, |(_, place)| usize::try_from(*place).unwrap());
            prop_assert!(back <= bytes.len());
        }
    }
}
