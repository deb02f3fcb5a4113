//! `cases/dialogue` at the whole server over sockets: the files that the bare session plays in memory.

use std::fs;
use std::io;
use std::path::Path;

use gatepost_testworld::Client;
use gatepost_testworld::dialogue::Dialogue;

use crate::rig::{Gatepost, Plan};

/// Fewer would mean that the settings of the files, or their folder, are not what this program takes them for.
const FEWEST: usize = 70;

/// Who has a mailbox, as `cases/dialogue/README.md` says.
const MAILBOXES: &str = "ada@example.org\nbob@example.org\njürgen@example.org\n";

/// What becomes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It goes over a socket to the listener of this name.
    Socket(&'static str),
    /// Its desk or limits are those of a session alone.
    Memory,
    /// It speaks LMTP, for which the server has no listener.
    NoListener,
}

fn stage(case: &Dialogue) -> Stage {
    if case.setting("limit").is_some() || case.setting("desk").is_some() {
        return Stage::Memory;
    }
    match case.setting("service") {
        None | Some("mx") => Stage::Socket("mx"),
        Some("submission") => Stage::Socket("submission"),
        Some("lmtp") => Stage::NoListener,
        Some(other) => panic!("{}: no such service: {other}", case.name()),
    }
}

/// The server that `cases/dialogue/README.md` tells of.
fn server(lists: &Path) -> Gatepost {
    let mailboxes = lists.join("mailboxes");
    fs::write(&mailboxes, MAILBOXES).expect("writing the list");
    let keys = "deliver = \"maildir:@DIR@/mail/{domain}/{local-part}\"";
    Plan::default()
        .hostname("gatepost.example")
        .domain("example.org", &format!("{keys}\nrecipients = \"file:{}\"", mailboxes.display()))
        .account("ada@example.org", "secret", &[])
        .auth("mechanisms = [\"PLAIN\", \"LOGIN\"]\nfailures-before-lockout = 1000\ntarpit = \"0s\"")
        .start()
}

#[tokio::test]
async fn dialogues_go_over_sockets_as_in_memory() -> io::Result<()> {
    let cases = Dialogue::load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/dialogue"))?;
    let lists = tempfile::tempdir()?;
    let gatepost = server(lists.path());
    let (mut played, mut mismatches) = (0, Vec::new());
    for case in &cases {
        let Stage::Socket(listener) = stage(case) else { continue };
        played += 1;
        let client = Client::dial(gatepost.address(listener)).await?;
        if let Err(cause) = case.play_over(client).await {
            mismatches.push(format!("{}: {cause}", case.name()));
        }
    }
    assert!(mismatches.is_empty(), "{} of {played}:\n{}", mismatches.len(), mismatches.join("\n"));
    let count = |wanted| cases.iter().filter(|case| stage(case) == wanted).count();
    let (memory, no_listener) = (count(Stage::Memory), count(Stage::NoListener));
    println!(
        "{played} dialogues went over sockets; {memory} need a session alone, {no_listener} a listener for LMTP"
    );
    assert!(played >= FEWEST, "only {played} of {} dialogues", cases.len());
    Ok(())
}
