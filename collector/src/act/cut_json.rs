//! The beginning of a JSON text as a value: what was complete before the cut.

use serde_json::Value;

/// Deepest nesting that is closed again.
const DEPTH_MAX: usize = 64;

/// Reads a JSON object or array whose end is missing; `None` when it is no JSON so far.
#[must_use]
pub(super) fn read(text: &str) -> Option<Value> {
    let text = text.trim_ascii_start();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let (end, open) = last_complete(text.as_bytes())?;
    let mut closed = text.get(..end)?.to_owned();
    closed.extend(open.iter().rev());
    serde_json::from_str(&closed).ok()
}

/// Where the last complete element ends, and which brackets are open there.
fn last_complete(bytes: &[u8]) -> Option<(usize, Vec<char>)> {
    let (mut open, mut is_text, mut is_escaped) = (Vec::new(), false, false);
    let mut found = None;
    for (at, byte) in bytes.iter().enumerate() {
        if is_text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => is_text = true,
            b'{' | b'[' => {
                open.push(if *byte == b'{' { '}' } else { ']' });
                found = Some((at + 1, open.len()));
            }
            b'}' | b']' => {
                open.pop()?;
                found = Some((at + 1, open.len()));
            }
            b',' => found = Some((at, open.len())),
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            return None;
        }
        // Everything is closed: this was no cut text.
        if open.is_empty() {
            return None;
        }
        if let Some((_, depth)) = &mut found {
            *depth = (*depth).min(open.len());
        }
    }
    let (end, depth) = found?;
    open.truncate(depth);
    Some((end, open))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_complete_is_kept() {
        for (text, expect) in [
            (r#"{"a":1,"b":[1,2,{"c":"x"#, json!({"a": 1, "b": [1, 2, {}]})),
            (r#"{"a":1,"b":{"c":2},"d":"#, json!({"a": 1, "b": {"c": 2}})),
            (r#"[{"a":"},{"},{"b"#, json!([{"a": "},{"}, {}])),
            (r#"[1,[2],3"#, json!([1, [2]])),
            (r#"["a\"#, json!([])),
            (r#"{"a":"#, json!({})),
        ] {
            assert_eq!(read(text), Some(expect), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_taken_for_it() {
        for text in ["", "plain", "{no json, at all", "[1,2] more", "}", &"[".repeat(100)] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{},:"a1\\]{0,40}"#) {
            drop(read(&text));
        }
    }
}
