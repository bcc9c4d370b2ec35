//! PHP and Ruby, which put the type into the line that says what went wrong.

use super::{Found, Lines, is_type};

/// `PHP Fatal error:  Uncaught App\Error: message in file:line`, and the form of Laravel's log.
pub(super) fn php<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    for (index, line) in lines.iter() {
        if let Some((_, rest)) = line.split_once("[object] (")
            && let Some((kind, rest)) = rest.split_once("(code: ")
            && is_type(kind.trim_start_matches('\\'))
        {
            let message = rest.split_once("): ").map_or("", |(_, message)| message);
            return Some(Found { kind, message: until_place(message, " at "), from: lines.start(index) });
        }
        let is_error = line.contains("Fatal error: ") || line.contains("Parse error: ") || line.contains("PHP message: ");
        if !is_error {
            continue;
        }
        let from = lines.start(index);
        if let Some((_, rest)) = line.split_once("Uncaught ") {
            let (kind, message) = rest.split_once(": ").unwrap_or_else(|| rest.split_once(" in ").unwrap_or((rest, "")));
            if is_type(kind.trim_start_matches('\\')) {
                return Some(Found { kind, message: until_place(message, " in "), from });
            }
        }
        let kind = if line.contains("Parse error: ") { "Parse error" } else { "Fatal error" };
        if let Some((_, message)) = line.split_once(kind)
            && line.trim_start().starts_with("PHP ")
        {
            return Some(Found { kind, message: until_place(message.trim_start_matches([':', ' ']), " in "), from });
        }
    }
    None
}

/// A message without the place that follows it.
fn until_place<'a>(message: &'a str, before: &str) -> &'a str {
    message.rfind(before).and_then(|end| message.get(..end)).unwrap_or(message)
}

/// `file.rb:2:in 'x': message (Class)`, and `Class (message):` of Rails with a trace behind it.
pub(super) fn ruby<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    for (index, line) in lines.iter() {
        let from = lines.start(index);
        if let Some((kind, message)) = ruby_head(line) {
            return Some(Found { kind, message, from });
        }
        let text = line.trim_start();
        if let Some((kind, rest)) = text.split_once(" (")
            && let Some(message) = rest.strip_suffix("):")
            && is_type(kind)
        {
            return Some(Found { kind, message, from });
        }
    }
    None
}

/// Class and message of the line with which Ruby begins.
pub(super) fn ruby_head(line: &str) -> Option<(&str, &str)> {
    let (head, kind) = line.strip_suffix(')')?.rsplit_once(" (")?;
    let is_place = head.contains(":in `") || head.contains(":in '") || head.contains(".rb:");
    if !is_place || !is_type(kind) || kind.contains(['.', '/', '\\', '$']) {
        return None;
    }
    let message = head.split_once("': ").or_else(|| head.split_once(": ")).map_or("", |(_, message)| message);
    Some((kind, message))
}
