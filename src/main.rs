//! The `hook` program: parse, run, return.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hook::cli::run(std::env::args_os()).code())
}
