//! Every command that CI runs, and nothing that CI doesn't.
//!
//! Uses only the standard library and `serde_json`, so that a fresh clone has it in seconds. It must not
//! depend on any package of the workspace: it judges them.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod bench;
mod fuzz;
mod layers;
mod packages;
mod ready;
mod repository;
mod simulate;
mod test;
mod tidy;

use std::process::ExitCode;

/// What a command ends with; the text of a failure is for a person.
type Outcome = Result<(), String>;

/// One line of the list, and what runs.
struct Command {
    name: &'static str,
    arguments: &'static str,
    does: &'static str,
    run: fn(&[String]) -> Outcome,
}

/// Commands that belong together.
struct Group {
    title: &'static str,
    commands: &'static [Command],
}

const GROUPS: &[Group] = &[
    Group {
        title: "Every day",
        commands: &[
            Command {
                name: "test",
                arguments: "[FILTER]",
                does: "install what the tests need, build, run all tests, count them",
                run: test::run,
            },
            Command {
                name: "ready",
                arguments: "",
                does: "what CI runs: fmt, layers, tidy, clippy, quickstart, test",
                run: ready::run,
            },
        ],
    },
    Group {
        title: "Rules of the house",
        commands: &[
            Command {
                name: "layers",
                arguments: "",
                does: "compare the packages' dependencies with the table of the design",
                run: layers::run,
            },
            Command {
                name: "tidy",
                arguments: "",
                does: "lengths of files, stray reply texts, sleeps in tests, notes without an issue",
                run: tidy::run,
            },
        ],
    },
    Group {
        title: "Pressure",
        commands: &[
            Command {
                name: "bench",
                arguments: "[FLAGS]",
                does: "gatepost beside Postfix: speed, CPU, syncs, memory, latency (docs/performance.md)",
                run: bench::run,
            },
            Command {
                name: "fuzz",
                arguments: "[TARGET] [SECONDS]",
                does: "run one fuzz target, or each of them in turn (default 60 seconds)",
                run: fuzz::run,
            },
            Command {
                name: "simulate",
                arguments: "[--seed N] [--runs M]",
                does: "the server in worlds from seeds, where nothing may be lost (docs/simulation.md)",
                run: simulate::run,
            },
        ],
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        list();
        return ExitCode::SUCCESS;
    };
    let known = GROUPS.iter().flat_map(|group| group.commands).find(|command| command.name == name);
    let Some(command) = known else {
        eprintln!("xtask: there is no command `{name}`\n");
        list();
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    println!("Commands of this repository (cargo xtask COMMAND):");
    for group in GROUPS {
        println!("\n{}", group.title);
        for command in group.commands {
            let call = format!("{} {}", command.name, command.arguments);
            println!("  {call:<24} {}", command.does);
        }
    }
}
