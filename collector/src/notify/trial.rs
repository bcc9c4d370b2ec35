//! The message of a test button: real words about nothing, so that people see what an alert will look like.

use super::{Notice, NoticedAlert, Reason};
use crate::alert::Level;

/// A trial of a channel.
#[must_use]
pub fn notice(channel: &str, now_ms: i64) -> Notice {
    let history = (0..20_u8).map(|at| 0.41 + f64::from(at) * f64::from(at) * 0.001_4).collect();
    Notice {
        key: format!("0-{now_ms}-{channel}"),
        incident: 0,
        reason: Reason::Test,
        level: Level::Warning,
        opened_ms: now_ms,
        closed_ms: None,
        at_ms: now_ms,
        alerts: vec![NoticedAlert {
            id: 0,
            rule: "test".to_owned(),
            name: "CPU".to_owned(),
            level: Level::Warning,
            resource: "web-1".to_owned(),
            service: Some("checkout".to_owned()),
            tenant: None,
            environment: Some("production".to_owned()),
            attributes: Vec::new(),
            metric: "system.cpu.utilization".to_owned(),
            unit: "1".to_owned(),
            value: Some(0.93),
            threshold: Some(0.8),
            is_below: false,
            onset_ms: now_ms.saturating_sub(300_000),
            resolved_ms: None,
            message: None,
            runbook: None,
            history,
        }],
        more: 0,
        cause: None,
        acknowledged_by: None,
    }
}
