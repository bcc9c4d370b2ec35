//! Source `pressure`: time that tasks of the machine waited for CPU, memory and I/O (PSI).

use farol_shared::catalog;

use super::{
    Context, Opened, Place, ReadError, Source,
    kept::{Buffer, KeptFile},
    text,
};
use crate::recorder::{Recorder, SeriesSlot};

/// What a pressure file says, in seconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Totals {
    /// Time in which at least one task waited.
    pub(super) some: Option<f64>,
    /// Time in which all tasks waited at once.
    pub(super) full: Option<f64>,
}

/// Parses a pressure file (`some avg10=0.72 avg60=1.13 avg300=0.81 total=12962987`).
pub(super) fn totals(text: &[u8]) -> Totals {
    let mut totals = Totals::default();
    for line in text::lines(text) {
        let mut fields = text::fields(line);
        let kind = fields.next();
        let micros = fields.find_map(|field| field.strip_prefix(b"total=")).and_then(text::number);
        let seconds = micros.map(|micros| micros as f64 / 1e6);
        match kind {
            Some(b"some") => totals.some = seconds,
            Some(b"full") => totals.full = seconds,
            _ => {}
        }
    }
    totals
}

#[derive(Debug)]
struct Pressure {
    parts: Vec<Part>,
    buffer: Buffer,
}

#[derive(Debug)]
struct Part {
    file: KeptFile,
    some: SeriesSlot,
    /// Dead for the CPU: all tasks of a machine never wait for it at once, the kernel prints zero.
    full: SeriesSlot,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    if context.around.place != Place::Host {
        return Ok(None);
    }
    let mut buffer = Buffer::default();
    let mut parts = Vec::new();
    for name in ["cpu", "memory", "io"] {
        let Some(file) = KeptFile::piece(context.roots.proc("pressure").join(name)).probe(&mut buffer)? else { continue };
        let mut slot = |kind| {
            let attributes = [("farol.pressure.resource", name), ("farol.pressure.kind", kind)];
            recorder.series(context.own, &catalog::SYSTEM_PRESSURE_TIME, &attributes)
        };
        let some = slot("some");
        let full = if name == "cpu" { SeriesSlot::default() } else { slot("full") };
        parts.push(Part { file, some, full });
    }
    if parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(Pressure { parts, buffer })))
}

impl Source for Pressure {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        for part in &mut self.parts {
            let totals = totals(part.file.read(&mut self.buffer)?);
            let Some(some) = totals.some else {
                return Err(ReadError::Malformed { path: part.file.path().to_owned(), what: "line 'some' with a total" });
            };
            recorder.set(part.some, some);
            recorder.set(part.full, totals.full.unwrap_or(f64::NAN));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_in_seconds() {
        let text =
            b"some avg10=0.72 avg60=1.13 avg300=0.81 total=12962987\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";
        assert_eq!(totals(text), Totals { some: Some(12.962_987), full: Some(0.5) });
    }

    #[test]
    fn a_file_without_full_or_without_anything_is_read_as_far_as_it_goes() {
        assert_eq!(totals(b"some avg10=0.00 total=1000000\n"), Totals { some: Some(1.0), full: None });
        assert_eq!(totals(b""), Totals::default());
        assert_eq!(totals(b"some avg10=0.00\nfull total=x\nother total=1\n"), Totals::default());
    }
}
