//! To servers of others over SMTP: behind us, and by a fixed route.

use std::io;

use gatepost_testworld::corpus::LineEnds;
use gatepost_testworld::peers::{Exim, Postfix};

use crate::parcel::{
    ADA, Declares, Doors, LastLine, PASSWORD, Transfer, assert_arrived, for_real_servers, holds, logged_in,
};
use crate::rig::Plan;

const THERE: &str = "there.example";
const YU: &str = "用户@here.example";

fn plan() -> Plan {
    Plan::default().account(ADA, PASSWORD, &[]).account(YU, PASSWORD, &[])
}

#[tokio::test]
async fn the_corpus_reaches_postfix() -> io::Result<()> {
    let postfix = Postfix::receiving(THERE).start().await?;
    let gatepost = plan().domain(THERE, &format!("deliver = \"smtp:{}\"", postfix.address())).start();
    let parcels = for_real_servers();
    Doors::of(&gatepost).await?.hand_in(&parcels, THERE, Declares::All, Transfer::Data).await?;
    let arrived = postfix.maildir().await_messages(parcels.len()).await?;
    // Postfix keeps lines: the end of the last one is its own.
    assert_arrived("to Postfix", &parcels, &arrived, (THERE, LineEnds::Lf, LastLine::Ended));
    Ok(())
}

#[tokio::test]
async fn the_corpus_reaches_exim() -> io::Result<()> {
    let exim = Exim::receiving(THERE).await?;
    let gatepost = plan().domain(THERE, &format!("deliver = \"smtp:{}\"", exim.address())).start();
    let parcels = for_real_servers();
    Doors::of(&gatepost).await?.hand_in(&parcels, THERE, Declares::All, Transfer::Data).await?;
    let arrived = exim.maildir().await_messages(parcels.len()).await?;
    assert_arrived("to Exim", &parcels, &arrived, (THERE, LineEnds::Lf, LastLine::Ended));
    Ok(())
}

/// Sender, author and recipients whose local parts are UTF-8, by a fixed route to Postfix, which speaks
/// SMTPUTF8; one recipient of two is plain.
#[tokio::test]
async fn utf8_addresses_reach_postfix_by_a_route() -> io::Result<()> {
    let postfix = Postfix::receiving(THERE).start().await?;
    let route = format!("[route.\"{THERE}\"]\nvia = \"smtp:{}\"", postfix.address());
    let gatepost = plan().with(&route).start();
    let message = |author: &str| {
        format!(
            "From: 用 <{author}>\r\nTo: Bjørn <bjørn@there.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
             Message-ID: <utf8@here.example>\r\nSubject: grüße\r\n\r\nGrüße.\r\n"
        )
    };
    let mut client = logged_in(&gatepost, ADA).await?;
    // She may not send as somebody else, however it is spelt.
    client.say(&format!("MAIL FROM:<{YU}> BODY=8BITMIME SMTPUTF8"), "5").await?;
    client.say("RSET", "250").await?;
    client.say(&format!("MAIL FROM:<{ADA}>"), "250").await?;
    client.say("RCPT TO:<bjørn@there.example>", "553 5.6.7").await?;
    client.say("RSET", "250").await?;

    let mut yu = logged_in(&gatepost, YU).await?;
    yu.say(&format!("MAIL FROM:<{YU}> BODY=8BITMIME SMTPUTF8"), "250").await?;
    yu.say("RCPT TO:<bjørn@there.example>", "250").await?;
    yu.say("RCPT TO:<plain@there.example>", "250").await?;
    yu.say("DATA", "354").await?;
    yu.send(format!("{}.\r\n", message(YU)).as_bytes()).await?;
    yu.expect("250 2.0.0").await?;
    for message in postfix.maildir().await_messages(2).await? {
        assert!(
            holds(&message, format!("Return-Path: <{YU}>\n").as_bytes()),
            "{}",
            String::from_utf8_lossy(&message)
        );
    }
    for recipient in ["bjørn", "plain"] {
        let named = format!("X-Original-To: {recipient}@{THERE}\n");
        let arrived = postfix.maildir().await_containing(&named).await?;
        let sent = message(YU);
        gatepost_testworld::corpus::same_apart_from_trace(sent.as_bytes(), &arrived, LineEnds::Lf)
            .map_err(|difference| io::Error::other(format!("{recipient}: {difference}")))?;
    }
    Ok(())
}
