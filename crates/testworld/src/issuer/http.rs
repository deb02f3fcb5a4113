//! One request of a connection, and its answer.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Desk, Mood, answer};

/// Longest request.
const LONGEST: usize = 64 * 1024;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// The value of Authorization.
    pub(super) authorization: String,
    /// The body's fields, decoded.
    pub(super) fields: Vec<(String, String)>,
}

impl Request {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// What goes back: a status and JSON.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

pub(super) async fn session(mut stream: TcpStream, desk: Arc<Desk>) -> io::Result<()> {
    let request = read(&mut stream).await?;
    let mood = desk.state().asked(&request.path);
    let answer = match mood {
        Mood::Polite => answer::to(&request, &desk),
        Mood::Failing(status) => Answer { status, body: r#"{"error":"temporarily_unavailable"}"#.to_owned() },
        Mood::Babbling => Answer { status: 200, body: "<html>Welcome to the captive portal".to_owned() },
        Mood::Stalling => return std::future::pending().await,
    };
    let Answer { status, body } = answer;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> io::Result<Request> {
    let mut octets = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&octets);
        if let Some(request) = whole(&text) {
            return Ok(request);
        }
        let count = stream.read(&mut piece).await?;
        if count == 0 || octets.len() > LONGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        octets.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

fn whole(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value);
    let length: usize = value("content-length").parse().unwrap_or(0);
    if body.len() < length {
        return None;
    }
    Some(Request {
        method,
        path: target.split('?').next().unwrap_or_default().to_owned(),
        authorization: value("authorization").to_owned(),
        fields: body
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(n, v)| (decoded(n), decoded(v)))
            .collect(),
    })
}

/// Undoes `application/x-www-form-urlencoded`.
pub(super) fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, code.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(octet)) => {
                octets.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => octets.push(b' '),
            (other, _) => octets.push(*other),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
