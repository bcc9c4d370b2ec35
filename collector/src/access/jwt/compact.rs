//! A token as it travels: three parts of base64url with dots between (RFC 7515, compact form).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use super::{Algorithm, Claims, KeySet, TokenError};

/// Longest token that is looked at, in bytes: room for some hundred groups in a claim. Servers cut headers about there too.
pub const BYTES_MAX: usize = 8 << 10;

/// Longest `kid`, in bytes.
const KID_BYTES_MAX: usize = 256;

/// A token taken apart. Nothing in it is true yet.
#[derive(Debug)]
pub struct Compact<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    /// What the signature is about.
    signed: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A repeated member is refused by the deserialiser.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'t> Compact<'t> {
    /// Takes a token apart and refuses one whose header asks for what is not done here.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], [`TokenError::Form`], [`TokenError::Algorithm`], [`TokenError::Header`].
    pub fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Form);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Form)?;
        let algorithm = Algorithm::parse(&header.alg).ok_or(TokenError::Algorithm)?;
        let is_access_token =
            |typ: &str| ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known));
        // A token made for another purpose (a logout, a proof) must not open the door.
        let is_usual = header.typ.as_deref().is_none_or(is_access_token);
        let is_short = header.kid.as_ref().is_none_or(|kid| kid.len() <= KID_BYTES_MAX);
        if header.crit.is_some() || !is_usual || !is_short {
            return Err(TokenError::Header);
        }
        Ok(Self { algorithm, kid: header.kid, signed, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// Who it says has issued it: only good for choosing whose keys to try.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Said {
            iss: String,
        }
        serde_json::from_slice::<Said>(&self.payload).ok().map(|said| said.iss)
    }

    /// What it says, when one of the keys has signed it.
    ///
    /// # Errors
    /// [`TokenError::Key`], [`TokenError::Signature`], [`TokenError::Form`].
    pub fn verify(&self, keys: &KeySet) -> Result<Claims, TokenError> {
        let key = keys.find(self.algorithm, self.kid.as_deref()).ok_or(TokenError::Key)?;
        if !key.fits(self.signed.as_bytes(), &self.signature) {
            return Err(TokenError::Signature);
        }
        Claims::read(&self.payload)
    }
}
