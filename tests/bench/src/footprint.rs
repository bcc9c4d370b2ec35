//! What running processes cost over a stretch of time: CPU, memory, threads, wakeups. For agents and their peers.

use std::{thread, time::Duration};

use anyhow::Result;

use crate::process;

/// Looks at each (name, pid) for `run` and prints one row each.
///
/// # Errors
/// When a process is gone.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) fn run(processes: &[(String, u32)], run: Duration) -> Result<()> {
    const LOOKS: u32 = 24;
    let first: Vec<_> = processes.iter().map(|(_, pid)| process::cost(*pid)).collect::<Result<_>>()?;
    let mut sums = vec![(0.0, 0.0); processes.len()];
    for _ in 0..LOOKS {
        thread::sleep(run / LOOKS);
        for (sum, (_, pid)) in sums.iter_mut().zip(processes) {
            let now = process::cost(*pid)?;
            sum.0 += now.resident / f64::from(LOOKS);
            sum.1 += now.anonymous / f64::from(LOOKS);
        }
    }
    for (((name, pid), first), (resident, anonymous)) in processes.iter().zip(first).zip(sums) {
        let last = process::cost(*pid)?;
        println!(
            "footprint {name}: {:.3} % of a core, resident {:.2} MiB, anonymous {:.2} MiB, {} threads, {:.1} wakeups/s",
            (last.cpu_s - first.cpu_s) / run.as_secs_f64() * 100.0,
            resident / 1_048_576.0,
            anonymous / 1_048_576.0,
            last.threads,
            (last.switches - first.switches) / run.as_secs_f64(),
        );
    }
    Ok(())
}
