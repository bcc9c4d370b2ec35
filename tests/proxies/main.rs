//! The page and the API behind the real nginx and Caddy, under a path of their own.
