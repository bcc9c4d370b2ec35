//! Our own login tokens, signed with Ed25519 and checked by ourselves; others may check them with the published key.
//!
//! One signer, one reader, one algorithm: the header is compared as a whole, so that a token cannot choose how it is checked.
//! A token names its sign-in and ends with it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{self, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state::SessionKey;

const ISSUER: &str = "farol";

/// Longest token of ours that is looked at, in bytes; they have about 350.
const BYTES_MAX: usize = 1_024;

/// What a valid token of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnClaims {
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
    pair: Ed25519KeyPair,
    kid: String,
    /// The only header there is, encoded.
    header: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.kid)
    }
}

impl Signer {
    /// A signer whose key follows from 256 random bits.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
        let kid = thumbprint(&encode(pair.public_key().as_ref()));
        let header = encode(format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#).as_bytes());
        Self { pair, kid, header }
    }

    /// The public key as a set (RFC 7517), for others who check our tokens.
    #[must_use]
    pub fn published(&self) -> Value {
        let x = encode(self.pair.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "alg": "EdDSA", "use": "sig" }] })
    }

    /// A token for `lifetime_s` seconds.
    #[must_use]
    pub fn sign(&self, subject: &str, session: SessionKey, now_ms: i64, lifetime_s: u64) -> String {
        let iat = now_ms.div_euclid(1_000);
        let exp = iat.saturating_add_unsigned(lifetime_s);
        let payload = Payload { iss: ISSUER.to_owned(), sub: subject.to_owned(), sid: session.0, iat, exp };
        let json = serde_json::to_vec(&payload).expect("a struct of strings and numbers serialises");
        let signed = format!("{}.{}", self.header, encode(&json));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    /// What the token says, when we signed it and it has not expired.
    #[must_use]
    pub fn verify(&self, token: &str, now_ms: i64) -> Option<OwnClaims> {
        if token.len() > BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if header != self.header {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let key = UnparsedPublicKey::new(&signature::ED25519, self.pair.public_key().as_ref());
        key.verify(signed.as_bytes(), &signature).ok()?;
        let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let valid = payload.iss == ISSUER && now_ms.div_euclid(1_000) < payload.exp;
        valid.then_some(OwnClaims { subject: payload.sub, session: SessionKey(payload.sid) })
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The name that follows from the key itself (RFC 7638).
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    encode(digest::digest(&digest::SHA256, members.as_bytes()).as_ref())
}
