//! Login tokens for programs: JSON web tokens (RFC 7519) signed with HMAC-SHA-256 by the collector for itself.
//!
//! One signer, one reader, one algorithm: the header is compared as a whole, so that a token cannot choose how it is checked.
//! A token names its sign-in and ends with it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::state::SessionKey;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const ISSUER: &str = "farol";

/// Longest token that is looked at, in bytes; ours have about 250.
const BYTES_MAX: usize = 1_024;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Name of the account.
    pub subject: String,
    /// The sign-in that the token belongs to.
    pub session: SessionKey,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    iss: String,
    sub: String,
    sid: i64,
    /// In seconds since the epoch, as are all times of the standard.
    iat: i64,
    exp: i64,
}

/// Signs and verifies.
pub struct Signer {
    key: hmac::Key,
    header: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with a secret key of 256 random bits.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), header: URL_SAFE_NO_PAD.encode(HEADER) }
    }

    /// A token for `lifetime_s` seconds.
    #[must_use]
    pub fn sign(&self, subject: &str, session: SessionKey, now_ms: i64, lifetime_s: u64) -> String {
        let iat = now_ms.div_euclid(1_000);
        let exp = iat.saturating_add_unsigned(lifetime_s);
        let payload = Payload { iss: ISSUER.to_owned(), sub: subject.to_owned(), sid: session.0, iat, exp };
        let json = serde_json::to_vec(&payload).expect("a struct of strings and numbers serialises");
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(json));
        let tag = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// What the token says, when we signed it and it has not expired.
    #[must_use]
    pub fn verify(&self, token: &str, now_ms: i64) -> Option<Claims> {
        if token.len() > BYTES_MAX {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if header != self.header {
            return None;
        }
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &tag).ok()?;
        let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let valid = payload.iss == ISSUER && now_ms.div_euclid(1_000) < payload.exp;
        valid.then_some(Claims { subject: payload.sub, session: SessionKey(payload.sid) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_760_000_000_000;

    #[test]
    fn a_token_is_valid_until_its_second_of_expiry() {
        let signer = Signer::new(&[7; 32]);
        let token = signer.sign("ana", SessionKey(3), NOW, 60);
        assert_eq!(signer.verify(&token, NOW + 59_999), Some(Claims { subject: "ana".to_owned(), session: SessionKey(3) }));
        assert_eq!(signer.verify(&token, NOW + 60_000), None);
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_or_content_is_refused() {
        let signer = Signer::new(&[7; 32]);
        let token = signer.sign("ana", SessionKey(3), NOW, 60);
        assert_eq!(Signer::new(&[8; 32]).verify(&token, NOW), None);
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let boss = URL_SAFE_NO_PAD.encode(r#"{"iss":"farol","sub":"boss","sid":3,"iat":0,"exp":99999999999}"#);
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{boss}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            "..".to_owned(),
            String::new(),
            "a".repeat(5_000),
        ] {
            assert_eq!(signer.verify(&forged, NOW), None, "{forged}");
        }
    }
}
