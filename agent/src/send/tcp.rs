//! The real network: resolves a name and connects to the first address that answers, through an HTTP proxy if one is set.

use std::{io, net::SocketAddr};

use farol_shared::config::Vars;
use tokio::net::TcpStream;

use super::{Connector, Target, proxy::Proxies, resolve::Resolver};

/// Connects over TCP.
#[derive(Debug, Clone, Default)]
pub struct Tcp {
    proxies: Proxies,
}

impl Tcp {
    /// Takes proxies from the usual variables; see [`Proxies`].
    #[must_use]
    pub fn new(vars: &dyn Vars) -> Self {
        Self { proxies: Proxies::new(vars) }
    }
}

impl Connector for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, target: &Target) -> io::Result<TcpStream> {
        match self.proxies.of(target) {
            Some(proxy) => {
                let mut stream = dial(&proxy.host, proxy.port).await?;
                proxy.tunnel(&mut stream, &target.authority()).await?;
                Ok(stream)
            }
            None => dial(target.host(), target.port()).await,
        }
    }
}

async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in Resolver::from_system().addresses(host).await? {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                // A batch is one write, and its answer is waited for: there is nothing to gather.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
