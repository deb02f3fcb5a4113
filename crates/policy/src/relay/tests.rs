use super::*;
use crate::testing;

fn facts() -> [Fact<bool>; 3] {
    [Fact::Known(true), Fact::Known(false), Fact::Unknown("down".into())]
}

fn peers() -> [Peer; 3] {
    [Peer::Account("ada".into()), Peer::Machine("scanner".into()), Peer::Anonymous]
}

/// Paths of every kind: ours and not, routed and plain, postmasters, literals, look-alikes.
const PATHS: [&str; 22] = [
    "<postmaster>",
    "<Postmaster@ours.example>",
    "<postmaster@listed.example>",
    "<postmaster@elsewhere.example>",
    "<ada@ours.example>",
    "<ada@listed.example>",
    "<ada@behind.example>",
    "<ada@elsewhere.example>",
    "<ada@sub.ours.example>",
    "<ada@notours.example>",
    "<ada%elsewhere.example@ours.example>",
    "<ada%elsewhere.example@behind.example>",
    "<ada%elsewhere.example@listed.example>",
    "<elsewhere.example!ada@behind.example>",
    "<\"ada@elsewhere.example\"@behind.example>",
    "<\"ada@ours.example\"@elsewhere.example>",
    "<ada%ours.example@elsewhere.example>",
    "<@ours.example:ada@elsewhere.example>",
    "<ada@[127.0.0.1]>",
    "<postmaster@[192.0.2.1]>",
    "<ada@[IPv6:::1]>",
    "<ada@\u{43e}urs.example>",
];

/// The promise itself. Every combination, and a permission for somebody without identity names its reason.
#[test]
fn nobody_without_identity_reaches_anything_but_mailboxes_of_ours() {
    let rules = testing::rules();
    let mut seen = 0;
    for path in PATHS.map(|text| ForwardPath::parse(text).unwrap()) {
        for service in [Service::Mx, Service::Submission] {
            for (peer, hosted, exists) in combinations() {
                let facts =
                    RecipientFacts { service, peer: &peer, path: &path, hosted: &hosted, exists: &exists };
                let verdict = recipient(&facts, &rules);
                seen += 1;
                assert_eq!(verdict.permits(), verdict.reply.is_none(), "{facts:?}");
                if !verdict.permits() || has_identity(service, &peer) {
                    continue;
                }
                assert_eq!(service, Service::Mx, "{facts:?}");
                let at_domain = path.mailbox().is_none_or(|mailbox| mailbox.domain().is_some());
                assert!(at_domain, "{facts:?}");
                let is_postmaster = path.mailbox().is_none_or(is_postmaster);
                let known_to_exist = is_postmaster || exists == Fact::Known(true);
                let known_to_be_ours = path == ForwardPath::Postmaster || hosted == Fact::Known(true);
                assert!(known_to_be_ours && known_to_exist, "{facts:?}");
            }
        }
    }
    assert_eq!(seen, PATHS.len() * 2 * 27);
}

/// The same with the facts as they are gathered: the look-alikes of our domains are not ours.
#[test]
fn gathered_facts_open_exactly_these_paths_to_strangers() {
    let rules = testing::rules();
    let open: Vec<&str> = PATHS
        .into_iter()
        .filter(|text| {
            let path = ForwardPath::parse(text).unwrap();
            let exists = match existence(&path, &rules) {
                Existence::Exists => Fact::Known(true),
                Existence::Missing => Fact::Known(false),
                Existence::AskDirectory => Fact::Known(path.to_string() == "<ada@ours.example>"),
            };
            let facts = RecipientFacts {
                service: Service::Mx,
                peer: &Peer::Anonymous,
                path: &path,
                hosted: &hosted(&path, &rules),
                exists: &exists,
            };
            recipient(&facts, &rules).permits()
        })
        .collect();
    assert_eq!(
        open,
        [
            "<postmaster>",
            "<Postmaster@ours.example>",
            "<postmaster@listed.example>",
            "<ada@ours.example>",
            "<ada@listed.example>",
            "<ada@behind.example>",
        ]
    );
}

fn combinations() -> Vec<(Peer, Fact<bool>, Fact<bool>)> {
    let mut all = Vec::new();
    for peer in peers() {
        for hosted in facts() {
            for exists in facts() {
                all.push((peer.clone(), hosted.clone(), exists));
            }
        }
    }
    all
}

fn has_identity(service: Service, peer: &Peer) -> bool {
    service == Service::Submission && *peer != Peer::Anonymous
}
