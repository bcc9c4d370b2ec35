//! The agent's own figures: what it costs, what it took, what it lost, what waits.

use std::{fs::File, os::unix::fs::FileExt, time::Duration};

use farol_shared::catalog;
use farol_spool::Stats;
use nix::{
    sys::resource::{UsageWho, getrusage},
    sys::time::TimeVal,
    unistd::{SysconfVar, sysconf},
};

use crate::{
    batch::Losses,
    recorder::{Recorder, ResourceSlot, SeriesSlot},
};

/// What the loop knows about itself at a tick.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Samples taken in this run.
    pub taken: u64,
    /// Samples lost in this run.
    pub losses: Losses,
    /// Ticks that came too late to be read.
    pub missed_ticks: u64,
    /// What waits for delivery.
    pub spool: Stats,
    /// How long the batch took that was last acknowledged, if one was since the last tick.
    pub send_duration: Option<Duration>,
}

/// The series of the own figures.
#[derive(Debug)]
pub struct OwnMetrics {
    /// `None` inside another program, whose figures these would be.
    process: Option<Process>,
    taken: SeriesSlot,
    lost: [SeriesSlot; 3],
    missed_ticks: SeriesSlot,
    spool_batches: SeriesSlot,
    spool_bytes: SeriesSlot,
    send_duration: SeriesSlot,
}

#[derive(Debug)]
struct Process {
    cpu_time: SeriesSlot,
    memory: SeriesSlot,
    /// `/proc/self/statm`, kept open.
    statm: Option<File>,
    page_bytes: f64,
}

impl OwnMetrics {
    /// Registers the series with the agent's own resource.
    #[must_use]
    pub fn new(recorder: &mut Recorder, own: ResourceSlot, is_embedded: bool) -> Self {
        Self {
            process: (!is_embedded).then(|| Process::new(recorder, own)),
            taken: recorder.series(own, &catalog::AGENT_SAMPLES_TAKEN, &[]),
            lost: Losses::default()
                .by_cause()
                .map(|(_, cause, _)| recorder.series(own, &catalog::AGENT_SAMPLES_LOST, &[("farol.cause", cause)])),
            missed_ticks: recorder.series(own, &catalog::AGENT_TICKS_MISSED, &[]),
            spool_batches: recorder.series(own, &catalog::AGENT_SPOOL_BATCHES, &[]),
            spool_bytes: recorder.series(own, &catalog::AGENT_SPOOL_BYTES, &[]),
            send_duration: recorder.series(own, &catalog::AGENT_SEND_DURATION, &[]),
        }
    }

    /// Sets this tick's values.
    #[expect(clippy::cast_precision_loss, reason = "counts and sizes stay below 2^53")]
    pub fn record(&self, recorder: &mut Recorder, seen: &Seen) {
        if let Some(process) = &self.process {
            process.record(recorder);
        }
        recorder.set(self.taken, seen.taken as f64);
        for (slot, (_, _, samples)) in self.lost.iter().zip(seen.losses.by_cause()) {
            recorder.set(*slot, samples as f64);
        }
        recorder.set(self.missed_ticks, seen.missed_ticks as f64);
        recorder.set(self.spool_batches, seen.spool.batches as f64);
        recorder.set(self.spool_bytes, seen.spool.bytes as f64);
        if let Some(duration) = seen.send_duration {
            recorder.set(self.send_duration, duration.as_secs_f64());
        }
    }
}

impl Process {
    #[expect(clippy::cast_precision_loss, reason = "a page has a few thousand bytes")]
    fn new(recorder: &mut Recorder, own: ResourceSlot) -> Self {
        let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4_096);
        Self {
            cpu_time: recorder.series(own, &catalog::AGENT_CPU_TIME, &[]),
            memory: recorder.series(own, &catalog::AGENT_MEMORY_USAGE, &[]),
            // Always the real /proc: a mounted host's would show another process under `self`.
            statm: File::open("/proc/self/statm").ok(),
            page_bytes: page_bytes as f64,
        }
    }

    fn record(&self, recorder: &mut Recorder) {
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            recorder.set(self.cpu_time, seconds(usage.user_time()) + seconds(usage.system_time()));
        }
        if let Some(pages) = self.resident_pages() {
            recorder.set(self.memory, pages * self.page_bytes);
        }
    }

    fn resident_pages(&self) -> Option<f64> {
        let mut buffer = [0; 128];
        let length = self.statm.as_ref()?.read_at(&mut buffer, 0).ok()?;
        std::str::from_utf8(buffer.get(..length)?).ok()?.split(' ').nth(1)?.parse().ok()
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of CPU time stay far below 2^53")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use farol_shared::resource::{Resource, ResourceKind};

    use super::*;

    #[test]
    fn the_own_process_is_measured_only_when_it_is_the_agents() {
        for is_embedded in [false, true] {
            let mut recorder = Recorder::new();
            let own = recorder.resource(Resource {
                key: "host:a".into(),
                kind: ResourceKind::Host,
                parent: None,
                tenant: None,
                attributes: [].into(),
            });
            let metrics = OwnMetrics::new(&mut recorder, own, is_embedded);
            let seen = Seen {
                taken: 5,
                losses: Losses { refused: 2, ..Losses::default() },
                missed_ticks: 1,
                spool: Stats::default(),
                send_duration: None,
            };
            metrics.record(&mut recorder, &seen);
            let table = recorder.tables().0.remove(0);
            let row = recorder.take_rows().remove(0);
            let value = |name: &str| table.series.iter().position(|key| key.metric == name).map(|index| row.0[index]);
            assert_eq!(value("farol.agent.samples.taken"), Some(5.0));
            assert_eq!(value("farol.agent.ticks.missed"), Some(1.0));
            assert_eq!(value("farol.agent.memory.usage").is_some_and(|bytes| bytes > 1e5), !is_embedded);
            assert_eq!(value("farol.agent.cpu.time").is_some(), !is_embedded);
        }
    }
}
