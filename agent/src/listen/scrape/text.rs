//! One line of the Prometheus text format 0.0.4 or of `OpenMetrics` 1.0, taken apart; both are read alike.

use std::borrow::Cow;

/// Most labels of one sample; a line with more is none.
const LABELS_MAX: usize = 64;

/// A label's name and value.
pub(super) type LabelPair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line<'a> {
    Sample(Sample<'a>),
    /// `# TYPE`: a family of samples begins.
    Type(Cow<'a, str>, Kind),
    /// `# UNIT`.
    Unit(Cow<'a, str>, &'a str),
    /// Nothing that matters: a comment, a help text, an empty line, the end.
    Nothing,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Vec<LabelPair<'a>>,
    pub(super) value: f64,
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    Counter,
    /// Also states and information, which are 0 or 1.
    Gauge,
    Histogram,
    Summary,
    /// A histogram that may fall: not read.
    GaugeHistogram,
    #[default]
    Unknown,
}

/// Takes a line without its end apart; `None` when it is none.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    let line = line.trim_matches([' ', '\t', '\r', '\n']);
    if line.is_empty() {
        return Some(Line::Nothing);
    }
    match line.strip_prefix('#') {
        Some(comment) => Some(parse_comment(comment).unwrap_or(Line::Nothing)),
        None => parse_sample(line).map(Line::Sample),
    }
}

/// What is not understood is a comment for people.
fn parse_comment(comment: &str) -> Option<Line<'_>> {
    let (word, rest) = comment.trim_start().split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    let (name, rest) = match rest.strip_prefix('"') {
        Some(quoted) => take_quoted(quoted)?,
        None => rest.split_at_checked(rest.find([' ', '\t']).unwrap_or(rest.len())).map(|(name, rest)| (name.into(), rest))?,
    };
    let value = rest.trim();
    match word {
        "UNIT" => Some(Line::Unit(name, value)),
        "TYPE" => {
            let kind = match value {
                "counter" => Kind::Counter,
                "gauge" | "info" | "stateset" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                "summary" => Kind::Summary,
                "gaugehistogram" => Kind::GaugeHistogram,
                _ => Kind::Unknown,
            };
            Some(Line::Type(name, kind))
        }
        _ => None,
    }
}

fn parse_sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at_checked(end)?;
    let mut name = Cow::from(name);
    let mut labels = Vec::new();
    let mut rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = take_labels(inside, &mut name, &mut labels)?;
    } else if !is_name(&name) {
        return None;
    }
    if name.is_empty() {
        return None;
    }
    let (value, rest) = take_word(rest);
    let (time, rest) = take_word(rest);
    let is_whole = rest.is_empty() || rest.starts_with('#');
    // A time of the past or of another clock would not fit the frame: samples are of the time when they are read.
    let is_timed = time.is_empty() || time.starts_with('#') || (is_whole && number(time).is_some());
    is_timed.then_some(())?;
    Some(Sample { name, labels, value: number(value)? })
}

/// Reads what stands between braces, and gives what stands behind them.
fn take_labels<'a>(mut rest: &'a str, name: &mut Cow<'a, str>, labels: &mut Vec<LabelPair<'a>>) -> Option<&'a str> {
    // Without a name before the braces, the first quoted text inside is the name.
    let is_named = !name.is_empty();
    if is_named && !is_name(name) {
        return None;
    }
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Some(behind);
        }
        let (key, behind) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => {
                let end = rest.find(['=', ' ', '\t', ',', '}'])?;
                let (key, behind) = rest.split_at_checked(end).filter(|(key, _)| is_name(key))?;
                (key.into(), behind)
            }
        };
        rest = behind.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let (value, behind) = take_quoted(value.trim_start().strip_prefix('"')?)?;
            if labels.len() == LABELS_MAX {
                return None;
            }
            labels.push((key, value));
            rest = behind.trim_start();
        } else if name.is_empty() && !is_named {
            *name = key;
        } else {
            return None;
        }
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// Reads a quoted text whose first quote is taken already, and gives what stands behind its last one.
fn take_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    let (plain, rest) = text.split_at_checked(end)?;
    if let Some(behind) = rest.strip_prefix('"') {
        return Some((plain.into(), behind));
    }
    let mut value = String::from(plain);
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value.into(), characters.as_str())),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

fn take_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_at_checked(text.find([' ', '\t']).unwrap_or(text.len())).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// A number as Go writes it: `1`, `1.5e+06`, `NaN`, `+Inf`.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn is_name(name: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    !name.is_empty() && name.bytes().all(is_right) && !name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
        match parse(line) {
            Some(Line::Sample(Sample { name, labels, value })) => {
                let labels = labels.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
                (name.into_owned(), labels, value)
            }
            other => panic!("{line} gave {other:?}"),
        }
    }

    fn expect(name: &str, labels: &[(&str, &str)], value: f64) -> (String, Vec<(String, String)>, f64) {
        (name.to_owned(), labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(), value)
    }

    #[test]
    fn samples_of_both_formats_are_read() {
        let cases = [
            ("up 1", expect("up", &[], 1.0)),
            ("  a:b\t2.5e+06   1700000000000 ", expect("a:b", &[], 2_500_000.0)),
            ("a{} -3", expect("a", &[], -3.0)),
            ("a {b=\"c\" , d = \"e\",} 4", expect("a", &[("b", "c"), ("d", "e")], 4.0)),
            ("a{p=\"C:\\\\x \\\"y\\\"\\nz\\q}\"} 5", expect("a", &[("p", "C:\\x \"y\"\nz\\q}")], 5.0)),
            ("a_bucket{le=\"+Inf\"} 6 # {trace_id=\"ab\"} 0.3 1.7", expect("a_bucket", &[("le", "+Inf")], 6.0)),
            ("a_total 7 1.7e9 # {} 1", expect("a_total", &[], 7.0)),
            ("{\"http.duration\", route=\"/x\"} 8", expect("http.duration", &[("route", "/x")], 8.0)),
            ("{\"é 1\",\"k.2\"=\"v\"} 9", expect("é 1", &[("k.2", "v")], 9.0)),
            ("a +Inf", expect("a", &[], f64::INFINITY)),
        ];
        for (line, expected) in cases {
            assert_eq!(sample(line), expected, "{line}");
        }
        assert!(sample("a NaN").2.is_nan());
    }

    #[test]
    fn comments_tell_type_and_unit() {
        assert_eq!(parse("# TYPE a counter"), Some(Line::Type("a".into(), Kind::Counter)));
        assert_eq!(parse("#\tTYPE  \"a.b\"   histogram "), Some(Line::Type("a.b".into(), Kind::Histogram)));
        assert_eq!(parse("# UNIT a_seconds seconds"), Some(Line::Unit("a_seconds".into(), "seconds")));
        for line in ["", "# EOF", "# HELP a b c", "#", "# TYPE", "# just words here", "\r"] {
            assert_eq!(parse(line), Some(Line::Nothing), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "a",
            "a b",
            "1a 2",
            "a-b 1",
            "a{b} 1",
            "a{b=c} 1",
            "a{b=\"c} 1",
            "a{b=\"c\" d=\"e\"} 1",
            "a{b=\"c\"",
            "{} 1",
            "{b=\"c\"} 1",
            "{\"a\",\"b\"} 1",
            "a 1 2 3",
            "a 1 x",
            "<html> 1",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_likely_text_is_read_or_refused(line in "(# (TYPE|UNIT) )?[a-z]{0,2}[{}\"a-c=,\\\\ 0-9.#é+NaInf]{0,40}") {
            drop(parse(&line));
        }

        #[test]
        fn any_characters_are_read_or_refused(line in any::<String>()) {
            drop(parse(&line));
        }

        #[test]
        fn any_label_value_comes_back_as_it_was(value in any::<String>()) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            prop_assert_eq!(sample(&format!("a{{b=\"{escaped}\"}} 1")), expect("a", &[("b", &value)], 1.0));
        }
    }
}
