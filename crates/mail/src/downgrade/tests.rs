use super::*;

mod round_trip;

fn converted_in(content: &[u8], size: usize) -> Result<Vec<u8>, CannotConvert> {
    let (mut downgrade, mut out) = (Downgrade::new(), Vec::new());
    for piece in content.chunks(size) {
        downgrade.piece(piece, &mut out)?;
    }
    downgrade.finish(&mut out)?;
    Ok(out)
}

/// Converts in pieces of many sizes, which must not matter.
#[track_caller]
fn converted(content: &[u8]) -> Result<Vec<u8>, CannotConvert> {
    let whole = converted_in(content, content.len().max(1));
    let sizes: &[usize] = if content.len() < 20_000 { &[1, 2, 3, 7, 100, 999, 1001] } else { &[997, 4096] };
    for size in sizes {
        let cut = converted_in(content, *size);
        assert!(
            cut == whole,
            "pieces of {size} make a difference: {:?} and {:?}",
            shown(&cut),
            shown(&whole)
        );
    }
    if let Ok(out) = &whole {
        assert!(out.is_ascii());
    }
    whole
}

fn shown(result: &Result<Vec<u8>, CannotConvert>) -> String {
    match result {
        Ok(out) => String::from_utf8_lossy(out).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn becomes(content: &str, wanted: &str) {
    let content = content.replace('\n', "\r\n");
    assert_eq!(shown(&converted(content.as_bytes())).replace("\r\n", "\n"), wanted);
}

#[track_caller]
fn stays(content: &str) {
    becomes(content, content);
}

#[track_caller]
fn fails(content: &str, error: CannotConvert) {
    let content = content.replace('\n', "\r\n");
    assert_eq!(converted(content.as_bytes()), Err(error), "{content}");
}

#[test]
fn what_is_ascii_stays() {
    stays("");
    stays("\n");
    stays("Subject: x\n");
    stays("Subject: x\n\n");
    stays("Subject: x\n\nhello = world \n\nend");
    stays("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nhello\n");
    stays("MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n");
    stays(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b \n\ntwo\n--b--\npost\n",
    );
}

#[test]
fn the_label_goes_with_the_octets() {
    becomes(
        "Content-Transfer-Encoding: 8bit\nSubject: x\n\nhello\n",
        "Subject: x\nContent-Transfer-Encoding: 7bit\n\nhello\n",
    );
    becomes(
        "Content-Transfer-Encoding:\n 8BIT\nMIME-Version: 1.0\nContent-Type: text/html\n\nü = ö \n",
        "MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC =3D =C3=B6=20\n",
    );
    // It says 7bit, and is not.
    becomes(
        "MIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\nContent-Type: text/plain\n\nü",
        "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC",
    );
}

#[test]
fn content_without_mime_becomes_mime() {
    becomes(
        "Subject: x\n\nü\n",
        "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n",
    );
    becomes(
        "\nü\n",
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n",
    );
}

#[test]
fn each_part_is_converted_by_itself() {
    becomes(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b 1\"\nContent-Transfer-Encoding: 8bit\n\n\
         pre\n--b 1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nü\n\n\
         --b 1\n\nascii=\n--b 1\n\nä\n--b 1\nContent-Transfer-Encoding: base64\n\nAAAA\n--b 1--\npost\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b 1\"\nContent-Transfer-Encoding: 7bit\n\n\
         pre\n--b 1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC\n\n\
         --b 1\n\nascii=\n--b 1\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n=C3=A4\n\
         --b 1\nContent-Transfer-Encoding: base64\n\nAAAA\n--b 1--\npost\n",
    );
}

#[test]
fn multiparts_stand_in_multiparts() {
    becomes(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\
         Content-Type: multipart/alternative; boundary=aa\n\n--aa\n\nü\n--aa--\n\n--a\n\nö\n--a--\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\
         Content-Type: multipart/alternative; boundary=aa\n\n--aa\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--aa--\n\n--a\n\
         Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\n=C3=B6\n--a--\n",
    );
    // The inner one never ends: the outer one ends it.
    becomes(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\n\n--b\nü\n--a--",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n--b\n=C3=BC\n--a--",
    );
}

#[test]
fn messages_stand_in_messages() {
    becomes(
        "MIME-Version: 1.0\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: in\n\nü\n",
        "MIME-Version: 1.0\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: in\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n\
         Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n",
    );
    becomes(
        "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nü\n--d\n\
         Content-Type: text/plain\n\nö\n--d--\n",
        "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--d\n\
         Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=C3=B6\n--d--\n",
    );
    // A message whose header fields are in UTF-8 may be encoded as a whole.
    becomes(
        "MIME-Version: 1.0\nContent-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: ü\n\nö\n",
        "MIME-Version: 1.0\nContent-Type: message/global\nContent-Transfer-Encoding: quoted-printable\n\n\
         Subject: =C3=BC\n\n=C3=B6\n",
    );
}

#[test]
fn binary_becomes_base64() {
    let content = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n\xff\n--c\r\n\r\n--b--\r\n";
    let wanted = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0K/wotLWMNCg==\r\n--b--\r\n";
    assert_eq!(shown(&converted(content)), wanted);
    let alone = b"MIME-Version: 1.0\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: binary\r\n\r\na\r\n";
    assert!(shown(&converted(alone)).ends_with("base64\r\n\r\nYQ0K\r\n"));
    // Not said to be binary, and yet no lines.
    let bare = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\na\rb\nc\0\r\n";
    assert!(shown(&converted(bare)).ends_with("quoted-printable\r\n\r\na=0Db=0Ac=00\r\n"));
}

#[test]
fn what_cannot_be_converted_is_refused() {
    let multipart = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
    let part = |part: &str| format!("{multipart}--b\n{part}\n--b--\n");
    fails("Subject: ü\n\nx\n", CannotConvert::Header);
    fails("Subject: ü", CannotConvert::Header);
    fails(&part("X: ü\n\nx"), CannotConvert::Header);
    fails(&part("Content-Type: message/rfc822\n\nSubject: ü\n\nx"), CannotConvert::Header);
    fails(
        "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=s\n\n--s\n\nü\n--s--\n",
        CannotConvert::Signed,
    );
    fails(&part("Content-Type: multipart/signed; boundary=s\n\n--s\n\nü\n--s--\n"), CannotConvert::Signed);
    fails(&part("Content-Type: message/partial; id=x\n\nü"), CannotConvert::Sealed);
    fails(&part("Content-Transfer-Encoding: base64\n\nü"), CannotConvert::Mislabelled);
    fails(&part("Content-Transfer-Encoding: x-own\n\nü"), CannotConvert::Mislabelled);
    fails(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nü\n",
        CannotConvert::Mislabelled,
    );
    fails(&format!("{multipart}ü\n--b--\n"), CannotConvert::Outside);
    fails(&format!("{multipart}--b\n\nx\n--b--\nü\n"), CannotConvert::Outside);
    fails("Content-Type: multipart/mixed\n\nü\n", CannotConvert::Boundless);
    fails("Content-Type: a/b\nContent-Type: c/d\n\nx\n", CannotConvert::Ambiguous);
    fails(
        "Content-Transfer-Encoding: 8bit\nContent-transfer-encoding: 7bit\n\nx\n",
        CannotConvert::Ambiguous,
    );
    fails(&format!("Content-Type: text/plain; x={}\n\nx\n", "y".repeat(20_000)), CannotConvert::Ambiguous);
}

#[test]
fn what_must_not_change_and_need_not_stays() {
    stays(
        "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=s; protocol=x\n\n--s\n\
         Content-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\nascii \n--s\n\nsignature\n--s--\n",
    );
    stays(
        "MIME-Version: 1.0\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\n",
    );
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| {
        let open: String = (0..depth)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"))
            .collect();
        let close: String = (0..depth).rev().map(|level| format!("\n--b{level}--")).collect();
        format!("MIME-Version: 1.0\n{open}\nü{close}\n")
    };
    let deepest = nested(DEEPEST).replace('\n', "\r\n");
    assert!(shown(&converted(deepest.as_bytes())).contains("=C3=BC"));
    fails(&nested(DEEPEST + 1), CannotConvert::TooDeep);
}

#[test]
fn a_long_part_is_not_kept() {
    let header = "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n";
    let short = "x".repeat(70) + "\r\n";
    let long = short.repeat(2000);
    // It is encoded since nobody knows what is to come, or left if it is short enough to be looked at.
    let told = shown(&converted(format!("{header}\r\n{long}").as_bytes()));
    assert!(told == format!("{header}Content-Transfer-Encoding: quoted-printable\r\n\r\n{long}"));
    let brief = short.repeat(100);
    assert!(shown(&converted(format!("{header}\r\n{brief}").as_bytes())) == format!("{header}\r\n{brief}"));
    let told = shown(&converted(format!("{header}\r\n{brief}ü\r\n{brief}").as_bytes()));
    assert_eq!(
        told,
        format!("{header}Content-Transfer-Encoding: quoted-printable\r\n\r\n{brief}=C3=BC\r\n{brief}")
    );
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut downgrade = Downgrade::new();
    let mut out = Vec::new();
    downgrade.piece(b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n", &mut out).unwrap();
    let piece = [b'x'; 4096];
    for _ in 0..2560 {
        out.clear();
        downgrade.piece(&piece, &mut out).unwrap();
        assert!(downgrade.lines.held.capacity() <= 2 * LONGEST_LINE);
        assert!(out.len() < 2 * LONGEST_LINE + 2 * piece.len() + 70 * 1024);
    }
    // The same inside a header field.
    let mut downgrade = Downgrade::new();
    for _ in 0..2560 {
        out.clear();
        downgrade.piece(&piece, &mut out).unwrap();
        assert!(downgrade.lines.held.capacity() <= 2 * LONGEST_LINE);
    }
}

#[test]
fn a_line_that_is_too_long_is_broken_softly_and_never_a_delimiter() {
    let long = "y".repeat(1500);
    let told =
        shown(&converted(format!("MIME-Version: 1.0\r\nContent-Type: a/b\r\n\r\n{long}\r\n").as_bytes()));
    assert!(told.lines().all(|line| line.len() <= 76));
    assert!(told.replace("=\r\n", "").ends_with(&format!("quoted-printable\r\n\r\n{long}\r\n")));
    let blanks = " ".repeat(990);
    for (fill, parts) in [(980, 2), (996, 2), (997, 1), (1100, 1)] {
        let line = format!("--b{}", &blanks.repeat(2)[..fill - 1]);
        let content = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nü\r\n{line}\r\n\r\nö\r\n--b--\r\n"
        );
        let told = shown(&converted(content.as_bytes()));
        assert_eq!(told.matches("quoted-printable").count(), parts, "{} octets", line.len() + 2);
    }
}

#[test]
fn only_the_header_section_is_checked() {
    let rows = [
        ("Subject: x\r\n\r\nü\r\n", Ok(())),
        ("Subject: ü\r\n\r\nx\r\n", Err(CannotConvert::Header)),
        ("Subject: x\r\nü", Err(CannotConvert::Header)),
        ("Subject: x\r\nu", Ok(())),
        ("\r\nü", Ok(())),
        ("", Ok(())),
        ("ü", Err(CannotConvert::Header)),
        // Only CRLF ends a line, so this is one field.
        ("Subject: x\n\nü\r\n", Err(CannotConvert::Header)),
    ];
    for (content, wanted) in rows {
        for size in [1, 2, 3, 100] {
            let mut check = HeaderCheck::default();
            let told = content.as_bytes().chunks(size).try_for_each(|piece| check.piece(piece));
            assert_eq!(told.and_then(|()| check.finish()), wanted, "{content:?} in pieces of {size}");
        }
    }
    let long = format!("Subject: {}ü\r\n\r\n", "x".repeat(5000));
    assert_eq!(HeaderCheck::default().piece(long.as_bytes()), Err(CannotConvert::Header));
}

/// Small, seeded, good enough (xorshift, G. Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[test]
fn noise_never_panics_and_what_comes_out_is_ascii() {
    const WORDS: [&[u8]; 24] = [
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n",
        b"Content-Type: multipart/digest; boundary=\"b\"\r\n",
        b"Content-Type: multipart/signed; boundary=a\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain\r\n",
        b"Content-Type",
        b"Content-Transfer-Encoding: binary\r\n",
        b"Content-Transfer-Encoding: 8bit\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"--a\r\n",
        b"--b\r\n",
        b"--a--\r\n",
        b"--b--",
        "ü\r\n".as_bytes(),
        b"\xff\0",
        b"text\r\n",
        b"\r",
        b"\n",
        &[b'z'; 700],
    ];
    let mut done = 0;
    for seed in 1..1000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut content = Vec::new();
        for _ in 0..dice.below(30) {
            content.extend_from_slice(WORDS[dice.below(WORDS.len())]);
        }
        done += usize::from(converted(&content).is_ok());
    }
    assert!(done > 100, "only {done} were converted");
}
