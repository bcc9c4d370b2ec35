//! The primaries of a Cluster, and which of them holds a key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use redis::Value;

use super::{ADDRESSES_MAX, Address, Link, NODES_MAX, Node, Target};
use crate::pull::PollError;

/// How many slots the keys of a Cluster are spread over.
pub const SLOTS: u16 = 16_384;

/// Most ranges of slots that are read: every slot by itself.
const RANGES_MAX: usize = SLOTS as usize;

/// A range of slots and the primary that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// First slot.
    pub first: u16,
    /// Last slot.
    pub last: u16,
    /// Name of the node (`host:port`).
    pub node: String,
}

impl Slots {
    /// Whether a slot lies in it.
    #[must_use]
    pub fn holds(&self, slot: u16) -> bool {
        (self.first..=self.last).contains(&slot)
    }
}

/// The slot of a key: of what stands between its first `{` and the next `}`, if anything, else of the whole.
#[must_use]
pub fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}').filter(|close| *close > 0)?;
        rest.get(..close)
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM: polynomial 0x1021, starting at 0.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}

/// Reads the answer to `CLUSTER SLOTS`. A node without a host is the one that was asked.
fn parse(answer: &Value, asked: &Address) -> Option<Vec<(Slots, Address)>> {
    let Value::Array(ranges) = answer else { return None };
    let mut read = Vec::new();
    for range in ranges.iter().take(RANGES_MAX) {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = range.as_slice() else { return None };
        let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
        let host = match host {
            Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
            Value::SimpleString(host) => host.clone(),
            _ => String::new(),
        };
        let host = if host.is_empty() || host == "?" { asked.host()?.to_owned() } else { host };
        let address = Address::Tcp { host, port: u16::try_from(*port).ok()? };
        let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
        read.push((Slots { first, last, node: address.to_string() }, address));
    }
    Some(read)
}

impl Target {
    /// Asks one node after the other for the slots, and connects to all that hold some.
    pub(super) async fn find_primaries(&self, addresses: &[Address], within: Duration) -> Result<Link, PollError> {
        let mut last = None;
        let known = self.known.lock().map(|known| known.clone()).unwrap_or_default();
        for address in addresses.iter().chain(known.iter().filter(|known| !addresses.contains(known))) {
            match self.primaries_by(address, within).await {
                Ok(link) => return Ok(link),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| PollError::unreachable("there is no node to ask")))
    }

    async fn primaries_by(&self, address: &Address, within: Duration) -> Result<Link, PollError> {
        let asked = Node::connect(address, &self.user, self.tls.as_ref(), within).await?;
        let answer: Value = asked.run(redis::cmd("CLUSTER").arg("SLOTS")).await.map_err(|error| {
            if error.message.contains("cluster support disabled") {
                return PollError::bad_answer(format!("{address} is no part of a cluster: remove cluster = true"));
            }
            error
        })?;
        let ranges = parse(&answer, address).ok_or_else(|| PollError::bad_answer("CLUSTER SLOTS has another shape"))?;
        if ranges.is_empty() {
            return Err(PollError::pending(format!("{address} belongs to a cluster that holds no slots yet")));
        }
        let primaries: BTreeMap<String, Address> =
            ranges.iter().map(|(slots, address)| (slots.node.clone(), address.clone())).collect();
        let kept: BTreeSet<&String> = primaries.keys().take(NODES_MAX).collect();
        let connected =
            join_all(kept.iter().filter_map(|name| primaries.get(*name)).map(|address| async {
                (address.to_string(), Node::connect(address, &self.user, self.tls.as_ref(), within).await)
            }))
            .await;
        let (mut nodes, mut unreached) = (Vec::new(), Vec::new());
        for (name, connected) in connected {
            match connected {
                Ok(node) => nodes.push(node),
                Err(error) => unreached.push((name, error)),
            }
        }
        if nodes.is_empty() {
            let why = unreached.pop().map(|(_, error)| error);
            return Err(why.unwrap_or_else(|| PollError::unreachable("no node of the cluster can be reached")));
        }
        if let Ok(mut known) = self.known.lock() {
            known.clear();
            known.extend(nodes.iter().map(|node| node.address().clone()).take(ADDRESSES_MAX));
        }
        let first = nodes.remove(0);
        Ok(Link { first, others: nodes, slots: ranges.into_iter().map(|(slots, _)| slots).collect(), unreached })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_answer_and_any_key_are_read_or_refused(bytes: Vec<u8>, first: i64, last: i64, port: i64) {
            prop_assert!(slot(&bytes) < SLOTS);
            let asked = Address::Unix("/x".into());
            let primary = Value::Array(vec![Value::BulkString(bytes.clone()), Value::Int(port)]);
            let range = Value::Array(vec![Value::Int(first), Value::Int(last), primary]);
            for answer in [redis::parse_redis_value(&bytes).unwrap_or(Value::Nil), Value::Array(vec![range])] {
                prop_assert!(parse(&answer, &asked).is_none_or(|read| read.len() <= 1));
            }
        }
    }

    #[test]
    fn a_key_has_the_slot_that_redis_gives_it() {
        // As `CLUSTER KEYSLOT` of Redis 7.0 answers.
        for (key, expected) in
            [("123456789", 12_739), ("foo", 12_182), ("{user1000}.following", 3_443), ("user1000", 3_443), ("", 0)]
        {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot(b"foo{{bar}}zap"), crc16(b"{bar") % SLOTS);
    }

    #[test]
    fn slots_name_their_primaries_and_a_missing_host_is_the_one_asked() {
        let asked = Address::Tcp { host: "a".to_owned(), port: 1 };
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let range = |first, last, host: Value, port| {
            Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(vec![host, Value::Int(port), bulk("id")])])
        };
        let answer = Value::Array(vec![range(0, 100, bulk("b"), 7000), range(101, 16_383, Value::Nil, 7001)]);
        let read = parse(&answer, &asked).unwrap();
        assert_eq!(read.iter().map(|(slots, _)| slots.node.as_str()).collect::<Vec<_>>(), ["b:7000", "a:7001"]);
        assert!(read[0].0.holds(100) && !read[0].0.holds(101));
        for wrong in [Value::Nil, Value::Array(vec![Value::Nil]), Value::Array(vec![range(0, 70_000, bulk("b"), 7000)])] {
            assert_eq!(parse(&wrong, &asked), None);
        }
    }
}
