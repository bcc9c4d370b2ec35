//! Kinds that speak HTTP, to systems whose certificates are of one's own authority, of nobody, for another name, or too old.

use std::{net::SocketAddr, sync::Arc};

use farol_collector::pull::Code;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::faults::{instance, poll};

/// A Plausible that tells 21 visitors over TLS.
struct Site {
    address: SocketAddr,
    folder: TempDir,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    async fn start(name: &str, is_old: bool) -> Self {
        let mut certificate = CertificateParams::new([name.to_owned()]).unwrap();
        if is_old {
            certificate.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let made = certificate.self_signed(&key).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.pem()).unwrap();
        let secret = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![made.der().clone()], secret).unwrap();
        let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut asked = [0; 4_096];
                if stream.read(&mut asked).await.is_ok() {
                    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n21").await;
                }
            }
        });
        Self { address, folder, serving }
    }

    fn keys(&self, with_authority: bool) -> String {
        let ca = self.folder.path().join("ca.pem");
        let ca = if with_authority { format!("ca_file = '{}'", ca.display()) } else { String::new() };
        format!("url = 'https://{}'\nsite = 'example.com'\napi_key = 's3cr3t'\n{ca}", self.address)
    }
}

#[tokio::test]
async fn only_a_certificate_of_a_known_authority_for_this_name_and_time_is_believed() {
    let site = Site::start("127.0.0.1", false).await;
    let reading = poll(&mut instance("plausible", &site.keys(true))).await.unwrap();
    assert_eq!(reading.snapshots["users"]["count"], 21);
    let told = poll(&mut instance("plausible", &site.keys(false))).await.unwrap_err();
    assert_eq!(told.code, Code::Unreachable);
    assert!(told.message.contains("ca-certificates") && told.message.contains("ca_file"), "what to do: {told}");
    for (name, is_old) in [("other.example", false), ("127.0.0.1", true)] {
        let site = Site::start(name, is_old).await;
        let told = poll(&mut instance("plausible", &site.keys(true))).await.unwrap_err();
        assert_eq!((told.code, told.message.contains("certificate")), (Code::Unreachable, true), "{name}: {told}");
    }
}
