//! E-mail by SMTP: text and HTML of the same words, in one thread an incident.
//!
//! The Message-ID is made of the notice's key and the date is the notice's own, so that a mail sent twice is the same mail, and servers and
//! programs that look for doubles find it.

use std::{fmt, sync::Arc, time::Duration};

use farol_shared::secret::Secret;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    kind::{Fault, Medium, settings},
    outside::resolve,
    request::{Outgoing, Telling, Verdict, cut},
    text::Text,
};
use crate::{alert::Level, notify::Reason};

mod mime;

use mime::{Head, Person};

/// Most receivers of one channel: more are a list of the mail server's.
const RECEIVERS_MAX: usize = 50;

/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 180;

/// How long each command to the server may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(10);

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Security {
    /// In clear first, then encrypted before anything is said.
    #[default]
    StartTls,
    /// From the first byte on.
    Tls,
    /// Never.
    None,
}

impl Security {
    /// The port that is usual for it.
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    security: Security,
    username: Option<String>,
    password: Option<Secret>,
    from: String,
    to: Vec<String>,
    /// Certificates to trust beside the machine's, as PEM.
    ca: Option<String>,
}

#[derive(Debug)]
struct Email {
    server: Server,
    envelope: Envelope,
    from: Person,
    to: Vec<Person>,
}

/// Where mail is handed over.
#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello: ClientId,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// A mail and the server that takes it.
#[derive(Clone)]
pub struct Mail {
    server: Server,
    envelope: Envelope,
    text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    let mut value = value;
    // An empty field of a form is one that is not given.
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| field.as_str() != Some(""));
    }
    let written: Written = settings(value)?;
    checked(written).map(|email| Arc::new(email) as Arc<dyn Medium>).map_err(|fault| vec![fault])
}

fn checked(written: Written) -> Result<Email, Fault> {
    let Written { host, port, security, username, password, from, to, ca } = written;
    let host = host.trim().to_owned();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if !(1..=253).contains(&host.len()) || !host.bytes().all(is_host) {
        return Err(Fault::setting("host", "is no host: write one such as \"smtp.example.com\", without a port"));
    }
    let wrong = || Fault::setting("from", "is no address: write one such as \"Farol <farol@example.com>\"");
    let from = Person::read(&from).ok_or_else(wrong)?;
    if !(1..=RECEIVERS_MAX).contains(&to.len()) {
        return Err(Fault::setting("to", format!("holds {} addresses: write 1 to {RECEIVERS_MAX}", to.len())));
    }
    let receiver = |(at, text): (usize, &String)| {
        let wrong = || Fault::setting(&format!("to[{at}]"), "is no address: write one such as \"ana@example.com\"");
        Person::read(text).ok_or_else(wrong)
    };
    let to = to.iter().enumerate().map(receiver).collect::<Result<Vec<Person>, Fault>>()?;
    let addresses = to.iter().map(|person| person.address.clone()).collect();
    let envelope = Envelope::new(Some(from.address.clone()), addresses).map_err(|_| Fault::setting("to", "holds no address"))?;
    let credentials = match (username, password) {
        (None, None) => None,
        (Some(username), Some(password)) => Some(Credentials::new(username, password.reveal().trim().to_owned())),
        (Some(_), None) => return Err(Fault::setting("password", "is missing: a username is given")),
        (None, Some(_)) => return Err(Fault::setting("username", "is missing: a password is given")),
    };
    let is_here = host == "localhost" || host == "::1" || host.starts_with("127.");
    if security == Security::None && credentials.is_some() && !is_here {
        return Err(Fault::setting(
            "security",
            "is \"none\", and the password would travel in clear: write \"starttls\" or \"tls\"",
        ));
    }
    let tls = match security {
        Security::None => Tls::None,
        Security::StartTls => Tls::Required(tls(&host, ca.as_deref())?),
        Security::Tls => Tls::Wrapper(tls(&host, ca.as_deref())?),
    };
    let hello = ClientId::Domain(from.address.domain().to_owned());
    let server = Server { host, port: port.unwrap_or(security.port()), tls, credentials, hello };
    Ok(Email { server, envelope, from, to })
}

fn tls(host: &str, ca: Option<&str>) -> Result<TlsParameters, Fault> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca {
        let wrong = || Fault::setting("ca", "holds no certificate: write it as PEM, \"-----BEGIN CERTIFICATE-----\" and so on");
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(wrong());
        }
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|_| wrong())?);
    }
    builder.build_rustls().map_err(|error| Fault::setting("security", format!("cannot be made ready: {error}")))
}

impl Medium for Email {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let Telling { notice, text, house, .. } = telling;
        let domain = self.from.address.domain();
        let head = Head {
            from: &self.from,
            to: &self.to,
            subject: &cut(&format!("[Farol] {}", text.headline()), SUBJECT_CHARS_MAX),
            id: &format!("{}@{domain}", house.message_key(notice)),
            thread: &format!("{}@{domain}", house.incident_key(notice)),
            at_ms: notice.at_ms,
            is_urgent: notice.level == Level::Critical && !matches!(notice.reason, Reason::Resolved | Reason::Test),
        };
        let text = mime::write(&head, &plain(text), &html(telling));
        Outgoing::Mail(Box::new(Mail { server: self.server.clone(), envelope: self.envelope.clone(), text }))
    }
}

impl Mail {
    /// The mail as it travels.
    #[must_use]
    pub fn formatted(&self) -> &str {
        &self.text
    }

    /// Hands the mail over; only to a public address when it is to be kept outside.
    pub async fn send(self, is_kept_outside: bool) -> Verdict {
        let Server { host, port, tls, credentials, hello } = self.server;
        // The name is in what TLS checks; what was looked at is what is connected to.
        let host = if is_kept_outside {
            match resolve(&host, port).await {
                Ok(address) => address.ip().to_string(),
                Err(why) => return Verdict::again(why),
            }
        } else {
            host
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .hello_name(hello)
            .timeout(Some(COMMAND_WITHIN));
        if let Some(credentials) = credentials {
            builder = builder.credentials(credentials);
        }
        match builder.build().send_raw(&self.envelope, self.text.as_bytes()).await {
            Ok(response) => {
                let said: Vec<&str> = response.message().collect();
                Verdict::Told(cut(&format!("{} {}", response.code(), said.join(" ")), 200))
            }
            Err(error) => verdict(&error),
        }
    }
}

/// What an error of the server or of the way to it means: 5xx is for good, everything else may pass.
fn verdict(error: &lettre::transport::smtp::Error) -> Verdict {
    let said = cut(&super::text::clean(&farol_shared::report::chain(error).to_string(), 300), 300);
    if error.is_permanent() || error.is_client() { Verdict::Dead(said) } else { Verdict::again(said) }
}

fn plain(text: &Text) -> String {
    let mut lines = vec![text.headline(), String::new()];
    lines.extend(text.lines());
    if let Some(link) = &text.link {
        lines.extend([String::new(), format!("{}: {link}", text.open)]);
    }
    lines.join("\r\n")
}

/// A text within HTML, also within an attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// The same words as HTML that every mail program draws: one table, styles in attributes, no picture.
fn html(telling: &Telling<'_>) -> String {
    let (text, notice) = (telling.text, telling.notice);
    let color = match (notice.reason, notice.level) {
        (Reason::Resolved, _) => "#1f7a45",
        (Reason::Test, _) => "#44607a",
        (_, Level::Critical) => "#b3262b",
        _ => "#8a5a00",
    };
    let mut body = String::new();
    for alert in &text.alerts {
        body.push_str(&format!("<p style=\"margin:0 0 4px\"><strong>{}</strong></p>", escape(&alert.sentence)));
        let place = if alert.place.is_empty() { String::new() } else { format!("{} · ", escape(&alert.place)) };
        body.push_str(&format!("<p style=\"margin:0 0 4px;color:#555\">{place}{}</p>", escape(&alert.since)));
        if let Some(history) = &alert.history {
            body.push_str(&format!("<p style=\"margin:0 0 4px;font-family:monospace;font-size:16px\">{}</p>", escape(history)));
        }
        if let Some(runbook) = &alert.runbook {
            body.push_str(&format!("<p style=\"margin:0 0 4px\"><a href=\"{}\">{}</a></p>", escape(runbook), text.runbook));
        }
        body.push_str("<p style=\"margin:0 0 8px\"></p>");
    }
    for line in text.more.iter().chain(&text.cause).chain(&text.notes) {
        body.push_str(&format!("<p style=\"margin:0 0 8px\">{}</p>", escape(line)));
    }
    let button = text.link.as_ref().map_or_else(String::new, |link| {
        format!(
            "<p style=\"margin:16px 0 0\"><a href=\"{}\" style=\"background:#1d4f91;color:#fff;padding:8px 16px;\
             text-decoration:none;border-radius:4px\">{}</a></p>",
            escape(link),
            text.open
        )
    });
    let language = text.language.pick("en", "pt-BR");
    let (headline, title) = (escape(&text.headline()), escape(&text.title));
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body style=\"margin:0;padding:16px;font-family:sans-serif;font-size:14px;color:#222;background:#fff\">\
         <table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" width=\"100%\"><tr>\
         <td style=\"border-left:4px solid {color};padding:0 0 0 16px\">\
         <h1 style=\"margin:0 0 12px;font-size:18px;color:{color}\">{headline}</h1>{body}{button}</td></tr></table></body></html>\r\n"
    )
}

#[cfg(test)]
mod tests;
