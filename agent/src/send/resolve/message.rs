//! The messages of DNS, as far as asking for addresses needs them (RFC 1035, RFC 3596).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::ADDRESSES_MAX;

/// Bytes of a message's head.
const HEAD_BYTES: usize = 12;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// A question for the addresses of a name, to be answered with recursion.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> io::Result<Vec<u8>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is not a host name"));
    let mut message = Vec::with_capacity(HEAD_BYTES + name.len() + 6);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length)).ok_or_else(wrong)?;
        message.push(length);
        message.extend(label.bytes());
    }
    if name.len() > 253 {
        return Err(wrong());
    }
    message.push(0);
    message.extend(kind.code().to_be_bytes());
    message.extend([0, 1]);
    Ok(message)
}

/// The addresses in an answer to `question`; an unknown name has none. `None` when it is no answer to it, an error when the
/// server says that it failed.
pub(super) fn answer(packet: &[u8], question: &[u8], kind: Kind) -> Option<Result<Vec<IpAddr>, u8>> {
    let is_answer = packet.get(2)? & 0x80 != 0;
    let asked = packet.get(HEAD_BYTES..question.len())?;
    let is_same = packet.get(..2) == question.get(..2) && question.get(HEAD_BYTES..)?.eq_ignore_ascii_case(asked);
    if !is_answer || !is_same || number(packet, 4)? != 1 {
        return None;
    }
    match packet.get(3)? & 0x0f {
        0 => {}
        // The name does not exist.
        3 => return Some(Ok(Vec::new())),
        code => return Some(Err(code)),
    }
    let mut addresses = Vec::new();
    let mut at = question.len();
    // Aliases stand before the addresses they lead to; the server has followed them, so names need no look.
    for _ in 0..number(packet, 6)? {
        let Some(record) = skip_name(packet, at).and_then(|at| Record::read(packet, at)) else { break };
        at = record.end;
        if record.kind == kind.code()
            && addresses.len() < ADDRESSES_MAX
            && let Some(address) = record.address()
        {
            addresses.push(address);
        }
    }
    Some(Ok(addresses))
}

struct Record<'a> {
    kind: u16,
    content: &'a [u8],
    end: usize,
}

impl<'a> Record<'a> {
    /// Reads what follows a record's name: kind, class, time to live, length, content.
    fn read(packet: &'a [u8], at: usize) -> Option<Self> {
        let kind = number(packet, at)?;
        let start = at + 10;
        let end = start + usize::from(number(packet, at + 8)?);
        Some(Self { kind, content: packet.get(start..end)?, end })
    }

    fn address(&self) -> Option<IpAddr> {
        let v4 = <[u8; 4]>::try_from(self.content).ok().map(|bytes| Ipv4Addr::from(bytes).into());
        v4.or_else(|| <[u8; 16]>::try_from(self.content).ok().map(|bytes| Ipv6Addr::from(bytes).into()))
    }
}

/// Where the name ends that begins at `at`. A pointer to an earlier name ends it and is not followed.
fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

fn number(packet: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a question asks for.
    pub(in crate::send::resolve) fn asked(question: &[u8]) -> (String, u16) {
        let (mut labels, mut at) = (Vec::new(), HEAD_BYTES);
        while question[at] != 0 {
            let length = usize::from(question[at]);
            labels.push(String::from_utf8(question[at + 1..=at + length].to_vec()).unwrap());
            at += length + 1;
        }
        (labels.join("."), number(question, at + 1).unwrap())
    }

    /// An answer with an alias and the addresses behind it.
    pub(in crate::send::resolve) fn reply(question: &[u8], code: u8, addresses: &[IpAddr]) -> Vec<u8> {
        let mut packet = question.to_vec();
        packet[2] |= 0x80;
        packet[3] = 0x80 | code;
        packet[7] = u8::try_from(addresses.len() + 1).unwrap();
        let mut record = |kind: u16, content: &[u8]| {
            packet.extend([0xc0, 12]);
            packet.extend(kind.to_be_bytes());
            packet.extend([0, 1, 0, 0, 0, 60]);
            packet.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            packet.extend(content);
        };
        record(5, &[1, b'x', 0xc0, 12]);
        for address in addresses {
            match address {
                IpAddr::V4(address) => record(1, &address.octets()),
                IpAddr::V6(address) => record(28, &address.octets()),
            }
        }
        packet
    }

    #[test]
    fn addresses_behind_an_alias_are_found() {
        let question = question(7, "collector.example", Kind::A).unwrap();
        assert_eq!(asked(&question), ("collector.example".to_owned(), 1));
        let addresses = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        assert_eq!(answer(&reply(&question, 0, &addresses), &question, Kind::A), Some(Ok(addresses.to_vec())));
        assert_eq!(answer(&reply(&question, 0, &addresses), &question, Kind::Aaaa), Some(Ok(vec![])));
        assert_eq!(answer(&reply(&question, 3, &[]), &question, Kind::A), Some(Ok(vec![])));
        assert_eq!(answer(&reply(&question, 2, &[]), &question, Kind::A), Some(Err(2)));
        assert_eq!(answer(&question, &question, Kind::A), None, "an echo is no answer");
    }

    #[test]
    fn names_that_dns_cannot_carry_are_refused() {
        for name in ["", "a..b", &"x".repeat(64), &["abcdefgh"; 30].join(".")] {
            assert!(question(1, name, Kind::A).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_causes_a_panic(tail in prop::collection::vec(any::<u8>(), 0..200), cut in 0..300_usize) {
            let question = question(7, "collector.example", Kind::A).unwrap();
            let mut packet = reply(&question, 0, &["10.0.0.1".parse().unwrap()]);
            packet.truncate(cut);
            packet.extend(tail);
            drop(answer(&packet, &question, Kind::A));
        }
    }
}
