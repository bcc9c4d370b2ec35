//! Asks for a password: from a terminal without showing it, twice; from a pipe as one line.

use std::{
    io::{self, BufRead, IsTerminal as _},
    os::fd::AsFd as _,
};

use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};

use super::tell;
use crate::access::password;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum PromptError {
    #[error("reading the password")]
    Read(#[from] io::Error),
    #[error("preparing the terminal")]
    Terminal(#[from] nix::Error),
    #[error("the two passwords differ")]
    Differ,
    #[error("cancelled")]
    Cancelled,
    #[error("no password was given")]
    Empty,
}

/// What Ctrl-C sends. While a password is typed it ends the line instead of the program, so that the terminal is put right.
const INTERRUPT: u8 = 3;

/// A new password for an account. Whether it may be chosen is checked where it is hashed.
pub(super) fn new_password(name: &str) -> Result<String, PromptError> {
    if !io::stdin().is_terminal() {
        return line(&mut io::stdin().lock(), b"\n");
    }
    let first = hidden(&format!("Password for {name} (at least {} characters): ", password::CHARACTERS_MIN))?;
    let again = hidden("The same again: ")?;
    if first == again { Ok(first) } else { Err(PromptError::Differ) }
}

fn hidden(question: &str) -> Result<String, PromptError> {
    tell(question);
    let quiet = Quiet::begin()?;
    let answer = line(&mut io::stdin().lock(), &[b'\n', INTERRUPT]);
    drop(quiet);
    tell("\n");
    answer
}

/// The bytes up to one of `ends`, as text. No more are read than a password may have, and its line end.
fn line(from: &mut dyn BufRead, ends: &[u8]) -> Result<String, PromptError> {
    let mut text = Vec::new();
    while text.len() <= password::BYTES_MAX + 2 {
        let waiting = from.fill_buf()?;
        let end = waiting.iter().position(|byte| ends.contains(byte));
        let taken = end.map_or(waiting.len(), |at| at + 1);
        text.extend_from_slice(waiting.get(..taken).unwrap_or_default());
        from.consume(taken);
        if end.is_some() || taken == 0 {
            break;
        }
    }
    if text.last() == Some(&INTERRUPT) && ends.contains(&INTERRUPT) {
        return Err(PromptError::Cancelled);
    }
    let text = String::from_utf8(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err(PromptError::Empty) } else { Ok(text.to_owned()) }
}

/// The terminal without echo, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Result<Self, PromptError> {
        let stdin = io::stdin();
        let before = termios::tcgetattr(stdin.as_fd())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        if let Some(end) = quiet.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
            *end = INTERRUPT;
        }
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.0).is_err() {
            tell("(the terminal could not be put right: type `stty echo`)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_taken_without_its_end() {
        let check = |mut bytes: &[u8], expect: &str| assert_eq!(line(&mut bytes, b"\n").unwrap(), expect);
        check(b"correct horse\nmore", "correct horse");
        check(b"correct horse\r\n", "correct horse");
        check(b" kept as typed ", " kept as typed ");
        assert!(matches!(line(&mut &b"\n"[..], b"\n"), Err(PromptError::Empty)));
        assert!(matches!(line(&mut &b"\xff\n"[..], b"\n"), Err(PromptError::Read(_))));
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(line(&mut endless, b"\n").unwrap().len() <= password::BYTES_MAX + 8 * 1_024 + 2);
    }

    #[test]
    fn ctrl_c_cancels() {
        assert!(matches!(line(&mut &b"corr\x03"[..], &[b'\n', INTERRUPT]), Err(PromptError::Cancelled)));
    }
}
