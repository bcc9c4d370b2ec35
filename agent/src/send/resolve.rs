//! Finds the addresses of the collector's name: `/etc/hosts`, then the name servers of `/etc/resolv.conf`.
//!
//! The C library's resolver is left out on purpose: it blocks, so that it needs a second thread, and in a static binary it
//! brings a fifth of the program and loads plug-ins of the image that the agent happens to sit in. What it could do more
//! (mDNS, NIS, LDAP) no collector is found by. Bounded: [`SERVERS_MAX`], [`SEARCH_MAX`], [`ADDRESSES_MAX`], [`WAIT`].

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use tokio::{net::UdpSocket, time::timeout};

use message::Kind;

mod message;

/// Name servers that are asked, as in the C library.
const SERVERS_MAX: usize = 3;
/// Search domains that are tried, as in the C library.
const SEARCH_MAX: usize = 6;
/// Addresses that are kept of a name.
pub(super) const ADDRESSES_MAX: usize = 16;
/// Times that each server is asked.
const ATTEMPTS: usize = 2;
/// Wait for one answer. The whole search is bounded by the timeout of the connection.
const WAIT: Duration = Duration::from_secs(2);

/// What the system's files say about names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolver {
    hosts: String,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// Names with at least so many dots are tried as they are first.
    ndots: usize,
}

impl Resolver {
    /// Reads the system's files; they may change at any time (DHCP, a VPN), so they are read for each connection.
    pub(super) fn from_system() -> Self {
        // A missing file says nothing: then the name server is expected on this machine, as everywhere.
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        Self::new(read("/etc/hosts"), &read("/etc/resolv.conf"), 53)
    }

    fn new(hosts: String, resolv: &str, port: u16) -> Self {
        let (mut servers, mut search, mut ndots) = (Vec::new(), Vec::new(), 1);
        for line in resolv.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    servers.extend(address.map(|address| SocketAddr::new(address, port)));
                }
                Some("search" | "domain") => search = words.map(str::to_owned).take(SEARCH_MAX).collect(),
                Some("options") => {
                    let set = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                    ndots = set.unwrap_or(ndots).min(15);
                }
                _ => {}
            }
        }
        servers.truncate(SERVERS_MAX);
        if servers.is_empty() {
            servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
        Self { hosts, servers, search, ndots }
    }

    /// The addresses of a host, in the order to try them; never empty.
    ///
    /// # Errors
    /// When the name has no address, or no name server answers.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut found = self.in_hosts(host);
        if found.is_empty() && host.eq_ignore_ascii_case("localhost") {
            found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        let mut failure = None;
        for name in self.candidates(host) {
            if !found.is_empty() {
                break;
            }
            for kind in [Kind::A, Kind::Aaaa] {
                match self.ask(&name, kind).await {
                    Ok(addresses) => found.extend(addresses),
                    Err(error) => failure = Some(error),
                }
            }
        }
        found.truncate(ADDRESSES_MAX);
        if found.is_empty() {
            let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("the name {host} has no address"));
            return Err(failure.unwrap_or_else(unknown));
        }
        Ok(found)
    }

    fn in_hosts(&self, host: &str) -> Vec<IpAddr> {
        let host = host.trim_end_matches('.');
        let address = |line: &str| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
        };
        self.hosts.lines().filter_map(address).take(ADDRESSES_MAX).collect()
    }

    /// The full names to ask for, in order.
    fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(full) = host.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{host}.{}", domain.trim_matches('.'))).collect();
        let is_full_first = host.matches('.').count() >= self.ndots;
        names.insert(if is_full_first { 0 } else { names.len() }, host.to_owned());
        names
    }

    async fn ask(&self, name: &str, kind: Kind) -> io::Result<Vec<IpAddr>> {
        let mut failure = io::Error::other("no name server is set");
        for server in (0..ATTEMPTS).flat_map(|_| &self.servers) {
            match timeout(WAIT, ask_server(*server, name, kind)).await {
                Ok(Ok(addresses)) => return Ok(addresses),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::Error::new(io::ErrorKind::TimedOut, format!("the name server {server} does not answer")),
            }
        }
        Err(failure)
    }
}

async fn ask_server(server: SocketAddr, name: &str, kind: Kind) -> io::Result<Vec<IpAddr>> {
    // A random number and a fresh port each time: whoever wants to forge an answer has to guess both.
    let [low, high, ..] = getrandom::u32().map_err(io::Error::other)?.to_ne_bytes();
    let question = message::question(u16::from_ne_bytes([low, high]), name, kind)?;
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected, so that only this server's packets arrive, and a closed port is told at once.
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut packet = [0; 1_232];
    loop {
        let length = socket.recv(&mut packet).await?;
        let answer = packet.get(..length).and_then(|packet| message::answer(packet, &question, kind));
        // What is no answer to this question may be late or forged: the right one may still come.
        if let Some(answer) = answer {
            return answer.map_err(|code| io::Error::other(format!("the name server {server} fails with code {code}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(hosts: &str, resolv: &str) -> Resolver {
        Resolver::new(hosts.to_owned(), resolv, 53)
    }

    #[test]
    fn the_files_are_read_as_the_c_library_does() {
        let text = "# comment\nnameserver 10.0.0.2\nnameserver fd00::2\nnameserver x\nsearch a.svc b\noptions edns0 ndots:5\n";
        let some = resolver("", text);
        assert_eq!(some.servers, ["10.0.0.2:53".parse().unwrap(), "[fd00::2]:53".parse().unwrap()]);
        assert_eq!(some.candidates("farol.monitoring"), ["farol.monitoring.a.svc", "farol.monitoring.b", "farol.monitoring"]);
        assert_eq!(some.candidates("farol.example."), ["farol.example"]);
        let none = resolver("", "search home\n");
        assert_eq!(none.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(none.candidates("collector.example"), ["collector.example", "collector.example.home"]);
    }

    #[tokio::test]
    async fn literal_addresses_and_known_hosts_need_no_server() {
        let some = resolver("127.0.0.1 localhost\n10.1.2.3 Collector alias # old\nfd00::9 collector\nbad line\n", "");
        assert_eq!(some.addresses("::1").await.unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        let both: Vec<IpAddr> = vec!["10.1.2.3".parse().unwrap(), "fd00::9".parse().unwrap()];
        assert_eq!(some.addresses("collector").await.unwrap(), both);
        assert_eq!(resolver("", "").addresses("localhost").await.unwrap().len(), 2);
    }

    /// Answers each question from a function of the name and the kind.
    async fn server(answers: fn(&str, u16) -> (u8, Vec<IpAddr>)) -> Resolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let question = &packet[..length];
                let (name, kind) = message::tests::asked(question);
                let (code, addresses) = answers(&name, kind);
                let mut forged = message::tests::reply(question, 0, &["6.6.6.6".parse().unwrap()]);
                forged[0] ^= 0xff;
                socket.send_to(&forged, from).await.unwrap();
                socket.send_to(&message::tests::reply(question, code, &addresses), from).await.unwrap();
            }
        });
        Resolver::new(String::new(), "nameserver 127.0.0.1\nsearch svc.local\n", port)
    }

    #[tokio::test]
    async fn a_name_server_is_asked_for_both_kinds_and_forged_answers_are_dropped() {
        let some = server(|name, kind| match (name, kind) {
            ("farol.svc.local", 1) => (0, vec!["10.0.0.7".parse().unwrap()]),
            ("farol.svc.local", 28) => (0, vec!["fd00::7".parse().unwrap()]),
            _ => (3, vec![]),
        })
        .await;
        let expected: Vec<IpAddr> = vec!["10.0.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
        assert_eq!(some.addresses("farol").await.unwrap(), expected);
        let error = some.addresses("nobody").await.unwrap_err();
        assert_eq!(error.to_string(), "the name nobody has no address");
    }

    #[tokio::test]
    async fn a_failing_server_is_told_apart_from_an_unknown_name() {
        let some = server(|_, _| (2, vec![])).await;
        let error = some.addresses("farol").await.unwrap_err();
        assert!(error.to_string().contains("fails with code 2"), "{error}");
    }
}
