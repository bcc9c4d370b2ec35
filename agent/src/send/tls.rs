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

fn from_file(file: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file holds no certificate in PEM form"));
    }
    Ok(roots)
}

fn from_system() -> io::Result<RootCertStore> {
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
