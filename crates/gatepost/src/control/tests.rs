use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Principal, ReversePath, SessionId, SpoolId,
};
use gatepost_mta::{Event, Events};
use gatepost_spool::{Draft as _, Memory, Outcome, Settled, Spool as _, Warned};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::socket::{ControlSocket, Reload};
use super::*;

#[derive(Default)]
struct Reloads(AtomicUsize);

impl Reload for Reloads {
    async fn reload(&self) -> Result<(), ControlError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(ControlError("the new one is wrong".to_owned())),
        }
    }
}

struct World {
    folder: tempfile::TempDir,
    spool: Arc<Memory>,
    events: mpsc::Receiver<Event>,
    end: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Memory::new(gatepost_mta::event::now()));
        let (sink, events) = Events::channel();
        let socket = ControlSocket::open(folder.path()).unwrap();
        let (end, ended) = watch::channel(false);
        let queue = Arc::new(Local::new(spool.clone(), sink));
        let task = tokio::spawn(socket.serve(queue, Arc::new(Reloads::default()), ended));
        Self { folder, spool, events, end, task }
    }

    async fn remote(&self) -> Remote {
        Remote::connect(self.folder.path()).await.unwrap().unwrap()
    }

    async fn queue(&self, to: &str) -> SpoolId {
        let now = gatepost_mta::event::now();
        let mut draft = self.spool.draft().await.unwrap();
        draft.write(b"Subject: hello\r\n\r\n").await.unwrap();
        let envelope = Envelope {
            reverse_path: ReversePath::parse("<ada@example.org>").unwrap(),
            recipients: vec![gatepost_mail::Recipient::new(ForwardPath::parse(to).unwrap())],
            body: Body::SevenBit,
            ending: Ending::Line,
            international: International::No,
            returns: None,
            envelope_id: None,
            principal: Principal::Account("ada@example.org".into()),
            session: SessionId::from_number(7),
            received: now,
        };
        draft.commit(envelope, now).await.unwrap().id()
    }
}

#[tokio::test]
async fn a_message_is_seen_and_changed_through_the_socket() {
    let mut world = World::start();
    let id = world.queue("<bob@example.net>").await;
    let remote = world.remote().await;
    let seen = remote.show(id).await.unwrap();
    assert_eq!((seen.sender.as_str(), seen.state), ("<ada@example.org>", MessageState::New));
    assert_eq!(seen.recipients[0].address, "<bob@example.net>");
    assert_eq!(remote.change(Action::Hold, &[id], "ada").await.unwrap(), []);
    assert_eq!(remote.show(id).await.unwrap().state, MessageState::Held);
    assert_eq!(remote.change(Action::Release, &[id], "ada").await.unwrap(), []);
    assert_eq!(remote.show(id).await.unwrap().state, MessageState::New);
    assert_eq!(remote.change(Action::Remove, &[id], "ada").await.unwrap(), []);
    assert_eq!(remote.show(id).await.unwrap_err().0, format!("there is no message {id}"));
    let event = world.events.recv().await.unwrap();
    let told = serde_json::to_value(&event).unwrap();
    assert_eq!(told["action"], "held");
    assert_eq!(told["by"], format!("ada (user id {})", rustix::process::getuid().as_raw()));
}

#[tokio::test]
async fn a_deferred_message_says_why_and_can_be_tried_now() {
    let world = World::start();
    let id = world.queue("<bob@example.net>").await;
    let now = gatepost_mta::event::now();
    let claim = world.spool.claim(now, Duration::from_secs(60), 1).await.unwrap().remove(0);
    let later = now.after(Duration::from_secs(900));
    let outcome = Outcome::Again { due: later, why: "451 later".into(), warned: Warned::NotYet };
    world.spool.settle(claim, vec![Settled { recipient: 0, outcome }]).await.unwrap();
    let remote = world.remote().await;
    let seen = remote.show(id).await.unwrap();
    assert_eq!(seen.state, MessageState::Deferred);
    let waiting = |due: u64| RecipientState::Waiting { due, attempts: 1, cause: Some("451 later".into()) };
    assert_eq!(seen.recipients[0].state, waiting(later.as_micros()));
    assert_eq!(remote.change(Action::Retry, &[id], "ada").await.unwrap(), []);
    let RecipientState::Waiting { due, .. } = remote.show(id).await.unwrap().recipients[0].state else {
        panic!("it waits")
    };
    assert!(due < later.as_micros());
}

#[tokio::test]
async fn what_cannot_be_changed_is_named_and_the_others_are() {
    let world = World::start();
    let (first, last) = (world.queue("<bob@example.net>").await, world.queue("<bob@example.net>").await);
    let missing = SpoolId::from_number(1);
    let remote = world.remote().await;
    let but = remote.change(Action::Hold, &[first, missing, last], "ada").await.unwrap();
    assert_eq!(but.len(), 1, "{but:?}");
    assert_eq!((but[0].id.as_str(), but[0].cause.contains("no message")), (&*missing.to_string(), true));
    for id in [first, last] {
        assert_eq!(remote.show(id).await.unwrap().state, MessageState::Held);
    }
    let many = vec![first; PAGE + 1];
    assert!(remote.change(Action::Hold, &many, "ada").await.unwrap_err().0.contains("at most 100"));
}

#[tokio::test]
async fn a_long_queue_comes_in_pages() {
    let world = World::start();
    let mut all = Vec::new();
    for _ in 0..PAGE + 5 {
        all.push(world.queue("<bob@example.net>").await.to_string());
    }
    let remote = world.remote().await;
    let first = remote.list(None).await.unwrap();
    let last: SpoolId = first.last().unwrap().id.parse().unwrap();
    let rest = remote.list(Some(last)).await.unwrap();
    let listed: Vec<_> = first.into_iter().chain(rest).map(|message| message.id).collect();
    assert_eq!(listed, all);
    assert_eq!(remote.status().await.unwrap().messages, all.len() as u64);
}

#[tokio::test]
async fn a_reload_that_is_refused_says_why() {
    let world = World::start();
    let remote = world.remote().await;
    remote.reload().await.unwrap();
    assert_eq!(remote.reload().await.unwrap_err().0, "the new one is wrong");
}

#[tokio::test]
async fn noise_is_refused_and_the_next_request_is_answered() {
    let world = World::start();
    let mut stream = UnixStream::connect(socket_path(world.folder.path())).await.unwrap();
    stream.write_all(b"\xff\n{\"ask\":\"show\",\"id\":\"x\"}\n{\"ask\":\"status\"}\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    let says: Vec<_> = told
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["say"].clone())
        .collect();
    assert_eq!(says, ["refused", "refused", "status"]);
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::start();
    let path = socket_path(world.folder.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    world.end.send(true).unwrap();
    world.task.await.unwrap();
    assert!(!path.exists());
    assert!(Remote::connect(world.folder.path()).await.unwrap().is_none());
}

/// A file in memory.
#[derive(Default)]
struct Written(Vec<u8>);

impl Sink for Written {
    async fn take(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.0.extend_from_slice(octets);
        Ok(())
    }
}

#[tokio::test]
async fn a_message_goes_out_and_in_through_the_socket() {
    let (one, other) = (World::start(), World::start());
    let id = one.queue("<bob@example.net>").await;
    let large = {
        let now = gatepost_mta::event::now();
        let envelope = (*one.spool.entry(id).await.unwrap().unwrap().envelope).clone();
        let mut draft = one.spool.draft().await.unwrap();
        draft.write(&vec![b'x'; 3 * LONGEST_PIECE + 5]).await.unwrap();
        draft.commit(envelope, now).await.unwrap().id()
    };
    let (from, to) = (one.remote().await, other.remote().await);
    for id in [id, large] {
        let mut file = Written::default();
        from.export(id, &mut file).await.unwrap();
        let (new, was) = to.import(&mut &file.0[..], &[], "ada").await.unwrap();
        assert_eq!(was, Was::New);
        assert_eq!(to.import(&mut &file.0[..], &[new], "ada").await.unwrap(), (new, Was::There));
        let [sent, come] =
            [one.spool.entry(id).await.unwrap().unwrap(), other.spool.entry(new).await.unwrap().unwrap()];
        assert_eq!((sent.envelope, sent.recipients, sent.size), (come.envelope, come.recipients, come.size));
        // One that is refused is heard to its end, and the connection goes on.
        file.0[0] = b'x';
        assert!(to.import(&mut &file.0[..], &[], "ada").await.unwrap_err().0.contains("no message"));
    }
    let missing = from.export(SpoolId::from_number(1), &mut Written::default()).await.unwrap_err();
    assert!(missing.0.contains("0000000000001"), "{missing}");
    assert_eq!(from.status().await.unwrap().messages, 2);
    assert_eq!(to.status().await.unwrap().messages, 2);
}
