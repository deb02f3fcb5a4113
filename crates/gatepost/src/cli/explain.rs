//! `gatepost explain`: verdicts and rules. Nothing is sent, and no server need run.

use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use gatepost_directory::{Directories, Directory};
use gatepost_mail::{ForwardPath, ReversePath};
use gatepost_mta::Settings;
use gatepost_policy::connect::ConnectFacts;
use gatepost_policy::explain::{Finding, Hypothetical, explain};
use gatepost_policy::relay::{self, Existence};
use gatepost_policy::rules::Service;
use gatepost_policy::{Decision, Fact};
use serde_json::json;

use super::console::{Console, Format, Ink};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::config::Configuration;

/// What the server would say to such a client, and which rule says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost explain --client 192.0.2.1 --from a@elsewhere.example --to x@elsewhere.example
  gatepost explain --client 192.0.2.1 --as ada@example.org --from ada@example.org --to x@elsewhere.example
  gatepost explain --client 10.0.7.20 --port 587 --from scanner@example.org --to x@elsewhere.example

Exit status: 0 it would be taken, 1 it would be refused or put off.")]
pub struct ExplainArguments {
    /// The address that the client connects from.
    #[arg(long, value_name = "IP")]
    pub client: IpAddr,
    /// The port that it connects to [default: that of a submission listener with --as, else of an mx listener].
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// The account that it logged in to.
    #[arg(long = "as", value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The name that it gives itself. No rule of this version looks at it.
    #[arg(long, value_name = "NAME")]
    pub helo: Option<String>,
    /// The sender; "<>" is the null sender.
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// The recipient.
    #[arg(long, value_name = "ADDRESS")]
    pub to: String,
}

pub(super) fn run(asked: &ExplainArguments, config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    let configuration = place::load(config)?.configuration;
    let reverse_path = ReversePath::parse(&bracketed(&asked.from))
        .map_err(|cause| Failure::usage(format!("--from {}: {cause}", asked.from)))?;
    let forward_path = ForwardPath::parse(&bracketed(&asked.to))
        .map_err(|cause| Failure::usage(format!("--to {}: {cause}", asked.to)))?;
    let service = service(asked, &configuration.settings)?;
    let directory = directory(&configuration)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let facts = Asking { asked, configuration: &configuration, directory: directory.as_ref() };
    let (owns, exists) =
        runtime.block_on(async { (facts.owns(&reverse_path).await, facts.exists(&forward_path).await) });
    let hypothetical = Hypothetical {
        client: asked.client,
        service,
        account: asked.account.as_deref(),
        reverse_path: &reverse_path,
        forward_path: &forward_path,
        connections: ConnectFacts { open: 0, open_from_network: 0 },
        owns,
        exists,
    };
    let findings = explain(&hypothetical, &configuration.settings.rules);
    tell(&findings, service, console)
}

/// Addresses may be written with or without brackets.
fn bracketed(address: &str) -> String {
    if address.starts_with('<') { address.to_owned() } else { format!("<{address}>") }
}

fn service(asked: &ExplainArguments, settings: &Settings) -> Result<Service, Failure> {
    let Some(port) = asked.port else {
        return Ok(if asked.account.is_some() { Service::Submission } else { Service::Mx });
    };
    let mut listeners = settings.listeners.iter();
    let found = listeners.find(|listener| listener.bind.iter().any(|bind| bind.port() == port));
    found.map(|listener| listener.service).ok_or_else(|| {
        let ports: Vec<String> = settings
            .listeners
            .iter()
            .flat_map(|listener| listener.bind.iter().map(|bind| bind.port().to_string()))
            .collect();
        Failure::usage(format!("no listener has port {port}; there are: {}", ports.join(", ")))
    })
}

/// The accounts, unless there never were any: asking must not make them.
fn directory(configuration: &Configuration) -> Result<Option<Directories>, Failure> {
    let there = configuration.data_dir.join("accounts").exists();
    if there { place::directories(configuration).map(Some) } else { Ok(None) }
}

/// Looks facts up as a session would.
struct Asking<'a> {
    asked: &'a ExplainArguments,
    configuration: &'a Configuration,
    directory: Option<&'a Directories>,
}

impl Asking<'_> {
    fn unknown<T>(&self) -> Fact<T> {
        Fact::Unknown(format!("there are no accounts in {}", self.configuration.data_dir.display()))
    }

    async fn owns(&self, reverse_path: &ReversePath) -> Fact<bool> {
        let (Some(account), Some(mailbox)) = (&self.asked.account, reverse_path.mailbox()) else {
            return Fact::Known(false);
        };
        match self.directory {
            Some(directory) => directory.owns(account, mailbox).await.into(),
            None => self.unknown(),
        }
    }

    async fn exists(&self, forward_path: &ForwardPath) -> Fact<bool> {
        match (relay::existence(forward_path, &self.configuration.settings.rules), forward_path.mailbox()) {
            (Existence::Exists, _) => Fact::Known(true),
            (Existence::Missing, _) | (Existence::AskDirectory, None) => Fact::Known(false),
            (Existence::AskDirectory, Some(mailbox)) => match self.directory {
                Some(directory) => directory.mailbox_exists(mailbox).await.into(),
                None => self.unknown(),
            },
        }
    }
}

fn tell(findings: &[Finding], service: Service, console: &mut Console<'_>) -> Outcome {
    let permitted = findings.iter().all(|finding| finding.verdict.decision == Decision::Permit);
    if console.format == Format::Machines {
        let listed: Vec<_> = findings.iter().map(as_json).collect();
        console.json(&json!({ "permitted": permitted, "listener": word(service), "findings": listed }))?;
    } else {
        for finding in findings {
            let verdict = &finding.verdict;
            let (ink, decision) = decision(verdict.decision);
            let decision = console.paint(ink, &format!("{decision:6}"));
            console
                .line(format!("{:10} {decision} {}: {}", finding.question, verdict.rule, verdict.because))?;
            if let Some(reply) = verdict.reply.as_ref().filter(|_| verdict.decision != Decision::Permit) {
                console.line(format!("{:10} the client hears: {reply}", ""))?;
            }
        }
    }
    Ok(if permitted { Status::Done } else { Status::No })
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let verdict = &finding.verdict;
    json!({
        "question": finding.question,
        "decision": decision(verdict.decision).1,
        "rule": verdict.rule.as_str(),
        "because": verdict.because,
        "reply": verdict.reply.as_ref().map(ToString::to_string),
    })
}

const fn decision(decision: Decision) -> (Ink, &'static str) {
    match decision {
        Decision::Permit => (Ink::Good, "permit"),
        Decision::Refuse => (Ink::Bad, "refuse"),
        Decision::Defer => (Ink::Bad, "defer"),
    }
}

const fn word(service: Service) -> &'static str {
    match service {
        Service::Mx => "mx",
        Service::Submission => "submission",
    }
}
