//! Into a message store behind LMTP, on a unix socket and over TCP.

use std::io;

use gatepost_testworld::corpus::{LineEnds, Need};
use gatepost_testworld::peers::Dovecot;

use crate::parcel::{
    ADA, Declares, Doors, LastLine, PASSWORD, Transfer, assert_arrived, for_real_servers, holds,
};
use crate::rig::{Gatepost, Plan};

const BY_SOCKET: &str = "socket.example";
const BY_TCP: &str = "tcp.example";

fn start(dovecot: &Dovecot) -> Gatepost {
    let any = "recipients = \"any\"";
    Plan::default()
        .domain(BY_SOCKET, &format!("deliver = \"lmtp:unix:{}\"\n{any}", dovecot.socket().display()))
        .domain(BY_TCP, &format!("deliver = \"lmtp:{}\"\n{any}", dovecot.address()))
        .maildir("here.example")
        .account(ADA, PASSWORD, &[])
        .start()
}

/// Dovecot 2.3 does not speak SMTPUTF8, yet keeps UTF-8 in a header: so it is not declared here, as most programs
/// that send it do not.
async fn carry(domain: &str) -> io::Result<()> {
    let dovecot = Dovecot::store().await?;
    let gatepost = start(&dovecot);
    let parcels = for_real_servers();
    Doors::of(&gatepost).await?.hand_in(&parcels, domain, Declares::NoSmtpUtf8, Transfer::Data).await?;
    let mut arrived = Vec::new();
    for parcel in &parcels {
        arrived.extend(dovecot.maildir(&parcel.recipient(domain)).await_messages(1).await?);
    }
    let what = format!("to Dovecot for {domain}");
    assert_arrived(&what, &parcels, &arrived, (domain, LineEnds::Lf, LastLine::AsSent));
    Ok(())
}

#[tokio::test]
async fn the_corpus_reaches_dovecot_by_a_unix_socket() -> io::Result<()> {
    carry(BY_SOCKET).await
}

#[tokio::test]
async fn the_corpus_reaches_dovecot_over_tcp() -> io::Result<()> {
    carry(BY_TCP).await
}

/// What is declared as UTF-8 must not be given to a server that does not speak it (RFC 6531 section 3.5): its
/// sender hears why.
#[tokio::test]
async fn what_needs_smtputf8_comes_back_where_that_is_not_spoken() -> io::Result<()> {
    let dovecot = Dovecot::store().await?;
    let gatepost = start(&dovecot);
    let mut parcels = for_real_servers();
    parcels.retain(|parcel| parcel.sample.needs(Need::International));
    assert_eq!(parcels.len(), 2);
    Doors::of(&gatepost).await?.hand_in(&parcels, BY_SOCKET, Declares::All, Transfer::Data).await?;
    let reports = gatepost.await_mail("here.example", "ada", parcels.len());
    for parcel in &parcels {
        let recipient = parcel.recipient(BY_SOCKET);
        let about = |report: &&Vec<u8>| holds(report, recipient.as_bytes());
        let report = reports.iter().find(about).expect("a report for each");
        assert!(holds(report, b"\nStatus: 5.6.7\n"), "{}", String::from_utf8_lossy(report));
        assert_eq!(dovecot.maildir(&recipient).files()?, Vec::<std::path::PathBuf>::new());
    }
    Ok(())
}
