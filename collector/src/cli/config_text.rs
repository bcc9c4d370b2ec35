//! `check-config`: the settings in force, with secrets hidden.

use std::{
    io::{self, Write},
    time::Duration,
};

use farol_shared::{config::Span, secret::Secret};

use super::{Settings, absolute};

pub(super) fn show(settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    let text = |text: &str| format!("\"{text}\"");
    let span = |time: Duration| format!("\"{}\"", Span(time));
    let secret = |secret: &Option<Secret>| secret.as_ref().map_or_else(|| "# not set".to_owned(), |_| "\"***\"".to_owned());
    let Settings { access, retention, http, .. } = settings;
    let file = |path: Option<&std::path::PathBuf>| {
        path.map_or_else(|| "# not set".to_owned(), |path| text(&absolute(path).display().to_string()))
    };
    let tls = settings.transport.tls.as_ref();
    let rows: [(&str, String); 17] = [
        ("listen", text(&settings.listen.to_string())),
        ("data_dir", text(&absolute(&settings.data_dir).display().to_string())),
        ("public_url", settings.public_url.as_deref().map_or_else(|| "# not set".to_owned(), text)),
        ("tls.certificate", file(tls.map(|tls| &tls.certificate))),
        ("tls.key", file(tls.map(|tls| &tls.key))),
        ("self", settings.self_watch.to_string()),
        ("log", text(&settings.log)),
        ("access.admin_password", secret(&access.admin_password)),
        ("access.agent_token", secret(&access.agent_token)),
        ("access.session_idle", span(access.session_idle)),
        ("access.session_max", span(access.session_max)),
        ("access.token_lifetime", span(access.token_lifetime)),
        ("retention.raw", span(retention.raw)),
        ("retention.minute", span(retention.minute)),
        ("retention.hour", span(retention.hour)),
        ("http.connections_max", http.connections_max.to_string()),
        ("http.listeners_max", http.listeners_max.to_string()),
    ];
    for (key, value) in rows {
        writeln!(out, "{key} = {value}")?;
    }
    if !settings.transport.trusted_proxies.is_empty() {
        writeln!(out, "trusted_proxies: {} addresses and networks", settings.transport.trusted_proxies.len())?;
    }
    for issuer in &access.issuers {
        writeln!(out, "[[issuer]] \"{}\" {}", issuer.name, issuer.issuer)?;
    }
    for provider in &access.oidc {
        writeln!(out, "[[oidc]] \"{}\" {}", provider.name, provider.issuer_text)?;
    }
    for declared in &settings.pull {
        writeln!(out, "[[{}]] \"{}\" each {}", declared.kind.name, declared.given.name, Span(declared.given.interval))?;
    }
    writeln!(out, "\nThe configuration can be used.")
}
