//! Content on its way into the spool: trace field first, then what the client sends, in pieces.

use gatepost_directory::Directory;
use gatepost_mail::header::{AddressField, HeaderFacts, HeaderLimits, HeaderScan, Progress};
use gatepost_mail::reply::table;
use gatepost_mail::trace::{self, Hop, LoggedIn, TlsWords};
use gatepost_mail::{Domain, Envelope, Hello, Mailbox, Octets, Reply, SpoolId, Timestamp};
use gatepost_policy::content::{ContentFacts, content};
use gatepost_policy::peer::{Device, Peer};
use gatepost_policy::rules::Service;
use gatepost_policy::submission::{AuthorFacts, author, authors};
use gatepost_policy::verdict::Decision;
use gatepost_policy::{Fact, Verdict};
use gatepost_smtp::{Answer, Seen};
use gatepost_spool::{Draft, Receipt, Spool, SpoolError};

use super::envelope::Transaction;
use super::{Desk, principal_of, words};
use crate::event::{What, quoted, shown};
use crate::listener::repeats::Digest;

/// Most recipients that an event names.
const RECIPIENTS_SHOWN: usize = 10;

/// Content on its way in.
pub(super) struct Intake<Draft> {
    draft: Draft,
    received: Timestamp,
    scan: HeaderScan,
    section: Section,
    /// What a second hand-in is known by.
    digest: Option<Box<Digest>>,
    /// The first thing that went wrong: the client hears it when all content is in.
    wrong: Option<Reply>,
}

/// Where in the content the next piece belongs.
enum Section {
    /// In the header section. A line end that may be the empty line's is held back, since missing fields go
    /// before it.
    Header(Vec<u8>),
    /// Behind it.
    Body,
}

impl<S: Spool, D: Directory> Desk<S, D> {
    /// DATA, or the first BDAT: takes from the allowance, opens a draft and writes the Received field.
    pub(super) async fn open_draft(&mut self) -> Answer {
        let Some(open) = &self.transaction else { return Answer::Refuse(table::MAIL_FIRST) };
        let count = u32::try_from(open.recipients.len()).unwrap_or(u32::MAX);
        if let Err(verdict) =
            self.office.quotas.spend((&open.peer, &open.device), count, self.office.now(), self.rules())
        {
            return Answer::Refuse(self.content_refused(&verdict));
        }
        let received = self.office.now();
        let mut draft = match self.office.spool.draft().await {
            Ok(draft) => draft,
            Err(error) => return Answer::Refuse(self.storage_failed(&error)),
        };
        let field = self.received_field(draft.id(), received);
        if let Err(error) = draft.write(&field).await {
            return Answer::Refuse(self.storage_failed(&error));
        }
        let scan = HeaderScan::new(HeaderLimits::default());
        let scan = match self.visit.service {
            Service::Submission => scan,
            // Other servers bring mail of anyone.
            Service::Mx => scan.without_authors(),
        };
        let digest = self.transaction.as_ref().and_then(|open| self.digest(open));
        let section = Section::Header(Vec::new());
        if let Some(open) = &mut self.transaction {
            let intake = Intake { draft, received, scan, section, digest, wrong: None };
            open.intake = Some(intake);
        }
        Answer::Permit
    }

    /// One piece of content.
    pub(in crate::listener) async fn content(&mut self, piece: &[u8]) {
        let adds = self.visit.service == Service::Submission;
        let current = self.current.clone();
        let Some(intake) = self.transaction.as_mut().and_then(|open| open.intake.as_mut()) else { return };
        if intake.wrong.is_some() {
            return;
        }
        if let Some(digest) = &mut intake.digest {
            digest.piece(piece);
        }
        if let Err(error) = intake.take(piece, adds.then_some(&current.rules().hostname)).await {
            intake.wrong = Some(reply_to(&error));
            let hint = "the message was refused for now; look at the disk under data-dir";
            self.tell(What::Trouble { part: "spool", cause: error.to_string(), hint });
        }
    }

    /// All content is in: looks at what the header section said, and commits.
    pub(super) async fn complete(&mut self, seen: Seen) -> Result<Receipt, Reply> {
        let Some(mut open) = self.transaction.take() else { return Err(table::MAIL_FIRST) };
        let Some(mut intake) = open.intake.take() else { return Err(table::STORAGE_FAILED) };
        if let Some(reply) = intake.wrong.take() {
            return Err(reply);
        }
        let adds = self.visit.service == Service::Submission;
        let hostname = self.rules().hostname.clone();
        let ended = intake.end(adds.then_some(&hostname)).await;
        let facts = ended.map_err(|error| self.storage_failed(&error))?;
        let verdict = self.judge((&open.peer, &open.device), &seen, &facts).await;
        if !verdict.permits() {
            return Err(self.content_refused(&verdict));
        }
        let fingerprint = intake.digest.as_deref().map(Digest::finish);
        let _turn = match fingerprint {
            Some(fingerprint) => Some(self.office.repeats.turn(fingerprint).await),
            None => None,
        };
        if let Some(receipt) = self.repeated(fingerprint, &facts) {
            return Ok(receipt);
        }
        let receipt = self.commit(open, intake, &seen).await?;
        self.told(fingerprint, &receipt);
        Ok(receipt)
    }

    async fn judge(
        &self,
        (peer, device): (&Peer, &Device),
        seen: &Seen,
        facts: &HeaderFacts,
    ) -> Verdict<Decision> {
        let about = ContentFacts { size: seen.size, received_fields: facts.received };
        let verdict = content(&about, self.rules());
        if !verdict.permits() {
            return verdict;
        }
        let foreign = self.foreign_author(peer, &facts.from, &facts.sender).await;
        let service = self.visit.service;
        let about = AuthorFacts {
            service,
            peer,
            from: &facts.from,
            sender: &facts.sender,
            foreign: &foreign,
            device,
        };
        author(&about, self.rules())
    }

    /// The first author that an account may not send as. Asked only where it counts.
    async fn foreign_author(
        &self,
        peer: &Peer,
        from: &AddressField,
        sender: &AddressField,
    ) -> Fact<Option<Mailbox>> {
        let Peer::Account(account) = peer else { return Fact::Known(None) };
        for mailbox in authors(from, sender) {
            match self.owns_mailbox(account, mailbox).await {
                Fact::Known(true) => {}
                Fact::Known(false) => return Fact::Known(Some(mailbox.clone())),
                Fact::Unknown(why) => return Fact::Unknown(why),
            }
        }
        Fact::Known(None)
    }

    async fn commit(
        &self,
        open: Transaction<S::Draft>,
        intake: Intake<S::Draft>,
        seen: &Seen,
    ) -> Result<Receipt, Reply> {
        let device = open.device.label().map(str::to_owned);
        let envelope = self.envelope(open, intake.received, seen).ok_or(table::UNKNOWN_FOR_NOW)?;
        let id = intake.draft.id();
        let told = self.queued(&envelope, device, seen.size);
        let receipt = intake.draft.commit(envelope, intake.received).await;
        let receipt = receipt.map_err(|error| self.storage_failed(&error))?;
        self.office.events.emit(Some(self.visit.session), Some(id), told);
        Ok(receipt)
    }

    fn envelope(&self, open: Transaction<S::Draft>, received: Timestamp, seen: &Seen) -> Option<Envelope> {
        let hosted =
            open.recipients.first().and_then(|recipient| recipient.path.mailbox()?.domain().cloned());
        let principal = principal_of(&open.peer, hosted.or_else(|| Some(self.rules().hostname.clone())))?;
        Some(Envelope {
            reverse_path: open.sender.path,
            recipients: open.recipients,
            body: seen.body,
            ending: seen.ending,
            international: open.sender.international,
            returns: open.sender.returns,
            envelope_id: open.sender.envelope_id,
            principal,
            session: self.visit.session,
            received,
        })
    }

    fn queued(&self, envelope: &Envelope, device: Option<String>, size: Octets) -> What {
        let named = envelope.recipients.iter().take(RECIPIENTS_SHOWN);
        What::Queued {
            principal: shown(&envelope.principal),
            device,
            sender: shown(&envelope.reverse_path),
            recipients: named.map(|recipient| shown(&recipient.path)).collect(),
            count: envelope.recipients.len(),
            size: size.0,
            client: self.visit.client.ip().to_string(),
        }
    }

    fn received_field(&self, id: SpoolId, at: Timestamp) -> Vec<u8> {
        let visit = &self.visit;
        let unnamed = || Hello::parse("unknown");
        let Some(hello) = visit.hello.clone().or_else(unnamed) else { return Vec::new() };
        let open = self.transaction.as_ref();
        let only = open.filter(|open| open.recipients.len() == 1).and_then(|open| open.recipients.first());
        trace::received(&Hop {
            hello: &hello,
            client: Some(visit.client.ip()),
            client_name: None,
            by: &self.rules().hostname,
            greeting: visit.greeting,
            tls: visit.tls.as_ref().map(|tls| TlsWords { version: tls.version, cipher: &tls.cipher }),
            logged_in: if self.account().is_some() { LoggedIn::Yes } else { LoggedIn::No },
            international: open.map(|open| open.sender.international).unwrap_or_default(),
            id,
            only_recipient: only.map(|recipient| &recipient.path),
            at,
        })
    }

    fn content_refused(&self, verdict: &Verdict<Decision>) -> Reply {
        let reply = words(verdict);
        let sender = self.transaction.as_ref().map(|open| open.sender.path.to_string());
        self.tell(What::ContentRefused {
            sender: quoted(sender.unwrap_or_default()),
            rule: verdict.rule.as_str(),
            because: quoted(&*verdict.because),
            reply: reply.to_string(),
        });
        reply
    }

    fn storage_failed(&self, error: &SpoolError) -> Reply {
        let hint = "the client was asked to come again; look at the disk under data-dir";
        self.tell(What::Trouble { part: "spool", cause: error.to_string(), hint });
        reply_to(error)
    }
}

/// What the client hears. Nothing of the disk is told.
fn reply_to(error: &SpoolError) -> Reply {
    if matches!(error, SpoolError::NoRoom) {
        table::NO_ROOM
    } else if matches!(error, SpoolError::TooLarge { .. }) {
        table::TOO_LARGE
    } else {
        table::STORAGE_FAILED
    }
}

impl<D: Draft> Intake<D> {
    /// Writes a piece. With `adds`, fields that a submission lacks are written before the empty line.
    async fn take(&mut self, piece: &[u8], adds: Option<&Domain>) -> Result<(), SpoolError> {
        let Section::Header(held) = &mut self.section else { return self.draft.write(piece).await };
        match self.scan.piece(piece) {
            Progress::More => {
                let mut known = std::mem::take(held);
                known.extend_from_slice(piece);
                let keep = known.len() - tail(&known);
                *held = known.split_off(keep);
                self.draft.write(&known).await
            }
            Progress::Ended { at } => {
                let mut known = std::mem::take(held);
                let (head, body) = piece.split_at(at.min(piece.len()));
                known.extend_from_slice(head);
                let empty_line = known.split_off(known.len() - tail(&known));
                self.section = Section::Body;
                self.draft.write(&known).await?;
                self.add(adds).await?;
                self.draft.write(&empty_line).await?;
                self.draft.write(body).await
            }
            Progress::TooLarge => {
                self.wrong = Some(table::HEADERS_TOO_LARGE);
                Ok(())
            }
        }
    }

    /// The content is over. A message that is all header section gets its missing fields here.
    async fn end(&mut self, adds: Option<&Domain>) -> Result<HeaderFacts, SpoolError> {
        if let Section::Header(held) = &mut self.section {
            let held = std::mem::take(held);
            self.draft.write(&held).await?;
            if held.ends_with(b"\r\n") {
                self.add(adds).await?;
            }
            self.section = Section::Body;
        }
        let scan = std::mem::replace(&mut self.scan, HeaderScan::new(HeaderLimits::default()));
        Ok(scan.finish())
    }

    async fn add(&mut self, adds: Option<&Domain>) -> Result<(), SpoolError> {
        let Some(hostname) = adds else { return Ok(()) };
        let facts = self.scan.facts();
        let fields = trace::missing(facts, self.draft.id(), hostname, self.received);
        self.draft.write(&fields).await
    }
}

/// How many octets at the end may be the empty line: `CRLF` or a `CR` alone.
fn tail(octets: &[u8]) -> usize {
    match octets {
        [.., b'\r', b'\n'] => 2,
        [.., b'\r'] => 1,
        _ => 0,
    }
}
