//! The beginning of what is in a key, by its type.

use redis::{Cmd, Value as Answer, cmd};
use serde_json::{Map, Value, json};

use super::{
    ALL_BYTES_MAX, About, DOCUMENT_BYTES_MAX, ELEMENT_BYTES_MAX, ELEMENTS_MAX, ENTRIES_MAX, FETCHED_BYTES_MAX, TAIL_MAX,
    TEXT_BYTES_MAX, ask, number, text,
};
use crate::{
    act::{
        ActError, key,
        secret::{self, Masking, WHOLE},
        value::{self, Shown},
    },
    redis_link::Node,
};

/// What is shown.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) format: String,
    pub(super) value: Value,
    pub(super) tail: Option<Value>,
    pub(super) groups: Option<Value>,
    pub(super) raw: String,
    pub(super) is_cut: bool,
}

impl Sample {
    fn nothing(is_cut: bool) -> Self {
        Self { format: "none".to_owned(), value: Value::Null, tail: None, groups: None, raw: String::new(), is_cut }
    }
}

/// Looks into a key of any type.
pub(super) async fn take(
    node: &Node,
    key: &[u8],
    kind: &str,
    about: &About,
    is_secret: bool,
    masking: &mut Masking<'_>,
) -> Result<Sample, ActError> {
    match kind {
        "string" => return string(node, key, about, is_secret, masking).await,
        "ReJSON-RL" => return document(node, key, masking).await,
        "list" | "hash" | "set" | "zset" | "stream" => {}
        _ => return Ok(Sample::nothing(true)),
    }
    let Some(count) = count(about, if kind == "stream" { ENTRIES_MAX } else { ELEMENTS_MAX }) else {
        return Ok(Sample::nothing(true));
    };
    let mut elements = Elements { masking, is_secret, left: ALL_BYTES_MAX, is_cut: false, formats: Vec::new() };
    let (mut tail, mut groups) = (None, None);
    let value = match kind {
        "list" => {
            let (head, end) = list(node, key, about, count, &mut elements).await?;
            tail = end;
            head
        }
        "hash" => hash(node, key, count, &mut elements).await?,
        "set" => set(node, key, count, &mut elements).await?,
        "zset" => sorted_set(node, key, count, &mut elements).await?,
        _ => {
            groups = groups_of(node, key).await;
            stream(node, key, count, &mut elements).await?
        }
    };
    let shown = [Some(&value), tail.as_ref()].into_iter().flatten().map(length).sum::<usize>();
    let is_all = about.size.is_none_or(|size| usize::try_from(size).is_ok_and(|size| shown >= size));
    let (format, is_cut) = (elements.format(), elements.is_cut || !is_all);
    Ok(Sample { format, raw: value.to_string(), value, tail, groups, is_cut })
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// How many elements can be fetched, going by their mean size; `None` when one alone would be too much.
fn count(about: &About, most: u64) -> Option<u64> {
    let whole = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let (Some(memory), Some(size)) = (whole(about.memory), whole(about.size)) else { return Some(most) };
    let mean = memory / size.max(1);
    let room = FETCHED_BYTES_MAX.checked_div(mean).unwrap_or(most);
    (room > 0).then(|| room.min(most))
}

async fn string(node: &Node, key: &[u8], about: &About, is_secret: bool, masking: &mut Masking<'_>) -> Result<Sample, ActError> {
    let bytes = bytes(ask(node, cmd("GETRANGE").arg(key).arg(0).arg(TEXT_BYTES_MAX - 1)).await?);
    let is_cut = about.size.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size > bytes.len()));
    let Shown { format, value, raw, is_cut } = value::show(&bytes, is_cut, WHOLE, is_secret, masking);
    Ok(Sample { format, value, tail: None, groups: None, raw, is_cut })
}

/// A document of RedisJSON comes only as a whole, so that its size decides.
async fn document(node: &Node, key: &[u8], masking: &mut Masking<'_>) -> Result<Sample, ActError> {
    let memory = number(&ask(node, cmd("JSON.DEBUG").arg("MEMORY").arg(key)).await?);
    if !memory.is_some_and(|memory| u64::try_from(memory).is_ok_and(|memory| memory < DOCUMENT_BYTES_MAX)) {
        return Ok(Sample::nothing(true));
    }
    let bytes = bytes(ask(node, cmd("JSON.GET").arg(key)).await?);
    let Shown { format, value, raw, is_cut } = value::show(&bytes, false, WHOLE, false, masking);
    Ok(Sample { format, value, tail: None, groups: None, raw, is_cut })
}

/// Elements on their way to be shown, as long as there is room.
struct Elements<'a, 'b> {
    masking: &'a mut Masking<'b>,
    /// Whether the key's own name says that what is in it is secret.
    is_secret: bool,
    left: usize,
    is_cut: bool,
    formats: Vec<String>,
}

impl Elements<'_, '_> {
    /// One element; `None` when there is no room for more.
    fn show(&mut self, bytes: &[u8], path: &str, is_secret: bool) -> Option<Value> {
        if self.left == 0 {
            self.is_cut = true;
            return None;
        }
        let most = bytes.len().min(ELEMENT_BYTES_MAX).min(self.left);
        let is_cut = most < bytes.len();
        self.left -= most.max(1);
        let shown = value::show(bytes.get(..most).unwrap_or_default(), is_cut, path, is_secret, self.masking);
        self.is_cut |= shown.is_cut;
        if !self.formats.contains(&shown.format) {
            self.formats.push(shown.format);
        }
        Some(shown.value)
    }

    fn list(&mut self, items: Vec<Answer>, from: u64) -> Value {
        let mut shown = Vec::new();
        for (at, item) in (from..).zip(items) {
            let Some(value) = self.show(&bytes(item), &format!("[{at}]"), self.is_secret) else { break };
            shown.push(value);
        }
        shown.into()
    }

    /// Pairs of a name and a value; `path` stands before each name.
    fn fields(&mut self, pairs: Vec<Answer>, path: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut pairs = pairs.into_iter();
        while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
            let name = bytes(name);
            let short = name.get(..name.len().min(ELEMENT_BYTES_MAX)).unwrap_or_default();
            let name = key::escape(short);
            self.left = self.left.saturating_sub(short.len());
            let is_secret = secret::is_secret(&name);
            let Some(value) = self.show(&bytes(value), &format!("{path}{name}"), is_secret) else { break };
            fields.insert(name, value);
        }
        fields
    }

    fn format(&self) -> String {
        match &self.formats[..] {
            [] => "none".to_owned(),
            [one] => one.clone(),
            _ => "mixed".to_owned(),
        }
    }
}

async fn list(
    node: &Node,
    key: &[u8],
    about: &About,
    count: u64,
    elements: &mut Elements<'_, '_>,
) -> Result<(Value, Option<Value>), ActError> {
    let head = elements.list(items(ask(node, cmd("LRANGE").arg(key).arg(0).arg(count - 1)).await?), 0);
    let size = about.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
    let last = size.saturating_sub(count).min(TAIL_MAX).min(count);
    if last == 0 {
        return Ok((head, None));
    }
    let from = format!("-{last}");
    let tail = elements.list(items(ask(node, cmd("LRANGE").arg(key).arg(from).arg(-1)).await?), size - last);
    Ok((head, Some(tail)))
}

async fn hash(node: &Node, key: &[u8], count: u64, elements: &mut Elements<'_, '_>) -> Result<Value, ActError> {
    let pairs = scanned(ask(node, cmd("HSCAN").arg(key).arg(0).arg("COUNT").arg(count)).await?);
    Ok(elements.fields(pairs, "").into())
}

async fn set(node: &Node, key: &[u8], count: u64, elements: &mut Elements<'_, '_>) -> Result<Value, ActError> {
    let members = scanned(ask(node, cmd("SSCAN").arg(key).arg(0).arg("COUNT").arg(count)).await?);
    Ok(elements.list(members, 0))
}

async fn sorted_set(node: &Node, key: &[u8], count: u64, elements: &mut Elements<'_, '_>) -> Result<Value, ActError> {
    let command = cmd("ZRANGE").arg(key).arg(0).arg(count - 1).arg("WITHSCORES").to_owned();
    let mut pairs = items(ask(node, &command).await?).into_iter();
    let mut members = Vec::new();
    while let (Some(member), Some(score)) = (pairs.next(), pairs.next()) {
        let path = format!("[{}]", members.len());
        let Some(member) = elements.show(&bytes(member), &path, elements.is_secret) else { break };
        members.push(json!({"member": member, "score": score_of(score)}));
    }
    Ok(members.into())
}

/// A score; infinite ones, which JSON has no number for, as text.
fn score_of(answer: Answer) -> Value {
    let text = String::from_utf8_lossy(&bytes(answer)).into_owned();
    match text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
        Some(number) => number.into(),
        None => text.into(),
    }
}

async fn stream(node: &Node, key: &[u8], count: u64, elements: &mut Elements<'_, '_>) -> Result<Value, ActError> {
    let command = cmd("XRANGE").arg(key).arg("-").arg("+").arg("COUNT").arg(count).to_owned();
    let mut entries = Vec::new();
    for entry in items(ask(node, &command).await?) {
        let mut parts = items(entry).into_iter();
        let (Some(id), Some(pairs)) = (parts.next(), parts.next()) else { continue };
        if elements.left == 0 {
            elements.is_cut = true;
            break;
        }
        let id = text(&id).unwrap_or_default();
        let fields = elements.fields(items(pairs), &format!("{id}."));
        entries.push(json!({"id": id, "fields": fields}));
    }
    Ok(entries.into())
}

/// Consumer groups, when they may be asked for.
async fn groups_of(node: &Node, key: &[u8]) -> Option<Value> {
    let command: Cmd = cmd("XINFO").arg("GROUPS").arg(key).to_owned();
    let groups: Vec<Value> = items(ask(node, &command).await.ok()?)
        .into_iter()
        .take(usize::try_from(ELEMENTS_MAX).unwrap_or(usize::MAX))
        .map(|group| {
            let parts = items(group);
            let of = |name: &str| {
                let at = parts.iter().step_by(2).position(|part| text(part).as_deref() == Some(name))?;
                parts.get(at * 2 + 1)
            };
            json!({"name": of("name").and_then(text), "consumers": of("consumers").and_then(number),
                "pending": of("pending").and_then(number), "last_id": of("last-delivered-id").and_then(text)})
        })
        .collect();
    Some(groups.into())
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::BulkString(bytes) => bytes,
        Answer::SimpleString(text) => text.into_bytes(),
        Answer::Int(number) => number.to_string().into_bytes(),
        Answer::Double(number) => number.to_string().into_bytes(),
        _ => Vec::new(),
    }
}

fn items(answer: Answer) -> Vec<Answer> {
    match answer {
        Answer::Array(items) | Answer::Set(items) => items,
        _ => Vec::new(),
    }
}

/// The elements of a `..SCAN` answer, without its cursor.
fn scanned(answer: Answer) -> Vec<Answer> {
    items(answer).into_iter().nth(1).map(items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_fetched_as_there_is_room_for() {
        let about = |memory, size| About { memory: Some(memory), size: Some(size) };
        assert_eq!(count(&about(5_000, 100), 50), Some(50));
        assert_eq!(count(&about(100 << 20, 100), 50), Some(8));
        assert_eq!(count(&about(100 << 20, 1), 50), None);
        assert_eq!(count(&About { memory: None, size: Some(9) }, 50), Some(50));
        assert_eq!(count(&about(0, 0), 50), Some(50));
    }
}
