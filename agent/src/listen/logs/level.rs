//! The level of a line of text, from the words and letters with which loggers begin.

use farol_shared::record::Level;

/// How far into a line a level is looked for: behind a time, a host, a process and a thread, before the message.
const HEAD_BYTES_MAX: usize = 96;

/// How far into a line `level=` is looked for.
const NAMED_BYTES_MAX: usize = 256;

/// Names before a level, as in `level=warn`.
const NAMES: &[&[u8]] = &[b"level", b"lvl", b"severity", b"loglevel", b"levelname"];

/// Beginnings that say it all.
const BEGINNINGS: &[(&[u8], Level)] = &[
    (b"panic: ", Level::Fatal),
    (b"fatal error: ", Level::Fatal),
    (b"PHP Fatal error", Level::Fatal),
    (b"PHP Parse error", Level::Fatal),
    (b"PHP Recoverable fatal error", Level::Error),
    (b"PHP Warning", Level::Warn),
    (b"PHP Deprecated", Level::Warn),
    (b"PHP Notice", Level::Info),
    (b"Traceback (most recent call last):", Level::Error),
    (b"Exception in thread ", Level::Error),
    (b"Unhandled exception", Level::Fatal),
    (b"Uncaught ", Level::Error),
];

/// The level that a text (its first line) tells of itself.
#[must_use]
pub fn find(text: &str) -> Option<Level> {
    let line = text.as_bytes();
    let line = memchr::memchr(b'\n', line).map_or(line, |end| &line[..end]);
    of_beginning(line).or_else(|| of_words(line)).or_else(|| of_name(line))
}

fn of_beginning(line: &[u8]) -> Option<Level> {
    match *line.first()? {
        b'<' => of_syslog(line),
        b'p' | b'f' | b'P' | b'T' | b'E' | b'U' | b'I' | b'W' | b'F' | b'D' | b'A' => {
            let known = BEGINNINGS.iter().find(|(beginning, _)| line.starts_with(beginning));
            known.map(|(_, level)| *level).or_else(|| of_letter(line))
        }
        b't' if line.starts_with(b"thread '") => memchr::memmem::find(line, b"panicked at").map(|_| Level::Error),
        _ => None,
    }
}

/// `<3>` before a line: what systemd and syslog read.
fn of_syslog(line: &[u8]) -> Option<Level> {
    let end = line.iter().take(5).position(|byte| *byte == b'>')?;
    let number: u32 = std::str::from_utf8(&line[1..end]).ok()?.parse().ok()?;
    Some(of_priority(number & 7))
}

/// The level of a priority of syslog, 0 to 7.
#[must_use]
pub fn of_priority(priority: u32) -> Level {
    match priority {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        7 => Level::Debug,
        _ => Level::Info,
    }
}

/// One letter: `E/Tag:` of Android, `E1121 05:17:37.1` of glog, `E, [2026-11-21T...` of Ruby.
fn of_letter(line: &[u8]) -> Option<Level> {
    let is_letter = match line.get(1)? {
        b'/' => line.get(2).is_some_and(u8::is_ascii_alphabetic),
        b',' => line.get(2..4) == Some(b" ["),
        _ => line.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit)) && line.get(5) == Some(&b' '),
    };
    if !is_letter {
        return None;
    }
    match line[0] {
        b'F' | b'A' => Some(Level::Fatal),
        b'E' => Some(Level::Error),
        b'W' => Some(Level::Warn),
        b'I' => Some(Level::Info),
        b'D' => Some(Level::Debug),
        _ => None,
    }
}

/// The first word in the head of a line that is a level: in capitals anywhere, in small letters only where nothing else
/// stands, such as `[error]`, `error:` and `fail:` at the beginning.
fn of_words(line: &[u8]) -> Option<Level> {
    let head = &line[..line.len().min(HEAD_BYTES_MAX)];
    let mut at = 0;
    while at < head.len() {
        if !head[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let end = head[at..].iter().position(|byte| !byte.is_ascii_alphabetic()).map_or(head.len(), |length| at + length);
        let word = &head[at..end];
        if (3..=11).contains(&word.len()) && is_alone(line, at, end) {
            let is_capital = word.iter().all(u8::is_ascii_uppercase);
            let is_framed = is_framed(line, at, end);
            if (is_capital || is_framed)
                && let Some(level) = of_word(word)
            {
                return Some(level);
            }
        }
        at = end;
    }
    None
}

/// A word that is not a part of a path, a name or a number.
fn is_alone(line: &[u8], at: usize, end: usize) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'=');
    let before = at.checked_sub(1).map(|at| line[at]);
    // `production.ERROR:` of Laravel has a point before it.
    !before.is_some_and(is_part) && !line.get(end).copied().is_some_and(|byte| is_part(byte) && byte != b'/' && byte != b'-')
}

fn is_framed(line: &[u8], at: usize, end: usize) -> bool {
    let before = at.checked_sub(1).map(|at| line[at]);
    let after = line.get(end).copied();
    match (before, after) {
        (Some(b'['), Some(b']')) | (Some(b'('), Some(b')')) | (Some(b'<'), Some(b'>')) | (None, Some(b':')) => true,
        // `npm ERR!` and the `ERROR  ` of columns are capitals; `2026-11-21T... error: ...` of winston is not.
        (Some(b' '), Some(b':')) => line[..at].iter().any(u8::is_ascii_digit) && !line[..at].iter().any(u8::is_ascii_lowercase),
        _ => false,
    }
}

fn of_word(word: &[u8]) -> Option<Level> {
    let word = std::str::from_utf8(word).ok()?;
    let short =
        [("fail", Level::Error), ("dbug", Level::Debug), ("trce", Level::Trace), ("inf", Level::Info), ("wrn", Level::Warn)];
    let more = [("ftl", Level::Fatal), ("dbg", Level::Debug), ("vrb", Level::Trace), ("eror", Level::Error)];
    Level::parse(word)
        .or_else(|| short.iter().chain(&more).find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, level)| *level))
}

/// `level=warn`, `lvl="error"` and the like.
fn of_name(line: &[u8]) -> Option<Level> {
    let head = &line[..line.len().min(NAMED_BYTES_MAX)];
    memchr::memchr_iter(b'=', head).find_map(|sign| {
        let is_name = |name: &&&[u8]| {
            head[..sign].ends_with(name) && !sign.checked_sub(name.len() + 1).is_some_and(|at| head[at].is_ascii_alphanumeric())
        };
        NAMES.iter().find(is_name)?;
        let value = &head[sign + 1..];
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let end = value.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(value.len());
        of_word(&value[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_tell_a_level_is_known() {
        let lines = [
            ("2026-11-21 05:16:26,056 ERROR django.request Internal Server Error: /api/x", Level::Error),
            ("INFO:     127.0.0.1:38852 - \"GET /api/x?a=1 HTTP/1.1\" 200 OK", Level::Info),
            ("[2026-11-21 05:17:37 +0000] [123] [CRITICAL] WORKER TIMEOUT", Level::Fatal),
            ("2026-11-21T05:17:37.123Z  WARN 123 --- [main] c.x.Y : slow", Level::Warn),
            ("2026/11/21 05:17:37 [error] 123#0: *1 connect() failed", Level::Error),
            ("[2026-11-21 05:17:37] production.ERROR: msg {\"exception\"", Level::Error),
            ("fail: Microsoft.AspNetCore.Server.Kestrel[13]", Level::Error),
            ("warn: Microsoft.Hosting[0]", Level::Warn),
            ("E1121 05:17:37.123456 1 main.go:1] x", Level::Error),
            ("E, [2026-11-21T05:17:37.1 #1] ERROR -- : x", Level::Error),
            ("W/Tag: x", Level::Warn),
            ("<3>broken", Level::Error),
            ("<14>fine", Level::Info),
            ("time=\"2026-11-21T05:17:37Z\" level=warning msg=x", Level::Warn),
            ("ts=1 caller=x.go:1 lvl=eror msg=x", Level::Error),
            ("2026-11-21 05:17:37 UTC [1] FATAL:  password authentication failed", Level::Fatal),
            ("panic: boom", Level::Fatal),
            ("PHP Warning:  x in y", Level::Warn),
            ("Nov 21 05:17:37 host app[1]: ERROR x", Level::Error),
            ("error: cannot open", Level::Error),
            ("2026-11-21T05:17:37.123Z error: broke", Level::Error),
            ("[05:17:37 ERR] broke", Level::Error),
            ("thread 'main' panicked at src/main.rs:1:1:", Level::Error),
            ("DEBUG:root:x", Level::Debug),
        ];
        for (line, level) in lines {
            assert_eq!(find(line), Some(level), "{line}");
        }
    }

    #[test]
    fn words_of_a_message_are_no_level() {
        for line in [
            "GET /error/page 200",
            "an error occurred",
            "loading ERROR_CODES from x",
            "user warned",
            "127.0.0.1 - - [21/Nov/2026:05:17:37 +0000] \"GET / HTTP/1.1\" 200 5",
            "",
            "=",
            "level=",
        ] {
            assert_eq!(find(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            assert!(find(&text).is_none_or(|level| Level::ALL.contains(&level)));
        }
    }
}
