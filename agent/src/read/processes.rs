//! Source `processes`: the ten busiest and the ten largest processes, by name and number.
//!
//! Bounded: at most [`SCANNED_MAX`] processes are looked at, and a scan that takes long is repeated less often, so that it
//! costs about one five-thousandth of a core at most. Threads of the kernel are left out.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use farol_shared::catalog;

use super::{
    Context, Opened, ReadError, Source,
    kept::{Buffer, KeptFile},
    process_stat::ProcessStat,
    text,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// How many of each kind are reported.
const TOP: usize = 10;

/// For how many scans a process stays after it has left the top: without this, series would come and go all the time.
const STAYS_SCANS: u32 = 12;

/// Most processes that are reported at once.
const REPORTED_MAX: usize = 4 * TOP;

/// Most processes that one scan looks at, at some 13 us each: the agent does nothing else meanwhile.
const SCANNED_MAX: usize = 8_192;

/// A pause is at least this many times as long as the scan before it, up to [`PAUSE_MAX`].
const PAUSE_TIMES: u32 = 5_000;

/// Longest pause: what is busiest now must not be found out too late.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// After so many scans the kernel's threads are looked at afresh: their numbers may belong to others by then.
const KERNEL_SCANS: u32 = 12;

/// The process that starts the kernel's threads.
const KTHREADD: u64 = 2;

#[derive(Debug, Clone, Copy)]
struct Process {
    ticks: u64,
    /// CPU time since the scan before; none at the first sight of a process.
    spent: u64,
    resident: u64,
    started: u64,
    scan: u32,
}

#[derive(Debug)]
struct Reported {
    started: u64,
    cpu: SeriesSlot,
    memory: SeriesSlot,
    top_scan: u32,
}

#[derive(Debug)]
struct Processes {
    own: ResourceSlot,
    dir: PathBuf,
    ticks: f64,
    page_bytes: f64,
    is_whole: bool,
    buffer: Buffer,
    scan: u32,
    next: Option<Instant>,
    known: HashMap<u64, Process>,
    kernel: HashSet<u64>,
    reported: HashMap<u64, Reported>,
}

pub(super) fn open(context: &Context<'_>, _: &mut Recorder) -> Opened {
    let machine = &context.around.machine;
    Ok(Some(Box::new(Processes {
        own: context.own,
        dir: context.roots.path("/proc"),
        ticks: machine.ticks,
        page_bytes: machine.page_bytes,
        // Only where process 2 is the kernel's may those below it be taken for the kernel's threads.
        is_whole: KeptFile::piece(context.roots.proc("2/stat"))
            .read(&mut Buffer::default())
            .ok()
            .and_then(ProcessStat::parse)
            .is_some_and(|stat| stat.name == b"kthreadd"),
        buffer: Buffer::default(),
        scan: 0,
        next: None,
        known: HashMap::new(),
        kernel: HashSet::new(),
        reported: HashMap::new(),
    })))
}

impl Source for Processes {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let start = Instant::now();
        if self.next.is_some_and(|next| start < next) {
            return Ok(());
        }
        self.scan()?;
        self.report(recorder);
        self.next = Some(start + start.elapsed().saturating_mul(PAUSE_TIMES).min(PAUSE_MAX));
        Ok(())
    }
}

impl Processes {
    fn scan(&mut self) -> Result<(), ReadError> {
        self.scan = self.scan.wrapping_add(1);
        if self.scan.is_multiple_of(KERNEL_SCANS) {
            self.kernel.clear();
        }
        let entries = fs::read_dir(&self.dir).map_err(|source| ReadError::Open { path: self.dir.clone(), source })?;
        let pids = entries.flatten().filter_map(|entry| text::number(entry.file_name().as_encoded_bytes()));
        for pid in pids.take(SCANNED_MAX) {
            if self.kernel.contains(&pid) {
                continue;
            }
            let mut file = KeptFile::piece(self.dir.join(pid.to_string()).join("stat")).kept(false);
            // A process that has ended meanwhile, or that may not be seen, is none.
            let Ok(bytes) = file.read(&mut self.buffer) else { continue };
            let Some(stat) = ProcessStat::parse(bytes) else { continue };
            if self.is_whole && (pid == KTHREADD || stat.parent == KTHREADD) {
                self.kernel.insert(pid);
                continue;
            }
            let before = self.known.get(&pid).filter(|before| before.started == stat.started);
            // A process that began after the last scan spent all its time since.
            let spent =
                before.map_or(if self.scan > 1 { stat.ticks } else { 0 }, |before| stat.ticks.saturating_sub(before.ticks));
            let process = Process { ticks: stat.ticks, spent, resident: stat.resident, started: stat.started, scan: self.scan };
            self.known.insert(pid, process);
        }
        let scan = self.scan;
        self.known.retain(|_, process| process.scan == scan);
        Ok(())
    }

    fn report(&mut self, recorder: &mut Recorder) {
        let known = &self.known;
        self.reported.retain(|pid, reported| {
            let is_here = known.get(pid).is_some_and(|process| process.started == reported.started);
            let is_kept = is_here && self.scan.wrapping_sub(reported.top_scan) <= STAYS_SCANS;
            if !is_kept {
                recorder.remove_series(reported.cpu);
                recorder.remove_series(reported.memory);
            }
            is_kept
        });
        let busiest = top(known, |process| process.spent);
        let largest = top(known, |process| process.resident);
        for pid in busiest.into_iter().chain(largest) {
            if let Some(reported) = self.reported.get_mut(&pid) {
                reported.top_scan = self.scan;
            } else if self.reported.len() < REPORTED_MAX {
                self.register(pid, recorder);
            }
        }
        for (pid, reported) in &self.reported {
            if let Some(process) = self.known.get(pid) {
                recorder.set(reported.cpu, process.ticks as f64 / self.ticks);
                recorder.set(reported.memory, process.resident as f64 * self.page_bytes);
            }
        }
    }

    fn register(&mut self, pid: u64, recorder: &mut Recorder) {
        let mut file = KeptFile::piece(self.dir.join(pid.to_string()).join("stat")).kept(false);
        let Some(stat) = file.read(&mut self.buffer).ok().and_then(ProcessStat::parse) else { return };
        let number = pid.to_string();
        let name = text::printable(stat.name);
        let attributes = [("process.pid", number.as_str()), ("process.executable.name", name.as_str())];
        let reported = Reported {
            started: stat.started,
            cpu: recorder.series(self.own, &catalog::PROCESS_CPU_TIME, &attributes),
            memory: recorder.series(self.own, &catalog::PROCESS_MEMORY_USAGE, &attributes),
            top_scan: self.scan,
        };
        self.reported.insert(pid, reported);
    }
}

/// The processes with the most of something; those with none of it are not among them.
fn top(known: &HashMap<u64, Process>, of: impl Fn(&Process) -> u64) -> Vec<u64> {
    let mut all: Vec<(u64, u64)> =
        known.iter().map(|(pid, process)| (of(process), *pid)).filter(|(value, _)| *value > 0).collect();
    if all.len() > TOP {
        all.select_nth_unstable_by(TOP, |a, b| b.cmp(a));
        all.truncate(TOP);
    }
    all.into_iter().map(|(_, pid)| pid).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use farol_shared::resource::{Resource, ResourceKind};

    use super::*;

    fn write(dir: &std::path::Path, pid: u64, parent: u64, ticks: u64, resident: u64) {
        let dir = dir.join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let name = if pid == KTHREADD { "kthreadd" } else { "p" };
        let line = format!(
            "{pid} ({name}{}) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {pid} 0 {resident} 0\n",
            if pid == KTHREADD { String::new() } else { pid.to_string() }
        );
        fs::write(dir.join("stat"), line).unwrap();
    }

    fn opened(dir: &std::path::Path) -> (Processes, Recorder) {
        let mut recorder = Recorder::new();
        let own = recorder.resource(Resource {
            key: "host:a".to_owned(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: None,
            attributes: BTreeMap::new(),
        });
        let processes = Processes {
            own,
            dir: dir.to_owned(),
            ticks: 100.0,
            page_bytes: 4096.0,
            is_whole: true,
            buffer: Buffer::default(),
            scan: 0,
            next: None,
            known: HashMap::new(),
            kernel: HashSet::new(),
            reported: HashMap::new(),
        };
        (processes, recorder)
    }

    fn pids(processes: &Processes) -> Vec<u64> {
        let mut pids: Vec<u64> = processes.reported.keys().copied().collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn the_largest_and_the_busiest_are_reported_but_no_kernel_threads() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), KTHREADD, 0, 999, 0);
        write(dir.path(), 3, KTHREADD, 999, 0);
        for pid in 100..120 {
            write(dir.path(), pid, 1, 10, pid);
        }
        let (mut processes, mut recorder) = opened(dir.path());
        processes.scan().unwrap();
        processes.report(&mut recorder);
        assert_eq!(pids(&processes), (110..120).collect::<Vec<_>>(), "the ten largest");
        write(dir.path(), 100, 1, 60, 100);
        processes.scan().unwrap();
        processes.report(&mut recorder);
        assert!(pids(&processes).contains(&100), "now it is busy");
        assert_eq!(recorder.series_count(), 22);
    }

    #[test]
    fn a_process_that_ended_takes_its_series_with_it_and_a_new_one_with_its_number_is_another() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 100, 1, 10, 5);
        write(dir.path(), 101, 1, 10, 5);
        let (mut processes, mut recorder) = opened(dir.path());
        processes.scan().unwrap();
        processes.report(&mut recorder);
        assert_eq!(recorder.series_count(), 4);
        fs::remove_dir_all(dir.path().join("100")).unwrap();
        processes.scan().unwrap();
        processes.report(&mut recorder);
        assert_eq!((pids(&processes), recorder.series_count()), (vec![101], 2));
    }

    #[test]
    fn a_process_that_left_the_top_stays_for_some_scans() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 100, 1, 0, 1);
        let (mut processes, mut recorder) = opened(dir.path());
        processes.scan().unwrap();
        processes.report(&mut recorder);
        for pid in 200..210 {
            write(dir.path(), pid, 1, 0, 50);
        }
        for _ in 0..STAYS_SCANS {
            processes.scan().unwrap();
            processes.report(&mut recorder);
            assert!(pids(&processes).contains(&100));
        }
        processes.scan().unwrap();
        processes.report(&mut recorder);
        assert!(!pids(&processes).contains(&100));
    }
}
