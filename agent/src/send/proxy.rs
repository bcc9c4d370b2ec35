//! HTTP proxies between the agent and the collector: which one applies, and the tunnel through it.

use std::io;

use farol_shared::config::Vars;
use hyper::Uri;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Target;

/// Most bytes of a proxy's answer to `CONNECT`.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (or the same in lower case) say.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// Hosts to reach directly, in lower case, without a leading dot.
    direct: Vec<String>,
}

/// One proxy, reached over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Proxies {
    /// Reads the variables. What is no `http://host:port` is no proxy.
    #[must_use]
    pub fn new(vars: &dyn Vars) -> Self {
        let var = |name: &str| vars.var(&name.to_ascii_lowercase()).or_else(|| vars.var(name));
        let proxy = |name| var(name).or_else(|| var("ALL_PROXY")).and_then(|url| Proxy::parse(&url));
        let direct = var("NO_PROXY").unwrap_or_default();
        let direct = direct.split(',').map(|host| host.trim().trim_start_matches('.').to_ascii_lowercase());
        Self { http: proxy("HTTP_PROXY"), https: proxy("HTTPS_PROXY"), direct: direct.filter(|host| !host.is_empty()).collect() }
    }

    /// The proxy on the way to the collector, if any. The own machine is always reached directly.
    #[must_use]
    pub fn of(&self, target: &Target) -> Option<&Proxy> {
        let host = target.host().to_ascii_lowercase();
        let is_own = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let is_below = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        if is_own || self.direct.iter().any(|name| name == "*" || is_below(name)) {
            return None;
        }
        if target.is_https() { self.https.as_ref() } else { self.http.as_ref() }
    }
}

impl Proxy {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = if url.contains("://") { url.parse().ok()? } else { format!("http://{url}").parse().ok()? };
        // No user and password: they would have to be kept secret, and nobody has asked for them yet.
        let is_plain = uri.scheme_str() == Some("http") && !uri.authority()?.as_str().contains('@');
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        is_plain.then(|| Self { host, port: uri.port_u16().unwrap_or(80) })
    }

    /// Asks the proxy for a tunnel to `authority`, for plain HTTP too: then nothing on the way may keep or change batches.
    ///
    /// # Errors
    /// When the proxy refuses or its answer is not HTTP.
    pub async fn tunnel<T: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut T, authority: &str) -> io::Result<()> {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(256);
        // Byte by byte: whatever follows the head belongs to the tunnel.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == ANSWER_BYTES_MAX {
                return Err(io::Error::other("the proxy's answer is too long"));
            }
            answer.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&answer);
        let first = head.lines().next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        if status.is_some_and(|status| status.starts_with('2')) {
            return Ok(());
        }
        Err(io::Error::other(format!("the proxy {}:{} answers: {first}", self.host, self.port)))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use farol_shared::secret::Secret;

    use super::*;
    use crate::send::Token;

    fn proxies(pairs: &[(&str, &str)]) -> Proxies {
        let vars: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Proxies::new(&vars)
    }

    fn target(url: &str) -> Target {
        Target::new(url, Token::Given(Secret::new("t")), None, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn the_usual_variables_choose_the_proxy() {
        let some = proxies(&[
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("http_proxy", "plain:8080"),
            ("NO_PROXY", "internal.example, .local,10.0.0.1"),
        ]);
        let of = |url: &str| some.of(&target(url)).map(|proxy| proxy.host.clone());
        assert_eq!(of("https://collector.example").as_deref(), Some("proxy"));
        assert_eq!(of("http://collector.example").as_deref(), Some("plain"));
        for url in ["https://internal.example", "https://a.internal.example", "http://x.local", "http://10.0.0.1:8650"] {
            assert_eq!(of(url), None, "{url}");
        }
        assert_eq!(of("https://notinternal.example").as_deref(), Some("proxy"));
        assert_eq!(of("http://127.0.0.1:8650"), None);
        assert_eq!(of("http://[::1]:8650"), None);
        assert!(proxies(&[("ALL_PROXY", "http://p"), ("NO_PROXY", "*")]).of(&target("http://c")).is_none());
        assert!(proxies(&[("HTTP_PROXY", "socks5://p:1")]).of(&target("http://c")).is_none());
    }

    async fn tunnel(answer: &str) -> io::Result<()> {
        let (mut near, mut far) = tokio::io::duplex(2 * ANSWER_BYTES_MAX);
        let proxy = Proxy { host: "proxy".into(), port: 3128 };
        far.write_all(answer.as_bytes()).await?;
        proxy.tunnel(&mut near, "collector:8650").await?;
        let mut request = vec![0; 64];
        let length = far.read(&mut request).await?;
        assert!(request[..length].starts_with(b"CONNECT collector:8650 HTTP/1.1\r\nHost: collector:8650\r\n\r\n"));
        let mut rest = [0; 4];
        near.read_exact(&mut rest).await?;
        assert_eq!(&rest, b"rest", "what follows the head belongs to the tunnel");
        Ok(())
    }

    #[tokio::test]
    async fn a_tunnel_opens_only_when_the_proxy_says_so() {
        tunnel("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nrest").await.unwrap();
        let error = tunnel("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap_err();
        assert!(error.to_string().contains("407"), "{error}");
        assert!(tunnel(&"x".repeat(ANSWER_BYTES_MAX + 1)).await.is_err());
    }
}
