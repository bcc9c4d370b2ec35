//! Tokens of agents and one-time links: random text, of which only a fingerprint is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::state::Fingerprint;

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 512;

/// How agents' tokens begin, so that people and secret scanners know one when they see it.
pub const PREFIX: &str = "farol_";

/// How long they are, in bytes.
pub const AGENT_TOKEN_BYTES: usize = PREFIX.len() + 43;

/// 256 random bits as text that fits into a URL, a header and a cookie.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A new agent token.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_agent_token() -> Result<String, getrandom::Error> {
    Ok(format!("{PREFIX}{}", random()?))
}

/// How tokens for programs begin.
pub const API_PREFIX: &str = "farol_api_";

/// A new token for programs.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_api_token() -> Result<String, getrandom::Error> {
    Ok(format!("{API_PREFIX}{}", random()?))
}

/// What a token is looked up by; `None` when it cannot be one.
#[must_use]
pub fn fingerprint(token: &str) -> Option<Fingerprint> {
    (!token.is_empty() && token.len() <= TOKEN_BYTES_MAX).then(|| Fingerprint::of(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_distinct_and_plain_text() {
        let (one, two) = (new_agent_token().unwrap(), new_agent_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), AGENT_TOKEN_BYTES);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_ne!(fingerprint(&one), fingerprint(&two));
    }

    #[test]
    fn an_endless_token_is_not_even_hashed() {
        assert_eq!(fingerprint(&"x".repeat(TOKEN_BYTES_MAX + 1)), None);
        assert_eq!(fingerprint(""), None);
    }
}
