//! Languages whose frames begin with `at`: Java and Kotlin, JavaScript, .NET.

use super::{Found, Lines, is_error_type, is_type};

/// How far above its first frame the type of an exception may stand: its message may have several lines.
const HEAD_LINES_MAX: usize = 20;

/// The exception above the first frame; without frames one that .NET or Java says is unhandled.
pub(super) fn find<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    let frame = lines.position(is_frame).filter(|frame| *frame > 0);
    let Some(frame) = frame else {
        return lines.iter().find_map(|(index, line)| {
            let rest = unhandled(line)?;
            let (kind, message) = head(rest)?;
            Some(Found { kind, message, from: lines.start(index) })
        });
    };
    let above = (frame.saturating_sub(HEAD_LINES_MAX)..frame).rev();
    for index in above {
        let line = lines.get(index);
        let text = line.trim_start();
        // Inner exceptions of .NET and causes of Java stand between the exception and its frames.
        if text.starts_with("---> ") || text.starts_with("Caused by: ") || text.is_empty() {
            continue;
        }
        let text = unhandled(text).unwrap_or(text);
        if let Some((kind, message)) = head(text) {
            return Some(Found { kind, message, from: lines.start(index) });
        }
        if let Some((kind, message)) = named_in(text) {
            let from = lines.start(index) + (line.len() - text.len()) + (text.find(kind)?);
            return Some(Found { kind, message, from });
        }
    }
    None
}

/// `    at f (file:1:2)`, `\tat a.B.c(B.java:1)`, `   at A.B() in file:line 1`.
fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    text.len() < line.len() && text.starts_with("at ")
}

/// What stands behind the words that say nobody caught it.
fn unhandled(line: &str) -> Option<&str> {
    if let Some(rest) = line.split_once("Exception in thread \"").map(|(_, rest)| rest) {
        return rest.split_once("\" ").map(|(_, rest)| rest);
    }
    let signs = ["Unhandled exception. ", "Unhandled Exception: ", "Unhandled exception: ", "Uncaught "];
    signs.iter().find_map(|sign| line.split_once(sign).map(|(_, rest)| rest))
}

/// A whole line `Type: message`, `Type [CODE]: message` or `Type`.
fn head(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.split_once(": ").unwrap_or((line, ""));
    let kind = kind.trim_end_matches(':');
    let kind = kind.split_once(" [").filter(|(_, code)| code.ends_with(']')).map_or(kind, |(kind, _)| kind);
    is_type(kind).then_some((kind, message))
}

/// A type somewhere in a line that says by its name that it is an exception, with `: ` behind it or at the line's end.
pub(super) fn named_in(line: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    for word in line.split(' ') {
        let end = from + word.len();
        let kind = word.trim_start_matches(['"', '\'', '(', '[']);
        let is_last = end == line.len();
        let after = line.get(end..).unwrap_or_default();
        // `Error [ERR_CODE]: message` of Node.
        let coded = after.strip_prefix(" [").and_then(|rest| rest.split_once("]: ")).filter(|(code, _)| !code.contains(' '));
        let named = kind.strip_suffix(':').or(is_last.then_some(kind)).map(|kind| (kind, after));
        let named = named.or(coded.map(|(_, message)| (kind, message)));
        if let Some((kind, message)) = named.filter(|(kind, _)| is_error_type(kind)) {
            return Some((kind, message));
        }
        from = end + 1;
    }
    None
}
