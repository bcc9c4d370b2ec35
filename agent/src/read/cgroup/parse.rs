//! Parses the files of a group, versions 1 and 2. Pure; what a file does not tell is NaN.

use super::super::{
    blocks::{Blocks, Device},
    text,
};

/// Most values that one file gives.
pub(super) const VALUES_MAX: usize = 6;

/// The values of one file, in the order of its row in the table of parts.
pub(super) type Values = [f64; VALUES_MAX];

/// Nothing read.
const NONE: Values = [f64::NAN; VALUES_MAX];

/// What the parsers of one group need to know besides the bytes.
#[derive(Debug)]
pub(super) struct Carry {
    /// Memory in use, from the file read before `memory.stat`.
    pub(super) memory_usage: f64,
    /// Clock ticks a second, of `cpuacct.stat`.
    pub(super) ticks: f64,
    /// Which block devices count.
    pub(super) blocks: Blocks,
}

/// Parses one file.
pub(super) type Parse = fn(&[u8], &mut Carry) -> Values;

/// Dividing gives the nearest number to the decimal one; multiplying by a rounded fraction would not.
const MICROS: f64 = 1e6;
const NANOS: f64 = 1e9;

/// Puts the values of known keys of a `key number` file in their places, each divided by its divisor.
fn pick(text: &[u8], known: &[(&[u8], f64)]) -> Values {
    let mut values = NONE;
    for (key, number) in text::keyed(text) {
        if let Some(at) = known.iter().position(|(name, _)| *name == key)
            && let (Some(value), Some((_, divisor))) = (values.get_mut(at), known.get(at))
        {
            *value = number as f64 / divisor;
        }
    }
    values
}

fn first(value: Option<f64>) -> Values {
    let mut values = NONE;
    values[0] = value.unwrap_or(f64::NAN);
    values
}

/// Version 2 `cpu.stat`: user, system, periods, throttled periods, throttled time.
pub(super) fn cpu_stat_v2(text: &[u8], _: &mut Carry) -> Values {
    pick(
        text,
        &[
            (b"user_usec", MICROS),
            (b"system_usec", MICROS),
            (b"nr_periods", 1.0),
            (b"nr_throttled", 1.0),
            (b"throttled_usec", MICROS),
        ],
    )
}

/// Version 1 `cpu.stat`: periods, throttled periods, throttled time.
pub(super) fn cpu_stat_v1(text: &[u8], _: &mut Carry) -> Values {
    pick(text, &[(b"nr_periods", 1.0), (b"nr_throttled", 1.0), (b"throttled_time", NANOS)])
}

/// Version 1 `cpuacct.stat`: user, system.
pub(super) fn cpuacct_stat(text: &[u8], carry: &mut Carry) -> Values {
    pick(text, &[(b"user", carry.ticks), (b"system", carry.ticks)])
}

/// Version 1 `cpuacct.usage_user` and `cpuacct.usage_sys`: nanoseconds.
pub(super) fn nanoseconds(text: &[u8], _: &mut Carry) -> Values {
    first(text::single(text).map(|number| number as f64 / NANOS))
}

/// A file with one number.
pub(super) fn one(text: &[u8], _: &mut Carry) -> Values {
    first(text::single(text).map(|number| number as f64))
}

/// A file with one number or `max`, which is no value.
pub(super) fn one_limit(text: &[u8], _: &mut Carry) -> Values {
    first(text::limit(text).flatten().map(|number| number as f64))
}

/// `memory.current` or `memory.usage_in_bytes`.
pub(super) fn memory_usage(text: &[u8], carry: &mut Carry) -> Values {
    let values = one(text, carry);
    carry.memory_usage = values[0];
    values
}

/// Version 2 `memory.stat`: anonymous, cache, working set, minor faults, major faults.
pub(super) fn memory_stat_v2(text: &[u8], carry: &mut Carry) -> Values {
    let [anon, file, inactive, faults, major, _] =
        pick(text, &[(b"anon", 1.0), (b"file", 1.0), (b"inactive_file", 1.0), (b"pgfault", 1.0), (b"pgmajfault", 1.0)]);
    [anon, file, working_set(carry, inactive), faults - major, major, f64::NAN]
}

/// Version 1 `memory.stat`, totals of the group and those below: anonymous, cache, working set, minor and major faults, swap.
pub(super) fn memory_stat_v1(text: &[u8], carry: &mut Carry) -> Values {
    let [anon, file, inactive, faults, major, swap] = pick(
        text,
        &[
            (b"total_rss", 1.0),
            (b"total_cache", 1.0),
            (b"total_inactive_file", 1.0),
            (b"total_pgfault", 1.0),
            (b"total_pgmajfault", 1.0),
            (b"total_swap", 1.0),
        ],
    );
    [anon, file, working_set(carry, inactive), faults - major, major, swap]
}

fn working_set(carry: &Carry, inactive_file: f64) -> f64 {
    let rest = carry.memory_usage - inactive_file;
    // The two files are read one after the other, so the cache may look larger than all memory. NaN stays NaN.
    if rest < 0.0 { 0.0 } else { rest }
}

/// `memory.events` or version 1's `memory.oom_control`: processes killed for want of memory.
pub(super) fn oom_kills(text: &[u8], _: &mut Carry) -> Values {
    pick(text, &[(b"oom_kill", 1.0)])
}

/// Version 2 `io.stat`, summed over devices: bytes read, bytes written, reads, writes.
pub(super) fn io_stat(text: &[u8], carry: &mut Carry) -> Values {
    const KEYS: [&[u8]; 4] = [b"rbytes", b"wbytes", b"rios", b"wios"];
    let mut sums = [0_u64; 4];
    for line in text::lines(text) {
        let mut fields = text::fields(line);
        let is_counted = fields.next().and_then(Device::parse).is_some_and(|device| carry.blocks.is_counted(device));
        if !is_counted {
            continue;
        }
        for field in fields {
            let mut parts = field.splitn(2, |byte| *byte == b'=');
            let at = parts.next().and_then(|key| KEYS.iter().position(|known| *known == key));
            let number = parts.next().and_then(text::number);
            if let (Some(sum), Some(number)) = (at.and_then(|at| sums.get_mut(at)), number) {
                *sum = sum.saturating_add(number);
            }
        }
    }
    [sums[0] as f64, sums[1] as f64, sums[2] as f64, sums[3] as f64, f64::NAN, f64::NAN]
}

/// Version 1 `blkio.*` (`254:0 Read 8192`), summed over devices: read, written.
pub(super) fn blkio(text: &[u8], carry: &mut Carry) -> Values {
    let (mut read, mut written) = (0_u64, 0_u64);
    for line in text::lines(text) {
        let mut fields = text::fields(line);
        let is_counted = fields.next().and_then(Device::parse).is_some_and(|device| carry.blocks.is_counted(device));
        let direction = fields.next();
        let Some(number) = fields.next().and_then(text::number).filter(|_| is_counted) else { continue };
        match direction {
            Some(b"Read") => read = read.saturating_add(number),
            Some(b"Write") => written = written.saturating_add(number),
            _ => {}
        }
    }
    [read as f64, written as f64, f64::NAN, f64::NAN, f64::NAN, f64::NAN]
}

/// A pressure file: seconds in which some, and all, tasks waited.
pub(super) fn pressure(text: &[u8], _: &mut Carry) -> Values {
    let totals = super::super::pressure::totals(text);
    let mut values = NONE;
    values[0] = totals.some.unwrap_or(f64::NAN);
    values[1] = totals.full.unwrap_or(f64::NAN);
    values
}

#[cfg(test)]
mod tests {
    use super::{super::super::Roots, *};

    fn carry() -> Carry {
        Carry { memory_usage: f64::NAN, ticks: 100.0, blocks: Blocks::new(&Roots::new("/nowhere")) }
    }

    #[track_caller]
    fn check(parse: Parse, text: &str, expect: &[f64]) {
        check_with(parse, text, &mut carry(), expect);
    }

    #[track_caller]
    fn check_with(parse: Parse, text: &str, carry: &mut Carry, expect: &[f64]) {
        let values = parse(text.as_bytes(), carry);
        for (at, value) in values.iter().enumerate() {
            let wanted = expect.get(at).copied().unwrap_or(f64::NAN);
            let is_same = (value.is_nan() && wanted.is_nan()) || (value - wanted).abs() < 1e-9;
            assert!(is_same, "value {at} of {text:?} is {value}, not {wanted}");
        }
    }

    const NAN: f64 = f64::NAN;

    #[test]
    fn cpu_time_and_throttling_are_read_in_seconds() {
        let v2 = "usage_usec 525000\nuser_usec 500000\nsystem_usec 25000\nnice_usec 7\nnr_periods 21\nnr_throttled 20\n\
                  throttled_usec 1500000\nnr_bursts 0\nburst_usec 0\n";
        check(cpu_stat_v2, v2, &[0.5, 0.025, 21.0, 20.0, 1.5]);
        check(cpu_stat_v2, "usage_usec 3\nuser_usec 2\nsystem_usec 1\n", &[2e-6, 1e-6]);
        let v1 = "nr_periods 21\nnr_throttled 20\nthrottled_time 1500000000\nnr_bursts 0\nburst_time 0\n";
        check(cpu_stat_v1, v1, &[21.0, 20.0, 1.5]);
        check(cpuacct_stat, "user 14138\nsystem 6230\n", &[141.38, 62.3]);
        check(nanoseconds, "2500000000\n", &[2.5]);
        check(cpu_stat_v2, "", &[]);
        check(cpu_stat_v2, "user_usec\nsystem_usec -1\n", &[]);
    }

    #[test]
    fn the_working_set_is_usage_without_inactive_cache() {
        let v2 = "anon 30\nfile 50\nkernel 5\ninactive_file 20\npgfault 100\npgmajfault 3\n";
        check_with(memory_stat_v2, v2, &mut Carry { memory_usage: 90.0, ..carry() }, &[30.0, 50.0, 70.0, 97.0, 3.0]);
        check_with(memory_stat_v2, v2, &mut carry(), &[30.0, 50.0, NAN, 97.0, 3.0]);
        check_with(memory_stat_v2, v2, &mut Carry { memory_usage: 10.0, ..carry() }, &[30.0, 50.0, 0.0, 97.0, 3.0]);
        let v1 = "cache 1\nrss 2\ntotal_cache 50\ntotal_rss 30\ntotal_swap 4\ntotal_pgfault 100\ntotal_pgmajfault 3\n\
                  total_inactive_file 20\n";
        check_with(memory_stat_v1, v1, &mut Carry { memory_usage: 90.0, ..carry() }, &[30.0, 50.0, 70.0, 97.0, 3.0, 4.0]);
        let mut carry = carry();
        check_with(memory_usage, "4096\n", &mut carry, &[4096.0]);
        assert!((carry.memory_usage - 4096.0).abs() < f64::EPSILON);
        check_with(memory_usage, "?\n", &mut carry, &[]);
        assert!(carry.memory_usage.is_nan());
    }

    #[test]
    fn kills_are_read_from_both_versions() {
        check(oom_kills, "low 0\nhigh 0\nmax 55\noom 2\noom_kill 1\noom_group_kill 0\n", &[1.0]);
        check(oom_kills, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", &[1.0]);
        check(oom_kills, "oom_kill_disable 0\nunder_oom 0\n", &[]);
    }

    #[test]
    fn io_is_summed_over_devices_without_loops() {
        let text = "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 rbytes=99 wbytes=99 rios=9 wios=9\n\
                    8:0 rbytes=1 wbytes=1 rios=1 wios=1 cost.usage=5\n";
        check(io_stat, text, &[4097.0, 8193.0, 2.0, 3.0]);
        check(io_stat, "", &[0.0, 0.0, 0.0, 0.0]);
        check(io_stat, "254:0\nnonsense\n8:0 rbytes=x\n", &[0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn blkio_takes_read_and_write_only() {
        let text = "254:0 Read 100\n254:0 Write 8388608\n254:0 Sync 16777216\n254:0 Async 0\n254:0 Discard 0\n\
                    254:0 Total 8388708\nTotal 8388708\n";
        check(blkio, text, &[100.0, 8_388_608.0]);
        check(blkio, "Total 0\n", &[0.0, 0.0]);
    }

    #[test]
    fn a_limit_of_max_is_no_value() {
        check(one_limit, "max\n", &[]);
        check(one_limit, "512\n", &[512.0]);
        check(one, "7\n", &[7.0]);
        check(one, "\n", &[]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut carry = carry();
            for parse in [cpu_stat_v1, cpu_stat_v2, cpuacct_stat, memory_stat_v1, memory_stat_v2, io_stat, blkio, pressure, one] {
                parse(&bytes, &mut carry);
            }
        }
    }
}
