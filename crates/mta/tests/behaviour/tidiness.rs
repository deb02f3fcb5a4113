//! What deliveries have opened they close.

use std::net::IpAddr;
use std::path::Path;

use gatepost_testworld::patience::{PATIENCE, until};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, mail};

/// How many files in this folder this program has open.
fn open_files(folder: &Path) -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(folder)).count()
}

/// How many sockets connect this machine to an address, other than those that only wait out their time.
fn open_sockets(address: IpAddr) -> usize {
    let IpAddr::V4(address) = address else { panic!("{address} is not IPv4") };
    let wanted = format!("{:08X}", u32::from_le_bytes(address.octets()));
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[2].starts_with(&wanted) && row[3] != "06").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_are_as_before_and_no_task_is_left() {
    let world = World::new()
        .zone("there.example. MX 10 dead.there.example.\nthere.example. MX 20 mx.there.example.")
        .exchanger("dead.there.example", Script::polite().greeting("554 5.3.2 no"))
        .exchanger("mx.there.example", Script::polite().reply("RCPT", "550 5.1.1 nobody").when("nobody"))
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    let files = open_files(instance.dir.path());
    assert!(files > 0, "the queue itself has files open");
    // One that has a file of its own, and many that have not.
    instance.hand_in(&mail(&["bob@there.example"]).with(&b"0123456789\r\n".repeat(500_000))).await;
    for _ in 0..20 {
        instance.hand_in(&mail(&["bob@there.example", "nobody@there.example", "ada@ours.example"])).await;
    }
    // The messages, and the reports about nobody.
    instance.await_finished(41).await;
    for host in ["dead.there.example", "mx.there.example"] {
        let address = world.address_of(host).unwrap();
        let closed = || Ok((open_sockets(address) == 0).then_some(()));
        until("all lines to be closed", PATIENCE, closed).await.unwrap();
    }
    let as_before = || Ok((open_files(instance.dir.path()) <= files).then_some(()));
    until("all files to be closed", PATIENCE, as_before).await.unwrap();
    instance.stop().await;
}
