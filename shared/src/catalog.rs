//! The catalogue: every metric that Farol itself measures, once, with unit, kind, attributes and description.
//!
//! `docs/METRICS.md` is generated from it. Names follow the OpenTelemetry semantic conventions where one exists; the rest
//! say what the kernel says. To add a metric, add a row here and write it in its source. Rows are never renamed.

use crate::metric::{
    Kind::{Counter, Gauge},
    Metric,
};

macro_rules! catalog {
    ($($(#[doc = $group:literal])* $id:ident = $name:literal, $unit:literal, $kind:ident, [$($attribute:literal),*], $description:literal;)*) => {
        $(
            #[doc = $description]
            pub const $id: Metric = Metric {
                name: $name, unit: $unit, kind: $kind, attributes: &[$($attribute),*], description: $description,
            };
        )*
        /// Every row, in the order of the documentation.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

catalog! {
    SYSTEM_CPU_TIME = "system.cpu.time", "s", Counter, ["cpu.mode"], "CPU time of all logical CPUs by mode: user, nice, system, idle, iowait, irq, softirq, steal.";
    SYSTEM_CPU_LOGICAL_COUNT = "system.cpu.logical.count", "{cpu}", Gauge, [], "Logical CPUs of the machine.";
    SYSTEM_CPU_LIMIT = "system.cpu.limit", "{cpu}", Gauge, [], "CPUs that may be used here: the tightest quota up the cgroup tree, else all logical CPUs. Resource attribute `farol.cpu.limit.source` says which.";
    SYSTEM_LOAD_1M = "system.linux.cpu.load_1m", "{thread}", Gauge, [], "Load average over one minute.";
    SYSTEM_LOAD_5M = "system.linux.cpu.load_5m", "{thread}", Gauge, [], "Load average over five minutes.";
    SYSTEM_LOAD_15M = "system.linux.cpu.load_15m", "{thread}", Gauge, [], "Load average over fifteen minutes.";
    SYSTEM_CONTEXT_SWITCHES = "system.linux.context_switches", "{switch}", Counter, [], "Context switches of all CPUs.";
    SYSTEM_PROCESS_CREATED = "system.process.created", "{process}", Counter, [], "Processes and threads created since boot.";
    SYSTEM_PROCESS_COUNT = "system.process.count", "{process}", Gauge, ["process.state"], "Processes by state: running, blocked (waiting for I/O).";
    SYSTEM_UPTIME = "system.uptime", "s", Gauge, [], "Time since the machine booted.";
    SYSTEM_MEMORY_USAGE = "system.memory.usage", "By", Gauge, ["system.memory.state"], "Memory by state: used (total less available), free, buffers, cached.";
    SYSTEM_MEMORY_AVAILABLE = "system.linux.memory.available", "By", Gauge, [], "Memory that can be had without swapping, by the kernel's estimate.";
    SYSTEM_MEMORY_LIMIT = "system.memory.limit", "By", Gauge, [], "Memory that may be used here: the tightest limit up the cgroup tree, else all of it. Resource attribute `farol.memory.limit.source` says which.";
    SYSTEM_SWAP_USAGE = "system.paging.usage", "By", Gauge, ["system.paging.state"], "Swap space by state: used, free.";
    SYSTEM_PAGING_FAULTS = "system.paging.faults", "{fault}", Counter, ["system.paging.fault.type"], "Page faults: minor, major.";
    SYSTEM_OOM_KILLS = "system.linux.memory.oom_kills", "{kill}", Counter, [], "Processes that the kernel killed for want of memory.";
    SYSTEM_PRESSURE_TIME = "system.linux.pressure.time", "s", Counter, ["farol.pressure.resource", "farol.pressure.kind"], "Time in which some or all (full) tasks of the machine waited for cpu, memory or io (PSI).";
    SYSTEM_FILESYSTEM_USAGE = "system.filesystem.usage", "By", Gauge, ["system.device", "system.filesystem.mountpoint", "system.filesystem.state", "system.filesystem.type"], "Space of a file system by state: used, free (for everyone), reserved (for root).";
    SYSTEM_FILESYSTEM_LIMIT = "system.filesystem.limit", "By", Gauge, ["system.device", "system.filesystem.mountpoint", "system.filesystem.type"], "Size of a file system.";
    SYSTEM_FILESYSTEM_INODES = "system.filesystem.inodes", "{inode}", Gauge, ["system.device", "system.filesystem.mountpoint", "system.filesystem.state", "system.filesystem.type"], "Inodes of a file system by state: used, free.";
    SYSTEM_DISK_IO = "system.disk.io", "By", Counter, ["system.device", "disk.io.direction"], "Bytes read from or written to a block device.";
    SYSTEM_DISK_OPERATIONS = "system.disk.operations", "{operation}", Counter, ["system.device", "disk.io.direction"], "Finished reads or writes of a block device.";
    SYSTEM_DISK_OPERATION_TIME = "system.disk.operation_time", "s", Counter, ["system.device", "disk.io.direction"], "Time that all reads or writes took, added up.";
    SYSTEM_DISK_IO_TIME = "system.disk.io_time", "s", Counter, ["system.device"], "Time in which a block device was busy.";
    SYSTEM_NETWORK_IO = "system.network.io", "By", Counter, ["network.interface.name", "network.io.direction"], "Bytes received or transmitted by an interface.";
    SYSTEM_NETWORK_PACKETS = "system.network.packet.count", "{packet}", Counter, ["network.interface.name", "network.io.direction"], "Packets received or transmitted by an interface.";
    SYSTEM_NETWORK_ERRORS = "system.network.errors", "{error}", Counter, ["network.interface.name", "network.io.direction"], "Errors while receiving or transmitting.";
    SYSTEM_NETWORK_DROPPED = "system.network.packet.dropped", "{packet}", Counter, ["network.interface.name", "network.io.direction"], "Packets dropped while receiving or transmitting.";

    CONTAINER_CPU_TIME = "container.cpu.time", "s", Counter, ["cpu.mode"], "CPU time of the cgroup by mode: user, system.";
    CONTAINER_CPU_LIMIT = "container.cpu.limit", "{cpu}", Gauge, [], "CPUs that the cgroup may use: the tightest quota up its tree, else all of the machine.";
    CONTAINER_CPU_PERIODS = "container.cpu.throttling.periods", "{period}", Counter, [], "Scheduler periods in which the cgroup had work to do.";
    CONTAINER_CPU_THROTTLED_PERIODS = "container.cpu.throttling.throttled_periods", "{period}", Counter, [], "Scheduler periods in which the cgroup ran into its quota.";
    CONTAINER_CPU_THROTTLED_TIME = "container.cpu.throttling.throttled_time", "s", Counter, [], "Time for which tasks of the cgroup were held back by its quota.";
    CONTAINER_MEMORY_USAGE = "container.memory.usage", "By", Gauge, [], "Memory charged to the cgroup, page cache included.";
    CONTAINER_MEMORY_WORKING_SET = "container.memory.working_set", "By", Gauge, [], "Memory charged to the cgroup less inactive page cache: what cannot be given back easily.";
    CONTAINER_MEMORY_RSS = "container.memory.rss", "By", Gauge, [], "Anonymous memory of the cgroup.";
    CONTAINER_MEMORY_CACHE = "container.memory.cache", "By", Gauge, [], "Page cache charged to the cgroup.";
    CONTAINER_MEMORY_SWAP = "container.memory.swap", "By", Gauge, [], "Swap used by the cgroup.";
    CONTAINER_MEMORY_LIMIT = "container.memory.limit", "By", Gauge, [], "Memory that the cgroup may use: the tightest limit up its tree, else all of the machine.";
    CONTAINER_MEMORY_OOM_KILLS = "container.memory.oom_kills", "{kill}", Counter, [], "Processes of the cgroup that the kernel killed for want of memory.";
    CONTAINER_MEMORY_FAULTS = "container.memory.paging.faults", "{fault}", Counter, ["system.paging.fault.type"], "Page faults of the cgroup: minor, major.";
    CONTAINER_DISK_IO = "container.disk.io", "By", Counter, ["disk.io.direction"], "Bytes that the cgroup read from or wrote to block devices.";
    CONTAINER_DISK_OPERATIONS = "container.disk.operations", "{operation}", Counter, ["disk.io.direction"], "Reads or writes of the cgroup on block devices.";
    CONTAINER_NETWORK_IO = "container.network.io", "By", Counter, ["network.interface.name", "network.io.direction"], "Bytes received or transmitted in the container's network namespace.";
    CONTAINER_PIDS_COUNT = "container.pids.count", "{process}", Gauge, [], "Processes and threads of the cgroup.";
    CONTAINER_PIDS_LIMIT = "container.pids.limit", "{process}", Gauge, [], "Processes and threads that the cgroup may have; missing when there is no limit.";
    CONTAINER_PRESSURE_TIME = "container.pressure.time", "s", Counter, ["farol.pressure.resource", "farol.pressure.kind"], "Time in which some or all (full) tasks of the cgroup waited for cpu, memory or io (PSI).";
    CONTAINER_UPTIME = "container.uptime", "s", Gauge, [], "Time since the container's first process started.";

    PROCESS_CPU_TIME = "process.cpu.time", "s", Counter, ["process.pid", "process.executable.name"], "CPU time of one of the busiest processes, user and system together.";
    PROCESS_MEMORY_USAGE = "process.memory.usage", "By", Gauge, ["process.pid", "process.executable.name"], "Resident memory of one of the largest processes.";

    AGENT_CPU_TIME = "farol.agent.cpu.time", "s", Counter, [], "CPU time of the agent itself.";
    AGENT_MEMORY_USAGE = "farol.agent.memory.usage", "By", Gauge, [], "Resident memory of the agent itself.";
    AGENT_SAMPLES_TAKEN = "farol.agent.samples.taken", "{sample}", Counter, [], "Samples that the agent took in this run.";
    AGENT_SAMPLES_LOST = "farol.agent.samples.lost", "{sample}", Counter, ["farol.cause"], "Samples that the agent lost in this run, by cause: spool_full, spool_damaged, refused.";
    AGENT_TICKS_MISSED = "farol.agent.ticks.missed", "{tick}", Counter, [], "Readings that were left out because the agent was held up for longer than its interval.";
    AGENT_SPOOL_BATCHES = "farol.agent.spool.batches", "{batch}", Gauge, [], "Batches that wait for delivery.";
    AGENT_SPOOL_BYTES = "farol.agent.spool.bytes", "By", Gauge, [], "Bytes that wait for delivery.";
    AGENT_SEND_DURATION = "farol.agent.send.duration", "s", Gauge, [], "Time from sending the last acknowledged batch to its acknowledgement.";
    AGENT_READ_DURATION = "farol.agent.read.duration", "s", Counter, ["farol.source"], "Time spent reading, by source.";
    AGENT_READ_FAILURES = "farol.agent.read.failures", "{failure}", Counter, ["farol.source"], "Failed readings, by source.";

    AGENT_RECORDS_DROPPED = "farol.agent.records.dropped", "{record}", Counter, ["farol.kind", "farol.cause"], "What applications handed to the agent and it did not keep, by kind (request, event, log, error, metric, line) and cause (full, series_max, malformed, oversize, socket).";
    AGENT_RECORDS_TAKEN = "farol.agent.records.received", "{record}", Counter, ["farol.receiver"], "What the agent took from applications, by receiver: http, otlp, statsd, socket, proxy, scrape, logs, probe.";

    SCRAPE_UP = "farol.scrape.up", "1", Gauge, ["server.address"], "Whether a local endpoint of metrics was read to its end the last time: 1 or 0.";
    SCRAPE_DURATION = "farol.scrape.duration", "s", Gauge, ["server.address"], "How long reading a local endpoint of metrics took.";
    SCRAPE_SERIES = "farol.scrape.series", "{series}", Gauge, ["server.address"], "Series that a local endpoint of metrics gave, after its allow list and bound.";

    HTTP_SERVER_REQUEST_RATE = "http.server.request.rate", "{request}/s", Gauge, [], "Requests a second of a service, over the last minute, all its processes together. Made by the collector of the agents' sketches.";
    HTTP_SERVER_REQUEST_ERROR_RATIO = "http.server.request.error_ratio", "1", Gauge, [], "Share of the requests of the last minute that failed: a status of 500 or more, or an exception. Missing when there were none.";
    HTTP_SERVER_REQUEST_DURATION = "http.server.request.duration", "s", Gauge, ["farol.statistic"], "Duration of the requests of the last minute: mean, min, max, p50, p95, p99. Quantiles are off by at most 1.6 %.";
    HTTP_SERVER_REQUEST_APDEX = "http.server.request.apdex", "1", Gauge, [], "Apdex of the last minute: (satisfied + tolerating / 2) / all, with satisfied up to 0.5 s and tolerating up to 2 s, failures frustrated.";
    SERVICE_LOG_RECORDS = "farol.service.log.records", "{record}", Counter, ["farol.level"], "Log records of a service by level: trace, debug, info, warn, error, fatal.";
    SERVICE_ERRORS = "farol.service.errors", "{error}", Counter, [], "Errors of a service of any type, in requests, spans and logs.";
    CHECK_STATE = "farol.check.state", "1", Gauge, ["farol.check.name", "farol.check.kind"], "What a health check says: 1 online, 0.5 degraded, 0 offline.";
    CHECK_DURATION = "farol.check.duration", "s", Gauge, ["farol.check.name", "farol.check.kind"], "How long a health check took.";
    CHECK_TLS_EXPIRY = "farol.check.tls.expiry", "d", Gauge, ["farol.check.name"], "Days until the certificate expires that a health check was shown; negative when it has.";
    DB_CONNECTIONS = "postgresql.backends", "{connection}", Gauge, ["farol.check.name", "db.namespace"], "Connections to a database, seen by a health check with credentials.";
    DB_CONNECTIONS_MAX = "postgresql.connection.max", "{connection}", Gauge, ["farol.check.name"], "Connections that the server allows.";
    DB_SIZE = "postgresql.db_size", "By", Gauge, ["farol.check.name", "db.namespace"], "Size of a database on disk.";

    EVENTS = "farol.events", "{event}", Counter, ["farol.event.type"], "Events of a service by type.";
    MESSAGES_SENT = "farol.messages.sent", "{message}", Counter, [], "Messages that a service sent: its `MessageSent` events but those whose status says that it failed.";
    MESSAGES_FAILED = "farol.messages.failed", "{message}", Counter, [], "Messages that a service could not send: its `MessageSent` events whose status says so.";
    MESSAGES_RECEIVED = "farol.messages.received", "{message}", Counter, [], "Messages that a service received: its `MessageReceived` events.";
    CONVERSATIONS_ACTIVE = "farol.conversations.active", "{conversation}", Gauge, [], "Conversations that started within the last 30 minutes and have not ended: `ConversationStarted` without `ConversationEnded`.";
    TICKETS_CREATED = "farol.tickets.created", "{ticket}", Counter, [], "Tickets that a service created: its `TicketCreated` events.";
    AI_INTERACTIONS = "farol.ai.interactions", "{interaction}", Counter, [], "Uses of an AI model by a service: its `AIInteraction` events.";
    AI_TOKENS = "farol.ai.tokens", "{token}", Counter, [], "Tokens that its `AIInteraction` events tell.";
    ERP_CALLS = "farol.erp.calls", "{call}", Counter, [], "Calls of an ERP system by a service: its `ERPCall` events.";
    ERP_FAILED = "farol.erp.failed", "{call}", Counter, [], "Calls of an ERP system that did not succeed.";
    ERP_TIME = "farol.erp.time", "s", Counter, [], "Time that all calls of an ERP system took, added up from the `response_time` (in milliseconds) of `ERPCall` events.";
    CAMPAIGNS_SENT = "farol.campaigns.sent", "{message}", Gauge, [], "Messages sent by campaigns: the newest `CampaignUpdate` of each campaign of the last seven days, added up.";
    CAMPAIGNS_OPENED = "farol.campaigns.opened", "{message}", Gauge, [], "Messages of campaigns that were opened: the newest `CampaignUpdate` of each campaign of the last seven days, added up.";
    CAMPAIGNS_CLICKED = "farol.campaigns.clicked", "{message}", Gauge, [], "Messages of campaigns in which a link was clicked: the newest `CampaignUpdate` of each campaign of the last seven days, added up.";

    INTEGRATION_UP = "farol.integration.up", "1", Gauge, [], "Whether the last poll of an outside system brought an answer: 1 or 0.";
    INTEGRATION_POLL_DURATION = "farol.integration.poll.duration", "s", Gauge, [], "How long the last poll of an outside system took.";
    USERS_ONLINE = "farol.users.online", "{user}", Gauge, [], "People on the site now, as the source counts them: Redis, Plausible, Fathom or Umami.";

    // Sentry.
    SENTRY_CRASH_FREE = "sentry.crash_free_ratio", "1", Gauge, ["farol.subject", "farol.window"], "Share of users or sessions without a crash, over the last hour (1h) or day (24h).";
    SENTRY_ISSUES = "sentry.issues", "{issue}", Gauge, ["farol.issue.state"], "Issues by state: new_1h, new_24h, regressed, recurring, unresolved, escalating. At most as many as Sentry counts.";
    SENTRY_TRANSACTION_DURATION = "sentry.transaction.duration", "s", Gauge, ["farol.statistic"], "Duration of transactions over the last hour: mean, p95, p99; the mean also minute by minute.";
    SENTRY_TRANSACTION_FAILURES = "sentry.transaction.failure_ratio", "1", Gauge, [], "Share of the transactions of the last hour that failed, as Sentry judges.";
    // End of Sentry.

    // Redis.
    REDIS_KEYSPACE_HITS = "redis.keyspace.hits", "{hit}", Counter, [], "Look-ups that found their key.";
    REDIS_KEYSPACE_MISSES = "redis.keyspace.misses", "{miss}", Counter, [], "Look-ups that did not find their key.";
    REDIS_HIT_RATIO = "redis.hit_ratio", "1", Gauge, [], "Share of the look-ups since the poll before that found their key. Missing when there were none.";
    REDIS_MEMORY_USED = "redis.memory.used", "By", Gauge, [], "Memory that Redis allocated.";
    REDIS_MEMORY_LIMIT = "redis.memory.limit", "By", Gauge, [], "Memory that Redis may use: maxmemory, else all of its machine.";
    REDIS_CLIENTS_CONNECTED = "redis.clients.connected", "{client}", Gauge, [], "Connected clients.";
    REDIS_KEYS = "redis.keys", "{key}", Gauge, [], "Keys of all databases.";
    REDIS_COMMANDS = "redis.commands.processed", "{command}", Counter, [], "Commands that Redis processed.";
    REDIS_KEYS_EVICTED = "redis.keys.evicted", "{key}", Counter, [], "Keys removed for want of memory.";
    REDIS_KEYS_EXPIRED = "redis.keys.expired", "{key}", Counter, [], "Keys removed because their time was over.";
    REDIS_PING_DURATION = "redis.ping.duration", "s", Gauge, [], "Time from sending PING to its answer.";
    REDIS_MEMORY_RSS = "redis.memory.rss", "By", Gauge, [], "Memory that the system gave Redis.";
    REDIS_MEMORY_FRAGMENTATION = "redis.memory.fragmentation_ratio", "1", Gauge, [], "Memory that the system gave Redis against what it allocated. Says little below 100 MB.";
    REDIS_CLIENTS_BLOCKED = "redis.clients.blocked", "{client}", Gauge, [], "Clients that wait in a blocking command, as idle workers do.";
    REDIS_CONNECTIONS_RECEIVED = "redis.connections.received", "{connection}", Counter, [], "Connections that Redis accepted.";
    REDIS_CONNECTIONS_REJECTED = "redis.connections.rejected", "{connection}", Counter, [], "Connections turned away because there were too many clients.";
    REDIS_NET_INPUT = "redis.net.input", "By", Counter, [], "Bytes that Redis read from its clients.";
    REDIS_NET_OUTPUT = "redis.net.output", "By", Counter, [], "Bytes that Redis wrote to its clients.";
    REDIS_CPU_TIME = "redis.cpu.time", "s", Counter, ["redis.cpu.mode"], "CPU time of Redis by mode: user, system.";
    REDIS_ERRORS = "redis.errors", "{error}", Counter, [], "Answers of Redis that were errors.";
    REDIS_UPTIME = "redis.uptime", "s", Gauge, [], "Time since Redis started; of a Cluster, since its youngest node did.";
    REDIS_UNSAVED = "redis.rdb.changes_since_last_save", "{change}", Gauge, [], "Changes since the last snapshot on disk.";
    REDIS_PERSISTENCE_OK = "redis.persistence.ok", "1", Gauge, [], "Whether the last snapshot and the last append to disk went well: 1 or 0.";
    REDIS_REPLICAS = "redis.replicas.connected", "{replica}", Gauge, [], "Replicas connected to this master.";
    REDIS_REPLICATION_LAG = "redis.replication.lag", "s", Gauge, [], "Time by which the slowest replica is behind; of a replica, time since it heard of its master.";
    REDIS_CLUSTER_SLOTS_FAILED = "redis.cluster.slots.failed", "{slot}", Gauge, [], "Slots of a Cluster whose node failed.";
    // End of Redis.

    // RabbitMQ.
    RABBITMQ_MESSAGES = "rabbitmq.messages", "{message}", Gauge, ["rabbitmq.message.state"], "Messages of all queues by state: ready, unacknowledged.";
    RABBITMQ_MESSAGE_CURRENT = "rabbitmq.message.current", "{message}", Gauge, ["rabbitmq.vhost.name", "rabbitmq.queue.name", "rabbitmq.message.state"], "Messages of a queue by state: ready, unacknowledged.";
    RABBITMQ_CONSUMER_COUNT = "rabbitmq.consumer.count", "{consumer}", Gauge, ["rabbitmq.vhost.name", "rabbitmq.queue.name"], "Consumers of a queue.";
    RABBITMQ_PUBLISH_RATE = "rabbitmq.message.publish_rate", "{message}/s", Gauge, [], "Messages published a second, all queues, as RabbitMQ computes it.";
    RABBITMQ_ACK_RATE = "rabbitmq.message.ack_rate", "{message}/s", Gauge, [], "Messages acknowledged a second, all queues, as RabbitMQ computes it.";
    RABBITMQ_DELIVER_RATE = "rabbitmq.message.deliver_rate", "{message}/s", Gauge, [], "Messages handed to consumers a second, all queues, as RabbitMQ computes it.";
    RABBITMQ_QUEUES = "rabbitmq.queues", "{queue}", Gauge, [], "Queues of the broker, or of the virtual host that is watched.";
    RABBITMQ_CONNECTIONS = "rabbitmq.connections", "{connection}", Gauge, [], "Connections to the broker.";
    RABBITMQ_ALARMS = "rabbitmq.alarms", "{alarm}", Gauge, [], "Alarms of all nodes, for memory or disk: while there is one, the broker takes no messages.";
    RABBITMQ_NODE_MEMORY_USED = "rabbitmq.node.memory.used", "By", Gauge, ["rabbitmq.node.name"], "Memory that a node of RabbitMQ uses.";
    RABBITMQ_NODE_MEMORY_LIMIT = "rabbitmq.node.memory.limit", "By", Gauge, ["rabbitmq.node.name"], "Memory above which a node of RabbitMQ takes no messages.";
    RABBITMQ_NODE_DISK_FREE = "rabbitmq.node.disk.free", "By", Gauge, ["rabbitmq.node.name"], "Free space on the disk of a node of RabbitMQ.";
    // End of RabbitMQ.

    // Celery.
    CELERY_QUEUE_LENGTH = "celery.queue.length", "{task}", Gauge, ["celery.queue"], "Tasks that wait in a queue, all priorities together.";
    CELERY_QUEUED = "celery.queued", "{task}", Gauge, [], "Tasks that wait in all queues.";
    CELERY_WORKERS_ONLINE = "celery.workers.online", "{worker}", Gauge, [], "Workers whose heartbeat was heard of late.";
    CELERY_TASKS_ACTIVE = "celery.tasks.active", "{task}", Gauge, [], "Tasks that workers run at this moment.";
    CELERY_TASKS_FINISHED = "celery.tasks.finished", "{task}", Counter, ["celery.task.state"], "Runs of tasks by how they ended: succeeded, failed, retried, revoked.";
    CELERY_TASK_DURATION = "celery.task.duration", "s", Gauge, ["farol.statistic"], "Run time of the tasks of the last five minutes: mean, p50, p95.";
    CELERY_TASKS_PROCESSED = "celery.tasks.processed", "{task}", Counter, [], "Runs of tasks that workers began, by their heartbeats: told without task events, too.";
    CELERY_TASKS_RESERVED = "celery.tasks.reserved", "{task}", Gauge, [], "Tasks that workers hold: taken from a queue and not finished, or waiting for their time.";
    CELERY_TASKS_STUCK = "celery.tasks.stuck", "{task}", Gauge, [], "Tasks that have been held for over an hour, most often by a worker that died. Redis as the broker only.";
    CELERY_QUEUE_OLDEST = "celery.queue.oldest", "s", Gauge, ["celery.queue"], "How long the oldest task of a queue waits. Needs Redis as the broker and task_send_sent_event in the application.";
    CELERY_EVENTS_LOST = "celery.events.lost", "{event}", Counter, [], "Events that came faster than the collector could keep them.";
    // End of Celery.

    // Hosting.
    HOSTING_CPU_UTILIZATION = "hosting.cpu.utilization", "1", Gauge, ["farol.target"], "CPU of a machine or service in use against its limit, as its provider tells.";
    HOSTING_MEMORY_UTILIZATION = "hosting.memory.utilization", "1", Gauge, ["farol.target"], "Memory of a machine or service in use against its limit, as its provider tells.";
    HOSTING_NETWORK_IO = "hosting.network.io", "By/s", Gauge, ["farol.target", "network.io.direction"], "Bytes received or transmitted a second, as the provider tells.";
    HOSTING_DISK_UTILIZATION = "hosting.disk.utilization", "1", Gauge, ["farol.target"], "Disk of a machine or service in use against its size, as its provider tells.";
    HOSTING_VALUE = "hosting.value", "1", Gauge, ["farol.target", "farol.name", "farol.unit"], "A further figure of a machine or service, as its provider tells: connections, latency, messages. Its unit stands in farol.unit.";
    HOSTING_DEPLOYMENT_READY = "hosting.deployment.ready", "1", Gauge, ["farol.target"], "Whether the newest finished deployment to production succeeded: 1 or 0.";
    // End of hosting.

    // Uptime.
    CHECK_UPTIME_RATIO = "farol.check.uptime_ratio", "1", Gauge, ["farol.check.name", "farol.check.kind", "farol.window"], "Share of the last day (1d), week (7d) or month (30d) in which a check was online, as the checking service tells.";
    // End of uptime.

    // PostgreSQL.
    POSTGRES_CONNECTIONS = "postgresql.connections", "{connection}", Gauge, ["postgresql.connection.state"], "Connections of clients to a PostgreSQL server by state: active, idle, idle_in_transaction, other.";
    POSTGRES_CACHE_HIT_RATIO = "postgresql.cache.hit_ratio", "1", Gauge, [], "Share of blocks that were found in PostgreSQL's own cache since the poll before; missing while none were read.";
    POSTGRES_BLOCKS_HIT = "postgresql.blks_hit", "{block}", Counter, ["db.namespace"], "Blocks of a database that were found in the cache.";
    POSTGRES_BLOCKS_READ = "postgresql.blks_read", "{block}", Counter, ["db.namespace"], "Blocks of a database that were not found in the cache.";
    POSTGRES_COMMITS = "postgresql.commits", "{transaction}", Counter, ["db.namespace"], "Transactions of a database that were committed.";
    POSTGRES_ROLLBACKS = "postgresql.rollbacks", "{transaction}", Counter, ["db.namespace"], "Transactions of a database that were rolled back.";
    POSTGRES_DEADLOCKS = "postgresql.deadlocks", "{deadlock}", Counter, ["db.namespace"], "Deadlocks found in a database.";
    POSTGRES_TEMP_IO = "postgresql.temp.io", "By", Counter, ["db.namespace"], "Bytes written to temporary files for queries of a database.";
    POSTGRES_LONGEST_QUERY = "postgresql.query.longest", "s", Gauge, [], "Age of the oldest query that runs now; 0 when none does.";
    POSTGRES_LONGEST_IDLE = "postgresql.transaction.idle.longest", "s", Gauge, [], "How long a session has been idle inside an open transaction, the longest; 0 when none is.";
    POSTGRES_LOCKS_WAITING = "postgresql.locks.waiting", "{lock}", Gauge, [], "Locks that sessions wait for.";
    POSTGRES_REPLICATION_LAG = "postgresql.replication.lag", "s", Gauge, ["postgresql.replication.client"], "How far a replica is behind, as its primary sees it.";
    POSTGRES_REPLICATION_DELAY = "postgresql.replication.data_delay", "By", Gauge, ["postgresql.replication.client"], "Write-ahead log that a replica has not replayed yet, as its primary sees it.";
    POSTGRES_REPLICA_LAG = "postgresql.replica.lag", "s", Gauge, [], "Age of the newest transaction that this replica has replayed; 0 when it has replayed all that it received.";
    // End of PostgreSQL.

    COLLECTOR_BATCHES = "farol.collector.ingest.batches", "{batch}", Counter, ["farol.outcome"], "Batches that arrived, by outcome: stored, repeated, refused, busy.";
    COLLECTOR_SAMPLES = "farol.collector.ingest.samples", "{sample}", Counter, [], "Samples stored.";
    COLLECTOR_COMMITS = "farol.collector.store.commits", "{commit}", Counter, [], "Transactions that put batches on disk.";
    COLLECTOR_COMMIT_TIME = "farol.collector.store.commit_time", "s", Counter, [], "Time spent in those transactions.";
    COLLECTOR_HEAD_SAMPLES = "farol.collector.store.head_samples", "{sample}", Gauge, [], "Samples in memory that are not yet sealed into blocks.";
    COLLECTOR_HISTORY_BYTES = "farol.collector.store.bytes", "By", Gauge, [], "Size of the history on disk.";
    COLLECTOR_LISTENERS = "farol.collector.push.listeners", "{connection}", Gauge, [], "Open WebSocket connections.";
    COLLECTOR_SKIPPED = "farol.collector.push.skipped", "{message}", Counter, [], "Live messages that slow listeners skipped.";
    COLLECTOR_SERVICES_LEFT_OUT = "farol.collector.services.left_out", "{group}", Counter, [], "Groups of records that are stored but were not added up into a service's figures, because there were too many services or the adding up fell behind.";
    COLLECTOR_CPU_TIME = "farol.collector.cpu.time", "s", Counter, [], "CPU time of the collector itself.";
    COLLECTOR_MEMORY_USAGE = "farol.collector.memory.usage", "By", Gauge, [], "Resident memory of the collector itself.";
}

/// The row of a name, if it is catalogued.
#[must_use]
pub fn find(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} stands twice", metric.name);
            assert!(
                metric.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'_'),
                "{} has a character that does not belong",
                metric.name
            );
            assert!(metric.description.ends_with('.'), "{} is not described by a sentence", metric.name);
            assert!(!metric.unit.is_empty(), "{} has no unit", metric.name);
        }
    }
}
