//! From a site to its hosts, in the order to try them: exchangers, addresses.

use std::collections::VecDeque;
use std::sync::Arc;

use gatepost_mail::Domain;
use gatepost_policy::exchanger::without_address;
use gatepost_policy::rules::Endpoint;

use super::connect::{Candidate, Lasting, NoLine, Place, name_of, open};
use super::doubt::Doubt;
use super::line::Line;
use super::site::{Site, Target};
use crate::lifetime::{Life, Phase};
use crate::office::Current;

/// Most addresses tried in one attempt: each may take a connect time-out.
const MOST_ADDRESSES: usize = 10;

/// The hosts of a site in the order to try them. Names are looked up when their turn comes.
pub(super) struct Hosts<'a> {
    site: &'a Site,
    /// The host that comes first, if it is among them.
    first: Option<&'a Doubt>,
    current: Arc<Current>,
    life: Life,
    progress: Progress,
    addresses: VecDeque<Candidate>,
    /// How many addresses were tried.
    tried: usize,
    /// Names of lines whose hosts have had their say.
    left_out: Vec<String>,
    /// The last one that was reached.
    last: Option<Candidate>,
}

/// How far the names of a site are looked up.
enum Progress {
    NotBegun,
    /// These are left, with the port to use.
    Names(VecDeque<(Domain, u16)>),
}

/// What comes of asking for a line.
pub(super) enum Next {
    Line(Box<Line>),
    Nobody(NoLine),
    /// Our life ends: nothing new is begun.
    Draining,
}

impl<'a> Hosts<'a> {
    pub(super) fn new(
        (site, first): (&'a Site, Option<&'a Doubt>),
        current: Arc<Current>,
        life: Life,
    ) -> Self {
        Self {
            site,
            first,
            current,
            life,
            progress: Progress::NotBegun,
            addresses: VecDeque::new(),
            tried: 0,
            left_out: Vec::new(),
            last: None,
        }
    }

    /// A line to the next host that can be reached.
    pub(super) async fn next(&mut self) -> Next {
        let life = self.life.clone();
        tokio::select! {
            biased;
            () = life.reached(Phase::Draining) => Next::Draining,
            next = self.find() => match next {
                Ok(line) => Next::Line(Box::new(line)),
                Err(no_line) => Next::Nobody(no_line),
            },
        }
    }

    /// The host of this line is not tried again.
    pub(super) fn leave_out(&mut self, name: String) {
        self.left_out.push(name);
    }

    /// The host of the last line is tried next.
    pub(super) fn once_more(&mut self) {
        self.tried = self.tried.saturating_sub(1);
        self.addresses.extend(self.last.take());
        self.addresses.rotate_right(usize::from(!self.addresses.is_empty()));
    }

    async fn find(&mut self) -> Result<Line, NoLine> {
        let mut trouble: Option<NoLine> = None;
        while self.tried < MOST_ADDRESSES {
            let found = match self.candidate().await {
                Ok(Some(candidate)) => {
                    self.tried += 1;
                    let line = open(&candidate, self.site, &self.current).await;
                    self.last = Some(candidate);
                    line
                }
                Ok(None) => break,
                Err(no_line) => Err(no_line),
            };
            match found {
                Ok(line) => return Ok(line),
                Err(no_line) if no_line.lasting != Lasting::ForNow => return Err(no_line),
                // What a host has said tells more than that another is silent.
                Err(no_line) if no_line.reply.is_some() => trouble = Some(no_line),
                Err(no_line) => {
                    trouble = Some(trouble.filter(|said| said.reply.is_some()).unwrap_or(no_line))
                }
            }
        }
        Err(trouble.unwrap_or_else(|| self.nobody()))
    }

    /// What it means that there is no address, or none that is left.
    fn nobody(&self) -> NoLine {
        let next_hop = self.site.target.to_string();
        if self.tried > 0 || !self.left_out.is_empty() {
            return NoLine::for_now(next_hop, "no host is left to try");
        }
        let no_line = NoLine::for_now(next_hop, "none of its hosts has an address");
        match &self.site.target {
            // DNS has answered all questions.
            Target::Exchangers(_) => {
                let verdict = without_address();
                NoLine { reply: verdict.reply, lasting: Lasting::ForGood(verdict.rule.as_str()), ..no_line }
            }
            // Our operator has named this one: that is a mistake to be mended.
            Target::Maildir(_) | Target::Lmtp(_) | Target::Smtp(_) | Target::Literal(_) => no_line,
        }
    }

    async fn candidate(&mut self) -> Result<Option<Candidate>, NoLine> {
        loop {
            while let Some(candidate) = self.addresses.pop_front() {
                if !self.left_out.contains(&name_of(&candidate)) {
                    return Ok(Some(candidate));
                }
            }
            match &mut self.progress {
                Progress::NotBegun => {
                    self.progress = Progress::Names(VecDeque::new());
                    self.begin();
                }
                Progress::Names(names) => {
                    let Some((host, port)) = names.pop_front() else { return Ok(None) };
                    self.addresses = of_host(&host, port, &self.current).await?;
                    if let Some(first) = self.first {
                        self.addresses.make_contiguous().sort_by_key(|found| name_of(found) != first.line());
                    }
                }
            }
        }
    }

    fn begin(&mut self) {
        let port = self.current.settings.exchanger_port;
        match &self.site.target {
            Target::Maildir(_) => {}
            Target::Lmtp(endpoint) | Target::Smtp(endpoint) => match endpoint {
                Endpoint::Unix(path) => {
                    let host = self.current.rules().hostname.ascii().to_owned();
                    self.addresses.push_back(Candidate { host, place: Place::Socket(path.clone()) });
                }
                Endpoint::Address(address, port) => {
                    let place = Place::Address(*address, *port);
                    self.addresses.push_back(Candidate { host: address.to_string(), place });
                }
                Endpoint::Name(name, port) => {
                    self.progress = Progress::Names(VecDeque::from([(name.clone(), *port)]));
                }
            },
            Target::Literal(address) => {
                let place = Place::Address(*address, port);
                self.addresses.push_back(Candidate { host: format!("[{address}]"), place });
            }
            Target::Exchangers(hosts) => {
                let mut hosts = hosts.in_order(self.current.outside.random());
                if let Some(first) = self.first {
                    hosts.sort_by_key(|host| host.ascii() != first.host());
                }
                self.progress = Progress::Names(hosts.into_iter().map(|host| (host, port)).collect());
            }
        }
    }
}

async fn of_host(host: &Domain, port: u16, current: &Current) -> Result<VecDeque<Candidate>, NoLine> {
    let addresses = current.resolver.addresses(host).await;
    let addresses = addresses.map_err(|error| NoLine::for_now(host.ascii(), error.to_string()))?;
    let candidate =
        |address| Candidate { host: host.ascii().to_owned(), place: Place::Address(address, port) };
    Ok(addresses.into_iter().map(candidate).collect())
}
