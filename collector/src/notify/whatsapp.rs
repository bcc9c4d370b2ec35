//! WhatsApp: Meta's Cloud API, or a server of one's own with Evolution API or WAHA.
//!
//! Meta delivers free text only within 24 h of the reader's last message: a template that it has approved always goes through. Its one
//! parameter is the whole message in one line, as parameters hold no line breaks.

use std::sync::Arc;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    kind::{Fault, Medium, base, settings, word},
    request::{Answer, Outgoing, Request, Telling, Verdict, cut},
    text::{Language, Text},
};

/// Meta's Graph API, with the version that the shape of the messages is of.
const META_URL: &str = "https://graph.facebook.com/v23.0";

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// Longest parameter of a template, in characters: the whole body of a template may have 1,024.
const PARAMETER_CHARS_MAX: usize = 900;

/// Errors of Meta that pass: too many calls or messages, and trouble of its own.
const META_PASSING: &[i64] = &[1, 2, 4, 80_007, 130_429, 131_000, 131_016, 131_048, 131_056, 133_004, 133_016];

#[derive(Debug, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase", deny_unknown_fields)]
enum WhatsApp {
    /// Meta's Cloud API.
    Meta { url: Option<String>, token: Secret, phone_id: String, to: String, template: Option<String> },
    /// Evolution API.
    Evolution { url: String, token: Secret, instance: String, to: String },
    /// WAHA.
    Waha {
        url: String,
        token: Option<Secret>,
        #[serde(default = "usual_session")]
        session: String,
        to: String,
    },
}

fn usual_session() -> String {
    "default".to_owned()
}

/// Reads the settings.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(value: Value) -> Result<Arc<dyn Medium>, Vec<Fault>> {
    if value["provider"].as_str().is_none_or(|name| !["meta", "evolution", "waha"].contains(&name)) {
        return Err(vec![Fault::setting("provider", "is none: write \"meta\", \"evolution\" or \"waha\"")]);
    }
    // An empty field of a form is one that is not given.
    let mut value = value;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| field.as_str() != Some(""));
    }
    let whatsapp = checked(settings(value)?).map_err(|fault| vec![fault])?;
    Ok(Arc::new(whatsapp))
}

fn checked(whatsapp: WhatsApp) -> Result<WhatsApp, Fault> {
    Ok(match whatsapp {
        WhatsApp::Meta { url, token, phone_id, to, template } => {
            let url = Some(base("url", url.as_deref().unwrap_or(META_URL))?);
            digits("phone_id", &phone_id)?;
            if let Some(template) = &template {
                word("template", template, 512)?;
            }
            WhatsApp::Meta { url, token, phone_id, to: number(&to)?, template }
        }
        WhatsApp::Evolution { url, token, instance, to } => {
            word("instance", &instance, 128)?;
            WhatsApp::Evolution { url: base("url", &url)?, token, instance, to: chat(&to)? }
        }
        WhatsApp::Waha { url, token, session, to } => {
            word("session", &session, 128)?;
            WhatsApp::Waha { url: base("url", &url)?, token, session, to: chat(&to)? }
        }
    })
}

fn digits(field: &str, text: &str) -> Result<(), Fault> {
    let is_number = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(()) } else { Err(Fault::setting(field, "is no number: write its digits")) }
}

/// A telephone number as people write it, to its digits.
fn number(text: &str) -> Result<String, Fault> {
    let kept: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_plain = text.chars().all(|sign| sign.is_ascii_digit() || matches!(sign, '+' | ' ' | '-' | '(' | ')' | '.'));
    if is_plain && (8..=15).contains(&kept.len()) {
        return Ok(kept);
    }
    Err(Fault::setting("to", "is no telephone number: write it with its country, such as \"+55 11 91234-5678\""))
}

/// A telephone number, or the word of a group such as `1203...@g.us`.
fn chat(text: &str) -> Result<String, Fault> {
    if text.trim().ends_with("@g.us") {
        word("to", text.trim(), 64)?;
        return Ok(text.trim().to_owned());
    }
    number(text)
}

/// The message in WhatsApp's markup: bold by asterisks. A sign of markup in a name is kept: it can do no more than slant a word.
fn message(text: &Text) -> String {
    let headline = text.headline().replace('*', "∗");
    let mut lines = vec![format!("*{headline}*")];
    lines.extend(text.lines());
    lines.extend(text.link.clone());
    cut(&lines.join("\n"), TEXT_CHARS_MAX)
}

impl Medium for WhatsApp {
    fn render(&self, telling: &Telling<'_>) -> Outgoing {
        let text = telling.text;
        Outgoing::Http(match self {
            Self::Meta { url, token, phone_id, to, template } => {
                let mut body = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": to });
                match template {
                    Some(template) => {
                        let line = text.plain().split_whitespace().collect::<Vec<_>>().join(" ");
                        let parameter = json!({ "type": "text", "text": cut(&line, PARAMETER_CHARS_MAX) });
                        let code = match text.language {
                            Language::En => "en_US",
                            Language::PtBr => "pt_BR",
                        };
                        body["type"] = json!("template");
                        body["template"] = json!({
                            "name": template,
                            "language": { "code": code },
                            "components": [{ "type": "body", "parameters": [parameter] }],
                        });
                    }
                    None => {
                        body["type"] = json!("text");
                        body["text"] = json!({ "preview_url": false, "body": message(text) });
                    }
                }
                let url = url.as_deref().unwrap_or(META_URL);
                Request::json(&format!("{url}/{phone_id}/messages"), &body).bearer(token)
            }
            Self::Evolution { url, token, instance, to } => {
                let body = json!({ "number": to, "text": message(text), "linkPreview": false });
                Request::json(&format!("{url}/message/sendText/{instance}"), &body).header("apikey", token.reveal().trim())
            }
            Self::Waha { url, token, session, to } => {
                let chat = if to.contains('@') { to.clone() } else { format!("{to}@c.us") };
                let body = json!({ "session": session, "chatId": chat, "text": message(text), "linkPreview": false });
                let request = Request::json(&format!("{url}/api/sendText"), &body);
                match token {
                    Some(token) => request.header("x-api-key", token.reveal().trim()),
                    None => request,
                }
            }
        })
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        let json = answer.json();
        match (self, Verdict::by_status(answer)) {
            (Self::Meta { .. }, Verdict::Dead(said))
                if json["error"]["code"].as_i64().is_some_and(|code| META_PASSING.contains(&code)) =>
            {
                Verdict::Again { why: said, after: answer.retry_after }
            }
            (Self::Meta { .. }, Verdict::Told(said)) => match json["messages"][0]["id"].as_str() {
                Some(id) => Verdict::Told(format!("200: message {}", cut(id, 100))),
                None => Verdict::Dead(format!("{said}: this is not how Meta answers")),
            },
            (_, verdict) => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
