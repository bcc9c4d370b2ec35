//! AWS Signature Version 4: what proves to AWS that a request comes from who holds the secret key.

use std::fmt::Write as _;

use ring::{digest, hmac};

use super::credentials::Keys;
use crate::pull::infra::Moment;

/// What is signed of a request.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    /// `POST` and the like.
    pub method: &'a str,
    /// Path, percent-encoded.
    pub path: &'a str,
    /// Region of the service.
    pub region: &'a str,
    /// Name of the service in scopes.
    pub service: &'a str,
    /// Headers that are signed: names in lower case, in the order of the alphabet, `host` among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body.
    pub body: &'a [u8],
    /// When it is sent; `x-amz-date` says the same.
    pub moment: Moment,
}

impl Signed<'_> {
    /// The value of the header `authorization`.
    pub(super) fn authorization(&self, keys: &Keys) -> String {
        let (time, date) = self.moment.basic();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", self.canonical_hash());
        let mut key = format!("AWS4{}", keys.secret.reveal()).into_bytes();
        for part in [date.as_str(), self.region, self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}", keys.id, self.names())
    }

    /// Hash of the request in the one form that both sides make of it. There is no query.
    fn canonical_hash(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.method, self.path);
        for (name, value) in self.headers {
            writeln!(text, "{name}:{}", value.trim()).expect("text takes what is written");
        }
        write!(text, "\n{}\n{}", self.names(), hash(self.body)).expect("text takes what is written");
        hash(text.as_bytes())
    }

    fn names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text takes what is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use farol_shared::secret::Secret;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_request_that_the_official_client_signed_is_signed_alike() {
        let recorded: Value = serde_json::from_str(include_str!("fixtures/signed-request.json")).unwrap();
        let text = |field: &str| recorded[field].as_str().unwrap();
        let keys =
            Keys { id: text("access_key").to_owned(), secret: Secret::new(text("secret_key")), token: None, expires_ms: None };
        let headers: Vec<(&str, &str)> = recorded["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let signed = Signed {
            method: "POST",
            path: "/",
            region: "sa-east-1",
            service: "monitoring",
            headers: &headers,
            body: text("body").as_bytes(),
            moment: Moment(1_795_237_626_000),
        };
        assert_eq!(signed.canonical_hash(), text("canonical_request_sha256"));
        assert_eq!(signed.authorization(&keys), text("authorization"));
    }
}
