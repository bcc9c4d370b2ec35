//! TLS of probes: the handshake, what is wrong with a certificate, and how long it still holds.
//!
//! The expiry is noted before the certificate is judged, so that it is known of refused ones too. Authorities are read once
//! for all probes that trust the system's, and again after a failure, so that a replaced file is seen.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble, Wire},
};
use crate::send::tls::{from_file, from_system};

mod der;

/// The system's authorities while a probe uses them: some hundred, so one copy serves all.
static SYSTEM: Mutex<Weak<RootCertStore>> = Mutex::new(Weak::new());

/// What one probe keeps between its handshakes.
#[derive(Debug, Default)]
pub(super) struct Kept(Option<(Arc<ClientConfig>, Arc<Noting>)>);

/// Checks certificates as usual, and notes when the server's expires.
struct Noting {
    usual: Arc<WebPkiServerVerifier>,
    /// Seconds since the epoch.
    not_after_s: Mutex<Option<i64>>,
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noting").field("not_after_s", &self.not_after_s).finish_non_exhaustive()
    }
}

impl Noting {
    fn note(&self, not_after_s: Option<i64>) {
        *self.not_after_s.lock().unwrap_or_else(PoisonError::into_inner) = not_after_s;
    }

    fn noted(&self) -> Option<i64> {
        *self.not_after_s.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.note(der::not_after_s(end_entity));
        self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

impl Kept {
    fn client(&mut self, attempt: &Attempt<'_>) -> Result<(Arc<ClientConfig>, Arc<Noting>), Trouble> {
        if let Some((config, noting)) = &self.0 {
            return Ok((Arc::clone(config), Arc::clone(noting)));
        }
        let roots = match &attempt.probe.ca_file {
            Some(file) => from_file(file).map(Arc::new).map_err(|error| {
                Trouble::Other(format!("cannot read the certificates to trust from {}: {error}", file.display()))
            })?,
            None => system()?,
        };
        let provider = Arc::new(ring::default_provider());
        let usual = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| Trouble::Other(format!("cannot use the certificates to trust: {error}")))?;
        let noting = Arc::new(Noting { usual, not_after_s: Mutex::new(None) });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider supports its own default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Noting>::clone(&noting))
            .with_no_client_auth();
        // A resumed session shows no certificate.
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        self.0 = Some((Arc::clone(&config), Arc::clone(&noting)));
        Ok((config, noting))
    }
}

fn system() -> Result<Arc<RootCertStore>, Trouble> {
    let mut shared = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = shared.upgrade() {
        return Ok(roots);
    }
    let roots = from_system().map_err(|error| Trouble::Other(format!("cannot read the certificates to trust: {error}")))?;
    let roots = Arc::new(roots);
    *shared = Arc::downgrade(&roots);
    Ok(roots)
}

/// Encrypts a connection and notes in the attempt when the certificate expires, be it accepted or not.
pub(super) async fn handshake<T: Wire>(attempt: &Attempt<'_>, kept: &mut Kept, wire: T) -> Result<TlsStream<T>, Trouble> {
    let host = &attempt.probe.address.host;
    let name = ServerName::try_from(host.clone())
        .map_err(|_| Trouble::Other(format!("'{host}' is not a name that a certificate can have")))?;
    let (config, noting) = kept.client(attempt)?;
    attempt.stage("waiting for the TLS handshake");
    noting.note(None);
    let shaken = TlsConnector::from(config).connect(name, wire).await;
    #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch stay below 2^53")]
    let days = noting.noted().map(|s| (s as f64 - attempt.now_ms as f64 / 1e3) / 86_400.0);
    attempt.expiry_days.set(days);
    shaken.map_err(|error| {
        kept.0 = None;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        inner.map_or_else(
            || Trouble::Broken { stage: "encrypting", source: std::io::Error::from(error.kind()) },
            |inner| Trouble::Other(words(inner, host, days)),
        )
    })
}

fn words(error: &rustls::Error, host: &str, days: Option<f64>) -> String {
    let rustls::Error::InvalidCertificate(wrong) = error else { return format!("TLS failed: {error}") };
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate expired {:.0} days ago", -days.unwrap_or(0.0))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the certificate's issuer is unknown: name its authority with ca_file if it is right".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is not for {host}")
        }
        other => format!("the certificate is wrong: {other}"),
    }
}

/// What a good answer is worth with the certificate that was seen.
pub(super) fn judge(attempt: &Attempt<'_>, finding: Finding) -> Finding {
    match attempt.expiry_days.get() {
        Some(days) if days < f64::from(attempt.probe.warn_days) && finding == Finding::online() => {
            Finding::degraded(format!("the certificate expires in {:.0} days", days.floor()))
        }
        _ => finding,
    }
}

/// Whether the server shows a certificate that is right and will be for a while.
pub(super) async fn check(attempt: &Attempt<'_>, kept: &mut Kept) -> Result<Finding, Trouble> {
    let mut connection = Connection::open(attempt).await?.encrypt(kept).await?;
    attempt.answered();
    connection.part(&[]).await;
    Ok(judge(attempt, Finding::online()))
}
