//! What is kept of an exception: its class, and where it is asked for, the first line of its message with secrets masked.
//!
//! Celery sends Python's `repr`, such as `ValueError('boom 7')`: class, message in parentheses, no module.

/// Longest class, in bytes.
const CLASS_BYTES_MAX: usize = 100;

/// Longest message, in bytes: one line of a page.
const MESSAGE_BYTES_MAX: usize = 200;

/// Digits in a row that may be a person's: telephone, identity, card.
const DIGITS_MAX: usize = 5;

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    /// Its class; `?` when the text names none.
    pub class: String,
    /// First line of its message, masked; shown only when the configuration asks for it.
    pub message: String,
}

impl Exception {
    /// Reads Python's `repr`.
    pub(super) fn of(text: &str) -> Self {
        let (class, rest) = text.split_once('(').unwrap_or((text, ""));
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let is_class = !class.is_empty() && class.len() <= CLASS_BYTES_MAX && class.chars().all(is_name);
        // A text of another form may be the message itself.
        let class = if is_class { class.to_owned() } else { "?".to_owned() };
        Self { class, message: masked(first_line(rest)) }
    }
}

/// What stands between the parentheses, up to the first end of line, which `repr` writes as `\n`.
fn first_line(rest: &str) -> &str {
    let inner = rest.strip_suffix(')').unwrap_or(rest);
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let inner = quote.map_or(inner, |quote| inner.trim_start_matches(quote).trim_end_matches(quote));
    let end = ["\\n", "\n"].iter().filter_map(|end| inner.find(end)).min().unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default()
}

/// Hides addresses of people, credentials and long numbers.
fn masked(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut is_secret_next = false;
    for word in line.split_whitespace() {
        let lower = word.to_ascii_lowercase();
        let names_secret = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "bearer"]
            .iter()
            .any(|name| lower.contains(name));
        words.push(if is_secret_next || word.contains('@') || (names_secret && word.contains(['=', ':'])) {
            "***".to_owned()
        } else {
            without_numbers(word)
        });
        is_secret_next = names_secret;
    }
    let mut line = words.join(" ");
    if line.len() > MESSAGE_BYTES_MAX {
        line.truncate(line.floor_char_boundary(MESSAGE_BYTES_MAX));
        line.push('…');
    }
    line.chars().filter(|c| !c.is_control()).collect()
}

fn without_numbers(word: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        shown.push_str(if digits.len() > DIGITS_MAX { "***" } else { &digits });
        digits.clear();
        shown.push(c);
    }
    shown.pop();
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_class_is_what_stands_before_the_parenthesis_and_nothing_else() {
        for (text, class, message) in [
            ("ValueError('boom 7')", "ValueError", "boom 7"),
            ("KeyError('k')", "KeyError", "k"),
            ("TimeLimitExceeded(300,)", "TimeLimitExceeded", "300"),
            ("OperationalError('no route\\nDETAIL: rows of Ana')", "OperationalError", "no route"),
            ("ValueError()", "ValueError", ""),
            ("Ana has no account", "?", ""),
            ("<Thing of ana@example.org>", "?", ""),
            ("", "?", ""),
        ] {
            assert_eq!(Exception::of(text), Exception { class: class.into(), message: message.into() }, "{text}");
        }
    }

    #[test]
    fn a_message_hides_people_and_secrets() {
        let told = Exception::of("X('user ana@example.org, phone 5511987654321, token=abc password: hunter2 in 3 s')").message;
        assert_eq!(told, "user *** phone ***, *** *** *** in 3 s");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,400}") {
            let told = Exception::of(&text);
            prop_assert!(told.class.len() <= CLASS_BYTES_MAX && told.message.len() <= MESSAGE_BYTES_MAX + 3);
            prop_assert!(!told.class.is_empty());
        }
    }
}
