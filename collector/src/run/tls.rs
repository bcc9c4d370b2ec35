//! The collector's own TLS: certificate and key from files, read again when they change.
//!
//! In: paths of two PEM files. Out: the configuration that new connections are served with.
//!
//! Invariants: a renewal that cannot be used changes nothing, and is told in the log and in the health until it is mended; a
//! connection keeps the certificate that it began with. Bounded: the time of a handshake and how many happen at once (see
//! [`super::listen`]), what TLS buffers (64 KiB a connection, the library's own bound), remembered sessions (256).

use std::{
    fs::File,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use crate::config::TlsSettings;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Largest file of certificates or of a key, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Most certificates of a chain.
const CHAIN_MAX: usize = 20;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("reading {}", path.display())]
    File {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} {what}", path.display())]
    Content {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("using certificate and key together")]
    Pair(#[from] rustls::Error),
}

impl TlsError {
    /// The setting to look at.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::File { setting, .. } | Self::Content { setting, .. } => setting,
            Self::Pair(_) => "tls.key",
        }
    }
}

/// TLS in force. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: TlsSettings,
    now: RwLock<Now>,
}

#[derive(Debug)]
struct Now {
    config: Arc<ServerConfig>,
    /// What the files were like when they were last read.
    seen: [Option<Seen>; 2],
    /// Why the newest files are not in force.
    trouble: Option<String>,
}

/// What tells that a file was changed: its time, length, and which file it is.
type Seen = (i64, i64, u64, u64);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        let seen = seen(&settings);
        let config = load(&settings)?;
        warn_if_open_to_all(&settings.key);
        Ok(Self(Arc::new(Inner { settings, now: RwLock::new(Now { config, seen, trouble: None }) })))
    }

    /// What new connections are served with.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.now.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Why the newest files are not in force, if they are not.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// Reads the files again, at once when `must`, else only if they have changed.
    pub fn look(&self, must: bool) {
        let seen = seen(&self.0.settings);
        if !must && seen == self.0.now.read().unwrap_or_else(PoisonError::into_inner).seen {
            return;
        }
        let read = load(&self.0.settings);
        let mut now = self.0.now.write().unwrap_or_else(PoisonError::into_inner);
        now.seen = seen;
        match read {
            Ok(config) => {
                now.config = config;
                now.trouble = None;
                tracing::info!(target: "run", certificate = %self.0.settings.certificate.display(), "certificate read again");
                warn_if_open_to_all(&self.0.settings.key);
            }
            Err(error) => {
                let error = farol_shared::report::chain(&error).to_string();
                tracing::error!(target: "run", %error, "renewed certificate cannot be used; the earlier one stays in force");
                now.trouble = Some(error);
            }
        }
    }

    /// Looks at the files again and again, and at once when the process is told to (SIGHUP).
    pub(super) async fn follow(self) {
        let mut hang_up = match signal(SignalKind::hangup()) {
            Ok(hang_up) => Some(hang_up),
            Err(error) => {
                tracing::warn!(target: "run", error = %error, "SIGHUP cannot be heard; the certificate is looked at by time only");
                None
            }
        };
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            let told = async {
                match &mut hang_up {
                    Some(hang_up) => hang_up.recv().await,
                    None => std::future::pending().await,
                }
            };
            let must = tokio::select! {
                _ = told => true,
                _ = ticks.tick() => false,
            };
            let tls = self.clone();
            // Files may lie on a disk that is slow.
            drop(tokio::task::spawn_blocking(move || tls.look(must)).await);
        }
    }
}

/// Reads certificate and key, and checks that they go together.
///
/// # Errors
/// [`TlsError`].
pub fn load(settings: &TlsSettings) -> Result<Arc<ServerConfig>, TlsError> {
    let (setting, path) = ("tls.certificate", &settings.certificate);
    let wrong = |what| TlsError::Content { setting, path: path.clone(), what };
    let pem = read(setting, path)?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| wrong("is no PEM"))?;
    if chain.is_empty() || chain.len() > CHAIN_MAX {
        return Err(wrong("holds no certificate, or too many: write the server's own first, then those between it and the root"));
    }
    let (setting, path) = ("tls.key", &settings.key);
    let wrong = |what| TlsError::Content { setting, path: path.clone(), what };
    let key = PrivateKeyDer::from_pem_slice(&read(setting, path)?);
    let key = key.map_err(|_| wrong("holds no private key without a passphrase (PKCS#8, PKCS#1 or SEC1 as PEM)"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |cause| TlsError::File { setting, path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn seen(settings: &TlsSettings) -> [Option<Seen>; 2] {
    let look = |path: &Path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.mtime(), about.mtime_nsec(), about.len(), about.ino()))
    };
    [look(&settings.certificate), look(&settings.key)]
}

fn warn_if_open_to_all(key: &Path) {
    let is_open = std::fs::metadata(key).is_ok_and(|about| about.mode() & 0o077 != 0);
    if is_open {
        tracing::warn!(target: "run", key = %key.display(), "the private key can be read by others: chmod 600");
    }
}

#[cfg(test)]
pub(super) mod tests;
