//! One connection of a client.

use crate::books::{Answer, Try};
use crate::chance::Chance;
use crate::letter::Letter;
use crate::names::THERE;
use crate::plan::Door;
use crate::stage::Stage;
use crate::wire::{Lost, Wire, stuffed};

/// One connection of a client.
#[derive(Debug)]
pub(super) struct Session<'a> {
    stage: &'a Stage,
    wire: Wire,
    chance: Chance,
    /// The lines of its reply to EHLO.
    offers: Vec<String>,
}

/// How content goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Data,
    Chunks,
}

/// What a transaction came to, so far.
struct Progress {
    taken: Vec<String>,
    answer: Answer,
}

impl<'a> Session<'a> {
    pub(super) const fn new(stage: &'a Stage, wire: Wire, chance: Chance) -> Self {
        Self { stage, wire, chance, offers: Vec::new() }
    }

    /// Hands messages in, one behind the other; gives how many were begun.
    pub(super) async fn hand_in(&mut self, letters: &[Letter]) -> usize {
        if self.hello().await.is_err() {
            return 0;
        }
        for (index, letter) in letters.iter().enumerate() {
            if letter.door == Door::Mx && self.chance.percent(5) && self.trespass().await.is_err() {
                return index;
            }
            let mut progress = Progress { taken: Vec::new(), answer: Answer::Unsent };
            let way =
                if self.offers("CHUNKING") && self.chance.percent(25) { Way::Chunks } else { Way::Data };
            let result = if self.offers("PIPELINING") && self.chance.percent(60) {
                self.at_once(letter, way, &mut progress).await
            } else {
                self.step_by_step(letter, way, &mut progress).await
            };
            let number = self.wire.number();
            self.stage.trace.tell(format_args!(
                "connection {number}: client handed in <{}>: {:?}, taken: {:?}",
                letter.name, progress.answer, progress.taken
            ));
            note(self.stage, letter, (progress.taken, progress.answer));
            if result.is_err() {
                return index + 1;
            }
        }
        if self.chance.percent(80) && self.wire.say(b"QUIT\r\n").await.is_ok() {
            // It may be gone without a word.
            let _ = self.wire.reply().await;
        }
        letters.len()
    }

    async fn hello(&mut self) -> Result<(), Lost> {
        let (code, _) = self.wire.reply().await?;
        if code != 220 {
            return Err(Lost);
        }
        self.wire.say(b"EHLO client.example\r\n").await?;
        let (code, lines) = self.wire.lines().await?;
        self.offers = lines;
        if code == 250 { Ok(()) } else { Err(Lost) }
    }

    fn offers(&self, word: &str) -> bool {
        self.offers.iter().any(|line| line.eq_ignore_ascii_case(word))
    }

    /// Asks for what a stranger must not get.
    async fn trespass(&mut self) -> Result<(), Lost> {
        let (code, _) = self.ask(&format!("MAIL FROM:<spam@{THERE}>")).await?;
        if code == 250 {
            let (code, _) = self.ask(&format!("RCPT TO:<victim@{THERE}>")).await?;
            if code < 400 {
                self.stage.books().wrong(None, format!("a stranger may relay: {code}"));
            }
        }
        self.ask("RSET").await.map(|_| ())
    }

    async fn ask(&mut self, command: &str) -> Result<(u16, String), Lost> {
        self.wire.say(format!("{command}\r\n").as_bytes()).await?;
        self.wire.reply().await
    }

    async fn step_by_step(&mut self, letter: &Letter, way: Way, progress: &mut Progress) -> Result<(), Lost> {
        let (code, _) = self.ask(&mail(letter)).await?;
        if code != 250 {
            progress.answer = Answer::Refused(code);
            return Ok(());
        }
        let mut refused = 0;
        for recipient in &letter.recipients {
            let (code, _) = self.ask(&format!("RCPT TO:<{recipient}>")).await?;
            if code == 250 {
                progress.taken.push(recipient.clone());
            } else {
                refused = code;
            }
        }
        if progress.taken.is_empty() {
            progress.answer = Answer::Refused(refused);
            return self.ask("RSET").await.map(|_| ());
        }
        self.content(letter, way, progress).await
    }

    async fn content(&mut self, letter: &Letter, way: Way, progress: &mut Progress) -> Result<(), Lost> {
        match way {
            Way::Data => {
                let (code, _) = self.ask("DATA").await?;
                if code != 354 {
                    progress.answer = Answer::Refused(code);
                    return self.ask("RSET").await.map(|_| ());
                }
                self.wire.say(&stuffed(&letter.content)).await?;
                progress.answer = Answer::Unknown;
            }
            Way::Chunks => {
                let half = letter.content.len() / 2;
                let (first, second) = letter.content.split_at(half);
                self.wire.say(format!("BDAT {}\r\n", first.len()).as_bytes()).await?;
                self.wire.say(first).await?;
                let (code, _) = self.wire.reply().await?;
                if code != 250 {
                    progress.answer = Answer::Refused(code);
                    return self.ask("RSET").await.map(|_| ());
                }
                self.wire.say(format!("BDAT {} LAST\r\n", second.len()).as_bytes()).await?;
                self.wire.say(second).await?;
                progress.answer = Answer::Unknown;
            }
        }
        self.last_word(progress).await
    }

    /// The reply that counts.
    async fn last_word(&mut self, progress: &mut Progress) -> Result<(), Lost> {
        let (code, text) = self.wire.reply().await?;
        progress.answer = if code == 250 { Answer::Promised(text) } else { Answer::Refused(code) };
        Ok(())
    }

    /// The envelope in one go, and DATA with it.
    async fn at_once(&mut self, letter: &Letter, way: Way, progress: &mut Progress) -> Result<(), Lost> {
        let mut commands = format!("{}\r\n", mail(letter));
        for recipient in &letter.recipients {
            commands.push_str(&format!("RCPT TO:<{recipient}>\r\n"));
        }
        let mut octets = commands.into_bytes();
        match way {
            Way::Data => octets.extend_from_slice(b"DATA\r\n"),
            Way::Chunks => {
                octets.extend_from_slice(format!("BDAT {} LAST\r\n", letter.content.len()).as_bytes());
                octets.extend_from_slice(&letter.content);
            }
        }
        self.wire.say(&octets).await?;
        if way == Way::Chunks {
            progress.answer = Answer::Unknown;
        }
        let (mail, _) = self.wire.reply().await?;
        for recipient in &letter.recipients {
            let (code, _) = self.wire.reply().await?;
            if code == 250 {
                progress.taken.push(recipient.clone());
            }
        }
        if way == Way::Chunks {
            return self.last_word(progress).await;
        }
        let (code, _) = self.wire.reply().await?;
        if code != 354 {
            progress.answer = Answer::Refused(if mail == 250 { code } else { mail });
            return self.ask("RSET").await.map(|_| ());
        }
        if progress.taken.is_empty() {
            self.wire.say(b".\r\n").await?;
            let (code, _) = self.wire.reply().await?;
            progress.answer = Answer::Refused(code.max(400));
            return Ok(());
        }
        self.wire.say(&stuffed(&letter.content)).await?;
        progress.answer = Answer::Unknown;
        self.last_word(progress).await
    }
}

fn mail(letter: &Letter) -> String {
    format!("MAIL FROM:<{}>", letter.sender)
}

/// Writes a try down.
pub(super) fn note(stage: &Stage, letter: &Letter, (taken, answer): (Vec<String>, Answer)) {
    stage.books().tried(&letter.name, Try { taken, answer });
}
