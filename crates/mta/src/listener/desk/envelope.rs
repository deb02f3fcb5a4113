//! MAIL and RCPT.

use gatepost_directory::{Account, Directory, SendsAs};
use gatepost_mail::reply::table;
use gatepost_mail::{ForwardPath, Mailbox, Recipient, ReversePath};
use gatepost_policy::Fact;
use gatepost_policy::peer::{Device, Peer, PeerFacts, identify};
use gatepost_policy::relay::{Existence, RecipientFacts, existence, hosted, recipient};
use gatepost_policy::submission::{SenderFacts, sender};
use gatepost_smtp::{Answer, Sender};
use gatepost_spool::Spool;

use super::intake::Intake;
use super::{Desk, words};
use crate::event::{What, quoted, shown};

/// A transaction that has begun.
pub(super) struct Transaction<Draft> {
    /// Who is behind it.
    pub(super) peer: Peer,
    /// With which device of the account.
    pub(super) device: Device,
    /// The sender and what it said of the content.
    pub(super) sender: Sender,
    /// Those taken.
    pub(super) recipients: Vec<Recipient>,
    /// The content, once it comes.
    pub(super) intake: Option<Intake<Draft>>,
}

impl<S: Spool, D: Directory> Desk<S, D> {
    pub(super) async fn sender(&mut self, named: Sender) -> Answer {
        self.transaction = None;
        let facts = PeerFacts {
            service: self.visit.service,
            client: self.visit.client.ip(),
            account: self.account(),
            reverse_path: &named.path,
        };
        let peer = identify(&facts, self.rules());
        let owns = self.owns(&peer, &named.path).await;
        let device = self.device().await;
        let facts = SenderFacts {
            service: self.visit.service,
            peer: &peer,
            reverse_path: &named.path,
            owns: &owns,
            device: &device,
        };
        let verdict = sender(&facts, self.rules());
        if !verdict.permits() {
            let reply = words(&verdict);
            self.tell(What::SenderRefused {
                sender: shown(&named.path),
                client: self.visit.client.ip(),
                rule: verdict.rule.as_str(),
                because: quoted(&*verdict.because),
                reply: reply.to_string(),
            });
            return Answer::Refuse(reply);
        }
        let Fact::Known(device) = device else { return Answer::Refuse(table::UNKNOWN_FOR_NOW) };
        let recipients = Vec::new();
        self.transaction = Some(Transaction { peer, device, sender: named, recipients, intake: None });
        Answer::Permit
    }

    /// The device that has logged in, as it is now: it may have been revoked, or have ended, since then.
    async fn device(&self) -> Fact<Device> {
        let Some(login) = self.logged_in().and_then(|who| who.device.as_deref()) else {
            return Fact::Known(Device::None);
        };
        Fact::from(self.office.directory.account(login).await.map(|account| {
            let device = account.as_ref().and_then(Account::device);
            match device.filter(|device| device.expires.is_none_or(|end| end > self.office.now())) {
                None => Device::Gone,
                Some(device) => Device::Named {
                    label: device.label.clone(),
                    senders: device.senders.iter().map(written).collect(),
                    messages_per_day: device.messages_per_day,
                },
            }
        }))
    }

    pub(super) async fn recipient(&mut self, named: Recipient) -> Answer {
        let exists = self.exists(&named.path).await;
        let hosted = hosted(&named.path, self.rules());
        let peer = self.transaction.as_ref().map_or(&Peer::Anonymous, |open| &open.peer);
        let facts = RecipientFacts {
            service: self.visit.service,
            peer,
            path: &named.path,
            hosted: &hosted,
            exists: &exists,
        };
        let verdict = recipient(&facts, self.rules());
        let shown = shown(&named.path);
        if !verdict.permits() {
            let reply = words(&verdict);
            let sender = self.transaction.as_ref().map(|open| open.sender.path.to_string());
            self.tell(What::RecipientRefused {
                sender: quoted(sender.unwrap_or_default()),
                recipient: shown,
                client: self.visit.client.ip(),
                rule: verdict.rule.as_str(),
                because: quoted(&*verdict.because),
                reply: reply.to_string(),
            });
            return Answer::Refuse(reply);
        }
        self.tell(What::RecipientTaken { recipient: shown, rule: verdict.rule.as_str() });
        // Named twice, it still gets one copy.
        if let Some(open) = &mut self.transaction
            && open.recipients.iter().all(|known| known.path != named.path)
        {
            open.recipients.push(named);
        }
        Answer::Permit
    }

    /// Whether an account may send as this path. Asked only where it counts.
    async fn owns(&self, peer: &Peer, path: &ReversePath) -> Fact<bool> {
        match (peer, path) {
            (Peer::Account(account), ReversePath::Mailbox(mailbox)) => {
                self.owns_mailbox(account, mailbox).await
            }
            (Peer::Account(_) | Peer::Machine(_) | Peer::Anonymous, _) => Fact::Known(false),
        }
    }

    pub(super) async fn owns_mailbox(&self, account: &str, mailbox: &Mailbox) -> Fact<bool> {
        Fact::from(self.office.directory.owns(account, mailbox).await)
    }

    async fn exists(&self, path: &ForwardPath) -> Fact<bool> {
        match (existence(path, self.rules()), path) {
            (Existence::Exists, _) => Fact::Known(true),
            (Existence::Missing, _) | (Existence::AskDirectory, ForwardPath::Postmaster) => {
                Fact::Known(false)
            }
            (Existence::AskDirectory, ForwardPath::Mailbox(mailbox)) => {
                Fact::from(self.office.directory.mailbox_exists(mailbox).await)
            }
        }
    }
}

/// A sender as policy compares them.
fn written(sender: &SendsAs) -> String {
    match sender {
        SendsAs::Mailbox(mailbox) => mailbox.folded(),
        SendsAs::Domain(domain) => format!("*@{}", domain.ascii()),
    }
}
