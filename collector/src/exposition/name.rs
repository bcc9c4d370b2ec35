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

/// The name of a metric's family.
pub(super) fn family_name(metric: &str, unit: &str, kind: Kind) -> String {
    let mut name = sanitize(metric, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let endings: &[&str] = match kind {
        // The endings of histograms and counters mean something else at a gauge's end.
        Kind::Gauge => &["_total", "_count", "_sum", "_bucket", "_info"],
        Kind::Counter => &["_total", "_count", "_sum", "_bucket"],
    };
    for ending in endings {
        if let Some(rest) = name.strip_suffix(ending).filter(|rest| !rest.is_empty()) {
            name.truncate(rest.len());
        }
    }
    if !unit.is_empty() && !name.split('_').any(|part| part == unit) {
        name.push('_');
        name.push_str(unit);
    }
    if kind == Kind::Counter {
        name.push_str("_total");
    }
    name
}

/// The name of an attribute's label.
pub(super) fn label_name(key: &str, reserved: &[&str]) -> String {
    let name = sanitize(key, |b| b.is_ascii_alphanumeric() || b == b'_');
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_unit_once_and_counters_end_in_total() {
        let name = |metric, ucum, kind| family_name(metric, unit(ucum, kind).word, kind);
        for (metric, ucum, kind, expect) in [
            ("system.cpu.time", "s", Kind::Counter, "system_cpu_time_seconds_total"),
            ("container.memory.usage", "By", Kind::Gauge, "container_memory_usage_bytes"),
            ("system.network.packet.count", "{packet}", Kind::Counter, "system_network_packet_total"),
            ("container.pids.count", "{process}", Kind::Gauge, "container_pids"),
            ("cache_hit_ratio", "1", Kind::Gauge, "cache_hit_ratio"),
            ("farol.collector.store.bytes", "By", Kind::Gauge, "farol_collector_store_bytes"),
            ("http.duration", "ms", Kind::Gauge, "http_duration_seconds"),
            ("2nd.größe", "{x}", Kind::Gauge, "_2nd_gr__e"),
            ("requests_total", "{request}", Kind::Counter, "requests_total"),
        ] {
            assert_eq!(name(metric, ucum, kind), expect);
        }
        assert_eq!(unit("ms", Kind::Gauge).scale, 1e-3);
    }

    #[test]
    fn labels_that_mean_something_else_are_renamed() {
        assert_eq!(label_name("system.device", &["resource"]), "system_device");
        assert_eq!(label_name("resource", &["resource"]), "attribute_resource");
        assert_eq!(label_name("__name__", &[]), "attribute___name__");
        assert_eq!(label_name("", &[]), "_");
    }
}
