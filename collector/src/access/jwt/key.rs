//! Keys of issuers (RFC 7517) and the one algorithm that each of them is good for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{self, RsaPublicKeyComponents, UnparsedPublicKey},
};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set. Issuers publish two or three, large ones some dozens.
pub const KEYS_MAX: usize = 100;

/// Shortest RSA modulus, in bytes (2048 bits), and longest that the library checks.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Longest RSA exponent, in bytes; 65537 takes three.
const EXPONENT_BYTES_MAX: usize = 4;

/// The algorithms in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
}

impl Algorithm {
    /// The algorithm of a header's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "HS256" => Some(Self::Hs256),
            _ => None,
        }
    }
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(hmac::Key),
}

/// One key.
pub struct Key {
    id: Option<String>,
    material: Material,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {:?})", self.id, self.algorithm())
    }
}

/// The keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

/// Why a set of keys cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not a JSON object with a list `keys`.
    #[error("it is no set of keys: a JSON object with a list `keys` is expected")]
    Form,
    /// More than [`KEYS_MAX`].
    #[error("it holds {0} keys, more than {KEYS_MAX}")]
    TooMany(usize),
    /// None of them is good for signatures that are checked here.
    #[error("it holds no key for RS256 (2048 bits or more), ES256 or EdDSA signatures")]
    NoneUsable,
}

/// A key as it is published.
#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a published set. Keys for other purposes and of kinds that are not used here are left out; a shared secret is
    /// never taken from what is published.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_jwks(json: &[u8]) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| KeyError::Form)?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeyError::TooMany(set.keys.len()));
        }
        let published = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Published>(key).ok());
        let keys: Vec<Key> = published.filter_map(Published::key).collect();
        if keys.is_empty() { Err(KeyError::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// The set of one shared secret.
    #[must_use]
    pub fn of_secret(secret: &[u8]) -> Self {
        Self(vec![Key { id: None, material: Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret)) }])
    }

    /// The only key that is good for this algorithm and has this `kid`. A shared secret has no `kid`: any will do.
    #[must_use]
    pub fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<&Key> {
        let is_named = |key: &Key| kid.is_none() || algorithm == Algorithm::Hs256 || key.id.as_deref() == kid;
        let mut fitting = self.0.iter().filter(|key| key.algorithm() == algorithm && is_named(key));
        let one = fitting.next()?;
        fitting.next().is_none().then_some(one)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Key {
    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::Secret(_) => Algorithm::Hs256,
        }
    }

    /// Whether this key made this signature.
    #[must_use]
    pub fn fits(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            Material::Ed25519(point) => UnparsedPublicKey::new(&signature::ED25519, point).verify(signed, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
        }
    }
}

impl Published {
    fn key(self) -> Option<Key> {
        let is_for_signatures = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok();
        let of = |length: usize, text: &Option<String>| bytes(text).filter(|bytes| bytes.len() == length);
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (without_zeros(bytes(&self.n)?), without_zeros(bytes(&self.e)?));
                let is_strong = RSA_BYTES.contains(&n.len()) && (n.len() > *RSA_BYTES.start() || n.first()? >= &0x80);
                (is_strong && (1..=EXPONENT_BYTES_MAX).contains(&e.len())).then_some(Material::Rsa { n, e })?
            }
            ("EC", Some("P-256")) => {
                let mut point = vec![4_u8];
                point.extend(of(32, &self.x)?);
                point.extend(of(32, &self.y)?);
                Material::P256(point)
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(of(32, &self.x)?),
            _ => return None,
        };
        let key = Key { id: self.kid, material };
        let is_meant = self.alg.as_deref().is_none_or(|alg| Algorithm::parse(alg) == Some(key.algorithm()));
        (is_for_signatures && is_meant).then_some(key)
    }
}

/// Some issuers write a leading zero, which the library refuses.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.into_iter().skip(zeros).collect()
}
