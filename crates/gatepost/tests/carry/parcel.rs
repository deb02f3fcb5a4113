//! A message of the corpus on its way: handed in, found again where it arrived, compared.

use std::io;
use std::time::Instant;

use gatepost_testworld::Client;
use gatepost_testworld::client::stuffed;
use gatepost_testworld::corpus::{self, LineEnds, Need, Sample, same_apart_from_trace};

use crate::rig::{Gatepost, HOSTNAME};

/// Who sends the corpus: all its messages that have an author have this one.
pub(crate) const ADA: &str = "ada@here.example";
pub(crate) const PASSWORD: &str = "correct horse";

/// A server elsewhere. It may send as anyone, and has no account.
const STRANGER: &str = "list@elsewhere.example";

/// Octets at the top of a message in which trace fields name its recipient.
const TRACE: usize = 2000;

/// Sizes of chunks, one after the other; the last repeats. Such that chunks end in the middle of lines, of line
/// ends and of lines that begin with a dot.
const CHUNKS: [usize; 8] = [1, 2, 39, 1, 700, 3, 4096, 1_000_003];

/// One message, and its own recipient, so that it can be told from all others.
pub(crate) struct Parcel {
    pub(crate) sample: Sample,
    number: usize,
}

/// What an envelope says of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declares {
    /// As the standards ask: UTF-8 in the header needs SMTPUTF8.
    All,
    /// As many programs do: UTF-8 in the header is just sent.
    NoSmtpUtf8,
}

/// How content is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// RFC 5321 section 4.1.1.4; messages that it cannot carry go in chunks all the same.
    Data,
    /// RFC 3030 section 2.
    Chunks,
}

/// What stands at the end of a message whose last line has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLine {
    /// Nothing, as it was sent.
    AsSent,
    /// A line end that the receiving server wrote: it keeps lines only.
    Ended,
}

/// All that a server elsewhere keeps as it is.
pub(crate) fn for_real_servers() -> Vec<Parcel> {
    numbered(corpus::all().into_iter().filter(|sample| !sample.needs(Need::Tolerance)))
}

/// All.
pub(crate) fn everything() -> Vec<Parcel> {
    numbered(corpus::all().into_iter())
}

fn numbered(samples: impl Iterator<Item = Sample>) -> Vec<Parcel> {
    samples.enumerate().map(|(number, sample)| Parcel { sample, number }).collect()
}

impl Parcel {
    /// Its recipient.
    pub(crate) fn recipient(&self, domain: &str) -> String {
        format!("parcel-{:03}@{domain}", self.number)
    }

    /// Submission demands an author, and that the account owns it.
    fn has_author(&self) -> bool {
        let content = &self.sample.content;
        let end = content.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(content.len());
        content[..end].split(|&octet| octet == b'\n').any(|line| line.starts_with(b"From:"))
    }

    /// One transaction, with what it must declare.
    pub(crate) async fn hand_in(
        &self,
        client: &mut Client,
        (from, to): (&str, &str),
        declares: Declares,
        transfer: Transfer,
    ) -> io::Result<()> {
        let eight = if self.sample.needs(Need::EightBit) { " BODY=8BITMIME" } else { "" };
        let utf8 = self.sample.needs(Need::International) && declares == Declares::All;
        let utf8 = if utf8 { " SMTPUTF8" } else { "" };
        client.say(&format!("MAIL FROM:<{from}>{eight}{utf8}"), "250").await?;
        client.say(&format!("RCPT TO:<{to}>"), "250").await?;
        if transfer == Transfer::Chunks || self.sample.needs(Need::Chunking) {
            return in_chunks(client, &self.sample.content).await;
        }
        client.say("DATA", "354").await?;
        client.send(&stuffed(&self.sample.content)).await?;
        client.expect("250 2.0.0").await.map(|_reply| ())
    }

    /// The message among those that arrived, if it is as it was sent; else what is wrong.
    fn compare(
        &self,
        arrived: &[Vec<u8>],
        recipient: &str,
        (line_ends, last_line): (LineEnds, LastLine),
    ) -> Result<(), String> {
        let name = self.sample.name;
        let named = |message: &&Vec<u8>| holds(&message[..message.len().min(TRACE)], recipient.as_bytes());
        let found: Vec<&Vec<u8>> = arrived.iter().filter(named).collect();
        let &[message] = found.as_slice() else {
            return Err(format!("{name}: arrived {} times", found.len()));
        };
        let wanted = match last_line {
            LastLine::AsSent => self.sample.content.clone(),
            LastLine::Ended => self.sample.as_data(),
        };
        same_apart_from_trace(&wanted, message, line_ends)
            .map_err(|difference| format!("{name}: {difference}"))
    }
}

async fn in_chunks(client: &mut Client, content: &[u8]) -> io::Result<()> {
    let mut sizes = CHUNKS.iter().chain(std::iter::repeat(&CHUNKS[CHUNKS.len() - 1]));
    let mut rest = content;
    loop {
        let size = rest.len().min(*sizes.next().expect("the last size repeats"));
        let (chunk, after) = rest.split_at(size);
        let last = if after.is_empty() { " LAST" } else { "" };
        client.send(&[format!("BDAT {size}{last}\r\n").as_bytes(), chunk].concat()).await?;
        client.expect("250 2.0.0").await?;
        if after.is_empty() {
            return Ok(());
        }
        rest = after;
    }
}

/// Fails with the name of each message that is not there or not as it was sent, and where it first differs.
pub(crate) fn assert_arrived(
    what: &str,
    parcels: &[Parcel],
    arrived: &[Vec<u8>],
    (domain, line_ends, last_line): (&str, LineEnds, LastLine),
) {
    assert!(parcels.len() >= 50, "only {} messages", parcels.len());
    let compared = parcels
        .iter()
        .map(|parcel| parcel.compare(arrived, &parcel.recipient(domain), (line_ends, last_line)));
    let wrong: Vec<String> = compared.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{what}: of {} messages\n  {}", parcels.len(), wrong.join("\n  "));
    println!("{what}: {} messages arrived as they were sent", parcels.len());
}

/// A session of someone who submits mail: STARTTLS, then a login.
pub(crate) async fn logged_in(gatepost: &Gatepost, user: &str) -> io::Result<Client> {
    let mut client = Client::connect(gatepost.submission()).await?;
    client.say("EHLO client.example", "250").await?;
    client.starttls(HOSTNAME).await?;
    client.say("EHLO client.example", "250").await?;
    client.login(user, PASSWORD).await?;
    Ok(client)
}

/// Sessions with both doors of a gatepost.
///
/// Nearly the whole corpus goes in as people hand in mail: STARTTLS, a login, an author that the account owns.
/// The few messages without an author, which the submission service refuses, go in as mail from another server,
/// so the domain they go to must be hosted.
pub(crate) struct Doors {
    submission: Client,
    mx: Client,
}

impl Doors {
    pub(crate) async fn of(gatepost: &Gatepost) -> io::Result<Self> {
        let submission = logged_in(gatepost, ADA).await?;
        let mut mx = Client::connect(gatepost.mx()).await?;
        mx.say("EHLO elsewhere.example", "250").await?;
        Ok(Self { submission, mx })
    }

    /// Hands in all of them, each to its own recipient in this domain.
    pub(crate) async fn hand_in(
        &mut self,
        parcels: &[Parcel],
        domain: &str,
        declares: Declares,
        transfer: Transfer,
    ) -> io::Result<()> {
        let began = Instant::now();
        for parcel in parcels {
            let to = parcel.recipient(domain);
            let (client, from) =
                if parcel.has_author() { (&mut self.submission, ADA) } else { (&mut self.mx, STRANGER) };
            let handed = parcel.hand_in(client, (from, &to), declares, transfer).await;
            handed.map_err(|cause| io::Error::other(format!("{}: {cause}", parcel.sample.name)))?;
        }
        println!("{} messages to {domain} handed in after {:?}", parcels.len(), began.elapsed());
        Ok(())
    }
}

/// Whether the one holds the other.
pub(crate) fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_changed_octet_a_lost_one_and_a_second_copy_are_noticed() {
    let parcels = for_real_servers();
    let recipient = parcels[0].recipient("there.example");
    let place = (LineEnds::Crlf, LastLine::AsSent);
    let trace = format!("Received: from x by y for <{recipient}>\r\n").into_bytes();
    let good = [trace, parcels[0].sample.content.clone()].concat();
    let mut changed = good.clone();
    let last = changed.len() - 3;
    changed[last] ^= 1;
    let shortened = good[..last].to_vec();
    assert_eq!(parcels[0].compare(std::slice::from_ref(&good), &recipient, place), Ok(()));
    for (name, arrived) in [
        ("nothing", vec![]),
        ("a changed octet", vec![changed]),
        ("the end is lost", vec![shortened]),
        ("twice", vec![good.clone(), good]),
    ] {
        assert!(parcels[0].compare(&arrived, &recipient, place).is_err(), "{name}");
    }
}

#[test]
fn the_corpus_holds_what_trips_servers() {
    let all = everything();
    for name in [
        "alternative",
        "eight-bit-every-octet",
        "utf-8-subject",
        "utf-8-addresses",
        "line-of-998",
        "line-of-998-with-a-dot",
        "dots-at-every-line",
        "empty-body",
        "no-last-line-end",
        "large-attachment",
    ] {
        assert!(all.iter().any(|parcel| parcel.sample.name == name), "{name}");
    }
    let large = all.iter().filter(|parcel| parcel.sample.content.len() > 20 << 20).count();
    assert_eq!(large, 1);
    let without_author: Vec<&str> =
        all.iter().filter(|parcel| !parcel.has_author()).map(|parcel| parcel.sample.name).collect();
    assert_eq!(without_author, ["only-a-dot", "no-header", "one-field"]);
}
