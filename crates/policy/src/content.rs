//! May this content be taken, whoever sends it?

use gatepost_mail::Octets;
use gatepost_mail::reply::table;

use crate::Rules;
use crate::verdict::{Decision, Rule, Verdict};

const TAKEN: Rule = Rule::named("content.taken");
const TOO_LARGE: Rule = Rule::named("content.too-large");
const LOOP: Rule = Rule::named("content.loop");

/// What was seen of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentFacts {
    /// Its size, or what the client has declared.
    pub size: Octets,
    /// Received fields in its header section, ours not counted.
    pub received_fields: u32,
}

/// Says whether content may be taken: its size (RFC 1870 section 6) and the hops behind it (RFC 5321 section 6.3).
pub fn content(facts: &ContentFacts, rules: &Rules) -> Verdict<Decision> {
    if facts.size > rules.limits.message_size {
        return Verdict::refuse(TOO_LARGE, table::TOO_LARGE, format!("{} of content", facts.size));
    }
    if facts.received_fields > rules.limits.received_fields {
        let because = format!("{} Received fields", facts.received_fields);
        return Verdict::refuse(LOOP, table::MAIL_LOOP, because);
    }
    Verdict::permit(TAKEN, "within size and hops")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn size_and_hops_end_at_their_limits() {
        let rules = testing::rules();
        let most = rules.limits.message_size;
        let rows = [
            (most, rules.limits.received_fields, "content.taken"),
            (most + Octets(1), 0, "content.too-large"),
            (Octets(0), rules.limits.received_fields + 1, "content.loop"),
        ];
        for (size, received_fields, rule) in rows {
            assert_eq!(content(&ContentFacts { size, received_fields }, &rules).rule.as_str(), rule);
        }
    }
}
