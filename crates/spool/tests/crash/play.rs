//! A life of a spool: commits, claims, outcomes and operators, as chance has it.

use std::path::Path;
use std::time::Duration;

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Octets, Principal, Recipient, ReversePath, SessionId,
    SpoolId, Timestamp,
};
use gatepost_spool::{
    Claim, Disk, Draft, Drive, Embedded, EmbeddedSettings, Entry, Held, Loss, Outcome, RecipientState,
    Settled, Simulated, Spool, SpoolError, Warned,
};

use crate::model::{Promises, Seen};

const DIR: &str = "/data/spool";
const LEASE: Duration = Duration::from_secs(60);

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By being done.
    Whole { rewritten: u64, freed: u64 },
    /// By a call that failed.
    Stopped,
}

/// One disk, what was promised about it, and the next thing to do.
pub(crate) struct Play {
    disk: Simulated,
    promises: Promises,
    chance: Chance,
    seed: u64,
    now: Timestamp,
    highest: Option<SpoolId>,
}

impl Play {
    pub(crate) fn new(disk: &Simulated, seed: u64) -> Self {
        Self {
            disk: disk.clone(),
            promises: Promises::default(),
            chance: Chance(seed),
            seed,
            now: Timestamp::from_micros(1_795_299_337_000_000),
            highest: None,
        }
    }

    fn open(&self) -> Result<Embedded, SpoolError> {
        let settings = EmbeddedSettings {
            segment: Octets::kib(36),
            inline: Octets::kib(4),
            draft_memory: Octets::kib(64),
            hot_memory: Octets::kib(16),
            floor: Octets(0),
            spare_segments: 3,
            pinned_segments: 1,
            drive: Drive::Caller,
            disk: Disk::simulated(&self.disk),
            seed: Some(self.chance.0),
            ..EmbeddedSettings::default()
        };
        let (spool, recovery) = Embedded::open(Path::new(DIR), settings, self.now)?;
        assert_eq!(recovery.damages, [], "a crash damages nothing: {:?}", self.seed);
        Ok(spool)
    }

    /// Does so many things, or as many as the disk lets it.
    pub(crate) fn live(&mut self, steps: usize) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let Ok(spool) = self.open() else { return Ended::Stopped };
            for _ in 0..steps {
                if let Err(error) = self.step(&spool).await {
                    assert_stopped(&spool, &error).await;
                    return Ended::Stopped;
                }
            }
            let stats = spool.stats().await;
            Ended::Whole { rewritten: stats.rewritten, freed: stats.freed }
        })
    }

    async fn step(&mut self, spool: &Embedded) -> Result<(), SpoolError> {
        self.now = self.now.after(Duration::from_secs(1));
        match self.chance.below(12) {
            0..5 => self.commit(spool).await,
            5..9 => self.work(spool).await,
            9 => self.drop_draft(spool).await,
            10 => self.operate(spool).await,
            _time_passes => {
                self.now = self.now.after(Duration::from_secs(100));
                Ok(())
            }
        }
    }

    /// Some messages at once, so that one sync is for all of them.
    async fn commit(&mut self, spool: &Embedded) -> Result<(), SpoolError> {
        let mut commits = Vec::new();
        for _ in 0..=self.chance.below(4) {
            let mut draft = spool.draft().await?;
            let id = draft.id();
            assert!(Some(id) > self.highest, "an id is never used again");
            self.highest = Some(id);
            let size = [0, 30, 900, 3000, 4096, 9000][self.chance.below(6)];
            let content: Vec<u8> = self.chance.octets(size);
            let recipients = 1 + self.chance.below(3);
            let fresh =
                RecipientState::Waiting { due: self.now, attempts: 0, last: None, warned: Warned::NotYet };
            let seen = Some((Held::No, vec![fresh; recipients]));
            for piece in content.chunks(1500) {
                draft.write(piece).await?;
            }
            self.promises.begin(id, content, seen);
            commits.push((id, draft.commit(envelope(id, recipients), self.now)));
        }
        let commits = commits.into_iter().map(|(id, commit)| async move { (id, commit.await) });
        for (id, result) in together(commits.collect()).await {
            let receipt = result?;
            assert_eq!(receipt.id(), id);
            self.promises.told(id);
            self.promises.synced();
        }
        Ok(())
    }

    async fn drop_draft(&mut self, spool: &Embedded) -> Result<(), SpoolError> {
        let mut draft = spool.draft().await?;
        self.highest = Some(draft.id());
        draft.write(&vec![b'x'; self.chance.below(10_000)]).await
    }

    /// Claims some and settles them, all but a few.
    async fn work(&mut self, spool: &Embedded) -> Result<(), SpoolError> {
        let most = 1 + self.chance.below(4);
        for claim in spool.claim(self.now, LEASE, most).await? {
            let read = read(spool, claim.id).await?;
            assert!(read == self.promises.0[&claim.id].content, "content of {}", claim.id);
            match self.chance.below(8) {
                0 => {}
                1 => {
                    let outcomes = self.outcomes(&claim);
                    self.note(&claim, &outcomes);
                    spool.progress(&claim, outcomes).await?;
                    self.promises.told(claim.id);
                }
                _settled => {
                    let outcomes = self.outcomes(&claim);
                    self.note(&claim, &outcomes);
                    let id = claim.id;
                    spool.settle(claim, outcomes).await?;
                    self.promises.told(id);
                }
            }
        }
        Ok(())
    }

    fn outcomes(&mut self, claim: &Claim) -> Vec<Settled> {
        let mut outcomes = Vec::new();
        for due in &claim.due {
            let later = self.now.after(Duration::from_secs(1 + self.chance.below(90) as u64));
            let outcome = match self.chance.below(8) {
                0 => continue,
                1 => Outcome::Failed,
                2..4 => Outcome::Again {
                    due: later,
                    why: format!("451 try {}", self.chance.below(100)).into(),
                    warned: Warned::Already,
                },
                _most => Outcome::Delivered,
            };
            outcomes.push(Settled { recipient: due.recipient, outcome });
        }
        outcomes
    }

    /// What the outcomes make of the message.
    fn note(&mut self, claim: &Claim, outcomes: &[Settled]) {
        let Some((held, mut states)) = self.promises.now(claim.id) else { return };
        for settled in outcomes {
            let state = &mut states[settled.recipient as usize];
            let RecipientState::Waiting { attempts, .. } = *state else { continue };
            *state = match settled.outcome.clone() {
                Outcome::Delivered => RecipientState::Delivered,
                Outcome::Failed => RecipientState::Failed,
                Outcome::Again { due, why, warned } => {
                    RecipientState::Waiting { due, attempts: attempts + 1, last: Some(why), warned }
                }
            };
        }
        let waits = states.iter().any(|state| matches!(state, RecipientState::Waiting { .. }));
        self.promises.may(claim.id, waits.then_some((held, states)));
    }

    async fn operate(&mut self, spool: &Embedded) -> Result<(), SpoolError> {
        let there: Vec<SpoolId> =
            self.promises.0.keys().copied().filter(|id| self.promises.now(*id).is_some()).collect();
        let Some(&id) = there.get(self.chance.below(there.len().max(1))) else { return Ok(()) };
        let Some((held, states)) = self.promises.now(id) else { return Ok(()) };
        match self.chance.below(4) {
            0 => {
                self.promises.may(id, Some((Held::Yes, states)));
                spool.hold(id).await?;
            }
            1 => {
                self.promises.may(id, Some((Held::No, states)));
                spool.release(id).await?;
            }
            2 => {
                self.promises.may(id, None);
                spool.remove(id).await?;
            }
            _retried => {
                let now = self.now;
                let sooner = states.into_iter().map(|state| match state {
                    RecipientState::Waiting { due, attempts, last, warned } => {
                        RecipientState::Waiting { due: due.min(now), attempts, last, warned }
                    }
                    done @ (RecipientState::Delivered | RecipientState::Failed) => done,
                });
                self.promises.may(id, Some((held, sooner.collect())));
                spool.retry(id, now).await?;
            }
        }
        self.promises.told(id);
        self.promises.synced();
        Ok(())
    }

    /// The spool can be opened, and nothing in it is damaged.
    pub(crate) fn opens(&self, told: &str) {
        self.open().unwrap_or_else(|error| panic!("{told}: {error}"));
    }

    /// Opens the spool and compares it with what was promised; twice, since opening must change nothing.
    pub(crate) fn compare(&mut self, loss: Loss, told: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for time in ["first", "second"] {
            let found = runtime.block_on(self.found(told));
            for (id, seen) in &found {
                let allowed = self.promises.allowed(*id, loss);
                assert!(allowed.contains(seen), "{told}, {time} time: {id} is {seen:?}, may be {allowed:?}");
            }
            for (id, seen) in found {
                self.promises.settle(id, seen, loss);
            }
        }
        let verified = Embedded::verify(Path::new(DIR), &Disk::simulated(&self.disk)).unwrap();
        assert_eq!(verified.damages, [], "{told}");
    }

    /// What there is of everything that was ever promised.
    async fn found(&self, told: &str) -> Vec<(SpoolId, Seen)> {
        let spool = self.open().unwrap_or_else(|error| panic!("{told}: {error}"));
        let mut entries = Vec::new();
        for entry in spool.list(None, 1000).await.unwrap() {
            let promise =
                self.promises.0.get(&entry.id).unwrap_or_else(|| panic!("{told}: {entry:?} is invented"));
            assert_eq!(*entry.envelope, envelope(entry.id, entry.recipients.len()), "{told}");
            let content = read(&spool, entry.id).await.unwrap_or_else(|error| panic!("{told}: {error}"));
            assert!(content == promise.content, "{told}: content of {}", entry.id);
            entries.push(entry);
        }
        let large = |entry: &&Entry| entry.size > Octets::kib(4);
        let files = self.disk.files();
        let kept = files.iter().filter(|(path, _)| path.starts_with(format!("{DIR}/big"))).count();
        assert!(kept >= entries.iter().filter(large).count(), "{told}");
        assert!(kept <= entries.len(), "{told}: files that belong to nothing");
        let seen = |id: SpoolId| {
            let entry = entries.iter().find(|entry| entry.id == id)?;
            Some((entry.held, entry.recipients.clone()))
        };
        self.promises.0.keys().map(|id| (*id, seen(*id))).collect()
    }
}

/// A spool that has failed refuses everything, and says so.
async fn assert_stopped(spool: &Embedded, error: &SpoolError) {
    if !matches!(error, SpoolError::Stopped { .. }) {
        // A call that touched only the caller's own file, or read.
        return;
    }
    assert!(matches!(spool.draft().await.map(|_| ()), Err(SpoolError::Stopped { .. })));
    assert!(matches!(spool.claim(Timestamp::default(), LEASE, 1).await, Err(SpoolError::Stopped { .. })));
    assert!(matches!(spool.failed().await, SpoolError::Stopped { .. }));
}

async fn read(spool: &Embedded, id: SpoolId) -> Result<Vec<u8>, SpoolError> {
    let mut content = spool.content(id).await?;
    let mut octets = Vec::new();
    while let Some(piece) = content.piece().await? {
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}

fn envelope(id: SpoolId, recipients: usize) -> Envelope {
    let path = |n| ForwardPath::parse(&format!("<r{n}.{id}@example.net>")).unwrap();
    Envelope {
        reverse_path: ReversePath::parse("<ada@example.org>").unwrap(),
        recipients: (0..recipients).map(|n| Recipient::new(path(n))).collect(),
        body: Body::EightBitMime,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada".into()),
        session: SessionId::from_number(id.number()),
        received: Timestamp::from_micros(id.number()),
    }
}

/// Polls all of them in turn until all are done.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        match futures.iter().all(|(_, done)| done.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn octets(&mut self, size: usize) -> Vec<u8> {
        let some: Vec<u8> = (0..61).map(|_| self.below(256) as u8).collect();
        let mut octets = some.repeat(size / 61 + 1);
        octets.truncate(size);
        octets
    }
}
