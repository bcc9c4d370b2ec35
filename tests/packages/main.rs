//! Packages as people install them: made, installed, started, upgraded and purged under systemd.
