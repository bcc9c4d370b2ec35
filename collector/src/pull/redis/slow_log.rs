//! The answer to `SLOWLOG GET`, cut to names and numbers: what was written and read is nobody's business here.

use redis::Value;
use serde::Serialize;
use utoipa::ToSchema;

/// Most entries that are asked for and shown.
pub const ENTRIES_MAX: usize = 16;

/// Longest name of a command, in bytes; modules have names such as `ft.search`.
const NAME_BYTES_MAX: usize = 32;

/// A command that took long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlowCommand {
    /// When it ran, in ms since the epoch.
    pub time: i64,
    /// How long it ran, in microseconds.
    pub duration_us: i64,
    /// Its name and how many arguments it had; neither keys nor values.
    pub command: String,
    /// Node of a Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// Reads an answer; entries of another shape are left out.
#[must_use]
pub fn parse(answer: &Value) -> Vec<SlowCommand> {
    let Value::Array(entries) = answer else { return Vec::new() };
    entries.iter().take(ENTRIES_MAX).filter_map(entry).collect()
}

fn entry(entry: &Value) -> Option<SlowCommand> {
    let Value::Array(fields) = entry else { return None };
    let [_, Value::Int(seconds), Value::Int(duration_us), Value::Array(words), ..] = fields.as_slice() else { return None };
    Some(SlowCommand { time: seconds.checked_mul(1_000)?, duration_us: *duration_us, command: shown(words), node: None })
}

fn shown(words: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    };
    let name: String = words.first().map(text).unwrap_or_default().to_ascii_uppercase();
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_BYTES_MAX).collect();
    // Redis keeps 32 words; the last then says how many it left out.
    let left_out = words.last().map(text).and_then(|last| {
        let rest = last.strip_prefix("... (")?.strip_suffix(" more arguments)")?.to_owned();
        rest.parse::<usize>().ok()
    });
    let count = match left_out {
        Some(more) => words.len().saturating_sub(2).saturating_add(more),
        None => words.len().saturating_sub(1),
    };
    match count {
        0 => name,
        1 => format!("{name} (1 argument)"),
        _ => format!("{name} ({count} arguments)"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::BulkString(word.as_bytes().to_vec())).collect())
    }

    fn logged(command: Value) -> Value {
        let client = Value::BulkString(b"127.0.0.1:1".to_vec());
        Value::Array(vec![Value::Array(vec![Value::Int(7), Value::Int(1_795_237_568), Value::Int(12_345), command, client])])
    }

    #[test]
    fn a_slow_command_shows_no_key_and_no_value() {
        let read = parse(&logged(words(&["set", "user:7", "s3cr3t"])));
        assert_eq!(
            read,
            [SlowCommand { time: 1_795_237_568_000, duration_us: 12_345, command: "SET (2 arguments)".to_owned(), node: None }]
        );
        assert_eq!(parse(&logged(words(&["keys", "*"])))[0].command, "KEYS (1 argument)");
        let mut long = vec!["del"; 31];
        long.push("... (969 more arguments)");
        assert_eq!(parse(&logged(words(&long)))[0].command, "DEL (999 arguments)");
        assert_eq!(parse(&Value::Array(vec![Value::Nil, Value::Array(vec![])])), []);
    }

    proptest! {
        #[test]
        fn any_answer_of_redis_is_read(bytes: Vec<u8>) {
            if let Ok(value) = redis::parse_redis_value(&bytes) {
                assert!(parse(&value).len() <= ENTRIES_MAX && parse(&logged(value)).len() <= 1);
            }
        }
    }
}
