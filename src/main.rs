//! The `hook` program: parse, run, return.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(hook::cli::run(std::env::args_os()).code())
}
