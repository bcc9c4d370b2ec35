//! The store from outside: a state machine against a model, files of every sort, limits, books.

mod books;
mod files;
mod harness;
mod limits;
mod model;
