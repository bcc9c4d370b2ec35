//! Keys of a pretended issuer, and tokens signed with them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

/// A token of any header and payload.
pub(in crate::access) fn token(header: &Value, payload: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}

pub(in crate::access) fn secret_sign(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What every key can do.
pub(in crate::access) trait Sign {
    const ALGORITHM: &'static str;

    fn sign(&self, signed: &[u8]) -> Vec<u8>;

    fn token(&self, kid: &str, payload: &Value) -> String {
        token(&json!({"alg": Self::ALGORITHM, "typ": "JWT", "kid": kid}), payload, |signed| self.sign(signed))
    }
}

pub(in crate::access) struct RsaKey(RsaKeyPair);

impl RsaKey {
    pub(in crate::access) fn load() -> Self {
        let bytes = include_bytes!("../../../../../tests/fixtures/oidc/rsa.pk8");
        Self(RsaKeyPair::from_pkcs8(bytes).unwrap())
    }

    pub(in crate::access) fn published(&self, kid: &str) -> Value {
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        json!({"kty": "RSA", "kid": kid, "n": encode(&n), "e": encode(&e)})
    }
}

impl Sign for RsaKey {
    const ALGORITHM: &'static str = "RS256";

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    }
}

pub(in crate::access) struct EsKey(EcdsaKeyPair);

impl EsKey {
    pub(in crate::access) fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
    }

    pub(in crate::access) fn published(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }
}

impl Sign for EsKey {
    const ALGORITHM: &'static str = "ES256";

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec()
    }
}

pub(in crate::access) struct EdKey(Ed25519KeyPair);

impl EdKey {
    pub(in crate::access) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(in crate::access) fn published(&self, kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(self.0.public_key().as_ref()), "use": "sig"})
    }
}

impl Sign for EdKey {
    const ALGORITHM: &'static str = "EdDSA";

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        self.0.sign(signed).as_ref().to_vec()
    }
}
