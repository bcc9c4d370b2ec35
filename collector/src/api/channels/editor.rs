//! Who calls, which channels they see, and what they may write.

use std::sync::Arc;

use axum::{extract::Request, http::StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json as value;

use super::{WHAT, no_such, refused};
use crate::{
    access::View,
    api::{App, caller::Caller},
    notify::{
        Channels,
        channel::{Channel, Origin, Written, links},
        kind::Fault,
    },
    problem::Problem,
    state::{AuditStart, channels::ChannelRow, outbox::ChannelStanding},
};

/// Settings that say where a channel's secrets are sent. Who changes one must write the secrets again: else an administrator, who may not
/// read them, could have them sent to a place of their own.
const PLACES: &[&str] = &["url", "host", "provider"];

/// Who calls, and what they may do with channels.
pub(super) struct Editor {
    pub(super) caller: Caller,
    pub(super) channels: Channels,
}

impl Editor {
    pub(super) fn of(app: &App, request: &Request) -> Result<Self, Problem> {
        Ok(Self::new(Caller::of(app, request, WHAT)?))
    }

    /// Who calls, and what is sent.
    pub(super) async fn with<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Self, T), Problem> {
        let (caller, body) = Caller::with::<T>(app, request, WHAT).await?;
        Ok((Self::new(caller), body))
    }

    fn new(caller: Caller) -> Self {
        Self { channels: caller.parts().channels.clone(), caller }
    }

    fn view(&self) -> &View {
        self.caller.view()
    }

    /// The channels that the caller sees: all, or those of their tenant.
    pub(super) fn seen(&self) -> impl Iterator<Item = Arc<Channel>> {
        let list = self.channels.list();
        let seen: Vec<_> = list.iter().filter(|channel| self.view().sees(channel.tenant.as_deref())).cloned().collect();
        seen.into_iter()
    }

    /// A channel that the caller sees.
    pub(super) fn find(&self, id: &str) -> Result<Arc<Channel>, Problem> {
        self.channels.find(id).filter(|channel| self.view().sees(channel.tenant.as_deref())).ok_or_else(no_such)
    }

    /// A channel that the caller may change.
    pub(super) fn changeable(&self, id: &str) -> Result<Arc<Channel>, Problem> {
        let channel = self.find(id)?;
        if channel.origin == Origin::Own {
            return Ok(channel);
        }
        let detail = "this channel stands in the configuration: change it there and start again";
        Err(Problem::new(StatusCode::CONFLICT, detail).code("file"))
    }

    /// Names of the channels that have this one as their second.
    pub(super) fn users_of(&self, id: &str) -> Vec<String> {
        let list = self.channels.list();
        let uses =
            |channel: &&Arc<Channel>| [&channel.fallback, &channel.escalate_to].into_iter().flatten().any(|used| used == id);
        list.iter().filter(uses).map(|channel| channel.name.clone()).collect()
    }

    /// A channel as it was sent, checked; secrets that were left out are those of the known one.
    pub(super) fn checked(&self, mut written: Written, known: Option<&Channel>) -> Result<Channel, Problem> {
        if let Some(tenant) = self.view().tenant() {
            if written.tenant.as_deref().is_some_and(|named| named != tenant) {
                return Err(Problem::forbidden(format!("this account is bound to the tenant {tenant}")).code("bound_to_tenant"));
            }
            written.tenant = Some(tenant.to_owned());
        }
        if let Some(known) = known {
            lend(known, &mut written).map_err(|fault| refused(&[fault]))?;
        }
        let channel = Channel::check(written, Origin::Own).map_err(|faults| refused(&faults))?;
        let fits = |id: &str| {
            let other = self.channels.find(id).filter(|other| self.view().sees(other.tenant.as_deref()));
            // A tenant's channel in the place of the house's would hear of other tenants.
            other.is_some_and(|other| other.tenant.is_none() || other.tenant == channel.tenant)
        };
        links(&channel, fits).map_err(|faults| refused(&faults))?;
        Ok(channel)
    }

    pub(super) fn row(&self, channel: &Channel) -> Result<ChannelRow, Problem> {
        self.channels.row(channel, &self.caller.by.username, self.caller.now_ms).map_err(|error| {
            tracing::error!(target: "notify", error = %error, "no random numbers for sealing a channel");
            Problem::internal()
        })
    }

    /// What the audit log tells of a channel.
    pub(super) fn line(&self, action: &str, channel: &Channel) -> AuditStart {
        let about = value!({
            "name": channel.name, "kind": channel.kind.name, "enabled": channel.is_enabled, "tenant": channel.tenant,
            "min_level": channel.min_level, "fallback": channel.fallback, "escalate_to": channel.escalate_to,
        });
        self.caller.line(action, &channel.id, &about)
    }

    pub(super) async fn standings(&self, ids: Vec<String>) -> Result<Vec<ChannelStanding>, Problem> {
        self.caller.read(move |db| ids.iter().map(|id| db.channel_standing(id)).collect()).await
    }

    /// Makes a change known to whoever sends.
    pub(super) async fn refresh(&self) -> Result<(), Problem> {
        self.caller.told(self.channels.refresh().await)?;
        self.channels.wake();
        Ok(())
    }
}

/// Puts the secrets of the known channel in the place of those that were left out, unless they would go elsewhere.
fn lend(known: &Channel, written: &mut Written) -> Result<(), Fault> {
    let is_given = |name: &str| written.settings.get(name).is_some_and(|value| !value.is_object());
    // An address that is a secret itself is known by being given at all.
    let is_moved = PLACES.iter().any(|place| {
        let is_secret = known.kind.secrets.contains(place);
        if is_secret { is_given(place) } else { known.shown.get(*place) != written.settings.get(*place) }
    });
    let mut lent = written.settings.clone();
    let names = known.lend_secrets(&mut lent);
    let others: Vec<&String> = names.iter().filter(|name| !PLACES.contains(&name.as_str())).collect();
    if is_moved && let Some(name) = others.first() {
        return Err(Fault::setting(name, "must be written again, as the address has changed"));
    }
    written.settings = lent;
    Ok(())
}
