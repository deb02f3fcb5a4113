//! To a host that keeps everything as it came and watches our manners: what no real server leaves alone.

use std::io;

use gatepost_testworld::corpus::LineEnds;
use gatepost_testworld::exchanger::Transfer as Came;
use gatepost_testworld::{Exchanger, Script};

use crate::parcel::{ADA, Declares, Doors, LastLine, PASSWORD, Transfer, assert_arrived, everything};
use crate::rig::{Gatepost, Plan};

const THERE: &str = "there.example";

async fn start() -> io::Result<(Exchanger, Gatepost)> {
    let exchanger = Exchanger::start(Script::polite()).await?;
    let deliver = format!("deliver = \"smtp:{}\"", exchanger.address());
    let gatepost = Plan::default().domain(THERE, &deliver).account(ADA, PASSWORD, &[]).start();
    Ok((exchanger, gatepost))
}

async fn carry(transfer: Transfer) -> io::Result<()> {
    let (exchanger, gatepost) = start().await?;
    let parcels = everything();
    Doors::of(&gatepost).await?.hand_in(&parcels, THERE, Declares::All, transfer).await?;
    let messages = exchanger.await_messages(parcels.len()).await?;
    let arrived: Vec<Vec<u8>> = messages.iter().map(|message| message.content.clone()).collect();
    let what = format!("handed in by {transfer:?}");
    assert_arrived(&what, &parcels, &arrived, (THERE, LineEnds::Crlf, LastLine::AsSent));
    assert_eq!(exchanger.complaints(), Vec::<String>::new());
    for message in &messages {
        // DATA would have ended the last line.
        let wanted = if message.content.ends_with(b"\r\n") { Came::Data } else { Came::Chunks };
        assert_eq!(message.transfer, wanted, "{}", message.mail);
    }
    Ok(())
}

#[tokio::test]
async fn the_whole_corpus_by_data() -> io::Result<()> {
    carry(Transfer::Data).await
}

#[tokio::test]
async fn the_whole_corpus_in_chunks() -> io::Result<()> {
    carry(Transfer::Chunks).await
}
