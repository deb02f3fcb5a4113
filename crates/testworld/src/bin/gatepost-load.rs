//! Load for a relay, and a sink behind it: one thread, started by `cargo xtask bench`.

use std::process::ExitCode;

use gatepost_testworld::load;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match load::main(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("gatepost-load: {fault}");
            ExitCode::FAILURE
        }
    }
}
