//! Messages of the PostgreSQL protocol, version 3.0: those that a probe sends, and readers of those that it gets.

/// Authentication: none needed, or done.
pub(super) const AUTHENTICATED: u32 = 0;
/// Authentication: the password as it is.
pub(super) const CLEAR_TEXT: u32 = 3;
/// Authentication: the password hashed with a salt by MD5.
pub(super) const MD5: u32 = 5;
/// Authentication: SASL, with a list of methods.
pub(super) const SASL: u32 = 10;
/// Authentication: the server's first word in SASL.
pub(super) const SASL_CONTINUE: u32 = 11;
/// Authentication: the server's last word in SASL.
pub(super) const SASL_FINAL: u32 = 12;

/// Version 3.0 of the protocol.
const VERSION: u32 = 3 << 16;

/// The number that stands in the place of a version to ask for TLS.
const TLS: u32 = 80_877_103;

/// One message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its letter.
    pub(super) kind: u8,
    /// What follows its length.
    pub(super) body: Vec<u8>,
}

/// What an error message says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ErrorText {
    /// SQLSTATE.
    pub(super) code: String,
    /// Severity and message.
    pub(super) text: String,
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    // Everything a probe sends is far below 4 GiB: names and passwords.
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    kind.into_iter().chain(length.to_be_bytes()).chain(body.iter().copied()).collect()
}

/// Asks whether the server talks TLS.
pub(super) fn ask_for_tls() -> Vec<u8> {
    framed(None, &TLS.to_be_bytes())
}

/// Begins a session.
pub(super) fn startup(user: &str, database: Option<&str>) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    let database = database.map(|database| ("database", database));
    for (key, value) in [("user", user), ("application_name", "farol-agent")].into_iter().chain(database) {
        for text in [key, value] {
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
    }
    body.push(0);
    framed(None, &body)
}

/// Answers a request for authentication.
pub(super) fn password(answer: &[u8]) -> Vec<u8> {
    framed(Some(b'p'), answer)
}

/// Asks a query.
pub(super) fn query(sql: &str) -> Vec<u8> {
    framed(Some(b'Q'), &[sql.as_bytes(), b"\0"].concat())
}

/// Says good-bye.
pub(super) fn terminate() -> Vec<u8> {
    framed(Some(b'X'), &[])
}

/// How long the body is that follows a head of five bytes.
pub(super) fn body_length(head: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(head.get(1..5)?.try_into().ok()?);
    usize::try_from(length).ok()?.checked_sub(4)
}

impl Message {
    /// The method of an authentication request and what belongs to it.
    pub(super) fn authentication(&self) -> Option<(u32, &[u8])> {
        let (method, rest) = self.body.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*method), rest))
    }

    /// The columns of a row; `None` in it for null.
    pub(super) fn row(&self) -> Option<Vec<Option<String>>> {
        let (count, mut rest) = self.body.split_first_chunk::<2>()?;
        let mut columns = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                columns.push(None);
                rest = after;
                continue;
            };
            let (text, after) = after.split_at_checked(length)?;
            columns.push(Some(String::from_utf8_lossy(text).into_owned()));
            rest = after;
        }
        Some(columns)
    }

    /// Code and text of an error; empty where the server left them out.
    pub(super) fn error(&self) -> ErrorText {
        let field = |letter: u8| {
            let mut fields = self.body.split(|byte| *byte == 0);
            let found = fields.find_map(|field| field.split_first().filter(|(kind, _)| **kind == letter).map(|(_, text)| text));
            String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
        };
        let (severity, message) = (field(b'S'), field(b'M'));
        let text = if severity.is_empty() { message } else { format!("{severity}: {message}") };
        ErrorText { code: field(b'C'), text }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn messages_have_their_length_before_them() {
        assert_eq!(terminate(), b"X\0\0\0\x04");
        assert_eq!(query("a"), b"Q\0\0\0\x06a\0");
        let start = startup("me\0you", Some("db"));
        assert_eq!(start.len(), usize::try_from(u32::from_be_bytes(start[..4].try_into().unwrap())).unwrap());
        assert!(start.windows(8).any(|part| part == b"\0meyou\0a"), "a name ends where we say");
        assert_eq!(body_length(b"R\0\0\0\x08"), Some(4));
        assert_eq!(body_length(b"R\0\0\0\x03"), None);
    }

    #[test]
    fn rows_and_errors_are_read() {
        let row = Message { kind: b'D', body: b"\0\x03\0\0\0\x02hi\xff\xff\xff\xff\0\0\0\0".to_vec() };
        assert_eq!(row.row().unwrap(), [Some("hi".to_owned()), None, Some(String::new())]);
        let error = Message { kind: b'E', body: b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0".to_vec() };
        let text = "FATAL: the database system is starting up".to_owned();
        assert_eq!(error.error(), ErrorText { code: "57P03".to_owned(), text });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in vec(any::<u8>(), 0..64)) {
            let message = Message { kind: b'D', body };
            let columns = message.row().map_or(0, |row| row.len());
            prop_assert!(columns <= message.body.len());
            let error = message.error();
            prop_assert!(error.text.len() <= 3 * message.body.len() + 2);
            prop_assert!(message.authentication().is_none_or(|(_, rest)| rest.len() + 4 == message.body.len()));
            prop_assert!(body_length(&message.body).is_none_or(|length| u32::try_from(length).is_ok()));
        }
    }
}
