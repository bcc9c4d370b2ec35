//! Images and compose files, run by a real Docker engine.
