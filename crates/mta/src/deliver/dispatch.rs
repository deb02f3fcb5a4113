//! Claiming what is due, and bringing it to its sites.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_mail::Timestamp;
use gatepost_spool::{Claim, Spool, SpoolError, Ticket};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::aftermath::conclude;
use super::connect::NoLine;
use super::job::{Addressee, Fate, Job, Lent, OpenJobs, Result, all};
use super::names::{Answer, Homeless, Question, answer};
use super::remote::fate_of;
use super::site::{Site, Target};
use super::sort::{Course, Goal, Sorted, sort};
use super::{Depot, LEASE, MOST_LENT};
use crate::event::What;
use crate::lifetime::Phase;

/// Most messages claimed in one call. What has just come waits for no more than this.
const CLAIM: usize = 128;
/// How often leases are looked after.
const ROUND: Duration = Duration::from_secs(600);
/// How long to wait after the spool has refused: it says why by itself.
const BREATH: Duration = Duration::from_secs(1);

/// What a dispatcher keeps from turn to turn.
pub(super) struct Round {
    /// Messages that are lent to us.
    lent: Vec<Weak<Lent>>,
    /// When to look after their leases.
    next: Instant,
    /// The same by the wall clock, by which leases end: one that is set forward must not end them under our hands.
    at_latest: Timestamp,
}

/// Messages, and what came of some recipients without an attempt.
type Ended = Vec<(Arc<Lent>, Vec<Result>)>;

impl Round {
    /// A first round that begins now.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { lent: Vec::new(), next: Instant::now() + ROUND, at_latest: now.after(ROUND) }
    }
}

impl<S: Spool, D: Directory> Depot<S, D> {
    /// Brings in what has room now and what is due; waits if that is nothing. Dropped while it waits, nothing is
    /// lost: what was claimed and not sorted comes back when its lease ends.
    pub(super) async fn turn(self: &Arc<Self>, round: &mut Round) {
        if Instant::now() >= round.next || self.office.now() >= round.at_latest {
            self.look_after(round).await;
        }
        self.take_again();
        match self.claims().await {
            Ok(claims) if claims.is_empty() => self.wait(round.next).await,
            Ok(claims) => {
                let mut ended = Ended::new();
                for claim in claims {
                    round.lent.extend(self.take(claim, &mut ended));
                }
                self.end(ended);
                if round.lent.len() > 2 * MOST_LENT {
                    round.lent.retain(|lent| lent.strong_count() > 0);
                }
                // A long backlog must not keep this thread from others.
                yield_now().await;
            }
            Err(error) => {
                let hint = "nothing is delivered until the spool works again";
                let what = What::Trouble { part: "spool", cause: error.to_string(), hint };
                self.office.events.emit(None, None, what);
                sleep(BREATH).await;
            }
        }
    }

    /// What was put aside and has room now, what has just come, and, where that is not all, some of what is due
    /// longest.
    async fn claims(&self) -> std::result::Result<Vec<Claim>, SpoolError> {
        let (spool, now) = (&self.office.spool, self.office.now());
        let aside = self.come_in();
        let mut claims = if aside.is_empty() { Vec::new() } else { spool.recall(now, LEASE, aside).await? };
        let latest = spool.claim_latest(now, LEASE, CLAIM).await?;
        let all = latest.len() < CLAIM;
        claims.extend(latest);
        if !all {
            claims.extend(spool.claim(now, LEASE, CLAIM).await?);
        }
        Ok(claims)
    }

    fn come_in(&self) -> Vec<Ticket> {
        let mut tickets = self.sites.come_in(CLAIM);
        let named = self.names.come_in(CLAIM);
        if named.len() == CLAIM {
            self.bell.notify_one();
        }
        tickets.extend(named);
        tickets.extend(self.room.come_in(CLAIM));
        tickets
    }

    /// Waits until something may be due, or there is room for what was put aside.
    async fn wait(&self, at_most: Instant) {
        let spool = &self.office.spool;
        let due = spool.next_due().await.ok().flatten().into_iter().chain(self.agenda.next_due()).min();
        let until_due =
            due.map_or(ROUND, |due| due.elapsed_since(self.office.now()).max(Duration::from_millis(1)));
        let patience = until_due.min(at_most.saturating_duration_since(Instant::now()));
        let something = async {
            tokio::select! {
                biased;
                () = self.bell.notified() => {}
                () = spool.wait() => {}
            }
        };
        let _ = timeout(patience, something).await;
    }

    /// Prolongs the leases of what still waits or is being delivered.
    async fn look_after(&self, round: &mut Round) {
        round.lent.retain(|lent| lent.strong_count() > 0);
        for lent in round.lent.iter().filter_map(Weak::upgrade) {
            // One that is settled by now is no loss.
            let _ = self.office.spool.extend(&lent.claim, self.office.now().after(LEASE)).await;
        }
        (round.next, round.at_latest) = (Instant::now() + ROUND, self.office.now().after(ROUND));
    }

    /// Hands out a message's jobs, or puts it aside where there is no room for it.
    fn take(self: &Arc<Self>, claim: Claim, ended: &mut Ended) -> Option<Weak<Lent>> {
        let current = self.office.current.load_full();
        let mut sorted = sort(&claim, current.rules(), &self.names);
        let seat = self.room.seat_or_put_aside(&claim.envelope, claim.ticket())?;
        self.leave_alone(&mut sorted);
        let Sorted { courses, ended: results } = sorted;
        if results.is_empty() && self.put_aside(&claim, &courses) {
            return None;
        }
        let without_attempt = usize::from(courses.is_empty() || !results.is_empty());
        let lent = Arc::new(Lent {
            claim,
            open: OpenJobs::new(courses.len() + without_attempt),
            waits: AtomicBool::new(false),
            later: Mutex::default(),
            agenda: self.agenda.clone(),
            seat,
        });
        self.hand_out(&lent, courses);
        let weak = Arc::downgrade(&lent);
        if without_attempt > 0 {
            ended.push((lent, results));
        }
        Some(weak)
    }

    fn hand_out(self: &Arc<Self>, lent: &Arc<Lent>, courses: Vec<(Course, Vec<Addressee>)>) {
        for (Course { goal, doubt }, recipients) in courses {
            let job = Job { lent: lent.clone(), recipients, doubt };
            match goal {
                Goal::Site(site) => self.place(&Arc::new(site), job),
                Goal::Ask(domain, channel) => {
                    self.ask(self.names.ask(&domain, Homeless { job, channel }));
                }
            }
        }
    }

    /// Hands out recipients once more whose message is still lent to us for others' sake.
    fn take_again(self: &Arc<Self>) {
        let mut ended = Ended::new();
        for _ in 0..CLAIM {
            let Some((lent, recipient)) = self.agenda.next(self.office.now()) else { break };
            let current = self.office.current.load_full();
            let mut claim = lent.claim.clone();
            claim.due = lent.due(recipient).into_iter().collect();
            let mut sorted = sort(&claim, current.rules(), &self.names);
            self.leave_alone(&mut sorted);
            let Sorted { courses, ended: results } = sorted;
            // Where the last job has just ended, the spool has it again.
            if !lent.open.open_more(courses.len() + usize::from(!results.is_empty())) {
                continue;
            }
            self.hand_out(&lent, courses);
            if !results.is_empty() {
                ended.push((lent, results));
            }
        }
        self.end(ended);
    }

    /// Puts a message aside if there is no room for it wherever it goes; says whether.
    fn put_aside(&self, claim: &Claim, courses: &[(Course, Vec<Addressee>)]) -> bool {
        let left = self.room.left(&claim.envelope.principal);
        if let [(Course { goal: Goal::Ask(domain, _), .. }, _)] = courses {
            return self.names.put_aside(domain, claim.ticket(), left);
        }
        let sites: Option<Vec<&Site>> = courses.iter().map(|(course, _)| course.goal.site()).collect();
        sites.is_some_and(|sites| !sites.is_empty() && self.sites.put_aside(&sites, claim.ticket(), left))
    }

    /// Ends recipients whose site rests.
    fn leave_alone(&self, sorted: &mut Sorted) {
        let ended = &mut sorted.ended;
        sorted.courses.retain(|(course, recipients)| {
            let Some(why) = course.goal.site().and_then(|site| self.sites.rests(site)) else { return true };
            ended.extend(all(recipients, &left_alone(&why), &why.next_hop));
            false
        });
    }

    /// Brings a job to its site.
    fn place(self: &Arc<Self>, site: &Arc<Site>, job: Job) {
        if let Some(place) = self.sites.push(site, job) {
            self.employ(place);
        }
    }

    /// Asks about a domain, and then about others that wait.
    fn ask(self: &Arc<Self>, question: Option<Question>) {
        let Some(first) = question else { return };
        let depot = self.clone();
        let life = self.office.life.clone();
        self.office.deliveries.spawn(self.office.life.clone(), async move {
            let mut question = Some(first);
            while let Some(asked) = question {
                let current = depot.office.current.load_full();
                let domain = asked.domain.clone();
                let told = tokio::select! {
                    biased;
                    () = life.reached(Phase::Draining) => return,
                    told = answer(&domain, &current) => told,
                };
                let meant = told.0.clone();
                let (jobs, next) = depot.names.answered(asked, told);
                depot.bell.notify_one();
                depot.settle_in(jobs, &meant, domain.ascii()).await;
                question = next;
            }
        });
    }

    /// Brings jobs to their site, now that it is known.
    async fn settle_in(self: &Arc<Self>, jobs: Vec<Homeless>, answer: &Answer, domain: &str) {
        for Homeless { job, channel } in jobs {
            let (fate, next_hop) = match answer {
                Answer::Hosts(hosts) => {
                    let target = Target::Exchangers(hosts.clone());
                    let site = Arc::new(Site { target, channel, login: None });
                    let Some(why) = self.sites.rests(&site) else {
                        self.place(&site, job);
                        continue;
                    };
                    (left_alone(&why), why.next_hop.clone())
                }
                Answer::Nowhere(fate) => (fate.clone(), domain.to_owned()),
            };
            conclude(&self.office, &job.lent, job.all(&fate, &next_hop)).await;
            yield_now().await;
        }
    }

    /// Ends recipients for which there is no attempt.
    fn end(self: &Arc<Self>, ended: Ended) {
        if ended.is_empty() {
            return;
        }
        let depot = self.clone();
        self.office.deliveries.spawn(self.office.life.clone(), async move {
            for (lent, results) in ended {
                conclude(&depot.office, &lent, results).await;
                yield_now().await;
            }
        });
    }
}

/// What it means for a recipient that its site rests.
fn left_alone(why: &NoLine) -> Fate {
    match fate_of(why) {
        Fate::Waits(reply, cause) => {
            Fate::Waits(reply, format!("not tried so soon after nobody was reached: {cause}"))
        }
        other @ (Fate::Delivered(..) | Fate::Failed(..) | Fate::InDoubt(..)) => other,
    }
}
