//! Names in Redis that an application's transport options change: keys of queues, and channels of events.

/// How an application's transport names things. All of it is set to Celery's own defaults unless configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// `global_keyprefix`.
    pub prefix: String,
    /// `priority_steps`.
    pub steps: Vec<u8>,
    /// `sep`.
    pub separator: String,
    /// `fanout_prefix`: `None` for whichever is in use.
    pub fanout: Option<String>,
    /// `event_exchange`.
    pub exchange: String,
    /// Number of the database.
    pub database: i64,
}

/// A channel, or a pattern of channels, to listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Channel {
    /// One channel.
    Exact(String),
    /// All that begin so.
    Below(String),
}

impl Names {
    /// The lists in which a queue's tasks wait, by priority; 0 is the highest.
    pub(super) fn lists(&self, queue: &str) -> Vec<(u8, String)> {
        let name = |step: &u8| {
            // The first step has the plain name.
            let tail = if *step == 0 { String::new() } else { format!("{}{step}", self.separator) };
            (*step, format!("{}{queue}{tail}", self.prefix))
        };
        self.steps.iter().map(name).collect()
    }

    /// A key of the transport itself.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The queue that a binding leads to: `routing key, pattern, queue`.
    pub(super) fn bound<'a>(&self, binding: &'a str) -> Option<&'a str> {
        binding.rsplit(self.separator.as_str()).next().filter(|name| *name != binding)
    }

    /// Where events may be published, the usual place first. The number of the database stands in the name of the channel; kombu
    /// before 5.4 leaves it out with Sentinel and writes `{db}`; with `fanout_patterns` off there is no routing key.
    pub(super) fn channels(&self) -> Vec<Channel> {
        let (prefix, exchange) = (&self.prefix, &self.exchange);
        let with_number = format!("/{}.", self.database);
        let fanouts = match &self.fanout {
            Some(fanout) => vec![fanout.replace("{db}", &self.database.to_string())],
            None => vec![with_number, "/{db}.".to_owned(), String::new()],
        };
        let of = |fanout: &String| {
            let name = format!("{prefix}{fanout}{exchange}");
            [Channel::Below(format!("{name}/")), Channel::Exact(name)]
        };
        fanouts.iter().flat_map(of).collect()
    }
}

impl Channel {
    /// The words of a `PSUBSCRIBE` or `SUBSCRIBE`.
    pub(super) fn pattern(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Below(name) => format!("{}*", escaped(name)),
        }
    }
}

/// A text that a pattern takes for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            prefix: String::new(),
            steps: vec![0, 3, 6, 9],
            separator: "\u{6}\u{16}".into(),
            fanout: None,
            exchange: "celeryev".into(),
            database: 3,
        }
    }

    #[test]
    fn a_queue_has_a_list_for_each_priority_and_the_first_has_the_plain_name() {
        let lists = names().lists("prio");
        assert_eq!(lists[0], (0, "prio".into()));
        assert_eq!(lists[3], (9, "prio\u{6}\u{16}9".into()));
        let prefixed = Names { prefix: "my_".into(), steps: vec![0], ..names() };
        assert_eq!(prefixed.lists("prio"), [(0, "my_prio".into())]);
        assert_eq!(prefixed.key("unacked"), "my_unacked");
    }

    #[test]
    fn a_binding_names_its_queue_last() {
        assert_eq!(names().bound("celery\u{6}\u{16}\u{6}\u{16}celery"), Some("celery"));
        assert_eq!(names().bound("mail.*\u{6}\u{16}^mail\u{6}\u{16}mail high"), Some("mail high"));
        assert_eq!(names().bound("nonsense"), None);
    }

    #[test]
    fn all_variants_of_the_channel_are_listened_to_unless_one_is_named() {
        let patterns = |names: Names| names.channels().iter().map(Channel::pattern).collect::<Vec<_>>();
        assert_eq!(
            patterns(names()),
            ["/3.celeryev/*", "/3.celeryev", "/{db}.celeryev/*", "/{db}.celeryev", "celeryev/*", "celeryev"]
        );
        let own = Names { prefix: "my*_".into(), fanout: Some("/{db}x.".into()), ..names() };
        assert_eq!(patterns(own), ["my\\*_/3x.celeryev/*", "my*_/3x.celeryev"]);
        let off = Names { fanout: Some(String::new()), ..names() };
        assert_eq!(patterns(off), ["celeryev/*", "celeryev"]);
    }
}
