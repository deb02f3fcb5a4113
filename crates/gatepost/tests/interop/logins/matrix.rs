//! The matrix as people read it.

use std::io::Write as _;

use super::Tried;
use crate::clients::{MECHANISMS, NOT_RUN, Program};

/// Wide enough for the longest name of a client.
const CELL: usize = 11;

/// Prints it: a cell is how many of its ways were green, of how many; and each that was not, with its cause.
pub(super) fn show(tried: &[Tried], secrets: usize) {
    let mut table = format!("{:19}", "");
    for program in Program::ALL {
        table += &format!("{:CELL$}", program.name());
    }
    for mechanism in MECHANISMS {
        table += &format!("\n{mechanism:19}");
        for program in Program::ALL {
            table += &format!("{:CELL$}", cell(tried, program, mechanism));
        }
    }
    table += "\n\nEach way is a port (587 STARTTLS, 465 implicit) with a TLS (1.2, 1.3). Green: the right secret was \
              answered 235, the message arrived;\nthe wrong secret was answered 535; both events name mechanism and TLS.\n";
    for line in NOT_RUN {
        table += &format!("not run: {line}\n");
    }
    for Tried { program, door, tls, mechanism, fault } in tried {
        if let Some(fault) = fault {
            table += &format!("\n== {} {mechanism} {door} {}: {fault}\n", program.name(), tls.name());
        }
    }
    let green = tried.iter().filter(|tried| tried.fault.is_none()).count();
    let mut err = std::io::stderr().lock();
    let _ = writeln!(
        err,
        "\n{table}{green} of {} logins green, as many failed ones; {secrets} secrets to look for",
        tried.len()
    );
}

fn cell(tried: &[Tried], program: Program, mechanism: &str) -> String {
    let here: Vec<&Tried> =
        tried.iter().filter(|tried| tried.program == program && tried.mechanism == mechanism).collect();
    if here.is_empty() {
        return "-".to_owned();
    }
    format!("{}/{}", here.iter().filter(|tried| tried.fault.is_none()).count(), here.len())
}
