//! Sentences in both languages, and what no text may hold.

use proptest::prelude::*;

use super::*;
use crate::notify::fixture::{self, AT, UGLY};

fn told(notice: &Notice, language: Language) -> Text {
    let reading = Reading { language, zone_min: language.usual_offset_min() };
    Text::of(notice, reading, Some("https://farol.example/#/alerts".to_owned()))
}

fn headline(notice: &Notice, language: Language) -> String {
    told(notice, language).headline().replace('\u{202f}', " ")
}

#[test]
fn a_sentence_says_what_where_how_much_and_for_how_long() {
    let mut notice = fixture::notice(Reason::Opened);
    notice.alerts[0].attributes.clear();
    assert_eq!(headline(&notice, Language::En), "🔴 Critical: CPU at 93.4% on web-1 for 5 min, over 90%");
    assert_eq!(headline(&notice, Language::PtBr), "🔴 Crítico: CPU em 93,4% em web-1 há 5 min, acima de 90%");
    notice.level = Level::Warning;
    notice.alerts[0].is_below = true;
    notice.more = 4;
    assert_eq!(headline(&notice, Language::En), "🟡 Warning: CPU at 93.4% on web-1 for 5 min, under 90% (+4)");
    assert_eq!(headline(&notice, Language::PtBr), "🟡 Alerta: CPU em 93,4% em web-1 há 5 min, abaixo de 90% (+4)");
}

#[test]
fn each_reason_has_its_word() {
    let words = |reason| {
        let notice = fixture::notice(reason);
        (told(&notice, Language::En).word, told(&notice, Language::PtBr).word)
    };
    assert_eq!(words(Reason::Updated), ("Critical", "Crítico"));
    assert_eq!(words(Reason::Reminder), ("Still critical", "Ainda crítico"));
    assert_eq!(words(Reason::Escalated), ("Not acknowledged", "Sem reconhecimento"));
    assert_eq!(words(Reason::Resolved), ("Resolved", "Resolvido"));
    assert_eq!(words(Reason::Test), ("Test", "Teste"));
}

#[test]
fn silence_events_logs_and_a_rules_own_words_are_told_as_such() {
    let mut notice = fixture::notice(Reason::Opened);
    let alert = &mut notice.alerts[0];
    alert.attributes.clear();
    (alert.name, alert.metric, alert.unit) = ("Agent silent".to_owned(), "silence".to_owned(), "s".to_owned());
    assert_eq!(headline(&notice, Language::En), "🔴 Critical: Agent silent: nothing from web-1 for 5 min");
    assert_eq!(headline(&notice, Language::PtBr), "🔴 Crítico: Agente sem contato: nada de web-1 há 5 min");
    let alert = &mut notice.alerts[0];
    (alert.metric, alert.unit, alert.value, alert.threshold) = ("logs".to_owned(), "{record}".to_owned(), Some(1_250.0), None);
    assert_eq!(headline(&notice, Language::PtBr), "🔴 Crítico: Agente sem contato: 1.250 registros de log em web-1 há 5 min");
    notice.alerts[0].message = Some("Disco\ncheio".to_owned());
    assert_eq!(headline(&notice, Language::PtBr), "🔴 Crítico: Disco cheio");
}

#[test]
fn the_end_says_how_long_it_took_and_the_place_of_another_channel_says_so() {
    let mut notice = fixture::notice(Reason::Resolved);
    notice.alerts[0].attributes.clear();
    notice.key = "7-3-slack.mail".to_owned();
    assert_eq!(headline(&notice, Language::En), "✅ Resolved: CPU on web-1, after 12 min");
    let text = told(&notice, Language::PtBr);
    assert_eq!(text.alerts[0].since, "21:11:10 (UTC-3) a 21:23:10 (UTC-3)");
    assert!(text.notes.contains(&"Enviado aqui porque o canal slack não pode ser alcançado.".to_owned()), "{:?}", text.notes);
}

#[test]
fn causes_are_told_by_their_kind() {
    let mut notice = fixture::notice(Reason::Opened);
    let mut cause = |kind, language| {
        notice.cause.as_mut().unwrap().kind = kind;
        told(&notice, language).cause.unwrap()
    };
    assert_eq!(
        cause(CauseKind::Network, Language::En),
        "Likely cause: the collector lost its network: most agents fell silent at once, 00:11:03 (UTC)"
    );
    assert_eq!(
        cause(CauseKind::Oom, Language::PtBr),
        "Causa provável: redis-1 foi encerrado por falta de memória, 21:11:03 (UTC-3)"
    );
    assert!(cause(CauseKind::Deploy, Language::En).contains("deployment of redis-1 memory at its limit"));
}

#[test]
fn what_comes_from_outside_holds_neither_control_characters_nor_turned_writing() {
    for language in [Language::En, Language::PtBr] {
        let text = told(&fixture::ugly(), language);
        let all = [text.headline(), text.lines().join("|"), text.plain().replace('\n', "|")].concat();
        assert!(!all.chars().any(|sign| sign.is_control() || ('\u{202a}'..='\u{202e}').contains(&sign)), "{all}");
        assert!(text.alerts.len() == ALERTS_MAX && text.plain().chars().count() < 20_000);
        assert_eq!(text.alerts[0].runbook.as_deref(), Some("https://wiki.example/\"><script>"), "kinds escape it");
    }
    assert_eq!(clean(UGLY, 24), "we\"b\\<b>1</b>& Bcc: x@y…");
    let mut notice = fixture::notice(Reason::Opened);
    for wrong in ["javascript:alert(1)", "https://a b", "https://a\r\nX: y"] {
        notice.alerts[0].runbook = Some(wrong.to_owned());
        assert_eq!(told(&notice, Language::En).alerts[0].runbook, None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_name_and_number_is_told_in_one_bounded_line(
        name in ".{0,300}", message in prop::option::of(".{0,900}"), value in any::<f64>(), unit in ".{0,20}", onset in any::<i64>(),
    ) {
        let mut notice = fixture::notice(Reason::Opened);
        let alert = &mut notice.alerts[0];
        (alert.name, alert.message, alert.unit, alert.onset_ms) = (name.clone(), message, unit, onset.clamp(-AT, 4 * AT));
        (alert.value, alert.resource) = (Some(value), name);
        let headline = headline(&notice, Language::PtBr);
        prop_assert!(headline.chars().count() < 900 && !headline.chars().any(char::is_control), "{headline}");
    }
}
