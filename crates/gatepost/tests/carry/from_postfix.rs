//! From Postfix, as any server on the internet would bring it, into Maildirs.

use std::fmt::Write as _;
use std::fs;
use std::io;

use gatepost_testworld::Client;
use gatepost_testworld::corpus::LineEnds;
use gatepost_testworld::maildir::Maildir;
use gatepost_testworld::peers::Postfix;

use crate::parcel::{Declares, LastLine, Transfer, assert_arrived, for_real_servers};
use crate::rig::Plan;

const OURS: &str = "ours.example";

#[tokio::test]
async fn the_corpus_comes_from_postfix_into_maildirs() -> io::Result<()> {
    let parcels = for_real_servers();
    let lists = tempfile::tempdir()?;
    let addresses = lists.path().join("addresses");
    let mut text = String::new();
    for parcel in &parcels {
        let _ = writeln!(text, "{}", parcel.recipient(OURS));
    }
    fs::write(&addresses, text)?;
    let keys = "deliver = \"maildir:@DIR@/mail/{domain}/{local-part}\"";
    let listed = format!("{keys}\nrecipients = \"file:{}\"", addresses.display());
    let gatepost = Plan::default().domain(OURS, &listed).start();
    let postfix = Postfix::sending_to(gatepost.mx()).start().await?;

    let mut client = Client::connect(postfix.address()).await?;
    client.say("EHLO client.example", "250").await?;
    for parcel in &parcels {
        let envelope = ("ada@here.example", parcel.recipient(OURS));
        parcel.hand_in(&mut client, (envelope.0, &envelope.1), Declares::All, Transfer::Data).await?;
    }
    let mut arrived = Vec::new();
    // Postfix ends a last line that has no end.
    for parcel in &parcels {
        let local_part = parcel.recipient(OURS);
        let local_part = local_part.split('@').next().expect("a local part");
        let maildir = Maildir::at(&gatepost.mailbox(OURS, local_part));
        arrived.extend(maildir.await_messages(1).await.map_err(|cause| {
            io::Error::other(format!("{}: {cause}\n{}", parcel.sample.name, postfix.log()))
        })?);
    }
    assert_arrived("from Postfix", &parcels, &arrived, (OURS, LineEnds::Lf, LastLine::Ended));
    Ok(())
}
