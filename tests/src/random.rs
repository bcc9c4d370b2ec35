//! A small seeded random number generator (xorshift), so that a failing run can be repeated by its seed.

/// The generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed; equal seeds give equal sequences.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        // Zero would stay zero for ever, and small seeds would start alike.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    /// The seed of this run: `FAROL_SEED`, else the clock; print it with a failure.
    #[must_use]
    pub fn seed_of_run() -> u64 {
        crate::process::setting("FAROL_SEED").and_then(|text| text.parse().ok()).unwrap_or(crate::wait::now_ms().cast_unsigned())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from `low` up to and including `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    /// True in about one of `n` calls.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.number().is_multiple_of(n)
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.number().to_le_bytes()[3]).collect()
    }
}
