//! The channels of a running collector: those of the configuration and those that people made in the page.
//!
//! In: rows of `state.db`, sealed secrets, tables of the configuration. Out: one list that everybody reads from memory, and its changes.
//!
//! Invariants: of two with the same word the configuration's is meant; a kept channel that cannot be read any more stays in the list and
//! says why, so that what it is to be told waits instead of being lost.

use std::sync::Arc;

use farol_shared::report;
use serde_json::{Map, Value};
use tokio::sync::{Notify, Semaphore, watch};

use super::{
    channel::{Channel, Origin, Written},
    http::Client,
    kind::{Fault, kind},
    request::{House, Telling, Verdict},
    text::{Reading, Text},
};
use crate::{
    access::seal::Seal,
    notify::Notice,
    state::{State, StateError, channels::ChannelRow},
};

/// Most trials at once: each takes as long as the channel does.
const TRIALS_MAX: usize = 4;

/// The name under which the word of this installation stands.
const HOUSE: &str = "notify_house";

/// All channels, as they are at one instant.
pub type List = Arc<[Arc<Channel>]>;

/// Why there are no channels.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The file could not be read or written.
    #[error("reading the channels")]
    State(#[from] StateError),
    /// The HTTP client cannot be made.
    #[error("{0}")]
    Client(String),
}

/// The channels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    seal: Seal,
    declared: Vec<Arc<Channel>>,
    list: watch::Sender<List>,
    due: Notify,
    client: Client,
    house: House,
    trials: Semaphore,
}

impl Channels {
    /// Reads the channels. `declared` are those of the configuration ([`super::declared::read`]), `public_url` is where people open the page:
    /// without it messages hold no links.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn open(state: State, seal: Seal, declared: Vec<Channel>, public_url: Option<&str>) -> Result<Self, NotifyError> {
        let client = Client::new().map_err(NotifyError::Client)?;
        let house = House { id: house_id(&state).await?, public_url: public_url.map(str::to_owned) };
        let declared = declared.into_iter().map(Arc::new).collect();
        let list = watch::Sender::new(List::from(Vec::new()));
        let (due, trials) = (Notify::new(), Semaphore::new(TRIALS_MAX));
        let channels = Self(Arc::new(Inner { state, seal, declared, list, due, client, house, trials }));
        channels.refresh().await?;
        Ok(channels)
    }

    /// All channels, by name.
    #[must_use]
    pub fn list(&self) -> List {
        self.0.list.borrow().clone()
    }

    /// A channel by its word.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Channel>> {
        self.list().iter().find(|channel| channel.id == id).cloned()
    }

    /// All channels, again whenever one of them has changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<List> {
        self.0.list.subscribe()
    }

    /// Reads the kept channels again: after a change.
    ///
    /// # Errors
    /// As [`State::read`].
    pub async fn refresh(&self) -> Result<(), StateError> {
        let rows = self.0.state.read(|db| db.channels()).await?;
        let is_declared = |id: &str| self.0.declared.iter().any(|channel| channel.id == id);
        let kept = rows.into_iter().filter(|row| !is_declared(&row.id)).filter_map(|row| self.kept(&row)).map(Arc::new);
        let mut all: Vec<Arc<Channel>> = self.0.declared.iter().cloned().chain(kept).collect();
        all.sort_by_key(|channel| (channel.name.to_lowercase(), channel.id.clone()));
        self.0.list.send_replace(all.into());
        Ok(())
    }

    /// Tells the sender that something has been written into the outbox. Without it the sender looks once a second.
    pub fn wake(&self) {
        self.0.due.notify_one();
    }

    /// Returns when [`Channels::wake`] was called.
    pub(super) async fn woken(&self) {
        self.0.due.notified().await;
    }

    /// This installation, as channels know it.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.0.house
    }

    /// Sends a notice by a channel now, past the outbox.
    pub async fn tell(&self, channel: &Channel, notice: &Notice, now_ms: i64) -> Verdict {
        let house = self.house();
        let reading = Reading { language: channel.language, zone_min: channel.zone_min() };
        let text = Text::of(notice, reading, house.link(notice.incident));
        let telling = Telling { notice, text: &text, house, channel: &channel.id, now_ms };
        self.0.client.tell(channel, &telling).await
    }

    /// Tries a channel: sends for real. `None` when too many are being tried.
    pub async fn try_out(&self, channel: &Channel, now_ms: i64) -> Option<Verdict> {
        let _place = self.0.trials.try_acquire().ok()?;
        Some(self.tell(channel, &super::trial::notice(&channel.id, now_ms), now_ms).await)
    }

    /// A channel as it is kept; its secrets sealed.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn row(&self, channel: &Channel, by: &str, now_ms: i64) -> Result<ChannelRow, getrandom::Error> {
        let body = serde_json::to_string(&channel.written()).expect("texts, numbers and maps of them serialise");
        Ok(ChannelRow {
            id: channel.id.clone(),
            name: channel.name.clone(),
            kind: channel.kind.name.to_owned(),
            tenant: channel.tenant.clone(),
            body,
            secrets: self.0.seal.seal(&field(&channel.id), channel.secrets().reveal().as_bytes())?,
            updated_by: by.to_owned(),
            updated_ms: now_ms,
        })
    }

    /// A kept channel; `None` for one of a kind that this version does not know, which is left as it is.
    fn kept(&self, row: &ChannelRow) -> Option<Channel> {
        let unreadable = |why: &dyn std::fmt::Display| {
            tracing::error!(target: "notify", channel = row.id, error = %why, "channel cannot be read");
        };
        let mut written: Written = serde_json::from_str(&row.body).map_err(|error| unreadable(&error)).ok()?;
        let kind = kind(&row.kind).map_err(|fault| unreadable(&fault)).ok()?;
        let opened = self.0.seal.open(&field(&row.id), &row.secrets);
        let secrets: Option<Map<String, Value>> = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(secrets) = secrets else {
            let why = "its secrets are sealed under another key: write them again, or put state.key back".to_owned();
            unreadable(&why);
            return Some(Channel::broken(written, kind, why));
        };
        let bare = written.clone();
        written.settings.extend(secrets);
        Some(Channel::check(written, Origin::Own).unwrap_or_else(|faults: Vec<Fault>| {
            let why = faults.first().map(ToString::to_string).unwrap_or_default();
            unreadable(&why);
            Channel::broken(bare, kind, why)
        }))
    }
}

/// What a channel's secrets are sealed for.
fn field(id: &str) -> String {
    format!("channel:{id}")
}

/// The word of this installation; made at the first start.
async fn house_id(state: &State) -> Result<String, StateError> {
    state
        .change(|db| {
            if let Some(known) = db.setting(HOUSE)?.and_then(|bytes| String::from_utf8(bytes).ok()) {
                return Ok(known);
            }
            let mut bytes = [0_u8; 6];
            getrandom::fill(&mut bytes).map_err(|error| StateError::File {
                doing: "getting random numbers from",
                path: "the system".to_owned(),
                cause: std::io::Error::other(error),
            })?;
            let made: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            db.set_setting(HOUSE, made.as_bytes())?;
            Ok(made)
        })
        .await
        .inspect_err(|error| tracing::error!(target: "notify", error = %report::chain(error), "channels cannot be opened"))
}
