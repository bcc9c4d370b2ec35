//! The real network: resolves a name and connects to the first address that answers, through an HTTP proxy if one is set.

use std::io;

use farol_shared::config::Vars;
use tokio::net::TcpStream;

use super::{Connector, Target, proxy::Proxies};

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
    // The system's resolver answers, on a thread that lives only while it does. Literal addresses need none.
    let stream = TcpStream::connect((host, port)).await?;
    // A batch is one write, and its answer is waited for: there is nothing to gather.
    stream.set_nodelay(true)?;
    Ok(stream)
}
