//! Panics: Rust and Go. Their errors have no type at run time, so the kind is the sort of panic.

use super::{Found, Lines};

/// `thread 'main' (29573) panicked at src/main.rs:1:204:` with the message on the next line; before Rust 1.73
/// `thread 'main' panicked at 'message', src/main.rs:1:204`.
pub(super) fn rust<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    const SIGN: &str = "panicked at ";
    let head = lines.position(|line| line.contains("thread '") && line.contains(SIGN))?;
    let line = lines.get(head);
    let (_, place) = line.split_once(SIGN)?;
    let old = place.strip_prefix('\'').and_then(|rest| rest.rsplit_once("', ")).map(|(message, _)| message);
    let message = old.unwrap_or_else(|| lines.get(head + 1));
    let from = lines.start(head) + line.find("thread '")?;
    Some(Found { kind: "panic", message, from })
}

/// `panic: ...`, `fatal error: ...`, and what `net/http` prints of a panic in one of its handlers.
pub(super) fn go<'a>(lines: &Lines<'a>) -> Option<Found<'a>> {
    for (index, line) in lines.iter() {
        let from = lines.start(index);
        if let Some(what) = line.strip_prefix("panic: ") {
            let (kind, message) = of_panic(what);
            return Some(Found { kind, message, from });
        }
        if let Some(message) = line.strip_prefix("fatal error: ")
            && lines.position(|line| line.starts_with("goroutine ") || line.starts_with("runtime")).is_some()
        {
            return Some(Found { kind: "fatal error", message, from });
        }
        if let Some((_, rest)) = line.split_once("panic serving ")
            && let Some((_, what)) = rest.split_once(": ")
        {
            let (kind, message) = of_panic(what);
            return Some(Found { kind, message, from });
        }
    }
    None
}

/// The kind of a panic: of the runtime's errors their text without its numbers, of a value its type, else `panic`.
fn of_panic(what: &str) -> (&str, &str) {
    let what = what.trim_end_matches(" [recovered]").trim_end_matches(" [recovered, repanicked]");
    if what.starts_with("runtime error: ") {
        let end = what.find(" [").unwrap_or(what.len());
        return (what.get(..end).unwrap_or(what), what);
    }
    let is_name =
        |name: &str| name.contains('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._*".contains(&byte));
    let value = what.split_once('{').map(|(name, _)| name).filter(|name| is_name(name));
    let typed = what.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(name, _)| name).filter(|name| is_name(name));
    (value.or(typed).unwrap_or("panic"), what)
}
