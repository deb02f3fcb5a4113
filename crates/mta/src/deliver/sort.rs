//! A message's due recipients, sorted by where they go.

use std::collections::HashMap;

use gatepost_mail::reply::table;
use gatepost_mail::{Domain, Mailbox, Principal, Reply};
use gatepost_policy::channel::{ChannelPlan, plan};
use gatepost_policy::route::{NextHop, addressee, next_hop, no_addressee};
use gatepost_policy::rules::Destination;
use gatepost_policy::{Rule, Rules};
use gatepost_spool::Claim;

use super::doubt::Doubt;
use super::job::{Addressee, Fate, Result, doubt};
use super::names::{Answer, Names};
use super::site::{Site, Target};

/// What goes together: recipients in doubt go to their host, the others need not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Course {
    pub(super) goal: Goal,
    pub(super) doubt: Option<Doubt>,
}

/// Where recipients go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    Site(Site),
    /// Wherever the domain's exchangers are, which is to be asked.
    Ask(Domain, ChannelPlan),
}

impl Goal {
    /// The site, where it is known.
    pub(super) const fn site(&self) -> Option<&Site> {
        match self {
            Self::Site(site) => Some(site),
            Self::Ask(..) => None,
        }
    }
}

/// A message's due recipients, sorted.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// In the order of their first recipients.
    pub(super) courses: Vec<(Course, Vec<Addressee>)>,
    /// Those that go nowhere.
    pub(super) ended: Vec<Result>,
}

/// Sorts, by what is known of names now.
pub(super) fn sort(claim: &Claim, rules: &Rules, names: &Names) -> Sorted {
    let mut sorted = Sorted::default();
    // Most messages have one recipient, for which nothing need be looked for.
    let mut places: HashMap<Course, usize> = HashMap::new();
    for due in &claim.due {
        let Some(recipient) = claim.envelope.recipients.get(due.recipient as usize) else { continue };
        let Some(mailbox) = addressee(&recipient.path, rules) else {
            let verdict = no_addressee();
            let fate = nowhere(verdict.reply, verdict.rule);
            sorted.ended.push(Result::of(due.recipient, fate, NOWHERE));
            continue;
        };
        let addressee = Addressee { number: due.recipient, mailbox };
        match goal(&addressee.mailbox, &claim.envelope.principal, (rules, names)) {
            Ok(goal) => {
                let course = Course { goal, doubt: doubt(due) };
                if claim.due.len() == 1 {
                    sorted.courses.push((course, vec![addressee]));
                    continue;
                }
                let place = *places.entry(course.clone()).or_insert(sorted.courses.len());
                match sorted.courses.get_mut(place) {
                    Some((_, addressees)) => addressees.push(addressee),
                    None => sorted.courses.push((course, vec![addressee])),
                }
            }
            Err((fate, next_hop)) => sorted.ended.push(Result::of(due.recipient, fate, &next_hop)),
        }
    }
    sorted
}

/// The next hop in events where there is none.
const NOWHERE: &str = "nowhere";

fn goal(
    mailbox: &Mailbox,
    principal: &Principal,
    (rules, names): (&Rules, &Names),
) -> std::result::Result<Goal, (Fate, String)> {
    let verdict = next_hop(mailbox, principal, rules);
    let channel = plan(&verdict.decision, rules).decision;
    let (target, login) = match verdict.decision {
        NextHop::Local(Destination::Maildir(template)) => (Target::Maildir(template), None),
        NextHop::Local(Destination::Lmtp(endpoint)) => (Target::Lmtp(endpoint), None),
        NextHop::Local(Destination::Smtp(endpoint)) => (Target::Smtp(endpoint), None),
        NextHop::Fixed(route) => (Target::Smtp(route.via), route.login),
        NextHop::Literal(address) => (Target::Literal(address), None),
        NextHop::Exchangers(domain) => match names.known(&domain) {
            Some(Answer::Hosts(hosts)) => (Target::Exchangers(hosts), None),
            Some(Answer::Nowhere(fate)) => return Err((fate, domain.to_string())),
            None => return Ok(Goal::Ask(domain, channel)),
        },
        NextHop::Nowhere => return Err((nowhere(verdict.reply, verdict.rule), NOWHERE.to_owned())),
    };
    Ok(Goal::Site(Site { target, channel, login }))
}

/// What it means for a recipient that its mail goes nowhere.
fn nowhere(reply: Option<Reply>, rule: Rule) -> Fate {
    Fate::Failed(reply.unwrap_or(table::NO_ROUTE), rule.as_str())
}
