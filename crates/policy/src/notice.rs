//! Who must be told, and may be told. RFC 3461 section 5.2, RFC 5321 section 6.1.

use gatepost_mail::{Notify, NotifyOn, ReversePath};

use crate::verdict::{Rule, Verdict};

const NULL_SENDER: Rule = Rule::named("notice.null-sender");
const WANTED: Rule = Rule::named("notice.wanted");
const NOT_WANTED: Rule = Rule::named("notice.not-wanted");
const PASSED_ON: Rule = Rule::named("notice.passed-on");

/// What has happened to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happened {
    /// It never will arrive.
    Failed,
    /// It has not arrived yet.
    Delayed,
    /// It is in a mailbox of ours.
    Delivered,
    /// A next hop took it and will tell the sender itself, since it has DSN (RFC 3461 section 5.2.4).
    PassedOn,
    /// A next hop took it that will tell nobody.
    Relayed,
}

/// Which report is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// None.
    Nothing,
    /// `Action: failed`.
    Failure,
    /// `Action: delayed`.
    Delay,
    /// `Action: delivered`.
    Delivery,
    /// `Action: relayed`: no further word will come.
    Relay,
}

/// Says which report is due about a recipient.
///
/// Never one to the null sender: reports about reports go in circles (RFC 5321 section 6.1). The report itself
/// must have the null sender.
pub fn due(reverse_path: &ReversePath, notify: Notify, happened: Happened) -> Verdict<Notice> {
    let (notice, occasion) = match happened {
        Happened::Failed => (Notice::Failure, NotifyOn::FAILURE),
        Happened::Delayed => (Notice::Delay, NotifyOn::DELAY),
        Happened::Delivered => (Notice::Delivery, NotifyOn::SUCCESS),
        Happened::Relayed => (Notice::Relay, NotifyOn::SUCCESS),
        Happened::PassedOn => {
            return Verdict::decide(Notice::Nothing, PASSED_ON, "the next hop will tell the sender");
        }
    };
    match reverse_path {
        ReversePath::Null => Verdict::decide(Notice::Nothing, NULL_SENDER, "there is nobody to tell"),
        ReversePath::Mailbox(_) if notify.wants(occasion) => {
            Verdict::decide(notice, WANTED, "the sender wants to know")
        }
        ReversePath::Mailbox(_) => {
            Verdict::decide(Notice::Nothing, NOT_WANTED, "the sender did not ask for it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAPPENED: [Happened; 5] =
        [Happened::Failed, Happened::Delayed, Happened::Delivered, Happened::PassedOn, Happened::Relayed];

    fn notices(sender: &str, notify: Notify) -> [Notice; 5] {
        let sender = ReversePath::parse(sender).unwrap();
        HAPPENED.map(|happened| due(&sender, notify, happened).decision)
    }

    #[test]
    fn each_wish_has_its_reports() {
        use Notice::{Delay, Delivery, Failure, Nothing, Relay};
        let on = |set| notices("<ada@ours.example>", Notify::On(set));
        assert_eq!(
            notices("<ada@ours.example>", Notify::Unsaid),
            [Failure, Delay, Nothing, Nothing, Nothing]
        );
        assert_eq!(notices("<ada@ours.example>", Notify::Never), [Nothing; 5]);
        assert_eq!(on(NotifyOn::SUCCESS), [Nothing, Nothing, Delivery, Nothing, Relay]);
        assert_eq!(on(NotifyOn::FAILURE), [Failure, Nothing, Nothing, Nothing, Nothing]);
        assert_eq!(on(NotifyOn::DELAY), [Nothing, Delay, Nothing, Nothing, Nothing]);
    }

    #[test]
    fn the_null_sender_is_never_told() {
        let all = NotifyOn::SUCCESS.and(NotifyOn::FAILURE).and(NotifyOn::DELAY);
        for notify in [Notify::Unsaid, Notify::Never, Notify::On(all)] {
            assert_eq!(notices("<>", notify), [Notice::Nothing; 5]);
        }
    }
}
