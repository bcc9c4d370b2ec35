//! Deleting: one key, or all keys of a pattern, which are counted first and counted again before the first one goes.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Act, ActError, Actor, Found, JobState, KEYS_WITHOUT_FRESH_MAX, Place, Progress,
    audit::Line,
    job::{self, Handle},
    key::{self, KEY_TEXT_BYTES_MAX},
    pace, queue, read_key, reason,
    sweep::{self, Deleting, Wanted},
    to_its_end,
    undo::Keeping,
};
use crate::redis_link::Link;

/// Fewer keys than this are deleted while the request waits.
pub const AT_ONCE_MAX: u64 = 200;

/// By how much the count may differ from what was confirmed, in percent.
const CHANGE_PERCENT_MAX: u64 = 10;

/// What became of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deleted {
    /// Name of the instance.
    pub instance: String,
    /// The key.
    pub key: String,
    /// Number of the database.
    pub db: i64,
    /// 1, or 0 when there was no such key.
    pub deleted: u64,
    /// By what it can be undone; `null` when it was too large or Redis does not hand it over.
    pub undo: Option<String>,
    /// Until when, in milliseconds since the epoch.
    pub undo_until: Option<i64>,
}

/// What a pattern would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// Name of the instance.
    pub instance: String,
    /// Number of the database.
    pub db: i64,
    /// The pattern.
    pub pattern: String,
    /// How many keys match.
    pub count: u64,
    /// Whether there are more, which were not counted for want of time or because there are so many.
    pub is_cut: bool,
    /// Three of them.
    pub examples: Vec<String>,
    /// Keys of task queues that match too and are left alone.
    pub left_alone: u64,
    /// Bytes that they take in all, going by a sample; `null` when Redis does not say.
    pub bytes_estimate: Option<u64>,
    /// How long counting took, in milliseconds.
    pub took_ms: u64,
}

/// A deletion by pattern, as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct ByPattern {
    /// Where.
    pub place: Place,
    /// Which keys.
    pub pattern: String,
    /// How many the preview counted.
    pub expected: Option<u64>,
    /// Name of the instance, typed.
    pub confirm: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether keys of task queues may go too.
    pub include_queues: bool,
}

impl Act {
    /// Deletes one key.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn delete_key(
        &self,
        actor: Actor,
        place: Place,
        key: &str,
        include_queues: bool,
        why: Option<String>,
    ) -> Result<Deleted, ActError> {
        let found = self.find(&place)?;
        found.need_actions()?;
        let key = read_key(key)?;
        if !include_queues && queue::is_queue(&key) {
            return Err(ActError::wrong(
                "key",
                "belongs to a task queue: queued jobs would be lost; send include_queues: true to delete it all the same",
            ));
        }
        let why = reason(why.as_deref())?;
        self.0.paces.take(pace::DELETE, &actor.username, self.now_ms())?;
        let act = self.clone();
        to_its_end(async move {
            let detail = json!({"key": key::escape(&key), "db": found.db});
            let mut line = act.begin(&actor, "redis.delete_key", &found, detail, why.as_deref()).await?;
            let result = act.delete_one(&found, &key).await;
            if let Ok(Deleted { undo: Some(undo), .. }) = &result {
                line.note("undo", undo.clone());
            }
            line.end_by(result, |deleted| Some(deleted.deleted)).await
        })
        .await
    }

    async fn delete_one(&self, found: &Found, key: &[u8]) -> Result<Deleted, ActError> {
        let link = found.connect().await?;
        let mut deleting = Deleting::new(Keeping::begin(&self.0.undos, &found.name));
        let deleted = deleting.delete(link.node_of(key)?, &[key.to_vec()], self.now_ms()).await?;
        let way_back = deleting.keeping.keep(found.db, self.now_ms())?;
        Ok(Deleted {
            instance: found.name.clone(),
            key: key::escape(key),
            db: found.db,
            deleted,
            undo_until: way_back.as_ref().map(|way_back| way_back.until_ms),
            undo: way_back.map(|way_back| way_back.id),
        })
    }

    /// Counts what a pattern would delete.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn preview(&self, actor: Actor, asked: ByPattern) -> Result<Preview, ActError> {
        let found = self.find(&asked.place)?;
        found.need_actions()?;
        let wanted = wanted(&asked)?;
        self.0.paces.take(pace::INSPECT, &actor.username, self.now_ms())?;
        let act = self.clone();
        to_its_end(async move {
            let detail = json!({"pattern": key::escape(&wanted.pattern), "db": found.db});
            let line = act.begin(&actor, "redis.preview_pattern", &found, detail, None).await?;
            let counting = async { sweep::count(&found.connect().await?, &wanted).await };
            let result = counting.await.map(|counted| Preview {
                instance: found.name.clone(),
                db: found.db,
                pattern: asked.pattern,
                count: counted.count,
                is_cut: counted.is_cut,
                examples: counted.examples,
                left_alone: counted.left_alone,
                bytes_estimate: counted.bytes_estimate,
                took_ms: counted.took_ms,
            });
            line.end_by(result, |preview| Some(preview.count)).await
        })
        .await
    }

    /// Deletes what a pattern matches. Few keys are gone when it returns; of many it returns the beginning, and
    /// [`Act::watch`] tells the rest.
    ///
    /// # Errors
    /// [`ActError`]; [`ActError::Changed`] when the count is not what was confirmed.
    pub async fn delete_pattern(&self, actor: Actor, asked: ByPattern) -> Result<Progress, ActError> {
        let found = self.find(&asked.place)?;
        found.need_actions()?;
        let wanted = wanted(&asked)?;
        let expected = asked
            .expected
            .ok_or_else(|| ActError::wrong("expected", "is missing: send preview: true first, then its count here"))?;
        found.need_confirmed(asked.confirm.as_deref())?;
        let why = reason(asked.reason.as_deref())?;
        if expected > KEYS_WITHOUT_FRESH_MAX {
            self.need_fresh(&actor)?;
        }
        // Counting beside a deletion costs Redis, and its result would be called a change though nobody else wrote.
        self.0.jobs.need_room(&found.name)?;
        self.0.paces.take(pace::DELETE, &actor.username, self.now_ms())?;
        let act = self.clone();
        to_its_end(async move {
            let link = found.connect().await?;
            let counted = sweep::count(&link, &wanted).await?;
            if counted.count.abs_diff(expected).saturating_mul(100) > expected.saturating_mul(CHANGE_PERCENT_MAX) {
                // A deletion that began while this one counted is what changed it.
                act.0.jobs.need_room(&found.name)?;
                return Err(ActError::Changed { expected, count: counted.count });
            }
            if counted.count > KEYS_WITHOUT_FRESH_MAX {
                act.need_fresh(&actor)?;
            }
            let job = act.0.jobs.begin(act.first(&found, &asked, &actor, counted.count)?)?;
            let detail = json!({"pattern": key::escape(&wanted.pattern), "db": found.db, "counted": counted.count,
                "include_queues": wanted.include_queues});
            let line = act.begin(&actor, "redis.delete_pattern", &found, detail, why.as_deref()).await?;
            let progress = job.progress.subscribe();
            let running = tokio::spawn(act.clone().run(found, link, wanted, job, line));
            if counted.count < AT_ONCE_MAX {
                running.await.map_err(|_| ActError::Broken)?;
            }
            let now = progress.borrow().clone();
            Ok(now)
        })
        .await
    }

    fn first(&self, found: &Found, asked: &ByPattern, actor: &Actor, total: u64) -> Result<Progress, ActError> {
        Ok(Progress {
            job: Some(job::id()?),
            instance: found.name.clone(),
            db: found.db,
            pattern: asked.pattern.clone(),
            username: actor.username.clone(),
            state: JobState::Running,
            scanned: 0,
            deleted: 0,
            left_alone: 0,
            total,
            undo: None,
            kept: 0,
            undo_until: None,
            started: self.now_ms(),
            ended: None,
            message: None,
        })
    }

    /// The job itself, from its first key to the last line.
    async fn run(self, found: Found, link: Link, wanted: Wanted, job: Handle, mut line: Line) {
        let mut deleting = Deleting::new(Keeping::begin(&self.0.undos, &found.name));
        let ended = sweep::delete(&link, &wanted, self.0.bounds, &mut deleting, &job, || self.now_ms()).await;
        let way_back = deleting.keeping.keep(found.db, self.now_ms()).unwrap_or_default();
        let (state, message) = match ended {
            Ok(JobState::Partial) => (JobState::Partial, Some("it came to its bound: delete again to continue".to_owned())),
            Ok(state) => (state, None),
            Err(error) => (JobState::Failed, Some(error.to_string())),
        };
        let mut last = job.progress.borrow().clone();
        last.state = state;
        last.ended = Some(self.now_ms());
        last.message = message;
        if let Some(way_back) = way_back {
            last.undo_until = Some(way_back.until_ms);
            last.kept = way_back.kept;
            line.note("undo", way_back.id.clone());
            line.note("kept", way_back.kept);
            last.undo = Some(way_back.id);
        }
        if let Some(message) = &last.message {
            line.note("error", message.clone());
        }
        tracing::info!(target: "act", instance = %found.name, deleted = last.deleted, result = state.as_str(), "keys deleted by pattern");
        // The line first: who sees that the job ended must find it complete.
        line.end(state.as_str(), Some(last.deleted)).await;
        job.progress.send_replace(last);
    }
}

/// The pattern, unless it reaches too far.
fn wanted(asked: &ByPattern) -> Result<Wanted, ActError> {
    let pattern = key::parse_pattern(&asked.pattern);
    if pattern.is_empty() {
        return Err(ActError::wrong("pattern", "is empty"));
    }
    if asked.pattern.len() > KEY_TEXT_BYTES_MAX {
        return Err(ActError::wrong("pattern", format!("is longer than {KEY_TEXT_BYTES_MAX} bytes")));
    }
    if pattern.contains(&b'*') && pattern.iter().all(|byte| matches!(byte, b'*' | b'?')) {
        return Err(ActError::wrong("pattern", "matches every key: to empty a database, flush it"));
    }
    if !asked.include_queues
        && let Some(example) = queue::reached_by(&pattern)
    {
        let example = key::escape(example);
        return Err(ActError::wrong(
            "pattern",
            format!(
                "matches keys of task queues too, such as {example}: queued jobs would be lost; make it narrower, or send include_queues: true"
            ),
        ));
    }
    Ok(Wanted { pattern, include_queues: asked.include_queues })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pattern: &str, include_queues: bool) -> Result<Wanted, ActError> {
        wanted(&ByPattern { pattern: pattern.to_owned(), include_queues, ..ByPattern::default() })
    }

    #[test]
    fn patterns_that_reach_too_far_are_refused() {
        for pattern in ["", "*", "**", "?*", "*?*", "c*", "*celery*", "unacked*", "*\\x06*"] {
            assert!(ask(pattern, false).is_err(), "{pattern}");
        }
        for pattern in ["", "*", "***", "*?"] {
            assert!(ask(pattern, true).is_err(), "{pattern}");
        }
        assert!(ask("unacked*", true).is_ok() && ask("user:*", false).is_ok());
        assert_eq!(ask("k\\xff*", false).unwrap().pattern, b"k\xff*");
    }
}
