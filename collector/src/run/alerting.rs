//! Alerting: joins rules, channels, the thread that judges, the sender and the sign of life.

use std::{sync::Arc, thread, time::Duration};

use farol_shared::clock::Clock;
use farol_store::Store;
use tokio::task::JoinHandle;

use super::RunError;
use crate::{
    access::Access,
    alert::{
        Rules, Shown,
        stage::{self, Inlet},
        weekly::Weekly,
    },
    config::{AlertSettings, Settings},
    notify::{
        Channels,
        channel::Channel,
        heartbeat,
        route::{Quiet, Recipient, Recipients},
        sender,
    },
    push::Push,
    state::State,
};

/// Rules and channels as they were read at the start.
#[derive(Debug, Clone)]
pub(super) struct Alerting {
    pub(super) shown: Shown,
    pub(super) channels: Channels,
    state: State,
}

/// What runs.
pub(super) struct Running {
    /// Where committed batches are judged; the thread ends when it is dropped.
    pub(super) inlet: Inlet,
    /// Ends after it.
    pub(super) thread: thread::JoinHandle<()>,
    /// End when they are aborted.
    pub(super) tasks: Vec<JoinHandle<()>>,
}

impl Alerting {
    /// Reads rules and channels.
    pub(super) async fn open(settings: &AlertSettings, public_url: Option<&str>, access: &Access) -> Result<Self, RunError> {
        let state = access.state().clone();
        let kept = state.read(|db| db.rules()).await?;
        let rules = Rules::new(settings.rules.clone(), &kept).map_err(|twice| RunError::Rules(twice.to_string()))?;
        let channels = Channels::open(state.clone(), access.seal().clone(), settings.channels.clone(), public_url).await?;
        Ok(Self { shown: Shown::new(rules), channels, state })
    }

    /// Starts judging and telling.
    pub(super) fn start(
        &self,
        settings: &Settings,
        store: &Store,
        push: &Push,
        clock: &Arc<dyn Clock>,
    ) -> Result<Running, RunError> {
        let recipients = Recipients::default();
        recipients.set(listed(&self.channels));
        let parts = stage::Parts {
            store: store.clone(),
            state: self.state.clone(),
            rules: self.shown.rules.clone(),
            channels: self.channels.clone(),
            recipients: recipients.clone(),
            standings: self.shown.standings.clone(),
            push: push.clone(),
            clock: Arc::clone(clock),
            kept_for_ms: ms(settings.retention.hour),
        };
        let (inlet, pulse, thread) = stage::start(parts)?;
        let mut tasks = vec![
            tokio::spawn(follow(self.channels.clone(), recipients)),
            sender::start(self.channels.clone(), self.state.clone(), Arc::clone(clock)),
        ];
        if let Some(heartbeat) = settings.alerts.heartbeat.clone() {
            tasks.push(heartbeat::start(heartbeat, move || pulse.is_alive()));
        }
        Ok(Running { inlet, thread, tasks })
    }
}

/// Lets routing know of channels that people change. Runs until it is dropped.
async fn follow(channels: Channels, recipients: Recipients) {
    let mut list = channels.watch();
    while list.changed().await.is_ok() {
        recipients.set(listed(&channels));
    }
}

fn listed(channels: &Channels) -> Vec<Recipient> {
    channels.list().iter().map(|channel| recipient(channel)).collect()
}

fn recipient(channel: &Channel) -> Recipient {
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let quiet = channel.quiet.as_ref().map(|quiet| Quiet {
        window: Weekly {
            days: quiet.days.clone(),
            start: time(quiet.start.0),
            end: time(quiet.end.0),
            offset_min: i32::from(quiet.offset_min),
        },
        holds_critical: !quiet.critical,
    });
    Recipient {
        id: channel.id.clone(),
        tenant: channel.tenant.clone(),
        min_level: channel.min_level,
        is_enabled: channel.is_enabled,
        quiet,
        escalate_to: channel.escalate_to.clone(),
        escalate_after_ms: i64::from(channel.escalate_after_s) * 1_000,
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
