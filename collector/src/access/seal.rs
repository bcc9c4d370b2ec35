//! Secrets that must be read again are stored sealed: ChaCha20-Poly1305 under a key that lies in a file of its own.
//!
//! In: the name of a field and its secret. Out: bytes for the file of accounts, which without the key say nothing, and under the
//! name of another field do not open. Who copies `state.db`, or finds a backup of it, has no second factor and signs no token.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Name of the key's file in the data folder.
pub const KEY_FILE: &str = "state.key";

/// First byte of what is sealed: how it was done.
const VERSION: u8 = 1;

/// Largest key file that is read, in bytes: 32 bytes as text, and space for a line end.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file cannot be read or made.
    #[error("{doing} {}, which holds the key of secrets at rest", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The file that the configuration names is not there.
    #[error(
        "{} is missing, which access.key_file names: put it back, or make it by `head -c 32 /dev/urandom | base64`, \
         readable for the collector only",
        _0.display()
    )]
    Missing(PathBuf),
    /// The file holds no key.
    #[error("{} holds no key: it must be 32 bytes in base64; put the file back that was made with this data folder", _0.display())]
    Malformed(PathBuf),
    /// The system gives no random numbers.
    #[error("getting random numbers from the system")]
    Random(#[source] getrandom::Error),
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Seal(Arc<Inner>);

struct Inner {
    key: LessSafeKey,
    path: PathBuf,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Seal {
    /// Reads the key that the configuration names, else the one in the data folder, which is made at the first start.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn load(named: Option<&Path>, folder: &Path) -> Result<Self, SealError> {
        let (path, is_named) = named.map_or_else(|| (folder.join(KEY_FILE), false), |path| (path.to_owned(), true));
        let key = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_named => return Err(SealError::Missing(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(cause) => return Err(SealError::File { doing: "reading", path, cause }),
            Ok(text) => text,
        };
        let bytes = STANDARD.decode(key.trim()).ok();
        let unbound = bytes.and_then(|bytes| UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok());
        let Some(unbound) = unbound else { return Err(SealError::Malformed(path)) };
        Ok(Self(Arc::new(Inner { key: LessSafeKey::new(unbound), path })))
    }

    /// Seals a secret for one field.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, field: &str, secret: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let mut sealed = secret.to_vec();
        let bound = Nonce::assume_unique_for_key(nonce);
        self.0.key.seal_in_place_append_tag(bound, Aad::from(field), &mut sealed).expect("a secret is shorter than 256 GiB");
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// What was sealed for this field; `None` when it was sealed under another key, for another field, or was changed.
    #[must_use]
    pub fn open(&self, field: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        if *version != VERSION {
            return None;
        }
        let mut secret = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self.0.key.open_in_place(nonce, Aad::from(field), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }

    /// The file of the key, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// What to do when something does not open.
pub const ADVICE: &str = "put the key file back that belongs to this state.db and start again; without it, sign in with a \
                          recovery code and set up the second factor anew, or run `farol-collector user reset-second-factor NAME`";

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes the file, or reads the one that another process made in the same moment.
fn make(path: &Path) -> Result<String, SealError> {
    let failed = |doing, cause| SealError::File { doing, path: path.to_owned(), cause };
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(SealError::Random)?;
    let text = format!("{}\n", STANDARD.encode(key));
    // Written beside and linked into place, so that nobody ever reads half a key.
    let partial = path.with_extension(format!("key.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    let linked = written.and_then(|()| fs::hard_link(&partial, path));
    drop(fs::remove_file(&partial));
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return read(path).map_err(|cause| failed("reading", cause));
        }
        Err(cause) => return Err(failed("making", cause)),
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| failed("making", cause))?;
    tracing::info!(target: "access", path = %path.display(), "key of secrets at rest made");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    fn fresh() -> (tempfile::TempDir, Seal) {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::load(None, dir.path()).unwrap();
        (dir, seal)
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let (dir, seal) = fresh();
        let sealed = seal.seal("totp:ana", b"secret").unwrap();
        let again = Seal::load(None, dir.path()).unwrap();
        assert_eq!(again.open("totp:ana", &sealed).as_deref(), Some(&b"secret"[..]));
        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_was_sealed_opens_under_its_key_and_for_its_field_only() {
        let ((_dir, seal), (_other_dir, other)) = (fresh(), fresh());
        let sealed = seal.seal("totp:ana", b"secret").unwrap();
        assert_eq!(seal.open("totp:bob", &sealed), None);
        assert_eq!(other.open("totp:ana", &sealed), None);
        assert_ne!(seal.seal("totp:ana", b"secret").unwrap(), sealed, "the same secret never looks the same");
        assert!(!sealed.windows(6).any(|six| six == b"secret"));
        assert!(!format!("{seal:?}").contains("key: "));
    }

    #[test]
    fn a_missing_or_malformed_key_says_what_to_do_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let named = dir.path().join("farol.key");
        let missing = Seal::load(Some(&named), dir.path()).unwrap_err().to_string();
        assert!(missing.contains("farol.key is missing") && missing.contains("urandom"), "{missing}");
        for wrong in ["", "short", "AAAA", &"A".repeat(1_000)] {
            fs::write(&named, wrong).unwrap();
            let malformed = Seal::load(Some(&named), dir.path()).unwrap_err().to_string();
            assert!(malformed.contains("holds no key"), "{malformed}");
            assert_eq!(fs::read_to_string(&named).unwrap(), wrong);
        }
        fs::write(&named, format!("  {}\n", STANDARD.encode([7; 32]))).unwrap();
        assert!(Seal::load(Some(&named), dir.path()).is_ok());
    }

    proptest! {
        #[test]
        fn bytes_that_were_not_sealed_never_open(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let (_dir, seal) = fresh();
            prop_assert_eq!(seal.open("totp:ana", &bytes), None);
        }

        #[test]
        fn one_changed_bit_is_noticed(secret in prop::collection::vec(any::<u8>(), 1..40), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let (_dir, seal) = fresh();
            let mut sealed = seal.seal("totp:ana", &secret).unwrap();
            prop_assert_eq!(seal.open("totp:ana", &sealed), Some(secret));
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(seal.open("totp:ana", &sealed), None);
        }
    }
}
