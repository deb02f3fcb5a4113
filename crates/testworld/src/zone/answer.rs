//! What the zone says to one question.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record};

use super::{DEFAULT_TTL, Kind, Zone};

/// Longest chain of CNAMEs that is followed, so that a loop in a zone ends.
const MOST_ALIASES: usize = 12;

/// What a client without EDNS takes over UDP, RFC 1035 section 4.2.1.
const SMALLEST_DATAGRAM: u16 = 512;

/// How the question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

impl Zone {
    /// The answer in octets, or `None` to stay silent.
    pub(super) fn answer(&mut self, request: &Message, transport: Transport) -> Option<Vec<u8>> {
        let query = request.queries.first()?;
        let trouble = self.trouble(query, transport);
        let mut response = self.response(request, query);
        match trouble {
            Some(Kind::Stall) => return None,
            Some(Kind::ServFail) => fail(&mut response, ResponseCode::ServFail),
            Some(Kind::Refused) => fail(&mut response, ResponseCode::Refused),
            Some(Kind::WrongId) => response.metadata.id = response.metadata.id.wrapping_add(1),
            Some(Kind::Truncate) => response = response.truncate(),
            None => (),
        }
        let octets = response.to_vec().ok()?;
        let room = usize::from(request.max_payload().max(SMALLEST_DATAGRAM));
        if transport == Transport::Udp && octets.len() > room {
            return response.truncate().to_vec().ok();
        }
        Some(octets)
    }

    fn trouble(&mut self, query: &Query, transport: Transport) -> Option<Kind> {
        let trouble = self.troubles.iter_mut().find(|trouble| {
            trouble.name == *query.name()
                && trouble.only.is_none_or(|only| only == query.query_type())
                && trouble.left != Some(0)
                && (trouble.kind != Kind::Truncate || transport == Transport::Udp)
        })?;
        if let Some(left) = trouble.left.as_mut() {
            *left -= 1;
        }
        Some(trouble.kind)
    }

    fn response(&self, request: &Message, query: &Query) -> Message {
        let mut response = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        response.metadata.authoritative = true;
        response.add_query(query.clone());
        if request.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(request.max_payload());
            response.set_edns(edns);
        }
        let (answers, last) = self.chain(query);
        let found = answers.iter().any(|record| record.record_type() == query.query_type());
        response.add_answers(answers);
        if !found {
            if !self.exists(&last) {
                response.metadata.response_code = ResponseCode::NXDomain;
            }
            response.add_authority(start_of_authority(&last));
        }
        response
    }

    /// The records asked for, behind the CNAMEs that lead to them, and the name where that ended.
    fn chain(&self, query: &Query) -> (Vec<Record>, Name) {
        let mut answers = Vec::new();
        let mut name = query.name().clone();
        for _ in 0..MOST_ALIASES {
            let wanted = query.query_type();
            let here = self.records.get(&name).into_iter().flatten();
            let found: Vec<Record> =
                here.clone().filter(|record| record.record_type() == wanted).cloned().collect();
            if !found.is_empty() {
                answers.extend(found);
                break;
            }
            let Some((alias, target)) = here.clone().find_map(alias) else { break };
            answers.push(alias.clone());
            name = target;
        }
        (answers, name)
    }

    /// RFC 8020: a name exists when anything lies at it or below it.
    fn exists(&self, name: &Name) -> bool {
        self.records.contains_key(name) || self.records.keys().any(|other| name.zone_of(other))
    }
}

fn alias(record: &Record) -> Option<(&Record, Name)> {
    if let RData::CNAME(target) = &record.data { Some((record, target.0.clone())) } else { None }
}

fn fail(response: &mut Message, code: ResponseCode) {
    response.metadata.response_code = code;
    response.answers.clear();
    response.authorities.clear();
}

/// Resolvers remember a "no" only when it names its zone, RFC 2308 section 5.
fn start_of_authority(name: &Name) -> Record {
    let zone = name.trim_to(1);
    let data = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, DEFAULT_TTL);
    Record::from_rdata(zone, DEFAULT_TTL, RData::SOA(data))
}
