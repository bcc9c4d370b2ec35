//! Names of families and labels.

use farol_shared::metric::Kind;

/// A unit as Prometheus writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// Its word at the end of the name; empty when there is none.
    pub(super) word: &'static str,
    /// What the value is multiplied by to be in that unit.
    pub(super) scale: f64,
}

/// The base unit for a unit in UCUM notation.
pub(super) fn unit(ucum: &str, kind: Kind) -> Unit {
    let (word, scale) = match ucum {
        "By" => ("bytes", 1.0),
        "KiBy" => ("bytes", 1_024.0),
        "MiBy" => ("bytes", 1_048_576.0),
        "GiBy" => ("bytes", 1_073_741_824.0),
        "bit" => ("bytes", 0.125),
        "s" => ("seconds", 1.0),
        "ms" => ("seconds", 1e-3),
        "us" => ("seconds", 1e-6),
        "ns" => ("seconds", 1e-9),
        "min" => ("seconds", 60.0),
        "h" => ("seconds", 3_600.0),
        "d" => ("seconds", 86_400.0),
        "%" => ("ratio", 0.01),
        "1" if kind == Kind::Gauge => ("ratio", 1.0),
        "Cel" => ("celsius", 1.0),
        "J" => ("joules", 1.0),
        "V" => ("volts", 1.0),
        "A" => ("amperes", 1.0),
        // Counts of things carry what they count in their name.
        _ => ("", 1.0),
    };
    Unit { word, scale }
}

/// Units that applications write into names, and the base unit that stands for each with its factor; none where it is not sure.
const WRITTEN: &[(&str, Option<(&str, f64)>)] = &[
    ("s", Some(("seconds", 1.0))),
    ("sec", Some(("seconds", 1.0))),
    ("ms", Some(("seconds", 1e-3))),
    ("msec", Some(("seconds", 1e-3))),
    ("millis", Some(("seconds", 1e-3))),
    ("milliseconds", Some(("seconds", 1e-3))),
    ("us", Some(("seconds", 1e-6))),
    ("microseconds", Some(("seconds", 1e-6))),
    ("ns", Some(("seconds", 1e-9))),
    ("nanoseconds", Some(("seconds", 1e-9))),
    ("minutes", Some(("seconds", 60.0))),
    ("h", Some(("seconds", 3_600.0))),
    ("hours", Some(("seconds", 3_600.0))),
    ("d", Some(("seconds", 86_400.0))),
    ("days", Some(("seconds", 86_400.0))),
    ("weeks", Some(("seconds", 604_800.0))),
    ("kilobytes", Some(("bytes", 1e3))),
    ("megabytes", Some(("bytes", 1e6))),
    ("gigabytes", Some(("bytes", 1e9))),
    ("kibibytes", Some(("bytes", 1_024.0))),
    ("mebibytes", Some(("bytes", 1_048_576.0))),
    ("gibibytes", Some(("bytes", 1_073_741_824.0))),
    ("bits", Some(("bytes", 0.125))),
    // A thousand or 1024, minutes or metres: nobody can say.
    ("b", None),
    ("kb", None),
    ("mb", None),
    ("gb", None),
    ("tb", None),
    ("pb", None),
    ("m", None),
];

/// Words that say of which type a metric is: the exposition says it in its own line.
const TYPES: &[&str] = &["gauge", "counter", "histogram", "summary"];

/// Endings that mean something else than what the metric is. Those of histograms mean something else at any end.
const ENDINGS: &[&str] = &["total", "count", "sum", "bucket", "info"];

/// A metric's family: its name, and what values are multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FamilyName {
    /// The name.
    pub(super) name: String,
    /// The factor.
    pub(super) scale: f64,
}

/// The name of a metric's family, written as Prometheus recommends: a base unit in words at its end, no type, no other unit.
pub(super) fn family(metric: &str, ucum: &str, kind: Kind) -> FamilyName {
    let Unit { mut word, mut scale } = unit(ucum, kind);
    let plain = snake(&sanitize(metric, |b| b.is_ascii_alphanumeric() || b == b'_'));
    let mut parts: Vec<String> = Vec::new();
    for part in plain.split('_').filter(|part| !part.is_empty() && !TYPES.contains(part)) {
        match WRITTEN.iter().find(|(written, _)| *written == part.to_ascii_lowercase()) {
            // A letter or two at the start of a name are just a word.
            Some((written, _)) if parts.is_empty() && written.len() <= 2 => parts.push(part.to_owned()),
            Some((_, Some((_, _)))) if !word.is_empty() => {}
            Some((_, Some((base, factor)))) => (word, scale) = (base, *factor),
            Some((_, None)) => parts.push(format!("{part}x")),
            None => parts.push(part.to_owned()),
        }
    }
    while parts.len() > 1 && parts.last().is_some_and(|last| ENDINGS.contains(&last.as_str())) {
        // `info` says what something is, which is no count.
        if kind == Kind::Counter && parts.last().is_some_and(|last| last == "info") {
            break;
        }
        parts.pop();
    }
    if parts.is_empty() {
        parts.push("value".to_owned());
    }
    if !word.is_empty() && !parts.iter().any(|part| part == word) {
        parts.push(word.to_owned());
    }
    if kind == Kind::Counter {
        parts.push("total".to_owned());
    }
    let mut name = parts.join("_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    FamilyName { name, scale }
}

/// The name of an attribute's label.
pub(super) fn label_name(key: &str, reserved: &[&str]) -> String {
    let name = snake(&sanitize(key, |b| b.is_ascii_alphanumeric() || b == b'_'));
    if reserved.contains(&name.as_str()) || name.starts_with("__") { format!("attribute_{name}") } else { name }
}

fn sanitize(text: &str, is_allowed: impl Fn(u8) -> bool) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(character).ok().filter(|b| is_allowed(*b)) {
            Some(b) => name.push(char::from(b)),
            None => name.push('_'),
        }
    }
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// Words that are told apart by a capital, told apart by an underscore.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for character in name.chars() {
        let is_edge = character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if is_edge {
            snake.push('_');
            snake.push(character.to_ascii_lowercase());
        } else {
            snake.push(character);
        }
        before = character;
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_unit_once_and_counters_end_in_total() {
        let name = |metric, ucum, kind| family(metric, ucum, kind).name;
        for (metric, ucum, kind, expect) in [
            ("system.cpu.time", "s", Kind::Counter, "system_cpu_time_seconds_total"),
            ("container.memory.usage", "By", Kind::Gauge, "container_memory_usage_bytes"),
            ("system.network.packet.count", "{packet}", Kind::Counter, "system_network_packet_total"),
            ("container.pids.count", "{process}", Kind::Gauge, "container_pids"),
            ("cache_hit_ratio", "1", Kind::Gauge, "cache_hit_ratio"),
            ("farol.collector.store.bytes", "By", Kind::Gauge, "farol_collector_store_bytes"),
            ("http.duration", "ms", Kind::Gauge, "http_duration_seconds"),
            ("2nd.größe", "{x}", Kind::Gauge, "_2nd_gr_e"),
            ("requests_total", "{request}", Kind::Counter, "requests_total"),
            ("requests_total_total", "", Kind::Gauge, "requests"),
            ("tws_latency_ms", "", Kind::Gauge, "tws_latency_seconds"),
            ("tws_latency_ms", "ms", Kind::Gauge, "tws_latency_seconds"),
            ("messagesSent", "", Kind::Counter, "messages_sent_total"),
            ("queue:depth_gauge", "", Kind::Gauge, "queue_depth"),
            ("gauge", "", Kind::Gauge, "value"),
            ("free_mb", "", Kind::Gauge, "free_mbx"),
            ("ms", "", Kind::Gauge, "ms"),
            ("days", "", Kind::Gauge, "value_seconds"),
        ] {
            assert_eq!(name(metric, ucum, kind), expect);
        }
        assert_eq!(family("http.duration", "ms", Kind::Gauge).scale, 1e-3);
        assert_eq!(family("tws_latency_ms", "", Kind::Gauge).scale, 1e-3);
        assert_eq!(family("tws_latency_ms", "ms", Kind::Gauge).scale, 1e-3, "once, not twice");
    }

    #[test]
    fn labels_that_mean_something_else_are_renamed() {
        assert_eq!(label_name("system.device", &["resource"]), "system_device");
        assert_eq!(label_name("resource", &["resource"]), "attribute_resource");
        assert_eq!(label_name("__name__", &[]), "attribute___name__");
        assert_eq!(label_name("", &[]), "_");
        assert_eq!(label_name("tenantId", &[]), "tenant_id");
    }
}
