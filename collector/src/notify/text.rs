//! What a notice says, in Portuguese of Brazil and in English: sentences, numbers, times, and a history drawn by characters.
//!
//! In: a [`Notice`] and how a channel reads. Out: [`Text`], plain sentences that each kind of channel escapes in its own way.
//!
//! Invariants: no text holds a control character or a mark that turns the direction of writing, so that none can end a header or a line of
//! its own; every text is bounded, whatever names and messages are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ALERTS_MAX, Cause, CauseKind, Notice, NoticedAlert, Reason, request::cut};
use crate::alert::{Level, builtin::names::in_portuguese};

mod line;
mod number;

pub use line::sparkline;
pub use number::{clock, duration, instant, mail_date, value};

/// Longest name of something, in characters.
const NAME_CHARS_MAX: usize = 80;

/// Longest sentence that a rule brings, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// Longest address of instructions, in characters: one that is cut would lead nowhere, so that it is left out instead.
const RUNBOOK_CHARS_MAX: usize = 500;

/// Most attributes that are told of one alert.
const ATTRIBUTES_MAX: usize = 4;

/// The language of a channel's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChannelLanguage)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Portuguese of Brazil.
    #[serde(rename = "pt-BR")]
    PtBr,
}

impl Language {
    /// The one of two texts that is in this language.
    #[must_use]
    pub const fn pick<'a>(self, en: &'a str, pt: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::PtBr => pt,
        }
    }

    /// Minutes that clocks are ahead of UTC where it is usually read: Brasília, which has no summer time; UTC for English.
    #[must_use]
    pub const fn usual_offset_min(self) -> i16 {
        match self {
            Self::En => 0,
            Self::PtBr => -180,
        }
    }
}

/// How a channel reads.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// In this language.
    pub language: Language,
    /// By clocks so many minutes ahead of UTC.
    pub zone_min: i16,
}

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its language.
    pub language: Language,
    /// Says by colour how grave it is.
    pub mark: &'static str,
    /// How grave it is, or that it is over, in a word.
    pub word: &'static str,
    /// What happened, in one line, without the mark and the word.
    pub title: String,
    /// Each alert; the likely cause first.
    pub alerts: Vec<AlertText>,
    /// How many more there are.
    pub more: Option<String>,
    /// What likely caused it.
    pub cause: Option<String>,
    /// Since when, who acknowledged, why this channel is told.
    pub notes: Vec<String>,
    /// Where to look.
    pub link: Option<String>,
    /// What a button to it says.
    pub open: &'static str,
    /// What a link to instructions says.
    pub runbook: &'static str,
}

/// An alert in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertText {
    /// What happened to what.
    pub sentence: String,
    /// Service, tenant and environment, with dots between them.
    pub place: String,
    /// Its recent past, drawn by characters.
    pub history: Option<String>,
    /// Since when.
    pub since: String,
    /// Where it is written what to do.
    pub runbook: Option<String>,
}

impl Text {
    /// Puts a notice in words.
    #[must_use]
    pub fn of(notice: &Notice, reading: Reading, link: Option<String>) -> Self {
        let language = reading.language;
        let alerts: Vec<AlertText> =
            notice.alerts.iter().take(ALERTS_MAX).map(|alert| alert_text(alert, notice, reading)).collect();
        let more = (notice.more > 0).then(|| match language {
            Language::En => format!("and {} more", number::whole(notice.more, language)),
            Language::PtBr => format!("e mais {}", number::whole(notice.more, language)),
        });
        Self {
            language,
            mark: mark(notice),
            word: word(notice, language),
            title: title(notice, reading),
            alerts,
            more,
            cause: notice.cause.as_ref().map(|cause| cause_text(cause, reading)),
            notes: notes(notice, reading),
            link,
            open: language.pick("Open in Farol", "Abrir no Farol"),
            runbook: language.pick("What to do", "O que fazer"),
        }
    }

    /// Mark, word and title: `🔴 Critical: CPU at 93% on web-1`.
    #[must_use]
    pub fn headline(&self) -> String {
        format!("{} {}: {}", self.mark, self.word, self.title)
    }

    /// Everything but the headline and the link, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for alert in &self.alerts {
            let dot = if self.alerts.len() > 1 { "• " } else { "" };
            let place = if alert.place.is_empty() { String::new() } else { format!(" ({})", alert.place) };
            lines.push(format!("{dot}{}{place}, {}", alert.sentence, alert.since));
            lines.extend(alert.history.clone());
            lines.extend(alert.runbook.as_ref().map(|runbook| format!("{}: {runbook}", self.runbook)));
        }
        lines.extend(self.more.clone());
        lines.extend(self.cause.clone());
        lines.extend(self.notes.iter().cloned());
        lines
    }

    /// All of it as plain text.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut lines = vec![self.headline()];
        lines.extend(self.lines());
        lines.extend(self.link.clone());
        lines.join("\n")
    }
}

/// A text from outside, in one line: without control characters and marks that turn the direction of writing, and not longer than said.
#[must_use]
pub fn clean(text: &str, chars_max: usize) -> String {
    let turns = |sign: char| matches!(sign, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let kept: String = text.chars().filter(|sign| !turns(*sign)).map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    cut(&kept.split_whitespace().collect::<Vec<_>>().join(" "), chars_max)
}

fn name(text: &str) -> String {
    clean(text, NAME_CHARS_MAX)
}

/// Name of an alert's rule; that of a built-in one in the reader's language.
fn rule(alert: &NoticedAlert, language: Language) -> String {
    name(match language {
        Language::En => &alert.name,
        Language::PtBr => in_portuguese(&alert.name),
    })
}

/// What caused it; the name of a built-in rule in the reader's language.
fn what(cause: &Cause, language: Language) -> &str {
    if language == Language::PtBr && cause.alert.is_some() { in_portuguese(&cause.what) } else { &cause.what }
}

const fn mark(notice: &Notice) -> &'static str {
    match (notice.reason, notice.level) {
        (Reason::Resolved, _) => "✅",
        (Reason::Test, _) => "🔔",
        (_, Level::Critical) => "🔴",
        (_, Level::Warning | Level::Ok) => "🟡",
    }
}

const fn word(notice: &Notice, language: Language) -> &'static str {
    match (notice.reason, notice.level) {
        (Reason::Resolved, _) => language.pick("Resolved", "Resolvido"),
        (Reason::Test, _) => language.pick("Test", "Teste"),
        (Reason::Reminder, Level::Critical) => language.pick("Still critical", "Ainda crítico"),
        (Reason::Reminder, _) => language.pick("Still a warning", "Ainda em alerta"),
        (Reason::Escalated, _) => language.pick("Not acknowledged", "Sem reconhecimento"),
        (_, Level::Critical) => language.pick("Critical", "Crítico"),
        (_, _) => language.pick("Warning", "Alerta"),
    }
}

fn title(notice: &Notice, reading: Reading) -> String {
    let language = reading.language;
    if notice.reason == Reason::Test {
        return language.pick("this channel works", "este canal funciona").to_owned();
    }
    let Some(first) = notice.alerts.first() else {
        return language.pick("an incident", "um incidente").to_owned();
    };
    let others = u64::try_from(notice.alerts.len()).unwrap_or(u64::MAX).saturating_sub(1).saturating_add(notice.more);
    let told = match notice.reason {
        Reason::Resolved => {
            let lasted = notice.closed_ms.unwrap_or(notice.at_ms).saturating_sub(notice.opened_ms);
            let what = subject(first, language);
            let lasted = duration(lasted);
            match language {
                Language::En => format!("{what}, after {lasted}"),
                Language::PtBr => format!("{what}, após {lasted}"),
            }
        }
        _ => sentence(first, notice, reading),
    };
    match (others, language) {
        (0, _) => told,
        (others, Language::En) => format!("{told} (+{others})"),
        (others, Language::PtBr) => format!("{told} (+{others})"),
    }
}

/// `CPU on web-1`.
fn subject(alert: &NoticedAlert, language: Language) -> String {
    let (rule, resource) = (rule(alert, language), name(&alert.resource));
    if resource.is_empty() { rule } else { format!("{rule} {} {resource}{}", language.pick("on", "em"), attributes(alert)) }
}

/// ` [queue=mail]`.
fn attributes(alert: &NoticedAlert) -> String {
    let told: Vec<String> =
        alert.attributes.iter().take(ATTRIBUTES_MAX).map(|(key, value)| format!("{}={}", name(key), name(value))).collect();
    if told.is_empty() { String::new() } else { format!(" [{}]", told.join(", ")) }
}

/// `CPU at 93% on web-1 for 5 min`, or what the rule says itself.
fn sentence(alert: &NoticedAlert, notice: &Notice, reading: Reading) -> String {
    let language = reading.language;
    if let Some(message) =
        alert.message.as_deref().map(|message| clean(message, MESSAGE_CHARS_MAX)).filter(|text| !text.is_empty())
    {
        return message;
    }
    let (rule, resource) = (rule(alert, language), name(&alert.resource));
    let lasted = duration(alert.resolved_ms.unwrap_or(notice.at_ms).saturating_sub(alert.onset_ms));
    let on = if resource.is_empty() { String::new() } else { format!(" {} {resource}", language.pick("on", "em")) };
    let on = format!("{on}{}", attributes(alert));
    if alert.metric == "silence" {
        return match language {
            Language::En => format!("{rule}: nothing{} for {lasted}", on.replacen(" on ", " from ", 1)),
            Language::PtBr => format!("{rule}: nada{} há {lasted}", on.replacen(" em ", " de ", 1)),
        };
    }
    let measured = alert.value.filter(|value| value.is_finite()).map(|measured| value(measured, &alert.unit, language));
    let at = match (&measured, alert.metric.as_str()) {
        (None, _) => String::new(),
        (Some(count), "events") => format!(": {count} {}", language.pick("events", "eventos")),
        (Some(count), "logs") => format!(": {count} {}", language.pick("log records", "registros de log")),
        (Some(measured), _) => format!(" {} {measured}", language.pick("at", "em")),
    };
    let limit = alert.threshold.filter(|limit| limit.is_finite()).map_or_else(String::new, |limit| {
        let limit = value(limit, &alert.unit, language);
        let than = match (alert.is_below, language) {
            (false, Language::En) => "over",
            (true, Language::En) => "under",
            (false, Language::PtBr) => "acima de",
            (true, Language::PtBr) => "abaixo de",
        };
        format!(", {than} {limit}")
    });
    format!("{rule}{at}{on} {} {lasted}{limit}", language.pick("for", "há"))
}

fn alert_text(alert: &NoticedAlert, notice: &Notice, reading: Reading) -> AlertText {
    let language = reading.language;
    let place = [&alert.service, &alert.tenant, &alert.environment].into_iter().flatten().map(|part| name(part));
    let since = clock(alert.onset_ms, notice.at_ms, reading);
    let since = match alert.resolved_ms {
        Some(over) => {
            let (over, to) = (clock(over, notice.at_ms, reading), language.pick("to", "a"));
            format!("{since} {to} {over}")
        }
        None => format!("{} {since}", language.pick("since", "desde")),
    };
    let is_link = |text: &&str| {
        (text.starts_with("https://") || text.starts_with("http://"))
            && text.chars().count() <= RUNBOOK_CHARS_MAX
            && !text.chars().any(|sign| sign.is_control() || sign.is_whitespace())
    };
    AlertText {
        sentence: sentence(alert, notice, reading),
        place: place.collect::<Vec<_>>().join(" · "),
        history: sparkline(&alert.history, &alert.unit, language),
        since,
        runbook: alert.runbook.as_deref().filter(is_link).map(str::to_owned),
    }
}

fn cause_text(cause: &Cause, reading: Reading) -> String {
    let (at, resource, what) =
        (clock(cause.at_ms, cause.at_ms, reading), name(&cause.resource), name(what(cause, reading.language)));
    let told = match (cause.kind, reading.language) {
        (CauseKind::Alert | CauseKind::Dependency, Language::En) => format!("{what} on {resource}"),
        (CauseKind::Alert | CauseKind::Dependency, Language::PtBr) => format!("{what} em {resource}"),
        (CauseKind::Deploy, Language::En) => format!("deployment of {resource} {what}"),
        (CauseKind::Deploy, Language::PtBr) => format!("implantação de {resource} {what}"),
        (CauseKind::Restart, Language::En) => format!("{resource} restarted ({what})"),
        (CauseKind::Restart, Language::PtBr) => format!("{resource} reiniciou ({what})"),
        (CauseKind::Oom, Language::En) => format!("{resource} was killed for want of memory"),
        (CauseKind::Oom, Language::PtBr) => format!("{resource} foi encerrado por falta de memória"),
        (CauseKind::Host, Language::En) => format!("the host {resource} fell silent"),
        (CauseKind::Host, Language::PtBr) => format!("o host {resource} ficou em silêncio"),
        (CauseKind::Network, Language::En) => "the collector lost its network: most agents fell silent at once".to_owned(),
        (CauseKind::Network, Language::PtBr) => {
            "o coletor perdeu a rede: a maioria dos agentes silenciou ao mesmo tempo".to_owned()
        }
    };
    format!("{}: {told}, {at}", reading.language.pick("Likely cause", "Causa provável"))
}

fn notes(notice: &Notice, reading: Reading) -> Vec<String> {
    let language = reading.language;
    let mut notes = Vec::new();
    match notice.reason {
        Reason::Test => {
            let at = clock(notice.at_ms, notice.at_ms, reading);
            notes.push(match language {
                Language::En => format!("Somebody tried this channel in Farol, {at}. There is nothing to do."),
                Language::PtBr => format!("Alguém testou este canal no Farol, {at}. Não há nada a fazer."),
            });
        }
        Reason::Escalated => notes.push(language.pick("Nobody has acknowledged it yet.", "Ninguém reconheceu ainda.").to_owned()),
        Reason::Opened | Reason::Updated | Reason::Reminder | Reason::Resolved => {}
    }
    if let Some(who) = &notice.acknowledged_by {
        notes.push(match language {
            Language::En => format!("Acknowledged by {}.", name(who)),
            Language::PtBr => format!("Reconhecido por {}.", name(who)),
        });
    }
    if let Some(channel) = notice.instead_of() {
        let channel = name(channel);
        notes.push(match language {
            Language::En => format!("Sent here because the channel {channel} cannot be reached."),
            Language::PtBr => format!("Enviado aqui porque o canal {channel} não pode ser alcançado."),
        });
    }
    notes
}

#[cfg(test)]
mod tests;
