//! A wall clock that is set while mail is under way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatepost_directory::{Directories, Embedded as Accounts, EmbeddedSettings as AccountsSettings};
use gatepost_mail::{Domain, Timestamp};
use gatepost_mta::event::now;
use gatepost_mta::net::resolve::ResolveError;
use gatepost_mta::outside::{Arrivals, Channel, Outside, Promise, World as Given};
use gatepost_policy::exchanger::MxAnswer;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;
use tokio::net::TcpStream;

use crate::instance::{Instance, facing, mail};

const MX: &str = "mx.there.example";

/// The machine's world, with one host in it and a clock that may be set forward.
#[derive(Debug)]
struct Jumping {
    host: IpAddr,
    /// Seconds that the clock is ahead.
    ahead: AtomicU64,
}

impl Given for Jumping {
    fn now(&self) -> Timestamp {
        now().after(Duration::from_secs(self.ahead.load(Ordering::SeqCst)))
    }

    fn random(&self) -> u64 {
        0
    }

    fn listen(&self, _address: SocketAddr) -> io::Result<Box<dyn Arrivals>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connect(&self, address: SocketAddr) -> Promise<'_, io::Result<Box<dyn Channel>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            Ok(Box::new(stream) as Box<dyn Channel>)
        })
    }

    fn exchangers<'a>(&'a self, _domain: &'a Domain) -> Promise<'a, Result<MxAnswer, ResolveError>> {
        Box::pin(async { Ok(MxAnswer::NoRecords) })
    }

    fn addresses<'a>(&'a self, _host: &'a Domain) -> Promise<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async { Ok(vec![self.host]) })
    }
}

/// By the wall clock, the lease of what is under way has ended; it is not lent a second time all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_forward_repeats_nothing() {
    let script = Script::polite().stall(".").once();
    let world = World::new().exchanger(MX, script).start().await.unwrap();
    let host = world.address_of(MX).unwrap();
    let clock = Arc::new(Jumping { host, ahead: AtomicU64::new(0) });
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("accounts"), AccountsSettings::default()).unwrap();
    let directory = Arc::new(Directories::embedded(Arc::new(accounts)));
    let instance = Instance::start_within(Outside::given(clock.clone()), dir, directory, |settings| {
        facing(&world)(settings);
        settings.listeners.clear();
    });
    instance.hand_in(&mail(&["first@there.example"])).await;
    let exchanger = world.exchanger(MX).unwrap();
    let has_it = |memory: &gatepost_testworld::exchanger::Memory| {
        memory.connections.iter().any(|connection| connection.commands.iter().any(|line| line == "DATA"))
    };
    exchanger.await_memory("the first one's content", has_it).await.unwrap();
    clock.ahead.store(5 * 3600, Ordering::SeqCst);
    for number in 1..=3 {
        instance.hand_in(&mail(&["next@there.example"])).await;
        instance.await_finished(number).await;
    }
    let memory = exchanger.memory();
    let lines = memory.connections.iter().flat_map(|connection| &connection.commands);
    assert_eq!(lines.filter(|line| line.contains("first@")).count(), 1, "{memory:?}");
}
