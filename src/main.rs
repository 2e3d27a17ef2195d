//! The `hook` program: parse, run, return.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hook::run(std::env::args_os()).code())
}
