//! A mail as it travels (RFC 5322 and 2045 to 2047): headers in encoded words, a text and an HTML part in base64.
//!
//! Invariants: the same notice gives the same bytes, so that a mail that is sent again is the same mail; nothing from outside stands in a
//! header in clear but addresses that were checked.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::Address;

use crate::notify::text::mail_date;

/// Between the parts. A line of base64 never begins so.
const BOUNDARY: &str = "=_farol_part";

/// Most bytes of an encoded word before it is encoded: with its frame it stays within 75 characters.
const WORD_BYTES_MAX: usize = 45;

/// Bytes of a line of base64 before they are encoded: 76 characters.
const LINE_BYTES: usize = 57;

/// Longest name of a person, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Somebody who sends or receives: `Ana <ana@example.com>`, or the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    name: String,
    pub(super) address: Address,
}

impl Person {
    /// Reads one as people write it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return None;
        }
        let (name, address) = match text.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<')?,
            None => ("", text),
        };
        let name = name.trim().trim_matches('"').trim();
        if name.chars().count() > NAME_CHARS_MAX {
            return None;
        }
        Some(Self { name: name.to_owned(), address: address.trim().parse().ok()? })
    }

    fn header(&self) -> String {
        if self.name.is_empty() { self.address.to_string() } else { format!("{} <{}>", words(&self.name), self.address) }
    }
}

/// What stands above the parts.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) from: &'a Person,
    pub(super) to: &'a [Person],
    pub(super) subject: &'a str,
    /// Without its brackets.
    pub(super) id: &'a str,
    /// What all mails of one thread refer to; without its brackets.
    pub(super) thread: &'a str,
    /// In ms since the epoch.
    pub(super) at_ms: i64,
    pub(super) is_urgent: bool,
}

/// The whole mail.
pub(super) fn write(head: &Head<'_>, plain: &str, html: &str) -> String {
    let Head { from, to, subject, id, thread, at_ms, is_urgent } = head;
    let to: Vec<String> = to.iter().map(Person::header).collect();
    let mut lines = vec![
        format!("From: {}", from.header()),
        format!("To: {}", to.join(",\r\n ")),
        format!("Subject: {}", words(subject)),
        format!("Date: {}", mail_date(*at_ms)),
        format!("Message-ID: <{id}>"),
        // Nobody wrote the mail that they all answer: programs gather them by it all the same, whichever came first.
        format!("In-Reply-To: <{thread}>"),
        format!("References: <{thread}>"),
        // An answer of a machine on holiday must not come back.
        "Auto-Submitted: auto-generated".to_owned(),
        "X-Auto-Response-Suppress: All".to_owned(),
    ];
    if *is_urgent {
        lines.push("Importance: high".to_owned());
    }
    lines.push("MIME-Version: 1.0".to_owned());
    lines.push(format!("Content-Type: multipart/alternative; boundary=\"{BOUNDARY}\""));
    for (kind, text) in [("plain", plain), ("html", html)] {
        lines.extend([
            String::new(),
            format!("--{BOUNDARY}"),
            format!("Content-Type: text/{kind}; charset=utf-8"),
            "Content-Transfer-Encoding: base64".to_owned(),
            String::new(),
        ]);
        lines.extend(text.as_bytes().chunks(LINE_BYTES).map(|line| STANDARD.encode(line)));
    }
    lines.extend([format!("--{BOUNDARY}--"), String::new()]);
    lines.join("\r\n")
}

/// A text as encoded words, a line each.
fn words(text: &str) -> String {
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(WORD_BYTES_MAX));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_are_read_as_they_are_written() {
        let read = |text: &str| Person::read(text).map(|person| (person.name, person.address.to_string()));
        let told = |name: &str, address: &str| Some((name.to_owned(), address.to_owned()));
        assert_eq!(read(" ana@example.com "), told("", "ana@example.com"));
        assert_eq!(read("\"Zé, o chefe\" <ze@exemplo.com.br>"), told("Zé, o chefe", "ze@exemplo.com.br"));
        assert_eq!(read("<ana@example.com>"), told("", "ana@example.com"));
        for wrong in
            ["", "ana", "Ana <ana>", "a@b.c, d@e.f", "a@b.c\r\nBcc: x@y.z", "Ana ana@example.com>", "a b@c.d", "<a@b.c> x"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_words_of_ascii_that_are_short_and_read_back(text in ".{0,300}") {
            let written = words(&text);
            prop_assert!(written.split("\r\n ").all(|word| word.len() <= 75 && word.is_ascii()));
            let read: Vec<u8> = written.split("\r\n ").filter(|word| !word.is_empty()).flat_map(|word| {
                STANDARD.decode(word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap()).unwrap()
            }).collect();
            prop_assert_eq!(read, text.into_bytes());
        }
    }
}
