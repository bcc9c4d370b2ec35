//! Tests of the figures that a plan derives.

use super::*;

type Series<'a> = (&'a str, Kind, &'a [(&'a str, &'a str)]);

fn plan(series: &[Series<'_>]) -> Plan {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let attributes: Vec<Vec<(String, String)>> = series.iter().map(|(.., pairs)| pairs.iter().map(owned).collect()).collect();
    let columns = series.iter().zip(&attributes);
    Plan::new(columns.map(|((metric, kind, _), attributes)| Column { metric, kind: *kind, attributes }))
}

#[test]
fn a_reading_just_above_the_limit_is_the_limit_and_a_true_excess_stays() {
    assert_eq!(without_jitter(Some(2.02), Some(2.0)), Some(2.0));
    assert_eq!(without_jitter(Some(3.0), Some(2.0)), Some(3.0));
    assert_eq!(without_jitter(Some(1.5), Some(2.0)), Some(1.5));
    assert_eq!(without_jitter(Some(1.5), None), Some(1.5));
}

#[test]
fn a_hosts_cpu_is_all_time_but_idle_and_iowait_against_its_limit() {
    let mut plan = plan(&[
        ("system.cpu.time", Kind::Counter, &[("cpu.mode", "user")]),
        ("system.cpu.time", Kind::Counter, &[("cpu.mode", "system")]),
        ("system.cpu.time", Kind::Counter, &[("cpu.mode", "idle")]),
        ("system.cpu.limit", Kind::Gauge, &[]),
    ]);
    plan.take(1_000, &[10.0, 5.0, 100.0, 2.0]);
    assert_eq!(plan.figures().cpu_ratio, None);
    plan.take(2_000, &[10.5, 5.25, 101.0, 2.0]);
    let latest = plan.figures();
    assert_eq!(latest.cpu_used, Some(0.75));
    assert_eq!(latest.cpu_ratio, Some(0.375));
}

#[test]
fn a_rate_is_taken_over_a_second_even_when_samples_come_faster() {
    let mut plan = plan(&[("container.cpu.time", Kind::Counter, &[]), ("container.cpu.limit", Kind::Gauge, &[])]);
    for tick in 0..=10 {
        // All the work happens in the last tenth of the second.
        let raw = if tick == 10 { 0.5 } else { 0.0 };
        plan.take(1_000 + tick * 100, &[raw, 1.0]);
    }
    assert_eq!(plan.figures().cpu_used, Some(0.5));
}

#[test]
fn a_counter_that_starts_again_gives_no_negative_rate() {
    let mut plan = plan(&[("container.cpu.time", Kind::Counter, &[])]);
    plan.take(1_000, &[100.0]);
    plan.take(2_000, &[101.0]);
    plan.take(3_000, &[0.5]);
    assert_eq!(plan.figures().cpu_used, Some(1.0));
    plan.take(4_000, &[0.75]);
    assert_eq!(plan.figures().cpu_used, Some(0.25));
}

#[test]
fn the_fullest_file_system_is_named_and_images_do_not_count() {
    let fs = |mount: &'static str, state: &'static str, kind: &'static str| {
        [("system.filesystem.mountpoint", mount), ("system.filesystem.state", state), ("system.filesystem.type", kind)]
    };
    let (a, b) = (fs("/", "used", "ext4"), fs("/", "free", "ext4"));
    let (c, d) = (fs("/var", "used", "xfs"), fs("/var", "free", "xfs"));
    let (e, f) = (fs("/snap", "used", "squashfs"), fs("/snap", "free", "squashfs"));
    let rows: Vec<Series<'_>> = [&a, &b, &c, &d, &e, &f]
        .into_iter()
        .map(|attributes| ("system.filesystem.usage", Kind::Gauge, &attributes[..]))
        .collect();
    let mut plan = plan(&rows);
    plan.take(1_000, &[10.0, 90.0, 93.0, 7.0, 5.0, 0.0]);
    let latest = plan.figures();
    assert_eq!((latest.disk_ratio, latest.disk_mount.as_deref()), (Some(0.93), Some("/var")));
}

#[test]
fn traffic_of_inner_interfaces_is_not_counted_twice() {
    let mut plan = plan(&[
        ("system.network.io", Kind::Counter, &[("network.interface.name", "eth0"), ("network.io.direction", "receive")]),
        ("system.network.io", Kind::Counter, &[("network.interface.name", "lo"), ("network.io.direction", "receive")]),
        ("system.network.io", Kind::Counter, &[("network.interface.name", "veth12"), ("network.io.direction", "receive")]),
    ]);
    plan.take(0, &[0.0, 0.0, 0.0]);
    plan.take(1_000, &[100.0, 999.0, 999.0]);
    assert_eq!(plan.figures().network_in, Some(100.0));
}

#[test]
fn a_containers_use_is_never_set_against_its_hosts_limit() {
    let mut plan = plan(&[("container.memory.working_set", Kind::Gauge, &[]), ("system.memory.limit", Kind::Gauge, &[])]);
    plan.take(0, &[50.0, 100.0]);
    let latest = plan.figures();
    assert_eq!((latest.memory_used, latest.memory_ratio), (Some(50.0), None));
}

#[test]
fn without_requests_the_ratio_and_the_quantile_of_before_are_forgotten() {
    let mut plan = plan(&[
        ("http.server.request.rate", Kind::Gauge, &[]),
        ("http.server.request.error_ratio", Kind::Gauge, &[]),
        ("http.server.request.duration", Kind::Gauge, &[("farol.statistic", "p95")]),
    ]);
    plan.take(1_000, &[5.0, 0.5, 0.2]);
    let latest = plan.figures();
    assert_eq!((latest.request_rate, latest.error_ratio, latest.p95), (Some(5.0), Some(0.5), Some(0.2)));
    plan.take(2_000, &[0.0, f64::NAN, f64::NAN]);
    let latest = plan.figures();
    assert_eq!((latest.request_rate, latest.error_ratio, latest.p95), (Some(0.0), None, None));
}

#[test]
fn durations_that_an_application_reports_itself_are_not_a_services() {
    let mut plan = plan(&[("http.server.request.duration", Kind::Gauge, &[("farol.statistic", "p95")])]);
    plan.take(1_000, &[9.0]);
    assert_eq!(plan.figures(), Latest::default());
}
