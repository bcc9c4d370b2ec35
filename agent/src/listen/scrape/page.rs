//! One page of metrics as it is read, line by line, into the intake; and what is remembered of it until the next time.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use super::{
    Scrape,
    text::{self, Kind, LabelPair, Line, Sample},
};
use crate::intake::{Intake, Label};

/// Most samples of one page: what is behind them is not read.
const SAMPLES_MAX: u64 = 50_000;

/// Most buckets of one histogram. Libraries have ten to thirty.
const BUCKETS_MAX: usize = 200;

/// Series that the intake makes of one histogram.
const HISTOGRAM_PLACES: usize = 7;

/// Longest line, in bytes; a longer one is skipped.
const LINE_BYTES_MAX: usize = 16 << 10;

/// What is remembered of a target between two scrapes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    keys: RandomState,
    /// Buckets of each histogram and the page they were last on, by the hash of its name and labels.
    histograms: HashMap<u64, (u64, Buckets)>,
    /// Pages begun.
    pages: u64,
    /// Whether a whole page was read before: what is new since began since.
    is_begun: bool,
}

/// Upper bounds with the values up to them.
type Buckets = Vec<(f64, f64)>;

/// What a page held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) samples: u64,
    pub(super) malformed: u64,
    pub(super) series: usize,
    pub(super) refused: u64,
}

/// The family that the lines are in.
#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: Kind,
    unit: Option<String>,
}

/// The histogram that the lines are in.
#[derive(Debug, Default)]
struct Histogram {
    name: String,
    labels: Vec<(String, String)>,
    unit: &'static str,
    buckets: Buckets,
    count: Option<f64>,
    sum: Option<f64>,
}

/// A page while it is read.
#[derive(Debug)]
pub(super) struct Page<'a> {
    scrape: &'a Scrape,
    memory: &'a mut Memory,
    family: Family,
    histogram: Option<Histogram>,
    /// The start of a line whose end has not come yet.
    rest: Vec<u8>,
    /// Whether the line is too long already.
    is_skipping: bool,
    pub(super) counts: Counts,
}

impl<'a> Page<'a> {
    pub(super) fn new(scrape: &'a Scrape, memory: &'a mut Memory) -> Self {
        memory.pages += 1;
        Self {
            scrape,
            memory,
            family: Family::default(),
            histogram: None,
            rest: Vec::new(),
            is_skipping: false,
            counts: Counts::default(),
        }
    }

    /// Takes the next part of the page in, wherever it was cut.
    pub(super) fn feed(&mut self, part: &[u8], intake: &mut Intake) {
        let mut lines = part.split_inclusive(|byte| *byte == b'\n');
        for line in &mut lines {
            let is_whole = line.ends_with(b"\n");
            if self.rest.len() + line.len() > LINE_BYTES_MAX {
                self.is_skipping = true;
                self.rest.clear();
            }
            if !self.is_skipping {
                self.rest.extend_from_slice(line);
            }
            if is_whole {
                self.end_line(intake);
            }
        }
    }

    /// Ends the page: all of it has come.
    pub(super) fn end(mut self, intake: &mut Intake) -> Counts {
        self.end_line(intake);
        self.end_histogram(intake);
        let now = self.memory.pages;
        self.memory.histograms.retain(|_, (page, _)| *page == now);
        self.memory.is_begun = true;
        self.counts
    }

    fn end_line(&mut self, intake: &mut Intake) {
        let mut line = std::mem::take(&mut self.rest);
        let is_skipped = std::mem::take(&mut self.is_skipping);
        if self.counts.samples < SAMPLES_MAX {
            let is_read = !is_skipped && std::str::from_utf8(&line).is_ok_and(|line| self.take_line(line, intake).is_some());
            self.counts.malformed += u64::from(!is_read);
        } else if !line.is_empty() {
            self.counts.refused += 1;
        }
        line.clear();
        self.rest = line;
    }

    fn take_line(&mut self, line: &str, intake: &mut Intake) -> Option<()> {
        match text::parse(line)? {
            Line::Nothing => {}
            Line::Type(name, kind) => {
                self.end_histogram(intake);
                let unit = self.family.unit.take().filter(|_| self.family.name == name);
                self.family = Family { name: name.into_owned(), kind, unit };
            }
            Line::Unit(name, unit) => {
                if self.family.name != name {
                    self.family = Family { name: name.into_owned(), ..Family::default() };
                }
                self.family.unit = Some(unit.to_owned()).filter(|unit| !unit.is_empty());
            }
            Line::Sample(sample) => {
                self.counts.samples += 1;
                self.take_sample(&sample, intake);
            }
        }
        Some(())
    }

    fn take_sample(&mut self, sample: &Sample<'_>, intake: &mut Intake) {
        let suffix = sample.name.strip_prefix(self.family.name.as_str()).filter(|_| !self.family.name.is_empty());
        let kind = if suffix.is_some() { self.family.kind } else { Kind::Unknown };
        let suffix = suffix.unwrap_or_default();
        if !self.is_allowed(&sample.name, if kind == Kind::Unknown { "" } else { &self.family.name }) {
            return;
        }
        let unit = self.unit_of(&sample.name, kind);
        let is_created = suffix == "_created" && matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary);
        match (kind, suffix) {
            (Kind::GaugeHistogram, _) => {}
            _ if is_created => {}
            (Kind::Histogram, "_bucket" | "_sum" | "_count") => {
                self.take_histogram(suffix, sample, unit, intake);
            }
            (Kind::Counter, "" | "_total") | (Kind::Summary, "_sum" | "_count") => {
                self.give(sample, if suffix == "_count" { "{value}" } else { unit }, intake, Intake::counter_at);
            }
            _ => self.give(sample, unit, intake, Intake::gauge),
        }
    }

    fn is_allowed(&self, name: &str, family: &str) -> bool {
        let allow = &self.scrape.allow;
        allow.is_empty() || allow.iter().any(|pattern| matches(pattern, name) || matches(pattern, family))
    }

    fn unit_of(&self, name: &str, kind: Kind) -> &'static str {
        let told = self.family.unit.as_deref().filter(|_| kind != Kind::Unknown || self.family.name == name);
        let name = ["_total", "_sum", "_bucket", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        unit_of_word(told.or_else(|| name.rsplit('_').next()).unwrap_or_default())
    }

    /// Gives a value to the intake, unless it is none or there is no room for it.
    fn give(&mut self, sample: &Sample<'_>, unit: &str, intake: &mut Intake, set: impl Fn(&mut Intake, &Label<'_>, f64)) {
        if !sample.value.is_finite() {
            return;
        }
        if self.has_room(1) {
            let attributes = attributes(&sample.labels, self.scrape);
            let attributes: Vec<(&str, &str)> = attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
            set(intake, &Label { name: &sample.name, unit, attributes: &attributes }, sample.value);
        }
    }

    fn has_room(&mut self, places: usize) -> bool {
        let has_room = self.counts.series + places <= self.scrape.series_max;
        if has_room {
            self.counts.series += places;
        } else {
            self.counts.refused += 1;
        }
        has_room
    }

    fn take_histogram(&mut self, suffix: &str, sample: &Sample<'_>, unit: &'static str, intake: &mut Intake) {
        let bound = sample.labels.iter().find(|(key, _)| key == "le").and_then(|(_, value)| text::number(value));
        let labels = || sample.labels.iter().filter(|(key, _)| suffix != "_bucket" || key != "le");
        let is_same = |known: &Histogram| {
            known.name == self.family.name
                && known.labels.len() == labels().count()
                && known.labels.iter().zip(labels()).all(|(mine, other)| mine.0 == other.0 && mine.1 == other.1)
        };
        if !self.histogram.as_ref().is_some_and(is_same) {
            self.end_histogram(intake);
            let labels = labels().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let name = self.family.name.clone();
            self.histogram = Some(Histogram { name, labels, unit, ..Histogram::default() });
        }
        let Some(histogram) = &mut self.histogram else { return };
        match (suffix, bound) {
            ("_bucket", Some(bound)) if histogram.buckets.len() < BUCKETS_MAX && !bound.is_nan() && !sample.value.is_nan() => {
                histogram.buckets.push((bound, sample.value));
            }
            ("_sum", _) => histogram.sum = Some(sample.value),
            ("_count", _) => histogram.count = Some(sample.value),
            _ => self.counts.malformed += 1,
        }
    }

    /// Gives the histogram that is whole now to the intake: its totals, and its buckets as far as they have grown.
    fn end_histogram(&mut self, intake: &mut Intake) {
        let Some(mut histogram) = self.histogram.take() else { return };
        if !self.has_room(HISTOGRAM_PLACES) {
            return;
        }
        histogram.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let labels: Vec<LabelPair<'_>> = histogram.labels.iter().map(|(key, value)| (key.into(), value.into())).collect();
        let attributes = attributes(&labels, self.scrape);
        let attributes: Vec<(&str, &str)> = attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
        let label = Label { name: &histogram.name, unit: histogram.unit, attributes: &attributes };
        let count = histogram.count.or_else(|| histogram.buckets.last().map(|(_, count)| *count));
        if let (Some(count), Some(sum)) = (count, histogram.sum)
            && (count + sum).is_finite()
        {
            intake.totals_at(&label, count, sum);
        }
        let key = self.memory.keys.hash_one((&histogram.name, &histogram.labels));
        let none = Buckets::new();
        let before = match self.memory.histograms.get(&key) {
            Some((_, before)) => Some(before),
            // All of a histogram that is new on a known page is new.
            None => self.memory.is_begun.then_some(&none),
        };
        if let Some(before) = before {
            for (value, weight) in grown(before, &histogram.buckets) {
                intake.observe(&label, value, weight);
            }
        }
        // Pages that break off again and again forget nothing, so they may not add for ever.
        if self.memory.histograms.len() < self.scrape.series_max || self.memory.histograms.contains_key(&key) {
            self.memory.histograms.insert(key, (self.memory.pages, histogram.buckets));
        }
    }
}

/// What has been added between two readings of a histogram: the middle of each bucket, and how many values are new in it.
fn grown(before: &[(f64, f64)], now: &[(f64, f64)]) -> Vec<(f64, u64)> {
    let is_comparable = before.len() == now.len()
        && before.iter().zip(now).all(|(before, now)| before.0.to_bits() == now.0.to_bits() && before.1 <= now.1);
    let (mut values, mut low, mut below) = (Vec::new(), None, 0.0);
    for (index, (bound, up_to)) in now.iter().enumerate() {
        // Restarted, or with other buckets: all that it holds is new.
        let new_up_to = if is_comparable { up_to - before[index].1 } else { *up_to };
        let new = (new_up_to - below).max(0.0);
        below = below.max(new_up_to);
        let value = match low {
            // What is beyond the last bound is at least there.
            _ if bound.is_infinite() => low,
            Some(low) => Some(f64::midpoint(low, *bound)),
            None if *bound > 0.0 => Some(bound / 2.0),
            None => Some(*bound),
        };
        if let Some(value) = value
            && new >= 0.5
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; a cast saturates")]
            values.push((value, new.round() as u64));
        }
        low = Some(*bound).filter(|bound| bound.is_finite()).or(low);
    }
    values
}

/// The labels of a sample and those that the target adds. A label of the page by an added name becomes `exported_...`.
fn attributes<'a>(labels: &'a [LabelPair<'a>], scrape: &'a Scrape) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let own = labels.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| {
        let is_added = scrape.labels.contains_key(key.as_ref());
        let key = if is_added { format!("exported_{key}").into() } else { Cow::from(key.as_ref()) };
        (key, Cow::from(value.as_ref()))
    });
    own.chain(scrape.labels.iter().map(|(key, value)| (key.into(), value.into()))).collect()
}

/// Whether a name is as a pattern says, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

/// The unit in UCUM notation of a word at the end of a name or in `# UNIT`; `1` for any other.
fn unit_of_word(word: &str) -> &'static str {
    match word {
        "seconds" | "second" | "s" => "s",
        "milliseconds" | "ms" => "ms",
        "bytes" | "byte" | "By" => "By",
        "percent" => "%",
        "celsius" => "Cel",
        "meters" => "m",
        "grams" => "g",
        "joules" => "J",
        "watts" => "W",
        "volts" => "V",
        "amperes" => "A",
        "hertz" => "Hz",
        _ => "1",
    }
}

#[cfg(test)]
mod tests;
