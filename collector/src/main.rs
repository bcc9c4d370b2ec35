//! The collector program: see `farol_collector::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    farol_collector::cli::main()
}
