//! One line of `StatsD` or `DogStatsD`, taken apart without copying.
//!
//! ```text
//! name ":" value *(":" value) "|" type *("|" field)         fields: @rate, #tags, T<seconds>; others are skipped
//! "_e{" bytes "," bytes "}:" title "|" text *("|" field)    fields: d: h: k: p: s: t: #tags
//! "_sc|" name "|" 0..3 *("|" field) ["|m:" text]            fields: d: h: #tags
//! ```
//!
//! Tags may also stand in the name, as Graphite (`name;key=value`) and `InfluxDB` (`name,key=value`) have them.

/// Lowest sample rate that is believed: a lower one would let one line stand for a billion.
const RATE_MIN: f64 = 1e-6;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line<'a> {
    Metric(Metric<'a>),
    Event(Event<'a>),
    Check(Check<'a>),
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `c`, and `m` of some servers.
    Counter,
    /// `g`.
    Gauge,
    /// `ms`: milliseconds.
    Timer,
    /// `h` and `d`: any unit.
    Distribution,
    /// `s`.
    Set,
}

/// Values of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metric<'a> {
    pub(super) name: &'a str,
    /// Numbers with colons between them; of a set any text.
    pub(super) values: &'a str,
    pub(super) kind: Kind,
    /// How many of the real values one stands for: 1 or more.
    pub(super) weight: f64,
    pub(super) tags: Tags<'a>,
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Event<'a> {
    pub(super) title: &'a str,
    /// With `\n` for the end of a line.
    pub(super) text: &'a str,
    pub(super) time_s: Option<i64>,
    pub(super) host: &'a str,
    pub(super) aggregation_key: &'a str,
    pub(super) priority: &'a str,
    pub(super) source: &'a str,
    pub(super) alert: &'a str,
    pub(super) tags: Tags<'a>,
}

/// The result of a service check.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Check<'a> {
    pub(super) name: &'a str,
    /// 0 fine, 1 warning, 2 critical, 3 unknown.
    pub(super) status: u8,
    pub(super) time_s: Option<i64>,
    pub(super) host: &'a str,
    pub(super) message: &'a str,
    pub(super) tags: Tags<'a>,
}

/// Tags as they stand in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tags<'a> {
    /// Those of the name: `key=value` with semicolons or commas between them.
    named: &'a str,
    /// `key:value` or `key` with commas between them.
    listed: &'a str,
}

impl<'a> Tags<'a> {
    /// Keys and values. A tag without a value is `true`; one without a key is skipped.
    pub(super) fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = self.named.split([';', ',']).map(|tag| tag.split_once('=').unwrap_or((tag, "true")));
        let listed = self.listed.split(',').map(|tag| tag.split_once(':').unwrap_or((tag, "true")));
        named.chain(listed).map(|(key, value)| (key.trim(), value.trim())).filter(|(key, _)| !key.is_empty())
    }

    /// The value of one tag.
    pub(super) fn of(self, key: &str) -> Option<&'a str> {
        self.pairs().find(|(name, value)| *name == key && !value.is_empty()).map(|(_, value)| value)
    }

    /// Those behind the `#`, as they stand.
    pub(super) fn listed(self) -> &'a str {
        self.listed
    }
}

/// Takes a line apart; `None` when it is none. Numbers in it are looked at later.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    if let Some(event) = line.strip_prefix("_e{") {
        return parse_event(event).map(Line::Event);
    }
    if let Some(check) = line.strip_prefix("_sc|") {
        return parse_check(check).map(Line::Check);
    }
    parse_metric(line).map(Line::Metric)
}

fn parse_metric(line: &str) -> Option<Metric<'_>> {
    let (name, rest) = line.split_once(':')?;
    let (values, rest) = rest.split_once('|')?;
    let (name, named) = name.split_once([';', ',']).unwrap_or((name, ""));
    if !is_name(name) || values.is_empty() {
        return None;
    }
    let mut fields = rest.split('|');
    let kind = match fields.next()? {
        "c" | "m" => Kind::Counter,
        "g" => Kind::Gauge,
        "ms" => Kind::Timer,
        "h" | "d" => Kind::Distribution,
        "s" => Kind::Set,
        _ => return None,
    };
    let (mut weight, mut tags) = (1.0, Tags { named, listed: "" });
    for field in fields {
        if let Some(rate) = field.strip_prefix('@') {
            weight = rate.parse().ok().filter(|rate| (RATE_MIN..=1.0).contains(rate)).map(|rate: f64| 1.0 / rate)?;
        } else if let Some(listed) = field.strip_prefix('#') {
            tags.listed = listed;
        }
    }
    Some(Metric { name, values, kind, weight, tags })
}

/// What stands behind `_e{`.
fn parse_event(line: &str) -> Option<Event<'_>> {
    let (lengths, rest) = line.split_once("}:")?;
    let (title_bytes, text_bytes) = lengths.split_once(',')?;
    let (title, rest) = rest.split_at_checked(title_bytes.parse().ok()?)?;
    let (text, rest) = rest.strip_prefix('|')?.split_at_checked(text_bytes.parse().ok()?)?;
    if title.is_empty() || !(rest.is_empty() || rest.starts_with('|')) {
        return None;
    }
    let mut event = Event { title, text, ..Event::default() };
    for field in rest.split('|') {
        match field.split_at_checked(2) {
            Some(("d:", time)) => event.time_s = Some(time.parse().ok()?),
            Some(("h:", host)) => event.host = host,
            Some(("k:", key)) => event.aggregation_key = key,
            Some(("p:", priority)) => event.priority = priority,
            Some(("s:", source)) => event.source = source,
            Some(("t:", alert)) => event.alert = alert,
            _ => event.tags.listed = field.strip_prefix('#').unwrap_or(event.tags.listed),
        }
    }
    Some(event)
}

/// What stands behind `_sc|`.
fn parse_check(line: &str) -> Option<Check<'_>> {
    // The message is the last field and may hold anything.
    let (line, message) = line.split_once("|m:").unwrap_or((line, ""));
    let mut fields = line.split('|');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let status = fields.next()?.parse().ok().filter(|status| *status <= 3)?;
    let mut check = Check { name, status, message, ..Check::default() };
    for field in fields {
        match field.split_at_checked(2) {
            Some(("d:", time)) => check.time_s = Some(time.parse().ok()?),
            Some(("h:", host)) => check.host = host,
            _ => check.tags.listed = field.strip_prefix('#').unwrap_or(check.tags.listed),
        }
    }
    Some(check)
}

/// Letters, digits, and what libraries put between them.
fn is_name(name: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-') || !byte.is_ascii();
    !name.is_empty() && name.bytes().all(is_right)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metric(line: &str) -> Metric<'_> {
        match parse(line) {
            Some(Line::Metric(metric)) => metric,
            other => panic!("{line} gave {other:?}"),
        }
    }

    fn pairs<'a>(tags: Tags<'a>) -> Vec<(&'a str, &'a str)> {
        tags.pairs().collect()
    }

    #[test]
    fn lines_of_datadogs_own_library_are_read() {
        let views = metric("page.views:1|c|#route:/x,env:prod");
        assert_eq!((views.name, views.values, views.kind), ("page.views", "1", Kind::Counter));
        assert_eq!(pairs(views.tags), [("route", "/x"), ("env", "prod")]);
        assert_eq!(metric("q.depth:5|g|#env:prod").kind, Kind::Gauge);
        assert_eq!(metric("req.time:12.5|ms|#env:prod").kind, Kind::Timer);
        assert_eq!(metric("h:3.2|h|#env:prod").kind, Kind::Distribution);
        assert_eq!(metric("dist:9|d|#env:prod").kind, Kind::Distribution);
        assert_eq!(metric("users:abc|s|#env:prod").values, "abc");
        assert!((metric("sampled:1|c|@0.5|#env:prod").weight - 2.0).abs() < 1e-12);
        let Some(Line::Event(event)) = parse("_e{5,12}:title|text line\\n2|t:error|#a:b,env:prod") else { panic!() };
        assert_eq!((event.title, event.text, event.alert), ("title", "text line\\n2", "error"));
        assert_eq!(event.tags.of("env"), Some("prod"));
        let Some(Line::Check(check)) = parse("_sc|db|1|#env:prod|m:slow") else { panic!() };
        assert_eq!((check.name, check.status, check.message, check.tags.listed()), ("db", 1, "slow", "env:prod"));
    }

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_are_skipped() {
        let packed = metric("t:1:2.5:3|ms|c:ci-3f|#a:b:c,flag|@0.1|T1656581400|card:low|e:it-x|new");
        assert_eq!((packed.values, pairs(packed.tags)), ("1:2.5:3", vec![("a", "b:c"), ("flag", "true")]));
        assert!((packed.weight - 10.0).abs() < 1e-9);
        let Some(Line::Event(event)) = parse("_e{2,0}:é||d:17|p:low|k:x|s:app|h:web-1|z:9") else { panic!() };
        assert_eq!((event.title, event.time_s, event.host, event.priority), ("é", Some(17), "web-1", "low"));
        let Some(Line::Check(check)) = parse("_sc|a b|2|d:9|h:web|m:x|y|#no:tag") else { panic!() };
        assert_eq!((check.time_s, check.host, check.message), (Some(9), "web", "x|y|#no:tag"));
    }

    #[test]
    fn tags_of_graphite_and_influx_stand_in_the_name() {
        for line in ["cpu;host=a;core=1:5|g|#x:y", "cpu,host=a,core=1:5|g|#x:y"] {
            assert_eq!((metric(line).name, pairs(metric(line).tags)), ("cpu", vec![("host", "a"), ("core", "1"), ("x", "y")]));
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "",
            "a",
            "a:1",
            "a:|c",
            "a:1|x",
            "a:1|",
            ":1|c",
            "a b:1|c",
            "a:1|c|@0",
            "a:1|c|@2",
            "a:1|c|@1e-9",
            "a:1|c|@nan",
            "a:1|c|@",
            "_e{1}:a|b",
            "_e{9,1}:a|b",
            "_e{1,9}:a|b",
            "_e{0,1}:|b",
            "_e{1,1}:é|b",
            "_e{1,1}:a|bc",
            "_e{1,1}:a|b|d:x",
            "_sc|a",
            "_sc||0",
            "_sc|a|4",
            "_sc|a|-1",
            "_e{18446744073709551616,1}:a|b",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(line in "(_e\\{|_sc\\||[a-z]:)?[-_e{}0-9a-z:|@#,;=é\\\\.T ]{0,60}") {
            if let Some(Line::Metric(metric)) = parse(&line) {
                prop_assert!(metric.weight >= 1.0 && metric.tags.pairs().count() <= line.len());
            }
        }

        #[test]
        fn any_characters_are_read_or_refused(line in any::<String>()) {
            prop_assert_eq!(parse(&line), parse(&line));
        }
    }
}
