//! Source `memory`: memory, swap, page faults and kills for want of memory of the machine.

use farol_shared::catalog;

use super::{
    Context, Opened, Place, ReadError, Source,
    cgroup::limits::Watch,
    kept::{Buffer, KeptFile},
    text,
};
use crate::recorder::{Recorder, SeriesSlot};

/// What `/proc/meminfo` says, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Meminfo {
    pub(super) total: Option<f64>,
    free: Option<f64>,
    available: Option<f64>,
    buffers: Option<f64>,
    cached: Option<f64>,
    swap_total: Option<f64>,
    swap_free: Option<f64>,
}

impl Meminfo {
    /// Parses the file.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut info = Self::default();
        for (key, kib) in text::keyed(text) {
            let target = match key {
                b"MemTotal:" => &mut info.total,
                b"MemFree:" => &mut info.free,
                b"MemAvailable:" => &mut info.available,
                b"Buffers:" => &mut info.buffers,
                b"Cached:" => &mut info.cached,
                b"SwapTotal:" => &mut info.swap_total,
                b"SwapFree:" => {
                    info.swap_free = Some(kib as f64 * 1024.0);
                    // The last one that is looked for; some forty lines follow.
                    return info;
                }
                _ => continue,
            };
            *target = Some(kib as f64 * 1024.0);
        }
        info
    }

    /// Kernels before 3.14 print no estimate; then free memory and cache are what can be had.
    fn available(&self) -> Option<f64> {
        self.available.or_else(|| Some(self.free? + self.buffers? + self.cached?))
    }

    fn used(&self) -> Option<f64> {
        Some((self.total? - self.available()?).max(0.0))
    }

    fn swap_used(&self) -> Option<f64> {
        Some((self.swap_total? - self.swap_free?).max(0.0))
    }
}

/// What `/proc/vmstat` says: events since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Vmstat {
    faults: Option<u64>,
    major_faults: Option<u64>,
    oom_kills: Option<u64>,
}

impl Vmstat {
    fn parse(text: &[u8]) -> Self {
        let mut stat = Self::default();
        for line in text::lines(text) {
            // Two hundred lines, three wanted: look at the first letter before anything else.
            let (rest, target) = match line.first() {
                Some(b'p') if line.starts_with(b"pgfault ") => (line.get(8..), &mut stat.faults),
                Some(b'p') if line.starts_with(b"pgmajfault ") => (line.get(11..), &mut stat.major_faults),
                Some(b'o') if line.starts_with(b"oom_kill ") => (line.get(9..), &mut stat.oom_kills),
                _ => continue,
            };
            *target = rest.and_then(text::number);
        }
        stat
    }
}

#[derive(Debug)]
struct Memory {
    meminfo: KeptFile,
    vmstat: Option<KeptFile>,
    buffer: Buffer,
    used: SeriesSlot,
    free: SeriesSlot,
    buffers: SeriesSlot,
    cached: SeriesSlot,
    available: SeriesSlot,
    limit: SeriesSlot,
    limits: Watch,
    swap_used: SeriesSlot,
    swap_free: SeriesSlot,
    minor_faults: SeriesSlot,
    major_faults: SeriesSlot,
    oom_kills: SeriesSlot,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    if context.around.place != Place::Host {
        return Ok(None);
    }
    let mut buffer = Buffer::default();
    let vmstat = KeptFile::lines(context.roots.proc("vmstat")).probe(&mut buffer)?;
    let mut series = |metric, attributes: &[(&str, &str)]| recorder.series(context.own, metric, attributes);
    let mut state = |state| series(&catalog::SYSTEM_MEMORY_USAGE, &[("system.memory.state", state)]);
    let [used, free, buffers, cached] = ["used", "free", "buffers", "cached"].map(&mut state);
    let mut memory = Memory {
        meminfo: KeptFile::piece(context.roots.proc("meminfo")),
        vmstat,
        buffer,
        used,
        free,
        buffers,
        cached,
        available: series(&catalog::SYSTEM_MEMORY_AVAILABLE, &[]),
        limit: series(&catalog::SYSTEM_MEMORY_LIMIT, &[]),
        limits: Watch::new(context.around),
        swap_used: series(&catalog::SYSTEM_SWAP_USAGE, &[("system.paging.state", "used")]),
        swap_free: series(&catalog::SYSTEM_SWAP_USAGE, &[("system.paging.state", "free")]),
        minor_faults: series(&catalog::SYSTEM_PAGING_FAULTS, &[("system.paging.fault.type", "minor")]),
        major_faults: series(&catalog::SYSTEM_PAGING_FAULTS, &[("system.paging.fault.type", "major")]),
        oom_kills: series(&catalog::SYSTEM_OOM_KILLS, &[]),
    };
    memory.meminfo.read(&mut memory.buffer)?;
    Ok(Some(Box::new(memory)))
}

impl Source for Memory {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let info = Meminfo::parse(self.meminfo.read(&mut self.buffer)?);
        if info.total.is_none() {
            return Err(ReadError::Malformed { path: self.meminfo.path().to_owned(), what: "MemTotal" });
        }
        let mut set = |slot, value: Option<f64>| recorder.set(slot, value.unwrap_or(f64::NAN));
        set(self.used, info.used());
        set(self.free, info.free);
        set(self.buffers, info.buffers);
        set(self.cached, info.cached);
        set(self.available, info.available());
        set(self.swap_used, info.swap_used());
        set(self.swap_free, info.swap_free);
        set(self.limit, Some(self.limits.limits().memory.value));
        if let Some(file) = &mut self.vmstat {
            let stat = Vmstat::parse(file.read(&mut self.buffer)?);
            let number = |value: Option<u64>| value.map(|value| value as f64);
            let minor = stat.faults.zip(stat.major_faults).map(|(all, major)| all.saturating_sub(major));
            set(self.minor_faults, number(minor));
            set(self.major_faults, number(stat.major_faults));
            set(self.oom_kills, number(stat.oom_kills));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_in_bytes() {
        let text = b"MemTotal:       24684092 kB\nMemFree:        24338928 kB\nMemAvailable:   24328688 kB\nBuffers:  2124 kB\n\
            Cached:           164968 kB\nSwapCached:            0 kB\nSwapTotal:      1024 kB\nSwapFree:  24 kB\nDirty: 188 kB\n";
        let info = Meminfo::parse(text);
        assert_eq!(info.total, Some(24_684_092.0 * 1024.0));
        assert_eq!(info.used(), Some((24_684_092.0 - 24_328_688.0) * 1024.0));
        assert_eq!((info.buffers, info.cached), (Some(2124.0 * 1024.0), Some(164_968.0 * 1024.0)));
        assert_eq!(info.swap_used(), Some(1000.0 * 1024.0));
    }

    #[test]
    fn an_old_kernel_without_an_estimate_counts_free_and_cache() {
        let info = Meminfo::parse(b"MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 20 kB\nCached: 30 kB\n");
        assert_eq!(info.available(), Some(60.0 * 1024.0));
        assert_eq!(info.used(), Some(40.0 * 1024.0));
        assert_eq!(info.swap_used(), None);
    }

    #[test]
    fn what_is_no_meminfo_says_nothing() {
        assert_eq!(Meminfo::parse(b""), Meminfo::default());
        assert_eq!(Meminfo::parse(b"MemTotal: many kB\n").used(), None);
    }

    #[test]
    fn vmstat_gives_its_three_counters() {
        let text = b"nr_free_pages 1040935\npgfault 5572613\npgmajfault 1714\npgfault_other 3\noom_kill 2\n";
        assert_eq!(Vmstat::parse(text), Vmstat { faults: Some(5_572_613), major_faults: Some(1714), oom_kills: Some(2) });
        assert_eq!(Vmstat::parse(b"oom_kill\npgfault x\n"), Vmstat::default());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            Meminfo::parse(&bytes);
            Vmstat::parse(&bytes);
        }
    }
}
