//! The table of settings: `docs/CONFIG.md` is generated from it, and `--help` names where it stands.

use super::Alias;

/// One setting: where it stands in the file, its variable, its default and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionRow {
    /// Dotted key in the TOML file; empty when there is none.
    pub key: &'static str,
    /// Environment variable.
    pub variable: &'static str,
    /// Value when nothing is written, as people would write it.
    pub default: &'static str,
    /// One or two sentences.
    pub meaning: &'static str,
}

const fn row(key: &'static str, variable: &'static str, default: &'static str, meaning: &'static str) -> OptionRow {
    OptionRow { key, variable, default, meaning }
}

/// Every setting of the collector, in the order of the documentation.
pub const OPTIONS: &[OptionRow] = &[
    row("", "FAROL_CONFIG", "none", "TOML file with the settings below. `--config FILE` wins over it. A named file must exist."),
    row(
        "listen",
        "FAROL_LISTEN",
        "127.0.0.1:8650",
        "Address and port for the page, the API and the agents. `:8650` means every IPv4 address of the machine.",
    ),
    row(
        "data_dir",
        "FAROL_DATA_DIR",
        "$STATE_DIRECTORY, else ./farol-data",
        "Folder of both databases. Made at start when it is missing.",
    ),
    row(
        "public_url",
        "FAROL_PUBLIC_URL",
        "none",
        "Address at which people open the page, when a proxy stands in front. With https:// cookies are sent over HTTPS only.",
    ),
    row(
        "trusted_proxies",
        "FAROL_TRUSTED_PROXIES",
        "none",
        "Addresses and networks of proxies in front, such as `10.0.0.5` or `10.0.0.0/8`; a list, or one text with commas. From them `X-Forwarded-For`, `-Proto` and `-Host` (or `Forwarded`) count.",
    ),
    row(
        "tls.certificate",
        "FAROL_TLS__CERTIFICATE",
        "none",
        "PEM file with the certificate and those between it and the root: the collector then speaks HTTPS itself. It is read again when it changes, and at SIGHUP.",
    ),
    row("tls.key", "FAROL_TLS__KEY", "none", "PEM file with the certificate's private key."),
    row("self", "FAROL_SELF", "true", "Whether the collector watches its own machine."),
    row("log", "FAROL_LOG", "info", "What is logged: a level (error, warn, info, debug, trace) or `target=level,...`."),
    row(
        "access.admin_password",
        "FAROL_ADMIN_PASSWORD",
        "none",
        "First start only: creates `admin` (super_admin) with this password. Without it a one-time set-up link is printed.",
    ),
    row(
        "access.admin_password_file",
        "FAROL_ADMIN_PASSWORD_FILE",
        "`admin-password` in $CREDENTIALS_DIRECTORY, if systemd gives one",
        "The same, read from a file. A relative path of this or any other secret's file is the name of such a credential.",
    ),
    row(
        "access.agent_token",
        "FAROL_AGENT_TOKEN",
        "none",
        "An agent token that is accepted from the start, beside those made by `token create`.",
    ),
    row(
        "access.agent_token_file",
        "FAROL_AGENT_TOKEN_FILE",
        "`agent-token` in $CREDENTIALS_DIRECTORY, if systemd gives one",
        "The same, read from a file.",
    ),
    row(
        "access.session_idle",
        "FAROL_ACCESS__SESSION_IDLE",
        "12h",
        "A sign-in ends after this long without a request; 60s to 90d.",
    ),
    row("access.session_max", "FAROL_ACCESS__SESSION_MAX", "7d", "A sign-in ends after this long in any case; 60s to 365d."),
    row(
        "access.token_lifetime",
        "FAROL_ACCESS__TOKEN_LIFETIME",
        "12h",
        "How long the token that `POST /api/auth/login` answers is valid; 60s to 90d. It ends with its sign-in.",
    ),
    row(
        "access.monitoring_role",
        "FAROL_ACCESS__MONITORING_ROLE",
        "super_admin",
        "The least role that opens the page `/monitoring` and hears `system_stats`: viewer, operator, admin or super_admin.",
    ),
    row(
        "access.key_file",
        "FAROL_ACCESS__KEY_FILE",
        "`state.key` in the data folder",
        "File with the key of secrets at rest (second factors, signing): 32 bytes in base64. The one in the data folder is made at the first start; `backup` does not copy it.",
    ),
    row("retention.raw", "FAROL_RETENTION__RAW", "48h", "How long samples are kept as they were taken; at least 1h."),
    row(
        "retention.minute",
        "FAROL_RETENTION__MINUTE",
        "30d",
        "How long one-minute rollups are kept; at least as long as `retention.raw`.",
    ),
    row(
        "retention.hour",
        "FAROL_RETENTION__HOUR",
        "730d",
        "How long one-hour rollups are kept; at least as long as `retention.minute`.",
    ),
    row("http.connections_max", "FAROL_HTTP__CONNECTIONS_MAX", "20000", "Most connections at once; more wait until one ends."),
    row(
        "http.listeners_max",
        "FAROL_HTTP__LISTENERS_MAX",
        "12000",
        "Most live pages (WebSockets) at once; more are answered 503.",
    ),
    row(
        "heartbeat.url",
        "FAROL_HEARTBEAT__URL",
        "none",
        "Address outside that is called while the collector lives and alerts are judged, so that somebody notices when it does not. Also `heartbeat.url_file` and `heartbeat.url_env`.",
    ),
    row("heartbeat.every", "FAROL_HEARTBEAT__EVERY", "1m", "How often it is called: 10 s to a day."),
    row("heartbeat.method", "FAROL_HEARTBEAT__METHOD", "get", "How it is called: get or post."),
];

const fn alias(var: &'static str, key: &'static str) -> Alias {
    Alias { var, key }
}

/// Short variables; every other one follows from its key (`FAROL_RETENTION__RAW` is `retention.raw`).
pub(super) const ALIASES: &[Alias] = &[
    alias("FAROL_LISTEN", "listen"),
    alias("FAROL_DATA_DIR", "data_dir"),
    alias("FAROL_PUBLIC_URL", "public_url"),
    alias("FAROL_TRUSTED_PROXIES", "trusted_proxies"),
    alias("FAROL_SELF", "self"),
    alias("FAROL_LOG", "log"),
    alias("FAROL_ADMIN_PASSWORD", "access.admin_password"),
    alias("FAROL_ADMIN_PASSWORD_FILE", "access.admin_password_file"),
    alias("FAROL_AGENT_TOKEN", "access.agent_token"),
    alias("FAROL_AGENT_TOKEN_FILE", "access.agent_token_file"),
];
