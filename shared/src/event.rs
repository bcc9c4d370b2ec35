//! Events: the types that Farol knows, with their fields, as one table; what is private in them, and the check of both.
//!
//! Any other well-formed name is a custom event, whose fields are not checked. Fields that are not in the table are
//! accepted everywhere. Private fields are masked in every event, known or custom, at any depth.

use std::fmt;

use serde_json::Value;

use crate::limit;

/// What stands for a private value. It keeps nothing of it, not even its length.
pub const MASK: &str = "***";

/// Names of the fields whose values are personal, wherever they stand in a payload.
pub const PRIVATE: &[&str] = &["to", "from", "prompt", "response", "customer", "user"];

/// A type of event that Farol knows.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field of a known event.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in the payload.
    pub name: &'static str,
    /// What its value must be.
    pub kind: FieldKind,
    /// Whether it must be there. A private one rarely must: nobody has to tell personal data to have an event counted.
    pub is_required: bool,
    /// Whether its value is masked unless configured otherwise.
    pub is_private: bool,
}

/// What the value of a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A text that is not empty, or a whole number.
    Id,
    /// A whole number, not negative.
    Count,
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
    /// A text in RFC 3339, or a number of seconds or milliseconds since the epoch.
    Time,
}

const fn must(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, is_required: true, is_private: false }
}

const fn may(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, is_required: false, is_private: false }
}

const fn private(field: Field) -> Field {
    Field { is_private: true, ..field }
}

/// Every known event.
pub const KNOWN: &[Known] = &[
    Known {
        name: "MessageSent",
        fields: &[
            must("message_id", FieldKind::Id),
            private(may("to", FieldKind::Text)),
            must("status", FieldKind::Text),
            may("timestamp", FieldKind::Time),
        ],
    },
    Known {
        name: "MessageReceived",
        fields: &[private(must("from", FieldKind::Text)), may("message", FieldKind::Text), may("timestamp", FieldKind::Time)],
    },
    Known {
        name: "ConversationStarted",
        fields: &[must("conversation_id", FieldKind::Id), private(may("customer", FieldKind::Id))],
    },
    Known {
        name: "TicketCreated",
        fields: &[must("ticket_id", FieldKind::Id), private(may("customer", FieldKind::Id)), may("issue", FieldKind::Text)],
    },
    Known {
        name: "CampaignUpdate",
        fields: &[
            must("campaign_id", FieldKind::Id),
            must("sent", FieldKind::Count),
            must("opened", FieldKind::Count),
            must("clicked", FieldKind::Count),
        ],
    },
    Known {
        name: "AIInteraction",
        fields: &[
            private(may("user", FieldKind::Id)),
            private(may("prompt", FieldKind::Text)),
            private(may("response", FieldKind::Text)),
            must("tokens", FieldKind::Count),
        ],
    },
    Known {
        name: "ERPCall",
        fields: &[
            must("provider", FieldKind::Text),
            must("endpoint", FieldKind::Text),
            must("response_time", FieldKind::Number),
            must("success", FieldKind::Truth),
        ],
    },
    Known {
        name: "SystemAlert",
        fields: &[
            must("rule_id", FieldKind::Id),
            must("condition", FieldKind::Text),
            must("threshold", FieldKind::Number),
            must("current_value", FieldKind::Number),
        ],
    },
];

/// What is wrong with an event, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    /// The field: `type`, `payload`, or `payload.NAME`.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence that begins with its name.
    pub problem: String,
}

impl FieldError {
    fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { field: field.into(), problem: problem.to_string() }
    }
}

impl FieldKind {
    /// What the value must be, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Id => "a text or a whole number",
            Self::Count => "a whole number that is not negative",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Time => "a time in RFC 3339 or a number",
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Id => value.as_str().is_some_and(|text| !text.is_empty()) || value.is_i64() || value.is_u64(),
            Self::Count => value.is_u64(),
            Self::Number => value.is_number(),
            Self::Truth => value.is_boolean(),
            Self::Time => value.as_str().is_some_and(|text| !text.is_empty()) || value.is_number(),
        }
    }
}

/// The known event of a name; `None` for a custom one.
#[must_use]
pub fn known(kind: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == kind)
}

/// Checks the name of an event and, if it is a known one, its fields. A field that is `null` counts as absent.
///
/// # Errors
/// [`FieldError`] with the first field that is wrong.
pub fn check(kind: &str, payload: &Value) -> Result<(), FieldError> {
    if !is_name(kind) {
        let problem = format_args!(
            "must begin with a letter and have letters, digits, '.', '_', '-' only, {} at most",
            limit::NAME_BYTES_MAX
        );
        return Err(FieldError::new("type", problem));
    }
    let Some(fields) = payload.as_object() else { return Err(FieldError::new("payload", "must be an object")) };
    for field in known(kind).map_or(&[][..], |known| known.fields) {
        let path = || format!("payload.{}", field.name);
        match fields.get(field.name).filter(|value| !value.is_null()) {
            None if field.is_required => {
                return Err(FieldError::new(path(), format_args!("is missing: {kind} needs {}", field.kind.words())));
            }
            Some(value) if !field.kind.takes(value) => {
                return Err(FieldError::new(path(), format_args!("must be {}", field.kind.words())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Replaces the value of every private field, at any depth, by [`MASK`].
pub fn mask(payload: &mut Value) {
    match payload {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| {
            if PRIVATE.iter().any(|private| name.eq_ignore_ascii_case(private)) {
                *value = Value::from(MASK);
            } else {
                mask(value);
            }
        }),
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_name(kind: &str) -> bool {
    kind.len() <= limit::NAME_BYTES_MAX
        && kind.starts_with(|first: char| first.is_ascii_alphabetic())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn problem(kind: &str, payload: &Value) -> String {
        check(kind, payload).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_private_field_of_the_table_is_masked_everywhere() {
        for known in KNOWN {
            for field in known.fields {
                assert_eq!(field.is_private, PRIVATE.contains(&field.name), "{}.{}", known.name, field.name);
            }
        }
    }

    #[test]
    fn known_events_are_checked_field_by_field() {
        let sent = json!({"message_id": "m1", "to": "+55 11 99999-0000", "status": "sent", "extra": [1]});
        assert_eq!(check("MessageSent", &sent), Ok(()));
        assert_eq!(problem("MessageSent", &json!({"message_id": "m1"})), "payload.status is missing: MessageSent needs a text");
        assert_eq!(
            problem("MessageSent", &json!({"message_id": null, "status": "sent"})),
            "payload.message_id is missing: MessageSent needs a text or a whole number"
        );
        assert_eq!(problem("MessageSent", &json!({"message_id": 7, "status": 1})), "payload.status must be a text");
        assert_eq!(
            problem("AIInteraction", &json!({"tokens": -1})),
            "payload.tokens must be a whole number that is not negative"
        );
        let call = json!({"provider": "sap", "endpoint": "/orders", "response_time": 12.5, "success": "yes"});
        assert_eq!(problem("ERPCall", &call), "payload.success must be true or false");
        assert_eq!(problem("ERPCall", &json!([])), "payload must be an object");
    }

    #[test]
    fn custom_events_need_a_name_only() {
        assert_eq!(check("order.paid", &json!({"tokens": "many"})), Ok(()));
        for name in ["", "9lives", "with space", "a/b", "caf\u{e9}", &"a".repeat(limit::NAME_BYTES_MAX + 1)] {
            assert!(problem(name, &json!({})).starts_with("type must begin with a letter"), "{name}");
        }
    }

    #[test]
    fn nothing_of_a_private_value_is_kept_at_any_depth() {
        let mut payload = json!({
            "to": "ana@example.com", "From": {"name": "Bia"}, "customer": 17, "user": null, "status": "sent",
            "turns": [{"prompt": "hello", "response": ["hi"], "tokens": 3}],
        });
        mask(&mut payload);
        let masked = json!({
            "to": MASK, "From": MASK, "customer": MASK, "user": MASK, "status": "sent",
            "turns": [{"prompt": MASK, "response": MASK, "tokens": 3}],
        });
        assert_eq!(payload, masked);
    }

    proptest! {
        #[test]
        fn any_event_is_accepted_or_refused(kind in ".{0,20}", text in ".{0,80}") {
            let payload = serde_json::from_str(&text).unwrap_or(Value::String(text));
            if let Err(error) = check(&kind, &payload) {
                prop_assert!(!error.field.is_empty() && !error.problem.is_empty());
            }
        }
    }
}
