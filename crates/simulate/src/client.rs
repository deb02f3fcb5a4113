//! Clients that hand mail in, remember what they heard, and come again as real ones do.

mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use self::session::Session;
use crate::books::{Answer, Sent};
use crate::chance::Chance;
use crate::letter::Letter;
use crate::names;
use crate::plan::{Client, Door};
use crate::stage::Stage;
use crate::wire::Wire;

/// Most tries for one message.
const MOST_TRIES: usize = 8;
/// How long a client waits for the server.
const PATIENCE: Duration = Duration::from_secs(90);
/// Most messages over one connection.
const MOST_AT_ONCE: u64 = 4;

/// Sends all messages of a client.
pub(crate) async fn run(stage: Arc<Stage>, client: Client, mut chance: Chance) {
    sleep(client.begins).await;
    let write = |number| Letter::write((client.number, number), client.door, &mut chance);
    let mut letters: Vec<Letter> = (0..client.letters).map(write).collect();
    for letter in &letters {
        let sent = Sent { letter: letter.clone(), tries: Vec::new() };
        stage.books().letters.insert(letter.name.clone(), sent);
    }
    while !letters.is_empty() {
        let batch = usize::try_from(chance.between(1, MOST_AT_ONCE)).unwrap_or(1).min(letters.len());
        visit(&stage, &client, (letters.get(..batch).unwrap_or_default(), &mut chance)).await;
        letters.retain(|letter| goes_on(&stage, letter, &mut chance));
        sleep(chance.seconds(0, 300)).await;
    }
    stage.books().busy_clients -= 1;
}

/// Whether a message is to be tried again.
fn goes_on(stage: &Stage, letter: &Letter, chance: &mut Chance) -> bool {
    let books = stage.books();
    let Some(sent) = books.letters.get(&letter.name) else { return false };
    let may = sent.tries.len() < MOST_TRIES;
    match sent.tries.last().map(|attempt| &attempt.answer) {
        Some(Answer::Promised(_) | Answer::Refused(500..)) => false,
        Some(Answer::Unknown) => may && chance.percent(85),
        Some(Answer::Refused(_) | Answer::Unsent) | None => may,
    }
}

async fn visit(stage: &Stage, client: &Client, (letters, chance): (&[Letter], &mut Chance)) {
    let (from, address) = match client.door {
        Door::Mx => (names::stranger(client.number), names::MX),
        Door::Submission => (names::machine(client.number), names::SUBMISSION),
    };
    let connecting = timeout(PATIENCE, stage.network.connect(from, address, None));
    let Ok(Ok(end)) = connecting.await else {
        // Nobody is there: that counts, or a client would come for ever.
        letters.iter().for_each(|letter| session::note(stage, letter, (Vec::new(), Answer::Unsent)));
        return;
    };
    let mut session = Session::new(stage, Wire::new(end, PATIENCE), chance.fork());
    // What was not begun when the line went dead counts as a try too.
    let begun = session.hand_in(letters).await;
    for letter in letters.iter().skip(begun) {
        session::note(stage, letter, (Vec::new(), Answer::Unsent));
    }
}
