//! Asks PAM or Kerberos for gatepost, in a process of its own.
//!
//! Modules of PAM and the Kerberos library block, keep state, load foreign code and may end the process: none of that
//! belongs in a mail server. This program answers one login and ends. gatepost starts it for each, or connects to a unix
//! socket where systemd does (`Accept=yes`), as another user than its own if need be.
//!
//! What it may be asked for is on its command line, never in what it reads: who can reach its socket can try
//! passwords of that one service, and can name no file.
//!
//! ```text
//! gatepost-helper pam SERVICE [FOLDER]             check one password by /etc/pam.d/SERVICE (or FOLDER/SERVICE)
//! gatepost-helper accept SERVICE KEYTAB            Kerberos as a server, with the keys of SERVICE in KEYTAB
//! gatepost-helper init keytab KEYTAB PRINCIPAL     Kerberos as a client, with the key of PRINCIPAL
//! gatepost-helper init cache [CACHE]               Kerberos as a client, with tickets that are there already
//! ```
//!
//! It speaks on standard input and output: [`frame`] says how. What it does *not* do: it changes no password, opens no
//! session, writes no log, and delays no answer (delays are gatepost's, which knows who asks).

mod dialogue;
mod frame;
#[cfg(feature = "kerberos")]
#[expect(unsafe_code, reason = "calls the GSS-API of MIT Kerberos")]
mod gss;
mod guard;
mod kerberos;
mod login;
#[cfg(feature = "pam")]
#[expect(unsafe_code, reason = "calls libpam")]
mod pam;
mod work;

use std::process::ExitCode;

use dialogue::Dialogue;
use work::Work;

/// The command line was not understood.
const MISUSED: u8 = 64;

/// The dialogue broke off, or the process could not be made safe.
const BROKEN: u8 = 71;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(work) = Work::read(&arguments) else {
        eprintln!(
            "usage: gatepost-helper pam SERVICE [FOLDER] | accept SERVICE KEYTAB | \
             init keytab KEYTAB PRINCIPAL | init cache [CACHE]"
        );
        return ExitCode::from(MISUSED);
    };
    match run(&work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("gatepost-helper: {fault}");
            ExitCode::from(BROKEN)
        }
    }
}

fn run(work: &Work) -> Result<(), dialogue::Broken> {
    guard::harden(work.longest_life())?;
    let mut dialogue = Dialogue::open()?;
    dialogue.say(&work.greeting())?;
    match work {
        Work::Pam { service, folder } => login::serve(&mut dialogue, service, folder.as_deref()),
        Work::Accept { .. } | Work::InitByKeytab { .. } | Work::InitByCache { .. } => {
            kerberos::serve(&mut dialogue, work)
        }
    }
}
