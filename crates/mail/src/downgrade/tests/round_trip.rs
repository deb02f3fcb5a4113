//! What a reader of MIME finds in a message is the same before and after. The reader here is slow, whole and strict,
//! and shares nothing with the code under test.

use super::{Dice, converted};

#[derive(Debug, PartialEq)]
enum Entity {
    Leaf(Vec<u8>),
    Parts(Vec<Entity>),
    Message(Box<Entity>),
}

/// Reads a message or part.
fn read(octets: &[u8]) -> Entity {
    let end = find(octets, b"\r\n\r\n").unwrap();
    let header = String::from_utf8(octets[..end].to_vec()).unwrap().to_ascii_lowercase();
    let body = &octets[end + 4..];
    let value = |name: &str| {
        let line = header.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kind = value("content-type").unwrap_or_default();
    if kind.starts_with("message/rfc822") {
        return Entity::Message(Box::new(read(body)));
    }
    if let Some((_, boundary)) = kind.split_once("boundary=") {
        return Entity::Parts(parts(body, boundary).into_iter().map(read).collect());
    }
    Entity::Leaf(match value("content-transfer-encoding").as_deref() {
        Some("quoted-printable") => unquoted(body),
        Some("base64") => from_base64(body),
        None | Some("7bit" | "8bit" | "binary") => body.to_vec(),
        Some(other) => panic!("{other}"),
    })
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mark = format!("\r\n--{boundary}");
    let mut rest = &body[find(body, &mark.as_bytes()[2..]).unwrap() + mark.len() - 2..];
    let mut parts = Vec::new();
    while let Some(inside) = rest.strip_prefix(b"\r\n") {
        let end = find(inside, mark.as_bytes()).unwrap();
        parts.push(&inside[..end]);
        rest = &inside[end + mark.len()..];
    }
    assert!(rest.starts_with(b"--"));
    parts
}

fn unquoted(body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = body;
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            b'=' if tail.starts_with(b"\r\n") => &tail[2..],
            b'=' => {
                let digits = std::str::from_utf8(&tail[..2]).unwrap();
                octets.push(u8::from_str_radix(digits, 16).unwrap());
                &tail[2..]
            }
            _ => {
                octets.push(first);
                tail
            }
        };
    }
    octets
}

fn from_base64(body: &[u8]) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut octets = Vec::new();
    for &octet in body.iter().filter(|octet| !b"\r\n=".contains(octet)) {
        bits = bits << 6 | u32::try_from(letters.find(char::from(octet)).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    octets
}

/// Writes a message or part of this depth at most.
fn write(dice: &mut Dice, depth: usize, out: &mut Vec<u8>) {
    match dice.below(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => leaf(dice, out),
        2 => {
            let boundary = format!("b{depth}_{}", dice.below(1000));
            out.extend_from_slice(
                format!("Content-Type: multipart/mixed; boundary={boundary}\r\n").as_bytes(),
            );
            out.extend_from_slice([b"".as_slice(), b"Content-Transfer-Encoding: 8bit\r\n"][dice.below(2)]);
            out.extend_from_slice([b"\r\n".as_slice(), b"\r\npreamble\r\n"][dice.below(2)]);
            for _ in 0..=dice.below(3) {
                out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                write(dice, depth - 1, out);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        }
        _ => {
            out.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\n");
            write(dice, depth - 1, out);
        }
    }
}

fn leaf(dice: &mut Dice, out: &mut Vec<u8>) {
    let words: [&[u8]; 10] =
        [b"word ", b"=", b"\r\n", b"\r\n\r\n", b" \r\n", "grün".as_bytes(), b"\xff\xfe", b"--b", b".", b"\t"];
    let binary = dice.below(4) == 0;
    out.extend_from_slice(b"Content-Type: text/plain\r\n");
    if binary {
        out.extend_from_slice(b"Content-Transfer-Encoding: binary\r\n");
    } else {
        out.extend_from_slice([b"".as_slice(), b"Content-Transfer-Encoding: 8bit\r\n"][dice.below(2)]);
    }
    out.extend_from_slice(b"\r\n");
    for _ in 0..dice.below(60) {
        out.extend_from_slice(words[dice.below(words.len())]);
        if binary {
            out.push(u8::try_from(dice.below(256)).unwrap());
        }
    }
}

#[test]
fn what_a_reader_finds_stays_the_same() {
    let mut encoded = 0;
    for seed in 1..1500_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut content = b"Subject: x\r\nMIME-Version: 1.0\r\n".to_vec();
        write(&mut dice, 3, &mut content);
        let out = converted(&content).unwrap();
        assert_eq!(read(&out), read(&content), "seed {seed}: {}", String::from_utf8_lossy(&content));
        assert!(!out.split(|b| *b == b'\n').any(|line| line.len() > 999), "seed {seed}");
        encoded += usize::from(!content.is_ascii());
    }
    assert!(encoded > 500, "only {encoded} needed it");
}
