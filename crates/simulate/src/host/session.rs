//! One connection at a host.

use std::time::Duration;

use tokio::time::sleep;

use super::Habits;
use crate::books::{Delivery, Refusal, Reported};
use crate::chance::Chance;
use crate::letter::{Arrived, GONE, is_intact, read};
use crate::names::{Host, Speaks};
use crate::network::Mark;
use crate::stage::Stage;
use crate::wire::{Lost, Wire};

/// Most commands of a session.
const MOST_COMMANDS: usize = 5000;

/// One connection at a host.
#[derive(Debug)]
pub(super) struct Session<'a> {
    stage: &'a Stage,
    host: Host,
    habits: Habits,
    chance: Chance,
    sender: Option<String>,
    recipients: Vec<String>,
    chunks: Vec<u8>,
    /// When the content was all written: where nothing passed for a while, it is here long after.
    complete: Duration,
}

/// What a host does instead of what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Later,
    Never,
    Closing,
    Hangs,
    HangsUp,
}

/// What a host does when all content is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Final {
    Takes,
    Later,
    Never,
    /// Hangs up without taking it.
    Loses,
    /// Takes it and hangs up.
    TakesAndHangsUp,
    /// Takes it and says so when nobody waits any more.
    TakesAndHangs,
    /// Takes it and says half of it.
    TakesAndStutters,
}

impl<'a> Session<'a> {
    pub(super) const fn new(stage: &'a Stage, host: Host, (habits, chance): (Habits, Chance)) -> Self {
        Self {
            stage,
            host,
            habits,
            chance,
            sender: None,
            recipients: Vec::new(),
            chunks: Vec::new(),
            complete: Duration::ZERO,
        }
    }

    /// Serves to the end.
    pub(super) async fn serve(&mut self, wire: &mut Wire) -> Result<(), Lost> {
        self.answer(wire, "220 host.example ESMTP\r\n").await?;
        for _ in 0..MOST_COMMANDS {
            let line = wire.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "LHLO" => self.hello(wire).await?,
                "HELO" => self.answer(wire, "250 host.example\r\n").await?,
                "MAIL" => self.mail(wire, &line).await?,
                "RCPT" => self.recipient(wire, &line).await?,
                "DATA" => self.data(wire).await?,
                "BDAT" => self.chunk(wire, &line).await?,
                "RSET" => {
                    self.reset();
                    wire.say(b"250 ok\r\n").await?;
                }
                "NOOP" => wire.say(b"250 ok\r\n").await?,
                "QUIT" => {
                    wire.say(b"221 bye\r\n").await?;
                    wire.close().await;
                    return Ok(());
                }
                _ => wire.say(b"502 unknown\r\n").await?,
            }
        }
        Err(Lost)
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.chunks.clear();
    }

    fn trouble(&mut self) -> Option<Trouble> {
        if self.stage.is_calm() || !self.chance.percent(self.stage.plan.trouble) {
            return None;
        }
        let troubles = [
            Trouble::Later,
            Trouble::Later,
            Trouble::Never,
            Trouble::Closing,
            Trouble::Hangs,
            Trouble::HangsUp,
        ];
        self.chance.pick(&troubles).copied()
    }

    /// Says something, or something unpleasant; true if it was the former.
    async fn says(&mut self, wire: &mut Wire, reply: &str) -> Result<bool, Lost> {
        match self.trouble() {
            None => {
                wire.say(reply.as_bytes()).await?;
                return Ok(true);
            }
            Some(Trouble::Later) => wire.say(b"451 4.3.0 not now\r\n").await?,
            Some(Trouble::Never) => {
                let before = self.stage.books().refusals.len();
                self.refuse_all();
                wire.say(b"554 5.7.1 never\r\n").await?;
                self.refused(before, &wire.mark());
            }
            Some(Trouble::Closing) => {
                wire.say(b"421 4.3.2 closing\r\n").await?;
                wire.close().await;
                return Err(Lost);
            }
            Some(Trouble::Hangs) => {
                sleep(self.chance.seconds(1, 200)).await;
                wire.say(reply.as_bytes()).await?;
                return Ok(true);
            }
            Some(Trouble::HangsUp) => return Err(Lost),
        }
        Ok(false)
    }

    async fn answer(&mut self, wire: &mut Wire, reply: &str) -> Result<(), Lost> {
        self.says(wire, reply).await.map(|_| ())
    }

    async fn hello(&mut self, wire: &mut Wire) -> Result<(), Lost> {
        self.reset();
        let mut reply = String::from("250-host.example\r\n");
        for keyword in self.habits.lists.into_iter().flatten() {
            reply.extend(["250-", keyword, "\r\n"]);
        }
        reply.push_str("250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000\r\n");
        self.answer(wire, &reply).await
    }

    async fn mail(&mut self, wire: &mut Wire, line: &str) -> Result<(), Lost> {
        self.reset();
        self.sender = Some(path(line));
        if !self.says(wire, "250 ok\r\n").await? {
            self.sender = None;
        }
        Ok(())
    }

    async fn recipient(&mut self, wire: &mut Wire, line: &str) -> Result<(), Lost> {
        let recipient = path(line);
        if self.sender.is_none() {
            return wire.say(b"503 MAIL first\r\n").await;
        }
        if recipient.starts_with(GONE) {
            let before = self.stage.books().refusals.len();
            self.refuse(&recipient);
            wire.say(b"550 5.1.1 no such mailbox\r\n").await?;
            self.refused(before, &wire.mark());
            return Ok(());
        }
        if !recipient.ends_with(&format!("@{}", self.host.domain)) {
            let what = format!("{} was asked to take mail for {recipient}", self.host.name);
            self.stage.books().wrong(None, what);
        }
        if self.recipients.len() >= self.habits.recipients {
            return wire.say(b"452 4.5.3 too many recipients\r\n").await;
        }
        self.recipients.push(recipient);
        if !self.says(wire, "250 ok\r\n").await? {
            self.recipients.pop();
        }
        Ok(())
    }

    /// Whoever is named by now; nobody yet means all.
    fn refuse_all(&self) {
        if self.recipients.is_empty() {
            return self.refuse(&format!("@{}", self.host.domain));
        }
        self.recipients.iter().for_each(|recipient| self.refuse(recipient));
    }

    fn refuse(&self, recipient: &str) {
        let sender = self.sender.clone();
        let refusal = Refusal { sender, recipient: recipient.to_owned(), told: Mark::default() };
        self.stage.books().refusals.push(refusal);
    }

    /// It was said that so many behind the first ones are refused.
    fn refused(&self, before: usize, mark: &Mark) {
        for refusal in self.stage.books().refusals.iter_mut().skip(before) {
            refusal.told = mark.clone();
        }
    }

    async fn data(&mut self, wire: &mut Wire) -> Result<(), Lost> {
        if self.recipients.is_empty() {
            return wire.say(b"503 5.5.1 no recipients\r\n").await;
        }
        if !self.says(wire, "354 go on\r\n").await? {
            return Ok(());
        }
        let content = wire.content().await?;
        self.complete(wire, &content).await
    }

    async fn chunk(&mut self, wire: &mut Wire, line: &str) -> Result<(), Lost> {
        let mut words = line.split_whitespace().skip(1);
        let size = words.next().and_then(|size| size.parse().ok()).ok_or(Lost)?;
        let octets = wire.octets(size).await?;
        self.chunks.extend_from_slice(&octets);
        if words.next().is_none() {
            return wire.say(b"250 ok\r\n").await;
        }
        let content = std::mem::take(&mut self.chunks);
        // It came along with its envelope, and nobody in that was taken.
        if self.recipients.is_empty() {
            return wire.say(b"503 5.5.1 no recipients\r\n").await;
        }
        self.complete(wire, &content).await
    }

    fn outcome(&mut self) -> Final {
        if self.stage.is_calm() || !self.chance.percent(2 * self.stage.plan.trouble) {
            return Final::Takes;
        }
        let outcomes = [
            Final::Later,
            Final::Never,
            Final::Loses,
            Final::TakesAndHangsUp,
            Final::TakesAndHangs,
            Final::TakesAndStutters,
        ];
        self.chance.pick(&outcomes).copied().unwrap_or(Final::Takes)
    }

    /// All content is there.
    async fn complete(&mut self, wire: &mut Wire, content: &[u8]) -> Result<(), Lost> {
        let recipients = std::mem::take(&mut self.recipients);
        self.complete = self.stage.trace.elapsed().saturating_sub(wire.age());
        // Only with the last of its replies is a transaction over for the server.
        let mut taken = Vec::new();
        let before = self.stage.books().refusals.len();
        match self.host.speaks {
            Speaks::Smtp => taken.extend(self.conclude(wire, (content, &recipients)).await?),
            Speaks::Lmtp => {
                for recipient in &recipients {
                    taken.extend(self.conclude(wire, (content, std::slice::from_ref(recipient))).await?);
                }
            }
        }
        let mark = wire.mark();
        self.told(&taken, &mark);
        self.refused(before, &mark);
        self.reset();
        Ok(())
    }

    /// Says what becomes of the content; gives what was taken.
    async fn conclude(
        &mut self,
        wire: &mut Wire,
        (content, recipients): (&[u8], &[String]),
    ) -> Result<Vec<Place>, Lost> {
        let outcome = self.outcome();
        let taken = match outcome {
            Final::Takes | Final::TakesAndHangsUp | Final::TakesAndHangs | Final::TakesAndStutters => {
                self.take(content, recipients)
            }
            Final::Later | Final::Never | Final::Loses => Vec::new(),
        };
        match outcome {
            Final::Takes => wire.say(b"250 2.0.0 taken\r\n").await?,
            Final::Later => wire.say(b"451 4.3.0 not now\r\n").await?,
            Final::Never => {
                recipients.iter().for_each(|recipient| self.refuse(recipient));
                wire.say(b"554 5.6.0 never\r\n").await?;
            }
            Final::Loses | Final::TakesAndHangsUp => return Err(Lost),
            Final::TakesAndHangs => {
                sleep(self.chance.seconds(30, 300)).await;
                wire.say(b"250 2.0.0 taken\r\n").await?;
            }
            Final::TakesAndStutters => {
                wire.say(b"25").await?;
                sleep(Duration::from_secs(1)).await;
                return Err(Lost);
            }
        }
        Ok(taken)
    }

    /// Has it from now on; gives the places in the books.
    fn take(&self, content: &[u8], recipients: &[String]) -> Vec<Place> {
        let sender = self.sender.clone().unwrap_or_default();
        let at = self.complete;
        let arrived = read(&sender, content);
        self.stage.trace.tell(format_args!("{} took {arrived:?} for {recipients:?}", self.host.name));
        let mut books = self.stage.books();
        let mut places = Vec::new();
        for recipient in recipients {
            match &arrived {
                Arrived::Letter { name, id } => {
                    let known = books.letters.get(name);
                    let intact = known.is_some_and(|sent| is_intact(&sent.letter.content, content));
                    places.push(Place::Delivery(books.deliveries.len()));
                    books.deliveries.push(Delivery {
                        at,
                        host: self.host.name,
                        name: name.clone(),
                        id: id.clone(),
                        sender: sender.clone(),
                        recipient: recipient.clone(),
                        intact,
                        told: Mark::default(),
                    });
                }
                Arrived::Report(report) => {
                    places.push(Place::Report(books.reports.len()));
                    let (to, report) = (recipient.clone(), report.clone());
                    books.reports.push(Reported { to, report, told: Mark::default() });
                }
                Arrived::Odd(why) => {
                    let what = format!("{} got something odd for {recipient}: {why}", self.host.name);
                    books.wrong(None, what);
                }
            }
        }
        places
    }

    /// It was said that it is taken.
    fn told(&self, places: &[Place], mark: &Mark) {
        let mut books = self.stage.books();
        for place in places {
            match place {
                Place::Delivery(index) => {
                    if let Some(delivery) = books.deliveries.get_mut(*index) {
                        delivery.told = mark.clone();
                    }
                }
                Place::Report(index) => {
                    if let Some(reported) = books.reports.get_mut(*index) {
                        reported.told = mark.clone();
                    }
                }
            }
        }
    }
}

/// A place in the books.
#[derive(Debug, Clone, Copy)]
enum Place {
    Delivery(usize),
    Report(usize),
}

/// What stands between the brackets.
fn path(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(path, _)| path.to_owned())
}
