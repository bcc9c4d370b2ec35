//! Mail to a real SMTP server: with STARTTLS, with TLS and in clear, with a login; refusals of both sorts; a certificate that is not trusted.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::Arc,
};

use farol_collector::{
    access::seal::Seal,
    clock::SystemClock,
    notify::{
        Channels,
        channel::{Channel, Origin, Written},
        request::Verdict,
    },
    state::{FILE_NAME, State},
};
use farol_tests::{
    process::{Process, project, python_program},
    wait::now_ms,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server of aiosmtpd with its folder of mails.
struct Smtp {
    child: Child,
    port: u16,
    folder: TempDir,
    /// The authority of its certificate, as PEM.
    authority: String,
}

impl Smtp {
    fn start(security: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let authority = params.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(params, authority_key);
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let (certificate_file, key_file) = (folder.path().join("certificate"), folder.path().join("key"));
        fs::write(&certificate_file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let mut command = Process::command(python_program("python"));
        command.arg(project().join("tests/apps/smtp_server.py")).arg(folder.path()).arg(security);
        if security != "none" {
            command.args([&certificate_file, &key_file]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the server told no port: {line:?}"));
        Self { child, port, folder, authority }
    }

    /// The only mail that came.
    fn mail(&self) -> Value {
        let is_mail = |path: &Path| path.extension().is_some_and(|end| end == "json");
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mails: Vec<_> = files.filter(|path| is_mail(path)).collect();
        assert_eq!(mails.len(), 1, "{mails:?}");
        serde_json::from_slice(&fs::read(&mails[0]).unwrap()).unwrap()
    }

    fn settings(&self, security: &str, more: &Value) -> Value {
        let mut settings = json!({
            "host": "localhost", "port": self.port, "security": security, "from": "Farol <farol@example.com>",
            "to": ["ana@example.com", "Zé <ze@example.com>"],
        });
        let fields = settings.as_object_mut().unwrap();
        if security != "none" {
            fields.extend([
                ("username".to_owned(), json!("farol")),
                ("password".to_owned(), json!("s3cr3t")),
                ("ca".to_owned(), json!(self.authority)),
            ]);
        }
        fields.extend(more.as_object().cloned().unwrap());
        fields.retain(|_, value| !value.is_null());
        settings
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Tries a channel with these settings.
async fn tell(settings: Value) -> Verdict {
    let whole = json!({ "name": "Correio", "kind": "email", "language": "pt-BR", "settings": settings });
    let written: Written = serde_json::from_value(whole).unwrap();
    let channel = Channel::check(written, Origin::File).unwrap_or_else(|faults| panic!("{faults:?}"));
    let dir = TempDir::new().unwrap();
    let (state, thread) = State::open(&dir.path().join(FILE_NAME), Arc::new(SystemClock)).unwrap();
    let channels =
        Channels::open(state.clone(), Seal::load(None, dir.path()).unwrap(), Vec::new(), Some("https://farol.example"))
            .await
            .unwrap();
    let verdict = channels.try_out(&channel, now_ms()).await.unwrap();
    drop((state, channels));
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_however_the_server_encrypts() {
    for (security, has_started_tls, has_logged_in) in [("starttls", true, true), ("tls", false, true), ("none", false, false)] {
        let smtp = Smtp::start(security);
        let verdict = tell(smtp.settings(security, &json!({}))).await;
        assert_eq!(verdict, Verdict::Told("250 2.0.0 kept".to_owned()), "{security}");
        let mail = smtp.mail();
        assert_eq!((&mail["tls"], &mail["login"]), (&json!(has_started_tls), &json!(has_logged_in)), "{security}: {mail}");
        assert_eq!(mail["receivers"], json!(["ana@example.com", "ze@example.com"]));
        let headers = &mail["headers"];
        assert_eq!(
            (&headers["from"], &headers["to"]),
            (&json!("Farol <farol@example.com>"), &json!("ana@example.com, Zé <ze@example.com>"))
        );
        assert_eq!(
            (&headers["subject"], &headers["auto-submitted"]),
            (&json!("[Farol] 🔔 Teste: este canal funciona"), &json!("auto-generated"))
        );
        assert_eq!(mail["defects"], json!([]));
        let (plain, html) = (mail["parts"]["text/plain"].as_str().unwrap(), mail["parts"]["text/html"].as_str().unwrap());
        assert!(
            plain.contains("Alguém testou este canal no Farol") && plain.contains("https://farol.example/#/alerts"),
            "{plain}"
        );
        assert!(html.starts_with("<!doctype html><html lang=\"pt-BR\">") && html.contains("▄"), "{html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_and_only_what_passes_is_tried_again() {
    let smtp = Smtp::start("starttls");
    let busy = tell(smtp.settings("starttls", &json!({ "to": ["busy@example.com"] }))).await;
    assert!(matches!(&busy, Verdict::Again { why, .. } if why.contains("try again later")), "{busy:?}");
    let nobody = tell(smtp.settings("starttls", &json!({ "to": ["nobody@example.com"] }))).await;
    assert!(matches!(&nobody, Verdict::Dead(why) if why.contains("no such mailbox")), "{nobody:?}");
    let wrong = tell(smtp.settings("starttls", &json!({ "password": "s3cr3t-but-wrong" }))).await;
    assert!(matches!(&wrong, Verdict::Dead(why) if !why.contains("s3cr3t")), "{wrong:?}");
    let stranger = tell(smtp.settings("starttls", &json!({ "ca": null }))).await;
    assert!(matches!(&stranger, Verdict::Again { why, .. } if why.to_lowercase().contains("certificate")), "{stranger:?}");
    let other = tell(smtp.settings("starttls", &json!({ "host": "127.0.0.1" }))).await;
    assert!(matches!(&other, Verdict::Again { .. }), "the certificate is for another name: {other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_in_clear_to_a_server_that_cannot_encrypt() {
    let smtp = Smtp::start("none");
    let mut settings = smtp.settings("none", &json!({}));
    settings["security"] = json!("starttls");
    let verdict = tell(settings).await;
    assert!(!matches!(verdict, Verdict::Told(_)), "{verdict:?}");
    assert!(
        fs::read_dir(smtp.folder.path()).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().ends_with(".json"))
    );
}
