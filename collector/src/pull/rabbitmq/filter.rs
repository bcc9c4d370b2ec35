//! Which queues are asked for: names, where a star at the end stands for anything.

/// Most names of a filter: they stand in the address of each request.
const NAMES_MAX: usize = 50;

/// Longest name of a queue, in bytes: what AMQP allows.
const NAME_BYTES_MAX: usize = 255;

/// Names of queues; none of them means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<String>);

impl Filter {
    /// Checks the names.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub(super) fn new(names: &[String]) -> Result<Self, String> {
        if names.len() > NAMES_MAX {
            return Err(format!("queues are {}: write at most {NAMES_MAX}, best with a star at the end", names.len()));
        }
        if let Some(name) = names.iter().find(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
            return Err(format!("queues: '{name}' is empty or longer than {NAME_BYTES_MAX} bytes"));
        }
        if let Some(name) = names.iter().find(|name| name.trim_end_matches('*').contains('*') || name.ends_with("**")) {
            return Err(format!("queues: '{name}': one star may stand at the end, and nowhere else"));
        }
        Ok(Self(names.to_vec()))
    }

    /// Whether a queue is one of them.
    pub(super) fn lets_through(&self, queue: &str) -> bool {
        let is_it = |name: &String| match name.strip_suffix('*') {
            Some(prefix) => queue.starts_with(prefix),
            None => queue == name,
        };
        self.0.is_empty() || self.0.iter().any(is_it)
    }

    /// The same as a regular expression for the broker. `None` for all queues.
    pub(super) fn pattern(&self) -> Option<String> {
        let one = |name: &String| match name.strip_suffix('*') {
            Some(prefix) => format!("{}.*", literal(prefix)),
            None => literal(name),
        };
        let all: Vec<String> = self.0.iter().map(one).collect();
        (!all.is_empty()).then(|| format!("^({})$", all.join("|")))
    }
}

/// Text that stands for itself in a regular expression.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, c| {
        if c.is_ascii_punctuation() && c != '_' && c != '-' {
            pattern.push('\\');
        }
        pattern.push(c);
        pattern
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_anything() {
        let filter = Filter::new(&["celery".to_owned(), "mail.*".to_owned()]).unwrap();
        assert_eq!(filter.pattern().as_deref(), Some(r"^(celery|mail\..*)$"));
        for (queue, is_through) in [("celery", true), ("celery2", false), ("mail.", true), ("mail.out", true), ("mailx", false)] {
            assert_eq!(filter.lets_through(queue), is_through, "{queue}");
        }
        assert!(Filter::default().lets_through("any") && Filter::default().pattern().is_none());
    }

    #[test]
    fn what_cannot_be_asked_for_is_told() {
        for wrong in ["", "*a", "a*b", "a**", &"x".repeat(256)] {
            assert!(Filter::new(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(Filter::new(&vec!["a".to_owned(); 51]).is_err());
    }
}
