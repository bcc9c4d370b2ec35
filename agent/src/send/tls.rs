//! TLS to the collector: the system's certificate authorities, or only those of a given file.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::SendError;

/// Everything to encrypt connections to one host.
pub(super) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Secure {
    /// Reads the certificates to trust.
    pub(super) fn new(host: &str, ca_file: Option<&Path>) -> Result<Self, SendError> {
        let wrong = |source| SendError::Certificates { file: ca_file.map(Path::to_path_buf), source };
        let roots = match ca_file {
            Some(file) => from_file(file),
            None => from_system(),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports its own default versions")
            .with_root_certificates(roots.map_err(wrong)?)
            .with_no_client_auth();
        // One server is all there is; room for more sessions would only cost memory.
        config.resumption = Resumption::in_memory_sessions(2);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| wrong(io::Error::other(error)))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Encrypts a connection.
    pub(super) async fn wrap<T: AsyncRead + AsyncWrite + Unpin>(&self, stream: T) -> io::Result<TlsStream<T>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

pub(crate) fn from_file(file: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file holds no certificate in PEM form"));
    }
    Ok(roots)
}

pub(crate) fn from_system() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        let advice = "install the system's ca-certificates or name a file with FAROL_CA_FILE";
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{reason}; {advice}")));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use farol_shared::{secret::Secret, wire};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::{
        clock::SystemClock,
        send::{Answer, Connector, Http, Parcel, Sink, Target, Token},
    };

    /// A collector with a certificate of its own authority, which answers one batch a connection.
    struct Server {
        ca_pem: String,
        acceptor: TlsAcceptor,
    }

    fn server(name: &str) -> Server {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca_pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Server { ca_pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    impl Connector for Server {
        type Stream = DuplexStream;

        async fn connect(&self, _: &Target) -> io::Result<DuplexStream> {
            let (near, far) = tokio::io::duplex(64 << 10);
            let acceptor = self.acceptor.clone();
            tokio::spawn(async move {
                // A client that distrusts the certificate hangs up.
                let Ok(mut stream) = acceptor.accept(far).await else { return };
                let mut request = vec![0; 4 << 10];
                let mut length = 0;
                while !request[..length].ends_with(b"a batch") {
                    length += stream.read(&mut request[length..]).await.unwrap();
                }
                let ack = wire::encode_ack(&wire::Ack { seq: 1, watched: false, now_ms: 0 });
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", ack.len());
                stream.write_all(&[head.into_bytes(), ack].concat()).await.unwrap();
                stream.flush().await.unwrap();
            });
            Ok(near)
        }
    }

    async fn deliver(server: Server, trusted_pem: &str) -> Answer {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, trusted_pem).unwrap();
        let token = Token::Given(Secret::new("t"));
        let target = Target::new("https://collector:8650", token, Some(file), Duration::from_secs(10)).unwrap();
        let parcel = Parcel { boot: 1, seq: 1, body: Bytes::from_static(b"a batch") };
        Http::new(target, server, Arc::new(SystemClock)).deliver(&parcel).await
    }

    #[tokio::test]
    async fn only_the_given_authority_is_trusted_and_only_for_the_right_name() {
        let good = server("collector");
        let pem = good.ca_pem.clone();
        assert!(matches!(deliver(good, &pem).await, Answer::Stored(_)));
        let other = server("collector").ca_pem;
        for (server, pem) in [(server("collector"), other), {
            let wrong = server("elsewhere");
            let pem = wrong.ca_pem.clone();
            (wrong, pem)
        }] {
            let answer = deliver(server, &pem).await;
            let Answer::Failed(error @ SendError::Connect { .. }) = &answer else { panic!("{answer:?}") };
            let text = farol_shared::report::chain(error).to_string();
            assert!(text.contains("certificate"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_without_certificates_is_named() {
        let answer = deliver(server("collector"), "nothing here").await;
        let Answer::Failed(error @ SendError::Certificates { .. }) = &answer else { panic!("{answer:?}") };
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
