//! Asks for a password: from a terminal without showing it, twice; from a pipe as one line.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
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
        return line();
    }
    let first = hidden(&format!("Password for {name} (at least {} characters): ", password::CHARACTERS_MIN))?;
    let again = hidden("The same again: ")?;
    if first == again { Ok(first) } else { Err(PromptError::Differ) }
}

fn hidden(question: &str) -> Result<String, PromptError> {
    tell(question);
    let quiet = Quiet::begin()?;
    let answer = line();
    drop(quiet);
    tell("\n");
    match answer {
        Ok(text) if text.bytes().any(|b| b == INTERRUPT) => Err(PromptError::Cancelled),
        other => other,
    }
}

/// One line of standard input, no longer than a password may be and its line end.
fn line() -> Result<String, PromptError> {
    let bound = u64::try_from(password::BYTES_MAX + 3).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    io::stdin().lock().take(bound).read_until(b'\n', &mut text)?;
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
