//! Lists in the configuration: tables in the file, or words between commas in a variable.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

/// What stands in a list: a table with named fields, or one word that says the same.
pub trait Item: Sized {
    /// Reads one word of a variable.
    ///
    /// # Errors
    /// Says what is wrong with it and how it is written.
    fn from_word(word: &str) -> Result<Self, String>;
}

/// A list of things that may stand several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Item + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables, a list of texts, or one text with commas between its parts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| T::from_word(word).map_err(E::custom)).collect::<Result<_, _>>().map(List)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List<T>, A::Error> {
        let entries: Vec<Entry<T>> = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(List(entries.into_iter().map(|entry| entry.0).collect()))
    }
}

struct Entry<T>(T);

impl<'de, T: Item + Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One<T>(PhantomData<T>);
        impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for One<T> {
            type Value = Entry<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or a text")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Entry<T>, E> {
                T::from_word(word.trim()).map(Entry).map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Entry<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Entry)
            }
        }
        deserializer.deserialize_any(One(PhantomData))
    }
}

/// Reads one thing from a word, for tests and for single values.
///
/// # Errors
/// As [`Item::from_word`].
pub fn from_word<T: Item + for<'de> Deserialize<'de>>(word: &str) -> Result<List<T>, de::value::Error> {
    let text: de::value::StrDeserializer<'_, de::value::Error> = word.into_deserializer();
    List::deserialize(text)
}
