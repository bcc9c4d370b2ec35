//! JSON web tokens (RFC 7519): our own, which we sign with Ed25519, and those of others, checked against their keys.
//!
//! In: text that anybody may have written. Out: claims that a known key has signed, or a reason why not.
//!
//! Invariants: which algorithm holds follows from the key, never from the token; a header that asks for something unknown is
//! refused; nothing of a payload is believed before its signature fits. Bounded: the length of a token ([`BYTES_MAX`]) and of
//! a set of keys ([`KEYS_MAX`]).

pub mod claims;
mod compact;
pub mod key;
mod own;

pub use claims::Claims;
pub use compact::{BYTES_MAX, Compact};
pub use key::{Algorithm, KEYS_MAX, KeyError, KeySet};
pub use own::{OwnClaims, Signer};

/// Why a token is not accepted. Tells nothing of what the token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too long to be looked at.
    #[error("it is longer than {BYTES_MAX} bytes")]
    TooLong,
    /// Not three parts of base64url, or not JSON inside.
    #[error("it is no signed token")]
    Form,
    /// `alg` is `none`, or one that is not used here.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// `crit` or `typ` ask for something that is not known here.
    #[error("its header asks for something that is not known here")]
    Header,
    /// No key, or more than one, fits its algorithm and `kid`.
    #[error("no single key fits its algorithm and kid")]
    Key,
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Signature,
    /// `iss` is another one.
    #[error("it was issued by somebody else")]
    Issuer,
    /// `aud` (or `azp`) names others.
    #[error("it is meant for somebody else")]
    Audience,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `nbf` or `iat` lie in the future.
    #[error("it is not valid yet")]
    Early,
    /// `nonce` is not the one of this sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
    /// A claim is missing or of a wrong type.
    #[error("its claim {0} is missing or of a wrong type")]
    Claim(&'static str),
}

#[cfg(test)]
pub(super) mod tests;
