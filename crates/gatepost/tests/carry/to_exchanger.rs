//! To a host that keeps everything as it came and watches our manners: what no real server leaves alone.

use std::io;

use gatepost_testworld::corpus::LineEnds;
use gatepost_testworld::exchanger::Transfer as Came;
use gatepost_testworld::{Exchanger, Script};

use crate::parcel::{ADA, Declares, Doors, LastLine, PASSWORD, Transfer, assert_arrived, everything};
use crate::rig::{Gatepost, Plan};

const THERE: &str = "there.example";

async fn start(chunking: &str) -> io::Result<(Exchanger, Gatepost)> {
    let exchanger = Exchanger::start(Script::polite()).await?;
    let deliver = format!("deliver = \"smtp:{}\"", exchanger.address());
    let plan = Plan::default().domain(THERE, &deliver).account(ADA, PASSWORD, &[]);
    let gatepost = plan.with(&format!("[delivery]\nchunking = \"{chunking}\"")).start();
    Ok((exchanger, gatepost))
}

/// Hands all in, and gives how those came that DATA can carry.
async fn carry(transfer: Transfer, chunking: &str) -> io::Result<Vec<Came>> {
    let (exchanger, gatepost) = start(chunking).await?;
    let parcels = everything();
    Doors::of(&gatepost).await?.hand_in(&parcels, THERE, Declares::All, transfer).await?;
    let messages = exchanger.await_messages(parcels.len()).await?;
    let arrived: Vec<Vec<u8>> = messages.iter().map(|message| message.content.clone()).collect();
    let what = format!("handed in by {transfer:?}, {chunking}");
    assert_arrived(&what, &parcels, &arrived, (THERE, LineEnds::Crlf, LastLine::AsSent));
    assert_eq!(exchanger.complaints(), Vec::<String>::new());
    // DATA would have ended the last line.
    let (whole, open): (Vec<_>, Vec<_>) =
        messages.iter().partition(|message| message.content.ends_with(b"\r\n"));
    assert!(open.iter().all(|message| message.transfer == Came::Chunks));
    Ok(whole.iter().map(|message| message.transfer).collect())
}

#[tokio::test]
async fn the_whole_corpus_by_data() -> io::Result<()> {
    let came = carry(Transfer::Data, "where-needed").await?;
    assert!(came.iter().all(|came| *came == Came::Data), "{came:?}");
    Ok(())
}

#[tokio::test]
async fn the_whole_corpus_in_chunks() -> io::Result<()> {
    let came = carry(Transfer::Chunks, "where-needed").await?;
    assert!(came.iter().all(|came| *came == Came::Data), "{came:?}");
    Ok(())
}

/// Over each line the first goes by DATA, and what follows closely in one chunk.
#[tokio::test]
async fn the_whole_corpus_along_with_its_envelopes() -> io::Result<()> {
    let came = carry(Transfer::Data, "where-proven").await?;
    assert!(came.contains(&Came::Data) && came.contains(&Came::Chunks), "{came:?}");
    Ok(())
}
