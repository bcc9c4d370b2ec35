//! Source `disk`: bytes, operations and busy time of the machine's whole block devices.

use farol_shared::{catalog, metric::Metric};

use super::{
    Context, Opened, Place, ReadError, Source,
    blocks::{Blocks, Device},
    kept::{Buffer, KeptFile},
    text,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// Most devices that are reported.
const DISKS_MAX: usize = 64;

/// Most lines that are remembered, partitions and loop devices included.
const LINES_MAX: usize = 1_024;

/// Sectors are of 512 bytes, whatever the device says.
const SECTORS: f64 = 1.0 / 512.0;
const MILLIS: f64 = 1e3;

/// Field after the name, divisor, metric, direction.
const TARGETS: [(usize, f64, &Metric, Option<&str>); 7] = [
    (2, SECTORS, &catalog::SYSTEM_DISK_IO, Some("read")),
    (6, SECTORS, &catalog::SYSTEM_DISK_IO, Some("write")),
    (0, 1.0, &catalog::SYSTEM_DISK_OPERATIONS, Some("read")),
    (4, 1.0, &catalog::SYSTEM_DISK_OPERATIONS, Some("write")),
    (3, MILLIS, &catalog::SYSTEM_DISK_OPERATION_TIME, Some("read")),
    (7, MILLIS, &catalog::SYSTEM_DISK_OPERATION_TIME, Some("write")),
    (9, MILLIS, &catalog::SYSTEM_DISK_IO_TIME, None),
];

/// Values of one device, in the order of [`TARGETS`].
type Values = [Option<u64>; TARGETS.len()];

/// One line of `diskstats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line<'a> {
    device: Device,
    name: &'a [u8],
    /// The numbers, not yet taken apart: most lines are of devices that do not count.
    rest: &'a [u8],
}

fn parse(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text::lines(text).filter_map(|line| {
        let mut fields = text::fields(line);
        let device = Device { major: text::number(fields.next()?)?, minor: text::number(fields.next()?)? };
        let name = fields.next()?;
        // The fields are parts of the line, so the distance of the name from its start is where the rest begins.
        let start = name.as_ptr() as usize - line.as_ptr() as usize + name.len();
        Some(Line { device, name, rest: line.get(start..)? })
    })
}

fn values(rest: &[u8]) -> Values {
    let mut values = Values::default();
    for (index, field) in text::fields(rest).enumerate() {
        if let Some(at) = TARGETS.iter().position(|(wanted, ..)| *wanted == index)
            && let Some(value) = values.get_mut(at)
        {
            *value = text::number(field);
        }
    }
    values
}

#[derive(Debug)]
struct Disk {
    own: ResourceSlot,
    file: KeptFile,
    buffer: Buffer,
    blocks: Blocks,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    device: Device,
    /// Empty for a device that does not count.
    slots: Vec<SeriesSlot>,
    is_seen: bool,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    if context.around.place != Place::Host {
        return Ok(None);
    }
    let mut buffer = Buffer::default();
    let Some(file) = KeptFile::lines(context.roots.proc("diskstats")).probe(&mut buffer)? else { return Ok(None) };
    let mut disk = Disk { own: context.own, file, buffer, blocks: Blocks::new(context.roots), known: Vec::new() };
    disk.read(recorder)?;
    Ok(Some(Box::new(disk)))
}

impl Source for Disk {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let text = self.file.read(&mut self.buffer)?;
        for (index, line) in parse(text).take(LINES_MAX).enumerate() {
            let is_here = self.known.get(index).is_some_and(|known| known.device == line.device);
            let found = if is_here { Some(index) } else { self.known.iter().position(|known| known.device == line.device) };
            let at = found.unwrap_or_else(|| {
                let reported = self.known.iter().filter(|known| !known.slots.is_empty()).count();
                let is_reported = reported < DISKS_MAX && !line.name.starts_with(b"zram") && self.blocks.is_counted(line.device);
                let slots = if is_reported { register(recorder, self.own, line.name) } else { Vec::new() };
                self.known.push(Known { device: line.device, slots, is_seen: false });
                self.known.len() - 1
            });
            let Some(known) = self.known.get_mut(at) else { continue };
            known.is_seen = true;
            if known.slots.is_empty() {
                continue;
            }
            for ((slot, value), (_, divisor, ..)) in known.slots.iter().zip(values(line.rest)).zip(TARGETS) {
                recorder.set(*slot, value.map_or(f64::NAN, |value| value as f64 / divisor));
            }
        }
        self.known.retain_mut(|known| {
            if !known.is_seen {
                known.slots.iter().for_each(|slot| recorder.remove_series(*slot));
            }
            std::mem::take(&mut known.is_seen)
        });
        Ok(())
    }
}

fn register(recorder: &mut Recorder, own: ResourceSlot, name: &[u8]) -> Vec<SeriesSlot> {
    let name = text::printable(name);
    let series = |(_, _, metric, direction): &(usize, f64, &'static Metric, Option<&str>)| {
        let mut attributes = vec![("system.device", name.as_str())];
        attributes.extend(direction.map(|direction| ("disk.io.direction", direction)));
        recorder.series(own, metric, &attributes)
    };
    TARGETS.iter().map(series).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_kernel_is_parsed() {
        let text = b"   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n 254       0 vda 33110 7339 3611434 30293 24448 15411 3293824 13693 0 18424 45014 8439 37 705944 822 3881 205\n";
        let lines: Vec<Line<'_>> = parse(text).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[1].device, lines[1].name), (Device { major: 254, minor: 0 }, &b"vda"[..]));
        let wanted = [3_611_434, 3_293_824, 33110, 24448, 30293, 13693, 18424];
        assert_eq!(values(lines[1].rest).map(Option::unwrap), wanted);
    }

    #[test]
    fn short_and_broken_lines_do_no_harm() {
        assert_eq!(parse(b"\n254\n254 0\na b c\n").count(), 0);
        let line = parse(b"8 0 sda\n").next().unwrap();
        assert_eq!(values(line.rest), Values::default());
        assert_eq!(values(b" x 1 y"), Values::default());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            parse(&bytes).for_each(|line| {
                values(line.rest);
            });
        }
    }
}
