//! The one way to ask for the time, so that a test can pass its own.

/// Wall clock. Programs implement it with the system's clock; tests and the simulation with their own.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Milliseconds since the Unix epoch. May jump, when somebody sets the clock.
    fn now_ms(&self) -> i64;
}
