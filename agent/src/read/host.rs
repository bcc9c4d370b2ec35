//! Source `host`: CPU time, load, processes, context switches and uptime of the machine.

use farol_shared::catalog;

use super::{
    Context, Opened, Place, ReadError, Source,
    cgroup::limits::Watch,
    kept::{Buffer, KeptFile},
    surroundings::Uptime,
    text,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// Modes in the order of the `cpu` line; guest time is part of user time and left out.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// What `/proc/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stat {
    /// Clock ticks by mode, in the order of [`MODES`], over all CPUs.
    modes: [Option<u64>; MODES.len()],
    /// Logical CPUs.
    pub(super) cpus: u64,
    context_switches: Option<u64>,
    created: Option<u64>,
    running: Option<u64>,
    blocked: Option<u64>,
}

impl Stat {
    /// Parses the file. Unknown lines are passed over, so `intr` with its thousands of numbers costs one comparison.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut stat = Self::default();
        for line in text::lines(text) {
            if let Some(rest) = line.strip_prefix(b"cpu") {
                if let Some(values) = rest.strip_prefix(b" ") {
                    for (mode, field) in stat.modes.iter_mut().zip(text::fields(values)) {
                        *mode = text::number(field);
                    }
                } else if rest.first().is_some_and(u8::is_ascii_digit) {
                    stat.cpus += 1;
                }
                continue;
            }
            let target = match line.iter().position(|byte| *byte == b' ').and_then(|end| line.get(..end)) {
                Some(b"ctxt") => &mut stat.context_switches,
                Some(b"processes") => &mut stat.created,
                Some(b"procs_running") => &mut stat.running,
                Some(b"procs_blocked") => &mut stat.blocked,
                _ => continue,
            };
            *target = text::fields(line).nth(1).and_then(text::number);
        }
        stat
    }
}

/// Load averages over 1, 5 and 15 minutes from `/proc/loadavg`.
fn parse_loadavg(text: &[u8]) -> Option<[f64; 3]> {
    let mut fields = text::fields(text);
    let mut next = || fields.next().and_then(text::decimal);
    Some([next()?, next()?, next()?])
}

#[derive(Debug)]
struct Host {
    own: ResourceSlot,
    ticks: f64,
    stat: KeptFile,
    loadavg: KeptFile,
    uptime: Uptime,
    buffer: Buffer,
    modes: [SeriesSlot; MODES.len()],
    cpus: SeriesSlot,
    limit: SeriesSlot,
    limits: Watch,
    context_switches: SeriesSlot,
    created: SeriesSlot,
    running: SeriesSlot,
    blocked: SeriesSlot,
    loads: [SeriesSlot; 3],
    uptime_slot: SeriesSlot,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    if context.around.place != Place::Host {
        return Ok(None);
    }
    let own = context.own;
    let mut series = |metric, attributes: &[(&str, &str)]| recorder.series(own, metric, attributes);
    let mut host = Host {
        own,
        ticks: context.around.machine.ticks,
        stat: KeptFile::piece(context.roots.proc("stat")),
        loadavg: KeptFile::piece(context.roots.proc("loadavg")),
        uptime: Uptime::new(context.roots),
        buffer: Buffer::default(),
        modes: MODES.map(|mode| series(&catalog::SYSTEM_CPU_TIME, &[("cpu.mode", mode)])),
        cpus: series(&catalog::SYSTEM_CPU_LOGICAL_COUNT, &[]),
        limit: series(&catalog::SYSTEM_CPU_LIMIT, &[]),
        limits: Watch::new(context.around),
        context_switches: series(&catalog::SYSTEM_CONTEXT_SWITCHES, &[]),
        created: series(&catalog::SYSTEM_PROCESS_CREATED, &[]),
        running: series(&catalog::SYSTEM_PROCESS_COUNT, &[("process.state", "running")]),
        blocked: series(&catalog::SYSTEM_PROCESS_COUNT, &[("process.state", "blocked")]),
        loads: [&catalog::SYSTEM_LOAD_1M, &catalog::SYSTEM_LOAD_5M, &catalog::SYSTEM_LOAD_15M].map(|metric| series(metric, &[])),
        uptime_slot: series(&catalog::SYSTEM_UPTIME, &[]),
    };
    host.stat.read(&mut host.buffer)?;
    Ok(Some(Box::new(host)))
}

impl Source for Host {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let stat = Stat::parse(self.stat.read(&mut self.buffer)?);
        if stat.modes[0].is_none() {
            return Err(ReadError::Malformed { path: self.stat.path().to_owned(), what: "line 'cpu'" });
        }
        let number = |value: Option<u64>| value.map_or(f64::NAN, |value| value as f64);
        for (slot, value) in self.modes.iter().zip(stat.modes) {
            recorder.set(*slot, number(value) / self.ticks);
        }
        recorder.set(self.cpus, stat.cpus as f64);
        recorder.set(self.context_switches, number(stat.context_switches));
        recorder.set(self.created, number(stat.created));
        recorder.set(self.running, number(stat.running));
        recorder.set(self.blocked, number(stat.blocked));
        let limits = self.limits.limits();
        limits.describe(recorder, self.own);
        recorder.set(self.limit, limits.cpu.value);

        let loads = parse_loadavg(self.loadavg.read(&mut self.buffer)?)
            .ok_or_else(|| ReadError::Malformed { path: self.loadavg.path().to_owned(), what: "three load averages" })?;
        for (slot, load) in self.loads.iter().zip(loads) {
            recorder.set(*slot, load);
        }
        recorder.set(self.uptime_slot, self.uptime.read(&mut self.buffer)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &[u8] = b"cpu  11020 1 4517 209851 1356 2 79 53 0 0\ncpu0 4939 0 1748 106642 94 0 10 23 0 0\n\
        cpu1 6080 0 2768 103208 1261 0 69 30 0 0\nintr 246436 0 0 0\nctxt 462460\nbtime 1795242804\nprocesses 9618\n\
        procs_running 3\nprocs_blocked 1\nsoftirq 167512 0 21448\n";

    #[test]
    fn proc_stat_is_parsed() {
        let stat = Stat::parse(STAT);
        assert_eq!(stat.modes.map(Option::unwrap), [11020, 1, 4517, 209_851, 1356, 2, 79, 53]);
        assert_eq!(stat.cpus, 2);
        let rest = (stat.context_switches, stat.created, stat.running, stat.blocked);
        assert_eq!(rest, (Some(462_460), Some(9618), Some(3), Some(1)));
    }

    #[test]
    fn an_old_kernels_short_line_leaves_modes_unread() {
        let stat = Stat::parse(b"cpu  1 2 3 4\nctxt x\nprocesses\n");
        assert_eq!(stat.modes[3], Some(4));
        assert_eq!(stat.modes[4], None);
        assert_eq!((stat.context_switches, stat.created), (None, None));
        assert_eq!(Stat::parse(b""), Stat::default());
    }

    #[test]
    fn load_averages_are_parsed_or_refused() {
        assert_eq!(parse_loadavg(b"0.19 0.20 12.00 3/102 11518\n"), Some([0.19, 0.20, 12.0]));
        assert_eq!(parse_loadavg(b"0.19 0.20\n"), None);
        assert_eq!(parse_loadavg(b"a b c\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            Stat::parse(&bytes);
            parse_loadavg(&bytes);
        }
    }
}
