use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::*;

/// Longer than any of this takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

fn pool(threads: usize, queue: usize) -> Arc<Pool> {
    let number = |number| NonZeroUsize::new(number).unwrap();
    Arc::new(Pool::new(EmbeddedSettings { password_threads: number(threads), password_queue: number(queue) }))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// Keeps every thread of a pool at work until the sender is dropped or sends.
fn occupy(runtime: &Runtime, pool: &Arc<Pool>, threads: usize) -> Vec<mpsc::Sender<()>> {
    (0..threads)
        .map(|_| {
            let (started, starts) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let pool = Arc::clone(pool);
            runtime.spawn(async move {
                let work = move |_: &mut Scratch| {
                    started.send(()).unwrap();
                    let _ = released.recv_timeout(PATIENCE);
                };
                pool.run(work).await
            });
            starts.recv_timeout(PATIENCE).unwrap();
            release
        })
        .collect()
}

/// Waits until so many jobs are in the queue.
fn await_waiting(pool: &Pool, waiting: usize) {
    let patience = std::time::Instant::now() + PATIENCE;
    while pool.load().waiting != waiting {
        assert!(std::time::Instant::now() < patience, "{pool:?}");
        thread::yield_now();
    }
}

#[test]
fn threads_are_as_many_as_there_is_work_for() {
    let (runtime, pool) = (runtime(), pool(3, 10));
    assert_eq!(pool.load().threads, 0);
    for _ in 0..5 {
        runtime.block_on(pool.run(|_| ())).unwrap();
    }
    let held = occupy(&runtime, &pool, 3);
    assert_eq!(pool.load().threads, 3);
    drop(held);
}

#[test]
fn a_full_queue_turns_away_and_takes_again() {
    let (runtime, pool) = (runtime(), pool(2, 3));
    let held = occupy(&runtime, &pool, 2);
    let waiting: Vec<_> = (0..3)
        .map(|number| {
            let pool = Arc::clone(&pool);
            runtime.spawn(async move { pool.run(move |_| number).await })
        })
        .collect();
    await_waiting(&pool, 3);
    for _ in 0..100 {
        assert!(matches!(runtime.block_on(pool.run(|_| ())), Err(DirectoryError::Busy)));
    }
    let load = pool.load();
    assert_eq!((load.threads, load.waiting, load.most_waiting, load.turned_away), (2, 3, 3, 100));
    drop(held);
    for (number, waited) in waiting.into_iter().enumerate() {
        assert_eq!(runtime.block_on(waited).unwrap().unwrap(), number);
    }
    runtime.block_on(pool.run(|_| ())).unwrap();
}

#[test]
fn work_that_nobody_waits_for_is_not_done() {
    let (runtime, pool) = (runtime(), pool(1, 10));
    let held = occupy(&runtime, &pool, 1);
    let (done, dones) = mpsc::channel();
    let abandoned = {
        let (pool, done) = (Arc::clone(&pool), done.clone());
        runtime.spawn(async move { pool.run(move |_| done.send("abandoned")).await })
    };
    await_waiting(&pool, 1);
    abandoned.abort();
    assert!(runtime.block_on(abandoned).unwrap_err().is_cancelled());
    drop(held);
    runtime.block_on(pool.run(move |_| done.send("wanted"))).unwrap().unwrap();
    assert_eq!(dones.iter().collect::<Vec<_>>(), ["wanted"]);
}

#[test]
fn work_that_breaks_down_is_told_and_its_thread_goes_on() {
    let (runtime, pool) = (runtime(), pool(1, 10));
    for _ in 0..3 {
        let broken = runtime.block_on(pool.run(|_| -> () { panic!("planted") }));
        assert!(matches!(broken, Err(DirectoryError::Unavailable(StoreFault::BrokenOff))), "{broken:?}");
        assert_eq!(runtime.block_on(pool.run(|_| 7)).unwrap(), 7);
    }
    assert_eq!(pool.load().threads, 1);
}

#[test]
fn closing_breaks_off_what_waits_and_leaves_no_thread() {
    let pool = pool(1, 10);
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let going_on = move |_: &mut Scratch| {
        started.send(()).unwrap();
        let _ = released.recv_timeout(PATIENCE);
    };
    pool.submit(Box::new(going_on)).unwrap();
    starts.recv_timeout(PATIENCE).unwrap();
    let (sender, waiting) = oneshot::channel();
    pool.submit(Box::new(move |_| sender.send("done").unwrap())).unwrap();
    let shared = Arc::downgrade(&pool.shared);
    let closing = thread::spawn(move || drop(pool));
    assert!(waiting.blocking_recv().is_err(), "broken off while the other goes on");
    assert!(!closing.is_finished(), "closing waits for what goes on");
    drop(release);
    closing.join().unwrap();
    assert!(shared.upgrade().is_none(), "a thread outlived its pool");
}
