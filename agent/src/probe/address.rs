//! Addresses of what is checked: scheme, credentials, host, port, path and parameters of a URL.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use farol_shared::secret::Secret;

/// A URL taken apart. Bounded by its text; a password in it is kept secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// In small letters, such as `https`.
    pub scheme: String,
    /// Who to log in as.
    pub user: Option<String>,
    /// The password of that user.
    pub password: Option<Secret>,
    /// Name or literal address, without brackets.
    pub host: String,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// From the first slash, as written; may be empty.
    pub path: String,
    /// After the question mark, as written.
    pub query: String,
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// Says what is wrong, without repeating what may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("has no scheme such as http://")?;
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("has a space or control character; write it as %20 or the like".to_owned());
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // A password may hold an at sign, a host cannot.
        let (credentials, place) = authority.rsplit_once('@').map_or((None, authority), |(before, after)| (Some(before), after));
        let (user, password) = match credentials.map(|text| text.split_once(':').map_or((text, None), |(u, p)| (u, Some(p)))) {
            Some((user, password)) => (Some(user), password),
            None => (None, None),
        };
        let (host, port) = place_parts(place)?;
        if host.is_empty() {
            return Err("has no host".to_owned());
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.filter(|user| !user.is_empty()).map(|user| decode(user).into_owned()),
            password: password.filter(|password| !password.is_empty()).map(|password| Secret::new(&decode(password))),
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    /// Host and port as they are written in a URL.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    /// What the path names without its first slash, escapes resolved; `None` when it names nothing.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let name = self.path.strip_prefix('/')?;
        (!name.is_empty()).then(|| decode(name).into_owned())
    }

    /// The parameters of the query, escapes resolved.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k).into(), decode(v).into())).collect()
    }
}

impl fmt::Display for Address {
    /// The URL without credentials and without its query, which may hold a secret as well.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority(), self.path)
    }
}

fn place_parts(place: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
            (host, rest.strip_prefix(':').or(if rest.is_empty() { Some("") } else { None }).ok_or("has text after a bracket")?)
        }
        None => place.rsplit_once(':').unwrap_or((place, "")),
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("has a port that is no number from 1 to 65535")?;
    Ok((host, Some(port)))
}

/// Resolves `%2C` and the like. What is no escape, or would not be UTF-8, stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match tail {
            [high, low, after @ ..] if *first == b'%' => digit(*high).zip(digit(*low)).map(|(h, l)| (h << 4 | l, after)),
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_part_of_a_url_is_found() {
        let address = Address::parse("postgres://me:p%40s:s@w@db.example:5433/my%20app?sslmode=require&x#f").unwrap();
        assert_eq!(address.user.as_deref(), Some("me"));
        assert_eq!(address.password.as_ref().unwrap().reveal(), "p@s:s@w");
        assert_eq!((address.host.as_str(), address.port), ("db.example", Some(5433)));
        assert_eq!(address.name().as_deref(), Some("my app"));
        assert_eq!(address.parameters()["sslmode"], "require");
        assert_eq!(address.to_string(), "postgres://db.example:5433/my%20app");
        let address = Address::parse("tcp://[::1]:80").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.authority().as_str()), ("::1", Some(80), "[::1]:80"));
        let address = Address::parse("REDIS://:secret@cache").unwrap();
        assert_eq!((address.scheme.as_str(), address.user, address.password.is_some()), ("redis", None, true));
    }

    #[test]
    fn what_is_no_url_is_refused_in_words() {
        for (text, words) in [
            ("localhost:80", "scheme"),
            ("tcp://", "no host"),
            ("tcp://db:http", "port"),
            ("tcp://db:0", "port"),
            ("tcp://[::1", "bracket"),
            ("http://a b/", "space"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_shows_a_password(text in "\\PC{0,40}", password in "[a-z]{12}") {
            drop(Address::parse(&text));
            if let Ok(address) = Address::parse(&format!("http://u:{password}@host/{text}")) {
                prop_assert!(!address.to_string().contains(&password) || text.contains(&password));
                let debugged = format!("{address:?}");
                prop_assert!(!debugged.contains(&password) || text.contains(&password));
            }
        }
    }
}
