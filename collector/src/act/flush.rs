//! Emptying one database or all of them. There is no way back, so that this asks for most.
//!
//! Redis' access control does not look at key patterns here: whoever may run `FLUSHDB` may empty everything in it.

use redis::cmd;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Act, ActError, Actor, Found, Place, pace, reason, to_its_end};
use crate::redis_link::Link;

/// What was emptied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Flushed {
    /// Name of the instance.
    pub instance: String,
    /// Number of the database; `null` when all were emptied.
    pub db: Option<u32>,
    /// Keys before; of a Cluster, of all its primaries.
    pub keys_before: u64,
    /// Keys after. What was written meanwhile is there again.
    pub keys_after: u64,
}

impl Act {
    /// Empties one database, or all when none is named.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn flush(
        &self,
        actor: Actor,
        place: Place,
        confirm: Option<String>,
        why: Option<String>,
    ) -> Result<Flushed, ActError> {
        let found = self.find(&place)?;
        found.need_actions()?;
        found.need_confirmed(confirm.as_deref())?;
        let why = reason(why.as_deref())?;
        self.need_fresh(&actor)?;
        self.0.paces.take(pace::FLUSH, &found.name, self.now_ms())?;
        let act = self.clone();
        to_its_end(async move {
            let action = if place.db.is_some() { "redis.flush_db" } else { "redis.flush_all" };
            let mut line = act.begin(&actor, action, &found, json!({"db": place.db}), why.as_deref()).await?;
            let result = empty(&found, place.db).await;
            if let Ok(flushed) = &result {
                line.note("keys_before", flushed.keys_before);
                line.note("keys_after", flushed.keys_after);
            }
            line.end_by(result, |flushed| Some(flushed.keys_before)).await
        })
        .await
    }
}

async fn empty(found: &Found, db: Option<u32>) -> Result<Flushed, ActError> {
    let link = found.connect().await?;
    let keys_before = keys(&link, db.is_none()).await?;
    let command = if db.is_some() { "FLUSHDB" } else { "FLUSHALL" };
    // In the background of Redis: in the foreground it would answer nobody until all is freed.
    for (_, answer) in link.on_all::<()>(cmd(command).arg("ASYNC")).await {
        answer?;
    }
    let keys_after = keys(&link, db.is_none()).await?;
    tracing::info!(target: "act", instance = %found.name, command, keys = keys_before, "redis flushed");
    Ok(Flushed { instance: found.name.clone(), db, keys_before, keys_after })
}

/// How many keys there are in the chosen database, or in all, over all primaries.
async fn keys(link: &Link, in_all: bool) -> Result<u64, ActError> {
    let mut sum = 0;
    if in_all {
        let mut is_told = true;
        for (_, answer) in link.on_all::<String>(cmd("INFO").arg("keyspace")).await {
            match answer {
                Ok(text) => sum += keyspace(&text),
                // Some services keep INFO for themselves: then what the chosen database holds is the best known.
                Err(_) => is_told = false,
            }
        }
        if is_told {
            return Ok(sum);
        }
        sum = 0;
    }
    for (_, answer) in link.on_all::<u64>(&cmd("DBSIZE")).await {
        sum += answer?;
    }
    Ok(sum)
}

/// Keys of all databases, as `INFO keyspace` lists them; an empty one has no line.
fn keyspace(text: &str) -> u64 {
    let of_line = |line: &str| line.strip_prefix("db")?.split_once(":keys=")?.1.split(',').next()?.parse::<u64>().ok();
    text.lines().filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_databases_are_added_up() {
        let text = "# Keyspace\r\ndb0:keys=3008,expires=3,avg_ttl=299183\r\ndb3:keys=2,expires=0,avg_ttl=0,subexpiry=0\r\n";
        assert_eq!(keyspace(text), 3_010);
        assert_eq!(keyspace("# Keyspace\r\n"), 0);
    }
}
