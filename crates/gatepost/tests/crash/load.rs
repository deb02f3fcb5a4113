//! Sessions that hand in letters as fast as they can, whatever happens to the server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_testworld::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::book::{Book, Letter, Place};

pub(crate) const OURS: &str = "ours.example";
pub(crate) const THERE: &str = "there.example";
/// Nobody that gatepost knows.
pub(crate) const SENDER: &str = "load@elsewhere.example";
/// The mailbox that everything goes to.
pub(crate) const MAILBOX: &str = "everything";

/// After a session that broke without news of the server.
const PAUSE: Duration = Duration::from_millis(5);

/// Where the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Down,
    At(SocketAddr),
    /// No more letters.
    Enough,
}

/// Writers at work.
pub(crate) struct Load {
    server: watch::Sender<Server>,
    promises: watch::Receiver<usize>,
    desk: Arc<Desk>,
    writers: JoinSet<()>,
}

struct Desk {
    book: Mutex<Book>,
    promises: watch::Sender<usize>,
}

impl Load {
    /// So many writers, each writing so many letters at most.
    pub(crate) fn start(writers: u32, letters: u32) -> Self {
        let (server, _) = watch::channel(Server::Down);
        let (counter, promises) = watch::channel(0);
        let desk = Arc::new(Desk { book: Mutex::default(), promises: counter });
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            tasks.spawn(write((writer, letters), server.subscribe(), desk.clone()));
        }
        Self { server, promises, desk, writers: tasks }
    }

    /// Tells the writers.
    pub(crate) fn server_is(&self, server: Server) {
        self.server.send_replace(server);
    }

    /// How many letters got 250 so far.
    pub(crate) fn promises(&self) -> usize {
        *self.promises.borrow()
    }

    /// Waits until so many got 250.
    pub(crate) async fn await_promises(&mut self, count: usize) {
        let waited =
            timeout(crate::rig::PATIENCE, self.promises.wait_for(|promises| *promises >= count)).await;
        waited.expect("letters are taken in time").expect("writers are at work");
    }

    /// Lets the letters that are on the way come to their end, and gives the book.
    pub(crate) async fn finish(mut self) -> Book {
        self.server_is(Server::Enough);
        self.book_of_all().await
    }

    /// Waits until every writer has written all its letters, and gives the book.
    pub(crate) async fn book_of_all(&mut self) -> Book {
        while let Some(ended) = self.writers.join_next().await {
            ended.expect("a writer ends well");
        }
        self.desk.book.lock().expect("the book").clone()
    }
}

async fn write((writer, letters): (u32, u32), mut server: watch::Receiver<Server>, desk: Arc<Desk>) {
    let mut number = 0;
    while number < letters {
        let now = *server.borrow_and_update();
        let broke = match now {
            Server::Enough => return,
            Server::Down => true,
            Server::At(address) => {
                let mut next = || {
                    let goes_on = number < letters && *server.borrow() == now;
                    goes_on.then(|| {
                        number += 1;
                        Letter { writer, number }
                    })
                };
                session(address, &mut next, &desk).await.is_err()
            }
        };
        if broke {
            // News come at once; without any, the same server is tried again soon.
            let _ = timeout(PAUSE, server.changed()).await;
        }
    }
}

/// One session, many letters; an error when it broke.
async fn session(
    address: SocketAddr,
    next: &mut impl FnMut() -> Option<Letter>,
    desk: &Desk,
) -> io::Result<()> {
    let mut client = Client::connect(address).await?;
    client.say("EHLO elsewhere.example", "250").await?;
    while let Some(letter) = next() {
        let recipients = letter.places().iter().map(|place| match place {
            Place::Maildir => format!("{MAILBOX}@{OURS}"),
            Place::Sink => format!("{MAILBOX}@{THERE}"),
        });
        let recipients: Vec<String> = recipients.collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        desk.book.lock().expect("the book").sends(letter);
        client.submit(SENDER, &recipients, &letter.content()).await?;
        let mut book = desk.book.lock().expect("the book");
        book.is_promised(letter);
        desk.promises.send_replace(book.promises());
    }
    client.quit().await
}
