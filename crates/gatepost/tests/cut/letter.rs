//! Letters with a number, and a client that hands them in until it has read a 250.

use std::io;
use std::net::SocketAddr;

use gatepost_testworld::Client;
use gatepost_testworld::patience::PATIENCE;

use crate::cutter::Cutter;

pub(crate) const SENDER: &str = "writer@elsewhere.example";

/// The octets of a letter; its Message-ID is the same each time.
pub(crate) fn content(number: usize) -> Vec<u8> {
    format!(
        "From: {SENDER}\r\nTo: reader@there.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{number}@elsewhere.example>\r\nSubject: letter {number}\r\n\r\nThe last line of {number}\r\n"
    )
    .into_bytes()
}

/// The number of a letter.
pub(crate) fn number(message: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(message);
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: letter "))?;
    subject.trim().parse().ok()
}

/// Hands a letter in as a client that knows of no cut: by way of the cutter, and again until it has read a 250.
/// Between two attempts the server has seen the end of the connection, as it has after the minutes that clients wait.
pub(crate) async fn hand_in_cut(cutter: &Cutter, to: &str, number: usize) -> io::Result<u32> {
    let mut attempts = 1;
    while hand_in(cutter.address(), to, number).await.is_err() {
        cutter.await_quiet().await?;
        attempts += 1;
        assert!(attempts < 5, "letter {number} is never taken");
    }
    Ok(attempts)
}

/// Hands a letter in, and says QUIT. What comes of that does not matter.
pub(crate) async fn hand_in(server: SocketAddr, to: &str, number: usize) -> io::Result<()> {
    let mut client = Client::dial(server).await?.patience(PATIENCE);
    client.expect("220").await?;
    client.say("EHLO elsewhere.example", "250").await?;
    client.submit(SENDER, &[to], &content(number)).await?;
    let _ = client.quit().await;
    Ok(())
}
