//! Passwords: what may be one, new ones, and argon2id hashing off the async threads, a bounded number at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

mod frequent;

use frequent::is_common;

/// Shortest password, in characters. Length is what makes guessing hard; rules of composition do not.
pub const CHARACTERS_MIN: usize = 10;

/// Longest password, in bytes.
pub const BYTES_MAX: usize = 1_024;

/// Hashes computed at once. One takes 19 MiB and a core for some ten milliseconds; the second core stays free for ingest.
const AT_ONCE: usize = 1;

/// Hashes that may wait besides; more are refused as busy.
const WAITING_MAX: usize = 16;

/// What is reserved for one hash, in blocks of 1 KiB. Only the 19 MiB that it needs are touched; from 32 MiB on glibc always
/// asks the system and gives back at once. With less, each thread that hashed would keep its 19 MiB for good.
const RESERVED_BLOCKS: usize = 33 << 10;

/// Bytes of a salt and of a hash: as RFC 9106 advises.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Why a password cannot be used or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs at least {CHARACTERS_MIN} characters")]
    TooShort,
    /// Too long.
    #[error("a password may have at most {BYTES_MAX} bytes")]
    TooLong,
    /// One of those that are tried first.
    #[error("this password is among the most common ones, which are tried first: choose another")]
    Common,
    /// The name of its account.
    #[error("a password must not be the user name")]
    UserName,
    /// One character repeated.
    #[error("a password must not be one character repeated")]
    Repeated,
    /// Too many are being checked.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// Hashing failed, for example for want of memory.
    #[error("hashing a password failed")]
    Hash(#[source] password_hash::Error),
    /// The system gives no random numbers for a salt.
    #[error("getting random numbers from the system")]
    Random(#[source] getrandom::Error),
}

/// Says whether `password` may be chosen for the account `username`.
///
/// # Errors
/// [`PasswordError::TooShort`], [`PasswordError::TooLong`], [`PasswordError::Common`], [`PasswordError::UserName`],
/// [`PasswordError::Repeated`].
pub fn check(password: &str, username: &str) -> Result<(), PasswordError> {
    if password.len() > BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    if password.chars().count() < CHARACTERS_MIN {
        return Err(PasswordError::TooShort);
    }
    let plain = password.trim().to_lowercase();
    let mut characters = plain.chars();
    let first = characters.next();
    if characters.all(|c| Some(c) == first) {
        return Err(PasswordError::Repeated);
    }
    let name = username.trim().to_lowercase();
    if plain == name || name.split_once('@').is_some_and(|(local, _)| plain == local) {
        return Err(PasswordError::UserName);
    }
    if is_common(&plain) { Err(PasswordError::Common) } else { Ok(()) }
}

/// A password that nobody guesses: 100 random bits as twenty letters and digits in groups.
///
/// # Errors
/// When the system gives no random numbers.
pub fn generate() -> Result<String, getrandom::Error> {
    // 13 bytes are 21 letters; the last holds few bits and is left out.
    let text = super::totp::random_text::<13>(21)?;
    let letters: Vec<char> = text.to_lowercase().chars().take(20).collect();
    Ok(letters.chunks(5).map(|five| five.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

/// Computes hashes, a bounded number at a time.
#[derive(Debug)]
pub struct Hasher {
    params: Params,
    computing: Arc<Semaphore>,
    admitted: Semaphore,
}

impl Default for Hasher {
    /// The costs that OWASP advises: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self::with(Params::DEFAULT)
    }
}

impl Hasher {
    fn with(params: Params) -> Self {
        Self { params, computing: Arc::new(Semaphore::new(AT_ONCE)), admitted: Semaphore::new(AT_ONCE + WAITING_MAX) }
    }

    /// A hasher of the least cost, so that tests are quick.
    #[cfg(test)]
    pub(super) fn cheap() -> Self {
        Self::with(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap())
    }

    /// Hashes a password that may be chosen for an account, on this thread. The hash names its salt and costs.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn hash_now(&self, password: &str, username: &str) -> Result<String, PasswordError> {
        check(password, username)?;
        hash(&self.params, password)
    }

    /// Hashes a password that may be chosen for an account, off the async threads.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: String, username: &str) -> Result<String, PasswordError> {
        check(&password, username)?;
        let params = self.params.clone();
        self.compute(move || hash(&params, &password)).await?
    }

    /// Whether the password fits the hash. Without one (an unknown account) it takes as long and says no.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Hash`].
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, PasswordError> {
        if password.len() > BYTES_MAX {
            return Ok(false);
        }
        let params = self.params.clone();
        self.compute(move || match stored {
            // A hash that cannot be read fits no password.
            Some(stored) => Ok(fits(&password, &stored).unwrap_or(false)),
            None => hash(&params, &password).map(|_| false),
        })
        .await?
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _admitted = self.admitted.try_acquire().map_err(|_| PasswordError::Busy)?;
        // The permit travels with the work: a caller that hangs up must not let another computation start beside it.
        let permit = Arc::clone(&self.computing).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| PasswordError::Busy)
    }
}

fn hash(params: &Params, password: &str) -> Result<String, PasswordError> {
    let mut salt = [0_u8; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(PasswordError::Random)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let described = || -> password_hash::Result<String> {
        let mut output = [0_u8; HASH_BYTES];
        fill(&Argon2::new(algorithm, version, params.clone()), password, &salt, &mut output)?;
        let (salt, hash) = (Some(Salt::new(&salt)?), Some(Output::new(&output)?));
        let params = ParamsString::try_from(params)?;
        Ok(PasswordHash { algorithm: algorithm.ident(), version: Some(version.into()), params, salt, hash }.to_string())
    };
    described().map_err(PasswordError::Hash)
}

/// Whether a password gives this hash, with the salt and the costs that the hash names.
fn fits(password: &str, stored: &str) -> password_hash::Result<bool> {
    let stored = PasswordHash::new(stored)?;
    let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from)?;
    let argon2 = Argon2::new(Algorithm::try_from(stored.algorithm.as_str())?, version, Params::try_from(&stored)?);
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else { return Ok(false) };
    let mut output = vec![0_u8; expected.len()];
    fill(&argon2, password, &salt, &mut output)?;
    Ok(output.as_slice().ct_eq(expected.as_ref()).into())
}

fn fill(argon2: &Argon2<'_>, password: &str, salt: &[u8], output: &mut [u8]) -> password_hash::Result<()> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(RESERVED_BLOCKS));
    memory.resize(blocks, Block::new());
    Ok(argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_what_is_tried_first_does_not() {
        assert!(matches!(check("ninechars", "ana"), Err(PasswordError::TooShort)));
        assert!(matches!(check("ééééééééé", "ana"), Err(PasswordError::TooShort)), "characters count, not bytes");
        assert!(matches!(check("aaaaaaaaaa", "ana"), Err(PasswordError::Repeated)));
        assert!(matches!(check("AAAAaaaaaaaaaa", "ana"), Err(PasswordError::Repeated)));
        assert!(matches!(check("Maria.Silva", "maria.silva"), Err(PasswordError::UserName)));
        assert!(matches!(check("maria.silva", "maria.silva@example.org"), Err(PasswordError::UserName)));
        for common in ["1234567890", "qwertyuiop", "Password123", "  password1234 ", "senha12345", "corinthians"] {
            assert!(matches!(check(common, "ana"), Err(PasswordError::Common)), "{common}");
        }
        for fine in ["correct horse", "aaaaaaaaab", "não é fácil", "1234567890 and more"] {
            assert!(check(fine, "ana").is_ok(), "{fine}");
        }
        let long = "ab".repeat(BYTES_MAX / 2);
        assert!(check(&long, "ana").is_ok());
        assert!(matches!(check(&format!("{long}a"), "ana"), Err(PasswordError::TooLong)));
    }

    #[test]
    fn a_generated_password_may_be_chosen_and_is_another_each_time() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 23, "{one}");
        check(&one, "ana").unwrap();
    }

    #[tokio::test]
    async fn a_hash_fits_its_own_password_only_and_is_argon2id() {
        let hasher = Hasher::cheap();
        let stored = hasher.hash("correct horse".to_owned(), "ana").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$"), "{stored}");
        assert!(hasher.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".to_owned(), Some(stored)).await.unwrap());
        assert!(!hasher.verify("correct horse".to_owned(), None).await.unwrap());
        assert!(!hasher.verify("correct horse".to_owned(), Some("not a hash".to_owned())).await.unwrap());
    }

    #[test]
    fn the_hash_is_the_one_that_every_other_program_computes() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let ours = Hasher::cheap().hash_now("correct horse", "ana").unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", ours.as_str()).is_ok());
        let params = Params::new(32, 2, 1, Some(24)).unwrap();
        let theirs =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"correct horse").unwrap().to_string();
        assert!(fits("correct horse", &theirs).unwrap());
        assert!(!fits("correct house", &theirs).unwrap());
    }

    #[tokio::test]
    async fn more_checks_than_may_wait_are_refused_as_busy() {
        let hasher = Hasher::cheap();
        let all = hasher.admitted.acquire_many(u32::try_from(AT_ONCE + WAITING_MAX).unwrap()).await.unwrap();
        let refused = hasher.verify("correct horse".to_owned(), None).await;
        assert!(matches!(refused, Err(PasswordError::Busy)));
        drop(all);
        assert!(!hasher.verify("correct horse".to_owned(), None).await.unwrap());
    }
}
