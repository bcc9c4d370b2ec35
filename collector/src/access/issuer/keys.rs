//! Keys of an issuer, kept in memory: a shared secret, a file, or a published set that is fetched again.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use reqwest::Url;
use tokio::{sync::Mutex, time::Instant};

use super::fetch::{FetchError, Fetcher};
use crate::{access::jwt::KeySet, config::KeySource};

/// Shortest time between two fetches that tokens of a key that is not known may cause.
const UNKNOWN_EVERY: Duration = Duration::from_secs(60);

/// Largest file of keys, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// The keys of one issuer.
#[derive(Debug)]
pub(in crate::access) struct Keys {
    source: KeySource,
    fetcher: Fetcher,
    now: RwLock<Arc<KeySet>>,
    /// When they were last fetched, or tried to. Held while fetching: who comes meanwhile waits for the same answer.
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    pub(in crate::access) fn new(source: KeySource, fetcher: Fetcher) -> Self {
        let known = match &source {
            KeySource::Secret(secret) => KeySet::of_secret(secret.reveal().as_bytes()),
            KeySource::Url(_) | KeySource::File(_) => KeySet::default(),
        };
        Self { source, fetcher, now: RwLock::new(Arc::new(known)), asked: Mutex::new(None) }
    }

    /// The keys at hand.
    pub(in crate::access) fn now(&self) -> Arc<KeySet> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether they never change.
    pub(in crate::access) fn is_fixed(&self) -> bool {
        matches!(self.source, KeySource::Secret(_))
    }

    /// Fetches them because a token names one that is not known, unless they were fetched within the last minute.
    pub(in crate::access) async fn renew(&self) -> Result<(), FetchError> {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < UNKNOWN_EVERY) {
            return Ok(());
        }
        *asked = Some(Instant::now());
        self.read().await.map(|_| ())
    }

    /// Fetches them now. Answers how many there are. When it fails those at hand stay.
    pub(in crate::access) async fn fetch(&self) -> Result<usize, FetchError> {
        let mut asked = self.asked.lock().await;
        *asked = Some(Instant::now());
        self.read().await
    }

    async fn read(&self) -> Result<usize, FetchError> {
        let json = match &self.source {
            KeySource::Secret(_) => return Ok(1),
            KeySource::Url(url) => self.fetcher.get(url).await?,
            KeySource::File(path) => {
                let path = path.clone();
                let failed = |_| FetchError::Client("a thread ended".to_owned());
                tokio::task::spawn_blocking(move || read_file(&path)).await.map_err(failed)??.into()
            }
        };
        let keys = KeySet::of_jwks(&json)?;
        let count = keys.len();
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(count)
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, FetchError> {
    let failed = |cause| FetchError::File { path: path.display().to_string(), cause };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(FetchError::TooLong(path.display().to_string()));
    }
    std::fs::read(path).map_err(failed)
}

/// A published set at an address.
pub(in crate::access) fn published(url: Url, fetcher: Fetcher) -> Keys {
    Keys::new(KeySource::Url(url), fetcher)
}
