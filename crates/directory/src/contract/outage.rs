//! A source whose server dies, freezes, and comes back in the middle of logins.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatepost_sasl::{PasswordCheck, Secret};
use gatepost_testworld::patience::{PATIENCE, until};
use gatepost_testworld::peers::{Mariadb, Postgresql, Slapd};
use tokio::net::{TcpListener, TcpStream};

use crate::limits::{SOURCE_ANSWER_WAIT, SOURCE_CONNECT_WAIT};
use crate::{Directory, DirectoryError};

/// Logins at once.
const CLIENTS: usize = 6;

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(5);

/// A server that can be hurt.
pub(crate) trait Mortal {
    fn kill(&mut self);
    fn freeze(&self);
    fn thaw(&self);
    async fn revive(&mut self) -> io::Result<()>;
}

macro_rules! mortal {
    ($kind:ty) => {
        impl Mortal for $kind {
            fn kill(&mut self) {
                Self::kill(self);
            }
            fn freeze(&self) {
                Self::freeze(self);
            }
            fn thaw(&self) {
                Self::thaw(self);
            }
            async fn revive(&mut self) -> io::Result<()> {
                Self::restart(self).await
            }
        }
    };
}
mortal!(Postgresql);
mortal!(Mariadb);
mortal!(Slapd);

/// The same server at an address that its certificate does not name.
pub(crate) async fn elsewhere(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut there = TcpStream::connect(server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut there).await });
        }
    });
    address
}

/// What logins with the right password were told.
#[derive(Default)]
struct Told {
    right: AtomicUsize,
    errors: AtomicUsize,
    /// After a named time.
    late_errors: AtomicUsize,
    ended: AtomicBool,
}

/// Logs in with the right password without a pause while the server is killed and frozen: nobody is told that it is wrong,
/// nobody waits for longer than the named time, and all is well soon after it is back.
pub(crate) async fn survives(
    directory: &impl Directory,
    (user, password): (&str, &str),
    server: &mut impl Mortal,
) {
    let told = Arc::new(Told::default());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(log_in(directory, user, password, &told));
    }
    let hurt = async {
        wait_for_more(&told.right, "logins before").await;
        server.kill();
        wait_for_more(&told.errors, "errors after the kill").await;
        server.revive().await.unwrap();
        wait_for_more(&told.right, "logins after the restart").await;
        server.freeze();
        wait_for_more(&told.late_errors, "errors while frozen").await;
        server.thaw();
        wait_for_more(&told.right, "logins after the thaw").await;
        told.ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(hurt, all(clients));
}

async fn all(clients: Vec<impl Future<Output = ()>>) {
    let mut clients: Vec<_> = clients.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        clients.retain_mut(|client| client.as_mut().poll(context).is_pending());
        if clients.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn log_in(directory: &impl Directory, user: &str, password: &str, told: &Told) {
    while !told.ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        match directory.check_password(user, Secret::new(password)).await {
            Ok(PasswordCheck::Right) => told.right.fetch_add(1, Ordering::Relaxed),
            Err(DirectoryError::Source { .. }) if began.elapsed() < SOURCE_CONNECT_WAIT => {
                told.errors.fetch_add(1, Ordering::Relaxed)
            }
            Err(DirectoryError::Source { .. }) => told.late_errors.fetch_add(1, Ordering::Relaxed),
            other => panic!("{other:?}"),
        };
        assert!(began.elapsed() < SOURCE_ANSWER_WAIT + SLACK, "{:?}", began.elapsed());
        tokio::task::yield_now().await;
    }
}

async fn wait_for_more(count: &AtomicUsize, what: &str) {
    let before = count.load(Ordering::Relaxed);
    let more = || Ok((count.load(Ordering::Relaxed) > before + CLIENTS).then_some(()));
    until(what, PATIENCE, more).await.unwrap();
}
