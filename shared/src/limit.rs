//! Every bound that both ends share, each with its reason. Nothing in Farol grows without one.

/// Largest request body of one batch as it travels, in bytes. A batch of one frame takes 1 to 10 KiB;
/// this leaves room for a host with a thousand units.
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// Largest batch after decompression, in bytes. Guards the collector against a decompression bomb.
pub const BATCH_DECODED_BYTES_MAX: usize = 8 << 20;

/// Deepest nesting of a batch, in lists and maps within each other. Ours is below 10; whatever reads deeper than it must takes stack for
/// each level, and the sender would choose how much.
pub const BATCH_DEPTH_MAX: usize = 32;

/// Most frames in one batch. An agent sends one a tick; more would hold the acknowledgement back.
pub const BATCH_FRAMES_MAX: usize = 600;

/// Most resources in one batch: a host, its containers and its units.
pub const BATCH_RESOURCES_MAX: usize = 2_000;

/// Most series of one resource in one batch. The page and the block directory both stay small below it.
pub const RESOURCE_SERIES_MAX: usize = 4_000;

/// Most series over all resources of one batch.
pub const BATCH_SERIES_MAX: usize = 40_000;

/// Most resources that the collector knows at once; beyond it new ones are refused with a clear error.
pub const COLLECTOR_RESOURCES_MAX: usize = 50_000;

/// Most attributes of a resource or a series.
pub const ATTRIBUTES_MAX: usize = 64;

/// Longest attribute key or metric name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Longest attribute value, in bytes. Longer ones are cut at a character boundary by the agent.
pub const VALUE_BYTES_MAX: usize = 512;

/// Longest identifier of an agent or key of a resource, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// Furthest that a frame's time may lie in the future of the collector's clock, in milliseconds.
/// A wrong clock must not create blocks in next year.
pub const FUTURE_MS_MAX: i64 = 10 * 60 * 1_000;

/// Shortest sampling interval an agent accepts, in milliseconds.
pub const INTERVAL_MS_MIN: u64 = 100;

/// Longest sampling interval an agent accepts, in milliseconds.
pub const INTERVAL_MS_MAX: u64 = 5 * 60 * 1_000;

/// Sampling interval while somebody watches, in milliseconds.
pub const WATCHED_INTERVAL_MS: u64 = 100;

/// How long one `watched` hint holds, in milliseconds. The collector repeats it in each answer.
pub const WATCHED_FOR_MS: u64 = 5_000;

/// Longest pause between two delivery attempts, in milliseconds.
pub const BACKOFF_MS_MAX: u64 = 30_000;

/// Longest `Retry-After` that an agent obeys, in seconds; a longer one is cut to it.
pub const RETRY_AFTER_S_MAX: u64 = 600;

/// Largest answer an agent reads from a collector, in bytes.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Most records of one resource in one frame. An agent folds, samples and cuts to stay below it.
pub const FRAME_RECORDS_MAX: usize = 10_000;

/// Most different (method, route, status, tenant) of one service that an agent keeps apart in one interval; the rest is
/// folded into `(other)`.
pub const REQUEST_KEYS_MAX: usize = 2_000;

/// Most routes of one service that an agent tells apart; the rest is `(other)`. A page shows ten, a large application has a
/// few hundred.
pub const ROUTES_MAX: usize = 500;

/// Most tenants of one service that an agent keeps apart at a time; the least busy make room.
pub const TENANTS_MAX: usize = 1_000;

/// Most of the latest requests that travel whole in one interval.
pub const RECENT_REQUESTS_MAX: usize = 100;

/// Most slow requests that travel whole in one interval; the slowest stay.
pub const SLOW_REQUESTS_MAX: usize = 100;

/// Most types of errors that an agent tells apart in one interval.
pub const ERROR_TYPES_MAX: usize = 200;

/// Longest message, stack, event payload or detail of a record, in bytes. Longer ones are cut by the agent, which says so.
pub const RECORD_TEXT_BYTES_MAX: usize = 16 << 10;

/// Largest snapshot of a resource, in bytes of JSON: a table of a few hundred rows.
pub const SNAPSHOT_BYTES_MAX: usize = 256 << 10;

/// Most snapshots of one resource in one frame.
pub const SNAPSHOTS_MAX: usize = 3;

/// Most bytes of records that wait in the agent for the next frame. Beyond it records are dropped and counted.
pub const RECORD_BYTES_WAITING_MAX: usize = 512 << 10;

/// Most services that one agent tells apart.
pub const SERVICES_MAX: usize = 100;

/// Most series that applications may add to one agent by `StatsD`, OpenTelemetry, JSON and scrapes together.
pub const APP_SERIES_MAX: usize = 3_000;

const _: () = assert!(APP_SERIES_MAX < RESOURCE_SERIES_MAX, "the agent's own series must always fit");
const _: () = assert!(REQUEST_KEYS_MAX + RECENT_REQUESTS_MAX + SLOW_REQUESTS_MAX + ERROR_TYPES_MAX < FRAME_RECORDS_MAX);
const _: () = assert!(RECORD_BYTES_WAITING_MAX < BATCH_BYTES_MAX, "all that waits must fit into one batch");
const _: () = assert!(BATCH_BYTES_MAX < BATCH_DECODED_BYTES_MAX);
const _: () = assert!(RESOURCE_SERIES_MAX <= BATCH_SERIES_MAX);
const _: () = assert!(WATCHED_INTERVAL_MS >= INTERVAL_MS_MIN);
const _: () = assert!(WATCHED_FOR_MS > 2 * 1_000, "a hint must outlive the default interval");
