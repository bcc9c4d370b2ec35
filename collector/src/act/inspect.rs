//! Looking at one key, bounded: what it is, how large, until when, and the beginning of what is in it.
//!
//! Bounded: elements ([`ELEMENTS_MAX`] and a few), bytes of a text, of an element and of all elements together, and bytes that
//! are fetched to begin with ([`FETCHED_BYTES_MAX`]): elements larger than that are not looked at.

use redis::{Cmd, Pipeline, Value as Answer, cmd};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Act, ActError, Actor, Place, key, pace, read_key, secret, secret::Masking, to_its_end};
use crate::redis_link::{Link, Node, error, node::name_of};

mod sample;

/// Most elements of a list, hash, set or sorted set that are shown.
pub const ELEMENTS_MAX: u64 = 50;

/// Most entries of a stream.
pub const ENTRIES_MAX: u64 = 20;

/// Last elements of a long list that are shown beside the first.
pub const TAIL_MAX: u64 = 10;

/// Bytes of a string that are looked at.
pub const TEXT_BYTES_MAX: u64 = 16 << 10;

/// Bytes of one element that are shown.
pub const ELEMENT_BYTES_MAX: usize = 4 << 10;

/// Bytes of all elements together that are shown.
pub const ALL_BYTES_MAX: usize = 64 << 10;

/// Bytes that one look may fetch, by what Redis says that the key takes.
pub const FETCHED_BYTES_MAX: u64 = 8 << 20;

/// Largest document of RedisJSON that is fetched, in bytes: it comes only as a whole.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 10;

/// Most paths that can be unmasked at once, and the longest of them in bytes.
const UNMASK_MAX: (usize, usize) = (20, 512);

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Inspection {
    /// Name of the instance.
    pub instance: String,
    /// The key, what is no plain text written as `\xNN`.
    pub key: String,
    /// Number of the database.
    pub db: i64,
    /// `string`, `list`, `hash`, `set`, `zset`, `stream`, `ReJSON-RL`, another module's type, or `none`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether there is such a key.
    pub exists: bool,
    /// Milliseconds until it expires; `null` when it does not, or when there is none.
    pub ttl_ms: Option<i64>,
    /// Bytes that it takes, estimated by Redis; `null` when Redis does not say.
    pub memory: Option<i64>,
    /// How Redis keeps it.
    pub encoding: Option<String>,
    /// Bytes of a string, elements of anything else.
    pub size: Option<i64>,
    /// `json`, `msgpack`, `text`, `pickle`, `hex`, `empty`, with `zlib+`, `gzip+` or `zstd+` before it; `mixed` when elements
    /// differ; `none` when nothing is shown.
    pub format: String,
    /// What it says, secrets masked. Hashes as an object, sorted sets as `{member, score}`, streams as `{id, fields}`.
    #[schema(value_type = Object)]
    pub value: Value,
    /// The last elements of a long list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub tail: Option<Value>,
    /// Consumer groups of a stream: `{name, consumers, pending, last_id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub groups: Option<Value>,
    /// The same as one text, secrets masked.
    pub raw: String,
    /// Paths of what is masked; each can be asked for by `unmask`.
    pub masked: Vec<String>,
    /// Whether there is more than is shown.
    pub is_cut: bool,
}

impl Act {
    /// Looks at one key. `unmask` names paths that are shown as they are, which the caller must be allowed.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn inspect(&self, actor: Actor, place: Place, key: &str, unmask: Vec<String>) -> Result<Inspection, ActError> {
        let found = self.find(&place)?;
        let key = read_key(key)?;
        if unmask.len() > UNMASK_MAX.0 || unmask.iter().any(|path| path.len() > UNMASK_MAX.1) {
            return Err(ActError::wrong("unmask", format!("takes up to {} paths of up to {} bytes", UNMASK_MAX.0, UNMASK_MAX.1)));
        }
        self.0.paces.take(pace::INSPECT, &actor.username, self.now_ms())?;
        let act = self.clone();
        to_its_end(async move {
            let mut detail = json!({"key": key::escape(&key), "db": found.db});
            let action = if unmask.is_empty() { "redis.inspect" } else { "redis.unmask" };
            if !unmask.is_empty() {
                detail["unmask"] = json!(unmask);
            }
            let line = act.begin(&actor, action, &found, detail, None).await?;
            let look = async {
                let link = found.connect().await?;
                let mut told = look(&link, &key, &unmask).await?;
                told.instance.clone_from(&found.name);
                told.db = found.db;
                Ok(told)
            };
            let result = look.await;
            line.end_by(result, |told| Some(u64::from(told.exists))).await
        })
        .await
    }
}

/// What is known of a key before what is in it.
#[derive(Debug)]
struct About {
    memory: Option<i64>,
    size: Option<i64>,
}

async fn look(link: &Link, key: &[u8], unmask: &[String]) -> Result<Inspection, ActError> {
    let node = link.node_of(key)?;
    let kind: String = node.run(cmd("TYPE").arg(key)).await?;
    let mut told = nothing(key, kind);
    if !told.exists {
        return Ok(told);
    }
    let mut first = Pipeline::new();
    first.ignore_errors();
    first.add_command(cmd("PTTL").arg(key).to_owned());
    first.add_command(cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(5).to_owned());
    first.add_command(cmd("OBJECT").arg("ENCODING").arg(key).to_owned());
    if let Some(size) = size_command(&told.kind) {
        first.add_command(cmd(size).arg(key).to_owned());
    }
    let answers: Vec<Answer> = node.ask_all(&first).await.map_err(|error| error::told(&error, "PTTL"))?;
    let mut answers = answers.into_iter();
    told.ttl_ms = answers.next().and_then(|answer| number(&answer)).filter(|ttl| *ttl >= 0);
    // Some services keep these commands for themselves: then they are unknown.
    told.memory = answers.next().and_then(|answer| number(&answer));
    told.encoding = answers.next().and_then(|answer| text(&answer));
    told.size = answers.next().and_then(|answer| number(&answer));
    let about = About { memory: told.memory, size: told.size };
    let mut masking = Masking::new(unmask);
    let is_secret = secret::is_secret_key(key);
    let sample = sample::take(node, key, &told.kind, &about, is_secret, &mut masking).await?;
    told.format = sample.format;
    told.value = sample.value;
    told.tail = sample.tail;
    told.groups = sample.groups;
    told.raw = sample.raw;
    told.is_cut = sample.is_cut;
    told.masked = masking.masked;
    Ok(told)
}

fn nothing(key: &[u8], kind: String) -> Inspection {
    Inspection {
        instance: String::new(),
        key: key::escape(key),
        db: 0,
        exists: kind != "none",
        kind,
        ttl_ms: None,
        memory: None,
        encoding: None,
        size: None,
        format: "none".to_owned(),
        value: Value::Null,
        tail: None,
        groups: None,
        raw: String::new(),
        masked: Vec::new(),
        is_cut: false,
    }
}

fn size_command(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "STRLEN",
        "list" => "LLEN",
        "hash" => "HLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "stream" => "XLEN",
        _ => return None,
    })
}

/// Runs a command on a node.
async fn ask(node: &Node, command: &Cmd) -> Result<Answer, ActError> {
    Ok(node.ask(command).await.map_err(|error| error::told(&error, &name_of(command)))?)
}

fn number(answer: &Answer) -> Option<i64> {
    match answer {
        Answer::Int(number) => Some(*number),
        Answer::BulkString(bytes) => str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

fn text(answer: &Answer) -> Option<String> {
    match answer {
        Answer::BulkString(bytes) => Some(key::escape(bytes)),
        Answer::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
