//! The exception in a text: its type, its message and its stack, for the languages that services are written in.
//!
//! Told is the exception that came out: of a chain the one that ended it, with its causes in the stack.

mod frames;
mod panics;
mod python;
mod scripts;

/// An exception as a program printed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its type, such as `KeyError` or `java.lang.IllegalStateException`.
    pub kind: String,
    /// The first line of its message; may be empty.
    pub message: String,
    /// Everything from the first line of the trace to the last.
    pub stack: String,
}

/// A part of a text, found by one of the languages: type, message, and where the trace begins in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found<'a> {
    kind: &'a str,
    message: &'a str,
    from: usize,
}

/// Longest type that is believed, in bytes.
const KIND_BYTES_MAX: usize = 200;

type Find = for<'a> fn(&Lines<'a>) -> Option<Found<'a>>;

/// The languages, the surest first: frames of the form `at ...` are the least sure.
const LANGUAGES: &[Find] = &[python::find, panics::rust, panics::go, scripts::php, scripts::ruby, frames::find];

/// The exception that a text tells of.
#[must_use]
pub fn find(text: &str) -> Option<Exception> {
    let lines = Lines::new(text);
    let found = LANGUAGES.iter().find_map(|find| find(&lines))?;
    let kind = found.kind.trim();
    if kind.is_empty() || kind.len() > KIND_BYTES_MAX {
        return None;
    }
    let stack = text.get(found.from..).unwrap_or_default().trim_matches('\n');
    Some(Exception { kind: kind.to_owned(), message: found.message.trim().to_owned(), stack: stack.to_owned() })
}

/// The exception that one line without a trace names: `TypeError: x is not a function`. For lines that are known to be
/// errors, as any line may speak of one.
#[must_use]
pub fn named(text: &str) -> Option<Exception> {
    let line = text.lines().next().unwrap_or_default();
    let (kind, message) = frames::named_in(line)?;
    Some(Exception { kind: kind.to_owned(), message: message.trim().to_owned(), stack: String::new() })
}

/// The lines of a text with the places where they begin.
#[derive(Debug)]
struct Lines<'a> {
    text: &'a str,
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let mut from = 0;
        let lines = text.split('\n').map(|line| {
            let start = from;
            from += line.len() + 1;
            (start, line.strip_suffix('\r').unwrap_or(line))
        });
        Self { text, lines: lines.collect() }
    }

    fn get(&self, index: usize) -> &'a str {
        self.lines.get(index).map_or("", |(_, line)| line)
    }

    fn start(&self, index: usize) -> usize {
        self.lines.get(index).map_or(self.text.len(), |(start, _)| *start)
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &'a str)> + '_ {
        self.lines.iter().enumerate().map(|(index, (_, line))| (index, *line))
    }

    fn position(&self, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        self.lines.iter().position(|(_, line)| is_it(line))
    }
}

/// Whether a word can be the name of a type: parts of letters, digits and underscores between `.`, `$`, `::`, `\` or `/`,
/// the last one with a capital at its beginning.
fn is_type(word: &str) -> bool {
    let last = word.rsplit(['.', '$', ':', '\\', '/']).next().unwrap_or_default();
    let is_named = last.starts_with(|first: char| first.is_ascii_uppercase());
    let is_plain =
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b':' | b'\\' | b'/'));
    let begins = word.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '\\'));
    is_named && is_plain && begins && word.len() <= KIND_BYTES_MAX
}

/// Whether a type says by its name that it is an exception.
fn is_error_type(word: &str) -> bool {
    const ENDS: &[&str] =
        &["Error", "Exception", "Fault", "Failure", "Throwable", "Interrupt", "Warning", "ExceptionGroup", "Timeout", "Exit"];
    is_type(word) && ENDS.iter().any(|end| word.ends_with(end)) && !matches!(word, "Error" | "Exception" | "Warning" | "Exit")
        || matches!(word, "Error" | "Exception")
}

/// Whether a line without a log's head is the first of an exception: `TypeError: x`, `a.b.C$D`, `Exception in thread ...`.
pub(super) fn is_first_line(line: &str) -> bool {
    if line.starts_with("Exception in thread ") || line.starts_with("Unhandled exception. ") {
        return true;
    }
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let kind = line.split_once(": ").map_or(line, |(kind, _)| kind);
    let kind = kind.split_once(" [").map_or(kind, |(kind, _)| kind).trim_end_matches(':');
    is_error_type(kind) || (is_type(kind) && kind.contains(['.', '$', '\\']) && !kind.contains('/'))
}

/// Whether a line is one of Ruby's own: `file.rb:2:in 'x': message (Class)`.
pub(super) fn is_ruby_line(line: &str) -> bool {
    scripts::ruby_head(line).is_some()
}

#[cfg(test)]
mod tests;
