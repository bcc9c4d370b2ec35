//! A burner for tests of limits: spins, or holds memory, for a given time. Needs no crate, so that `rustc` alone can
//! build it for the guest.
//!
//! `burner cpu SECONDS THREADS` | `burner memory MEBIBYTES SECONDS`

use std::{
    env,
    hint::black_box,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
    match (words.first().map(String::as_str), number(1), number(2)) {
        (Some("cpu"), Some(seconds), Some(threads)) => spin(Duration::from_secs(seconds.into()), threads),
        (Some("memory"), Some(mebibytes), Some(seconds)) => hold(mebibytes, Duration::from_secs(seconds.into())),
        _ => return ExitCode::from(64),
    }
    ExitCode::SUCCESS
}

fn spin(time: Duration, threads: u32) {
    let until = Instant::now() + time;
    let spinner = move || {
        let mut x = 1_u64;
        while Instant::now() < until {
            for _ in 0..100_000 {
                x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
        }
    };
    let running: Vec<_> = (0..threads).map(|_| thread::spawn(spinner)).collect();
    for thread in running {
        thread.join().expect("a spinner does not panic");
    }
}

fn hold(mebibytes: u32, time: Duration) {
    let pages = usize::try_from(mebibytes).expect("an address space holds more") * 256;
    let mut memory = vec![0_u8; pages * 4096];
    // Only a page that was written counts.
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    black_box(&memory);
    thread::sleep(time);
    drop(black_box(memory));
}
