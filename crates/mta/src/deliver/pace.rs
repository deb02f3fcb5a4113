//! How many workers a site may have: more while all goes well, fewer when there is trouble, and a rest when nobody
//! is reached.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::NoLine;
use super::site::Target;

/// Fewest workers of a site that somebody has reached.
const FLOOR: usize = 1;
/// Most workers, and so connections, of one site elsewhere.
const CEILING: usize = 20;
/// Most workers of a site when somebody has just been reached.
const START: usize = 10;
/// Most workers of a site that nobody has reached yet, while connections are plenty. Else, and where nobody was
/// reached last time, it is one.
pub(super) const UNPROVEN: usize = 3;
/// Workers that write into Maildirs: each is busy with a disk.
const MAILDIR: usize = 8;
/// For how long a site gets no more workers than it has after there was trouble.
const CALM: Duration = Duration::from_secs(60);

/// How many workers a site may have.
#[derive(Debug)]
pub(super) struct Pace {
    standing: Standing,
    ceiling: usize,
    limit: usize,
    /// Messages that went well since the limit last changed.
    earned: usize,
    calm_until: Option<Instant>,
    /// Workers that reached nobody, since somebody was reached.
    in_vain: usize,
    /// How often the site was given up in a row.
    failures: u32,
    rest: Option<Rest>,
}

/// What is known of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Reached,
    Down,
}

/// A site is left alone.
#[derive(Debug)]
struct Rest {
    until: Instant,
    why: Arc<NoLine>,
}

impl Pace {
    pub(super) const fn new(target: &Target) -> Self {
        let (standing, limit, ceiling) = match target {
            Target::Maildir(_) => (Standing::Reached, MAILDIR, MAILDIR),
            Target::Lmtp(_) | Target::Smtp(_) | Target::Exchangers(_) | Target::Literal(_) => {
                (Standing::New, START, CEILING)
            }
        };
        Self { standing, ceiling, limit, earned: 0, calm_until: None, in_vain: 0, failures: 0, rest: None }
    }

    /// Most workers now, where a site that nobody has reached may have so many.
    pub(super) fn most(&self, unproven: usize) -> usize {
        match self.standing {
            Standing::New => unproven,
            Standing::Reached => self.limit,
            Standing::Down => 1,
        }
    }

    /// Whether somebody was reached when it was last tried.
    pub(super) fn is_proven(&self) -> bool {
        self.standing == Standing::Reached
    }

    /// Somebody was reached.
    pub(super) fn reached(&mut self) {
        if self.standing == Standing::Down {
            (self.limit, self.earned) = (START.min(self.ceiling), 0);
        }
        self.standing = Standing::Reached;
        (self.in_vain, self.failures) = (0, 0);
        self.rest = None;
    }

    /// A message went well: with as many as there may be workers, there may be one more.
    pub(super) fn went_well(&mut self) {
        self.earned += 1;
        if self.earned >= self.limit && self.calm_until.is_none_or(|calm| Instant::now() >= calm) {
            self.limit = (self.limit + 1).min(self.ceiling);
            self.earned = 0;
        }
    }

    /// There was trouble: half as many workers, and no more than have lines. What comes soon after belongs to the
    /// same trouble.
    pub(super) fn trouble(&mut self, lines: usize) {
        let now = Instant::now();
        let same = self.calm_until.is_some_and(|calm| now + CALM < calm + SAME);
        let half = if same { self.limit } else { self.limit / 2 };
        self.limit = half.min(lines).max(FLOOR);
        self.earned = 0;
        self.calm_until = Some(now + CALM);
    }

    /// A worker reached nobody. Gives how many did so in a row.
    pub(super) fn reached_nobody(&mut self) -> usize {
        self.in_vain += 1;
        self.in_vain
    }

    /// The site is given up. `rest` says how long it rests after so many times.
    pub(super) fn give_up(&mut self, why: Arc<NoLine>, rest: impl FnOnce(u32) -> Duration) {
        self.standing = Standing::Down;
        self.in_vain = 0;
        self.failures = self.failures.saturating_add(1);
        self.rest = Some(Rest { until: Instant::now() + rest(self.failures), why });
    }

    /// Why the site is left alone, if it is.
    pub(super) fn rests(&self) -> Option<Arc<NoLine>> {
        let rest = self.rest.as_ref().filter(|rest| Instant::now() < rest.until)?;
        Some(rest.why.clone())
    }
}

/// How long trouble counts as one.
const SAME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn pace() -> Pace {
        Pace::new(&Target::Literal(Ipv4Addr::LOCALHOST.into()))
    }

    fn well(pace: &mut Pace, times: usize) {
        for _ in 0..times {
            pace.went_well();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_grows_by_one_and_shrinks_by_half() {
        let mut pace = pace();
        assert_eq!(pace.most(UNPROVEN), UNPROVEN);
        pace.reached();
        assert_eq!(pace.most(UNPROVEN), START);
        well(&mut pace, START);
        assert_eq!(pace.most(UNPROVEN), START + 1);
        well(&mut pace, 1000);
        assert_eq!(pace.most(UNPROVEN), CEILING);
        pace.trouble(CEILING);
        assert_eq!(pace.most(UNPROVEN), CEILING / 2);
        // Nineteen others that were refused with it.
        for _ in 0..19 {
            pace.trouble(8);
        }
        assert_eq!(pace.most(UNPROVEN), 8);
        well(&mut pace, 1000);
        assert_eq!(pace.most(UNPROVEN), 8, "not at once again");
        tokio::time::advance(CALM).await;
        well(&mut pace, 8);
        assert_eq!(pace.most(UNPROVEN), 9);
        for _ in 0..9 {
            tokio::time::advance(SAME * 2).await;
            pace.trouble(9);
        }
        assert_eq!(pace.most(UNPROVEN), FLOOR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_site_that_is_down_rests_and_is_tried_by_one() {
        let mut pace = pace();
        let why = || Arc::new(NoLine::for_now("mx.there.example", "silent"));
        let rest = |failures| Duration::from_secs(10) * failures;
        pace.give_up(why(), rest);
        assert!(pace.rests().is_some());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(pace.rests().is_none());
        assert_eq!(pace.most(UNPROVEN), 1);
        pace.give_up(why(), rest);
        tokio::time::advance(Duration::from_secs(19)).await;
        assert!(pace.rests().is_some(), "longer each time");
        pace.reached();
        assert!(pace.rests().is_none());
        assert_eq!(pace.most(UNPROVEN), START);
        pace.give_up(why(), rest);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(pace.rests().is_none(), "and short again once somebody was reached");
    }
}
