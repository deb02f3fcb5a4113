use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;

/// What the next connections and questions come to.
#[derive(Default)]
struct Script {
    made: AtomicUsize,
    /// Connections that were made before this one are broken.
    broken_before: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Answers,
    Refuses,
    Dead,
    Silent,
}

impl Connect for Arc<Script> {
    type Link = usize;
    type Question = ();
    type Found = usize;

    async fn connect(&self) -> Result<usize, String> {
        match *lock(&self.state) {
            State::Dead => Err("nobody is there".to_owned()),
            State::Answers | State::Refuses | State::Silent => Ok(self.made.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn ask(&self, link: &mut usize, (): &()) -> Result<usize, Failed> {
        if *link < self.broken_before.load(Ordering::Relaxed) {
            return Err(Failed::broken("it is gone"));
        }
        let state = *lock(&self.state);
        match state {
            State::Answers => Ok(*link),
            State::Refuses => Err(Failed::refused("no such table")),
            State::Dead => Err(Failed::broken("it is gone")),
            State::Silent => std::future::pending().await,
        }
    }
}

fn connections() -> (Arc<Script>, Connections<Arc<Script>>) {
    let script = Arc::new(Script::default());
    (Arc::clone(&script), Connections::new("source", script))
}

fn cause(found: Result<usize, DirectoryError>) -> String {
    match found {
        Err(DirectoryError::Source { source_name, cause }) => {
            assert_eq!(source_name, "source");
            cause
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_is_kept_replaced_once_and_survives_a_refusal() {
    let (script, connections) = connections();
    for _ in 0..3 {
        assert_eq!(connections.ask(&()).await.unwrap(), 0, "the same one");
    }
    script.broken_before.store(1, Ordering::Relaxed);
    assert_eq!(connections.ask(&()).await.unwrap(), 1, "another one, without an error");
    *lock(&script.state) = State::Refuses;
    assert_eq!(cause(connections.ask(&()).await), "no such table");
    *lock(&script.state) = State::Answers;
    assert_eq!(connections.ask(&()).await.unwrap(), 1, "the same one again");
    script.broken_before.store(9, Ordering::Relaxed);
    assert_eq!(cause(connections.ask(&()).await), "it is gone", "not tried forever");
    assert_eq!(script.made.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_dead_server_is_left_alone_for_a_time_that_doubles() {
    let (script, connections) = connections();
    *lock(&script.state) = State::Dead;
    let mut waits = Vec::new();
    for _ in 0..7 {
        assert_eq!(cause(connections.ask(&()).await), "nobody is there");
        let mut trouble = lock(&connections.trouble);
        let trouble = trouble.as_mut().unwrap();
        waits.push(trouble.wait.as_millis());
        trouble.until = Instant::now();
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000]);
    lock(&connections.trouble).as_mut().unwrap().until = Instant::now() + SOURCE_BACK_OFF_MOST;
    *lock(&script.state) = State::Answers;
    assert_eq!(cause(connections.ask(&()).await), "nobody is there", "it is not asked yet");
    lock(&connections.trouble).as_mut().unwrap().until = Instant::now();
    assert_eq!(connections.ask(&()).await.unwrap(), 0);
    assert!(lock(&connections.trouble).is_none(), "forgotten");
}

#[tokio::test]
async fn those_who_wait_are_few_and_leave_room_when_they_go() {
    let (script, connections) = connections();
    *lock(&script.state) = State::Silent;
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting: Vec<_> = (0..SOURCE_WAITING_MOST).map(|_| Box::pin(connections.ask(&()))).collect();
    assert!(waiting.iter_mut().all(|it| it.as_mut().poll(&mut context).is_pending()));
    assert_eq!(script.made.load(Ordering::Relaxed), SOURCE_CONNECTIONS);
    let mut further = Box::pin(connections.ask(&()));
    assert!(matches!(further.as_mut().poll(&mut context), Poll::Ready(Err(DirectoryError::Busy))));
    drop((waiting, further));
    *lock(&script.state) = State::Answers;
    assert!(connections.ask(&()).await.is_ok());
}
