//! Tests of certificates that are read, renewed, and renewed badly.

use rcgen::generate_simple_self_signed;

use super::*;

pub(in crate::run) struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    pub(in crate::run) fn new() -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        files.write();
        files
    }

    pub(in crate::run) fn settings(&self) -> TlsSettings {
        TlsSettings { certificate: self.dir.path().join("chain.pem"), key: self.dir.path().join("key.pem") }
    }

    fn write(&self) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.settings().certificate, made.cert.pem()).unwrap();
        std::fs::write(self.settings().key, made.signing_key.serialize_pem()).unwrap();
    }
}

#[test]
fn a_renewal_is_taken_and_a_broken_one_is_told_and_left() {
    let files = Files::new();
    let tls = Tls::open(files.settings()).unwrap();
    let first = tls.config();
    tls.look(false);
    assert!(Arc::ptr_eq(&first, &tls.config()), "nothing has changed");
    files.write();
    tls.look(false);
    let second = tls.config();
    assert!(!Arc::ptr_eq(&first, &second));
    std::fs::write(files.settings().key, "half a file").unwrap();
    tls.look(false);
    assert!(Arc::ptr_eq(&second, &tls.config()), "the earlier one stays in force");
    assert!(tls.trouble().unwrap().contains("holds no private key"));
    files.write();
    tls.look(false);
    assert!(tls.trouble().is_none() && !Arc::ptr_eq(&second, &tls.config()));
    assert_eq!(tls.config().alpn_protocols, [b"http/1.1"]);
}

#[test]
fn what_cannot_be_used_is_told_with_its_setting() {
    let files = Files::new();
    let good = files.settings();
    let other = Files::new().settings();
    let refuse = |settings: &TlsSettings| load(settings).unwrap_err();
    assert_eq!(refuse(&TlsSettings { certificate: "/nonexistent".into(), ..good.clone() }).setting(), "tls.certificate");
    assert_eq!(refuse(&TlsSettings { key: "/nonexistent".into(), ..good.clone() }).setting(), "tls.key");
    assert_eq!(refuse(&TlsSettings { certificate: good.key.clone(), ..good.clone() }).setting(), "tls.certificate");
    assert_eq!(refuse(&TlsSettings { key: good.certificate.clone(), ..good.clone() }).setting(), "tls.key");
    let foreign = Files::new();
    assert!(
        matches!(refuse(&TlsSettings { key: foreign.settings().key, ..good }), TlsError::Pair(_)),
        "another certificate's key"
    );
    assert!(!other.key.exists(), "the folder of a test goes with it");
}
