//! The gatepost program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// docs/decisions/0015-allocator-and-inlining.md
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    gatepost::cli::main(std::env::args_os())
}
