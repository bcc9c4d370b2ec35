//! How many tasks wait, whatever the broker: what a broker is asked at each poll.

/// Most queues that are asked for.
pub(super) const QUEUES_MAX: usize = 200;

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queue {
    /// Its name.
    pub name: String,
    /// Tasks that wait, by priority, highest first; one without priorities has them all under `None`;
    /// empty when it is not known.
    pub by_priority: Vec<(Option<u8>, u64)>,
    /// Since when its oldest task waits is known by this id, when the broker lets it be seen.
    pub oldest: Option<String>,
}

impl Queue {
    /// Tasks that wait, if the broker told any figure.
    pub(super) fn length(&self) -> Option<u64> {
        (!self.by_priority.is_empty()).then(|| self.by_priority.iter().map(|(_, length)| length).sum())
    }
}

/// What a broker says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// By name.
    pub queues: Vec<Queue>,
    /// Tasks that workers hold and have not finished.
    pub reserved: Option<u64>,
    /// Tasks that wait for their time.
    pub scheduled: Option<u64>,
    /// Tasks that nobody has given back for over an hour.
    pub stuck: Option<u64>,
    /// What people should know.
    pub notes: Vec<String>,
}

/// What people should know when there are more queues than are asked for.
pub(super) fn crowded(more: usize) -> Option<String> {
    (more > 0).then(|| format!("{more} more queues are not counted: at most {QUEUES_MAX} are; name yours as queues = [...]"))
}

/// Whether a queue is one of Celery's own for control, replies and events.
pub(super) fn is_internal(name: &str) -> bool {
    name.is_empty()
        || name.ends_with(".celery.pidbox")
        || name.starts_with("celeryev")
        || name.starts_with("amq.gen-")
        || name.starts_with("farol-celeryev-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_queues_of_celery_are_no_queues_of_tasks() {
        for name in ["", "w1@vm.celery.pidbox", "0a.reply.celery.pidbox", "celeryev.1f", "amq.gen-x", "farol-celeryev-7"] {
            assert!(is_internal(name), "{name}");
        }
        assert!(!is_internal("celery") && !is_internal("mail.high"));
    }
}
