//! JSON objects read field by field: values stay text until they are asked for, so that a body costs no more memory than
//! its own bytes, however it is made, and every fault can name its field.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Most fields of one object that are looked at; the rest are as unknown ones.
const FIELDS_MAX: usize = 128;

/// The fields of one object, in their order. When a name comes twice, the first counts; `null` counts as absent.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// What is wrong with a field, as the rest of a sentence that begins with its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}{problem}", if field.is_empty() { "it " } else { " " })]
pub(super) struct Fault {
    /// Its name; empty for the whole object.
    pub(super) field: Cow<'static, str>,
    /// What is wrong.
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        Self { field: field.into(), problem: problem.to_string() }
    }
}

impl<'a> Fields<'a> {
    /// Reads an object. `None` when the text is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The fields and their JSON texts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (&**name, value.get()))
    }

    /// The JSON text of a field; `None` when it is absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get()).filter(|text| *text != "null")
    }

    /// A text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        self.typed(name, "must be a text", text)
    }

    /// A text, or a whole number as text: what names something.
    pub(super) fn id(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        let id = |json: &'a str| text(json).or_else(|| serde_json::from_str::<i128>(json).ok().map(|_| Cow::Borrowed(json)));
        self.typed(name, "must be a text or a whole number", id)
    }

    /// A finite number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<f64>, Fault> {
        self.typed(name, "must be a number", |json| serde_json::from_str(json).ok().filter(|number: &f64| number.is_finite()))
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &'static str) -> Result<Option<i64>, Fault> {
        self.typed(name, "must be a whole number", |json| serde_json::from_str(json).ok())
    }

    /// An object.
    pub(super) fn object(&self, name: &'static str) -> Result<Option<Self>, Fault> {
        self.typed(name, "must be an object", Self::read)
    }

    /// A list of at most `max` values, as JSON texts.
    pub(super) fn list(&self, name: &'static str, max: usize) -> Result<Vec<&'a str>, Fault> {
        let problem = format!("must be a list of at most {max}");
        self.typed(name, &problem, |json| list(json, max)).map(Option::unwrap_or_default)
    }

    fn typed<T>(&self, name: &'static str, problem: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, Fault> {
        self.raw(name).map(|json| read(json).ok_or_else(|| Fault::new(name, problem))).transpose()
    }
}

/// The text that a JSON text stands for.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Text(text)| text)
}

/// The values of a JSON list, as JSON texts; `None` when it is none or longer than `max`.
pub(super) fn list(json: &str, max: usize) -> Option<Vec<&str>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let values = reader.deserialize_seq(Values(max)).ok()?;
    reader.end().ok()?;
    Some(values)
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    if fields.len() < FIELDS_MAX {
                        fields.push((name, map.next_value()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A text, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrows;
        impl<'de> Visitor<'de> for Borrows {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrows)
    }
}

/// Collects a list up to its bound.
struct Values(usize);

impl<'de> Visitor<'de> for Values {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {}", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<&RawValue>()? {
            if values.len() == self.0 {
                return Err(de::Error::invalid_length(self.0 + 1, &self));
            }
            values.push(value.get());
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_as_what_is_asked_for() {
        let fields =
            Fields::read(r#"{"a":"x\u00e9","n":1.5,"i":-7,"s":"5","o":{"k":[1]},"l":[1,{"b":2}],"z":null,"\u0062":"escaped"}"#)
                .unwrap();
        assert_eq!(fields.text("a").unwrap().as_deref(), Some("x\u{e9}"));
        assert_eq!(fields.text("b").unwrap().as_deref(), Some("escaped"));
        assert_eq!(fields.number("n"), Ok(Some(1.5)));
        assert_eq!(fields.whole("i"), Ok(Some(-7)));
        assert_eq!(fields.id("i").unwrap().as_deref(), Some("-7"));
        assert_eq!(fields.id("s").unwrap().as_deref(), Some("5"));
        assert_eq!(fields.object("o").unwrap().unwrap().raw("k"), Some("[1]"));
        assert_eq!(fields.list("l", 2), Ok(vec!["1", r#"{"b":2}"#]));
        assert_eq!(fields.text("z"), Ok(None));
        assert_eq!(fields.whole("n").unwrap_err().to_string(), "n must be a whole number");
        assert_eq!(fields.list("l", 1).unwrap_err().to_string(), "l must be a list of at most 1");
        assert_eq!(fields.number("a").unwrap_err().to_string(), "a must be a number");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Some(fields) = Fields::read(&text) {
                for (_, json) in fields.iter() {
                    drop((super::text(json), list(json, 3), Fields::read(json)));
                }
            }
        }
    }
}
