//! Task queues: keys that a broker of Celery keeps its jobs in. Whoever deletes them loses queued jobs.

use super::glob;

/// What stands between a queue's name and a priority (kombu's separator).
const PRIORITY: &[u8] = b"\x06\x16";

/// How keys of the broker and of its results begin.
const BEGINNINGS: &[&[u8]] = &[b"unacked", b"_kombu.binding.", b"celery-task-meta-", b"celery-taskset-meta-"];

/// Keys that every broker of Celery has sooner or later: a pattern that matches one of them reaches too far.
const EXAMPLES: &[&[u8]] = &[
    b"celery",
    b"celery\x06\x163",
    b"celery\x06\x166",
    b"celery\x06\x169",
    b"unacked",
    b"unacked_index",
    b"unacked_mutex",
    b"_kombu.binding.celery",
    b"_kombu.binding.celery.pidbox",
    b"_kombu.binding.celeryev",
    b"celery-task-meta-00000000-0000-0000-0000-000000000000",
];

/// Whether a key holds queued jobs, what the broker remembers of them, or their results.
#[must_use]
pub(super) fn is_queue(key: &[u8]) -> bool {
    key == b"celery"
        || BEGINNINGS.iter().any(|beginning| key.starts_with(beginning))
        || key.windows(PRIORITY.len()).any(|window| window == PRIORITY)
}

/// An example of what a pattern would reach of a task queue, if it would.
#[must_use]
pub(super) fn reached_by(pattern: &[u8]) -> Option<&'static [u8]> {
    EXAMPLES.iter().copied().find(|key| glob::matches(pattern, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_broker_are_known() {
        for key in [&b"celery"[..], b"unacked", b"unacked_index", b"_kombu.binding.mail", b"celery-task-meta-1", b"mail\x06\x169"]
        {
            assert!(is_queue(key), "{key:?}");
        }
        for key in [&b"celery:cache:1"[..], b"user:1", b"", b":1:unacked"] {
            assert!(!is_queue(key), "{key:?}");
        }
    }

    #[test]
    fn wide_patterns_are_seen_to_reach_them() {
        for pattern in ["?*", "c*", "*e*", "unacked*", "_kombu*", "celery-task-meta-*", "[cu]*", "*mutex"] {
            assert!(reached_by(pattern.as_bytes()).is_some(), "{pattern}");
        }
        for pattern in ["user:*", ":1:user:*", "views/*", "cache:*:celery"] {
            assert_eq!(reached_by(pattern.as_bytes()), None, "{pattern}");
        }
    }
}
