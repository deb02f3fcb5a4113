//! `gatepost b64`: AUTH lines for a session typed by hand. Nothing is sent.

use std::io::BufRead as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use gatepost_sasl::{ClientContext, ClientExchange, ClientStep, Login, Mechanism, Nonce, Secret};

use super::console::{Console, Format};
use super::failure::{Failure, Outcome, Status};

/// The password is read from standard input: arguments can be seen by every user of the machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  printf 'correct horse' | gatepost b64 plain ada@example.org
  printf 'correct horse' | gatepost b64 login ada@example.org
  printf 'correct horse' | gatepost b64 cram-md5 ada@example.org PDE4OTYuNjk3MTcwOTUyQG1haWwuZXhhbXBsZT4=")]
pub struct B64Arguments {
    /// For which mechanism.
    #[command(subcommand)]
    pub mechanism: B64Mechanism,
}

/// For which mechanism.
#[derive(Debug, Subcommand)]
pub enum B64Mechanism {
    /// The one line of AUTH PLAIN.
    Plain {
        /// Who logs in.
        user: String,
    },
    /// The two lines that follow AUTH LOGIN.
    Login {
        /// Who logs in.
        user: String,
    },
    /// The answer to the challenge of AUTH CRAM-MD5.
    CramMd5 {
        /// Who logs in.
        user: String,
        /// What the server said behind its 334.
        challenge: String,
    },
}

pub(super) fn run(arguments: &B64Arguments, console: &mut Console<'_>) -> Outcome {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let end = password.trim_end_matches(['\r', '\n']).len();
    password.truncate(end);
    let lines = lines(&arguments.mechanism, Secret::new(password))?;
    match console.format {
        Format::People => lines.iter().try_for_each(|line| console.line(line))?,
        Format::Machines => console.json(&serde_json::json!({ "lines": lines }))?,
    }
    Ok(Status::Done)
}

fn lines(asked: &B64Mechanism, password: Secret) -> Result<Vec<String>, Failure> {
    let (mechanism, user) = match asked {
        B64Mechanism::Plain { user } => (Mechanism::Plain, user),
        B64Mechanism::Login { user } => (Mechanism::Login, user),
        B64Mechanism::CramMd5 { user, .. } => (Mechanism::CramMd5, user),
    };
    let login = Login::new(user.clone(), password).map_err(Failure::usage)?;
    // None of these mechanisms uses a nonce or a binding.
    let nonce = Nonce::from_random(&[0; gatepost_sasl::limits::NONCE_OCTETS]);
    let context = ClientContext::new(login, nonce, "", 0);
    let mut exchange = ClientExchange::begin(mechanism, context).map_err(Failure::usage)?;
    match asked {
        B64Mechanism::Plain { .. } => Ok(exchange.initial().iter().map(coded).collect()),
        B64Mechanism::Login { .. } => (0..2).map(|_| answer(&mut exchange, b"")).collect(),
        B64Mechanism::CramMd5 { challenge, .. } => {
            let challenge = STANDARD.decode(challenge.trim()).map_err(|_| {
                Failure::usage("the challenge is not base64: give what the server said behind its 334")
            })?;
            Ok(vec![answer(&mut exchange, &challenge)?])
        }
    }
}

fn answer(exchange: &mut ClientExchange, challenge: &[u8]) -> Result<String, Failure> {
    match exchange.receive(challenge) {
        ClientStep::Respond(response) => Ok(coded(&response)),
        ClientStep::Failed(failure) => Err(Failure::usage(failure)),
        ClientStep::Ask(_) => Err(Failure::usage("only Kerberos asks, and it cannot be done by hand")),
    }
}

fn coded(response: &Secret) -> String {
    STANDARD.encode(response.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_rfcs() {
        let user = || "tim".to_owned();
        let rows = [
            // RFC 4616 section 4 with an empty authorization identity.
            (B64Mechanism::Plain { user: user() }, "tanstaaftanstaaf", vec!["AHRpbQB0YW5zdGFhZnRhbnN0YWFm"]),
            (B64Mechanism::Login { user: user() }, "tanstaaf", vec!["dGlt", "dGFuc3RhYWY="]),
            // RFC 2195 section 2.
            (
                B64Mechanism::CramMd5 {
                    user: user(),
                    challenge: "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+".to_owned(),
                },
                "tanstaaftanstaaf",
                vec!["dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"],
            ),
        ];
        for (mechanism, password, want) in rows {
            assert_eq!(lines(&mechanism, Secret::new(password)).unwrap(), want, "{mechanism:?}");
        }
    }
}
