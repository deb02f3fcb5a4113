//! Multiparts, attachments, signatures, reports.

use super::plain::{FROM, with};
use super::{Need, Sample};

/// Header fields and body.
type Part = (&'static str, &'static str);

/// Octets of the large attachment, before base64.
const LARGE: usize = 15 * 1024 * 1024;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Name, subtype with parameters, and the parts: header fields and body. [`filled`] says what the braces mean.
const MULTIPARTS: &[(&str, &str, &[Part])] = &[
    (
        "alternative",
        "alternative",
        &[
            (
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable",
                "Gr=C3=BC=C3=9Fe, soft =\nbreak\n",
            ),
            (
                "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit",
                "<!DOCTYPE html><html><body><p>Hi</p></body></html>\n",
            ),
        ],
    ),
    (
        "mixed-with-text-attachment",
        "mixed",
        &[
            ("Content-Type: text/plain", "see the file\n"),
            (
                "Content-Type: text/csv; name=\"a.csv\"\nContent-Disposition: attachment; filename=\"a.csv\"",
                "a,b\n1,2\n",
            ),
        ],
    ),
    (
        "mixed-with-image",
        "mixed",
        &[
            ("Content-Type: text/plain", "see the picture\n"),
            (
                "Content-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64\nContent-Disposition: inline; filename*=utf-8''gr%C3%BC.png",
                "{base64 4000}",
            ),
        ],
    ),
    (
        "related",
        "related; type=\"text/html\"",
        &[
            ("Content-Type: text/html", "<img src=\"cid:p1@here.example\">\n"),
            (
                "Content-Type: image/gif\nContent-ID: <p1@here.example>\nContent-Transfer-Encoding: base64",
                "{base64 300}",
            ),
        ],
    ),
    (
        "forwarded-as-attachment",
        "mixed",
        &[
            ("Content-Type: text/plain", "see below\n"),
            (
                "Content-Type: message/rfc822\nContent-Disposition: attachment",
                "{from}Subject: inner\n\n.inner dot\n",
            ),
        ],
    ),
    ("digest", "digest", &[("", "{from}Subject: one\n\none\n"), ("", "{from}Subject: two\n\ntwo\n")]),
    (
        "bounce",
        "report; report-type=delivery-status",
        &[
            ("Content-Type: text/plain; charset=us-ascii", "Your message could not be delivered.\n"),
            (
                "Content-Type: message/delivery-status",
                "Reporting-MTA: dns; mx.there.example\nArrival-Date: Sat, 21 Nov 2026 10:00:00 +0000\n\nFinal-Recipient: rfc822; bob@there.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
            ),
            ("Content-Type: text/rfc822-headers", "{from}"),
        ],
    ),
    (
        "disposition-notification",
        "report; report-type=disposition-notification",
        &[
            ("Content-Type: text/plain", "It was displayed.\n"),
            (
                "Content-Type: message/disposition-notification",
                "Final-Recipient: rfc822; bob@there.example\nDisposition: manual-action/MDN-sent-manually; displayed\n",
            ),
        ],
    ),
    (
        "pgp-signed",
        "signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"",
        &[
            ("Content-Type: text/plain", "signed text \n-- \nAda\n"),
            (
                "Content-Type: application/pgp-signature; name=signature.asc",
                "-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n",
            ),
        ],
    ),
    (
        "pgp-encrypted",
        "encrypted; protocol=\"application/pgp-encrypted\"",
        &[
            ("Content-Type: application/pgp-encrypted", "Version: 1\n"),
            (
                "Content-Type: application/octet-stream",
                "-----BEGIN PGP MESSAGE-----\n\n{base64 900}-----END PGP MESSAGE-----\n",
            ),
        ],
    ),
    (
        "smime-signed",
        "signed; micalg=sha-256; protocol=\"application/pkcs7-signature\"",
        &[
            ("Content-Type: text/plain", "signed\n"),
            (
                "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64",
                "{base64 1500}",
            ),
        ],
    ),
    (
        "calendar-invitation",
        "alternative",
        &[
            ("Content-Type: text/plain", "meet me\n"),
            (
                "Content-Type: text/calendar; method=REQUEST; charset=utf-8",
                "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1\nDTSTART:20261121T100000Z\nSUMMARY:a long\n  summary\nEND:VEVENT\nEND:VCALENDAR\n",
            ),
        ],
    ),
];

/// Name, header fields after the usual ones, body.
const TEXTS: &[(&str, &str, &str)] = &[
    (
        "smime-enveloped",
        "MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n",
        "{base64 2000}",
    ),
    (
        "pgp-inline",
        "Subject: inline\n",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -- dashed\n-----BEGIN PGP SIGNATURE-----\n\n=x\n-----END PGP SIGNATURE-----\n",
    ),
    (
        "dkim-signed",
        "Subject: signed\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=here.example; s=s1;\n\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\n\t  = =\nARC-Seal: i=1; a=rsa-sha256; cv=none; d=here.example; s=s1; b=abc=\nAuthentication-Results: mx.here.example; spf=pass smtp.mailfrom=here.example\n",
        "Signed.  \n\n\n",
    ),
    (
        "html-only",
        "Subject: offer\nMIME-Version: 1.0\nContent-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n",
        "{base64 5000}",
    ),
    ("uuencoded", "Subject: 1985\n", "begin 644 a.txt\n#0V%T\n`\nend\n"),
    (
        "vcard",
        "Subject: me\nMIME-Version: 1.0\nContent-Type: text/vcard\n",
        "BEGIN:VCARD\nVERSION:4.0\nFN:Ada\nEND:VCARD\n",
    ),
    (
        "delivery-report-partial",
        "MIME-Version: 1.0\nContent-Type: message/partial; id=\"p@here.example\"; number=1; total=2\n",
        "the first half of\n",
    ),
];

pub(super) fn samples() -> Vec<Sample> {
    let multiparts = MULTIPARTS.iter().map(|(name, subtype, parts)| multipart(name, subtype, parts));
    let mut samples: Vec<Sample> = multiparts.collect();
    samples.extend(TEXTS.iter().map(|(name, fields, body)| with(name, fields, &filled(body))));
    samples.push(nested());
    samples.push(large());
    samples.push(eight_bit_parts());
    samples
}

/// `{from}` stands for the usual beginning of a header, `{base64 N}` for so many octets in base64.
fn filled(text: &str) -> String {
    let text = text.replace("{from}", FROM);
    let Some((before, rest)) = text.split_once("{base64 ") else { return text };
    let Some((count, after)) = rest.split_once('}') else { return text };
    format!("{before}{}{after}", base64_lines(count.parse().unwrap_or_default()))
}

fn eight_bit_parts() -> Sample {
    let parts = [
        ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", "Grüße\n"),
        ("Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit", "ascii\n"),
    ];
    multipart("eight-bit-parts", "mixed", &parts).needing(Need::EightBit)
}

/// Parts of a multipart message: header fields and body.
fn multipart(name: &'static str, subtype: &str, parts: &[(&str, &str)]) -> Sample {
    let body = joined("=_b1", parts);
    let fields = format!(
        "Subject: parts\nMIME-Version: 1.0\nContent-Type: multipart/{subtype};\n\tboundary=\"=_b1\"\n"
    );
    with(name, &fields, &format!("This is a message in MIME format.\n\n{body}"))
}

fn joined(boundary: &str, parts: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (fields, content) in parts {
        let fields = if fields.is_empty() { String::new() } else { format!("{fields}\n") };
        let content = filled(content);
        body.push_str(&format!("--{boundary}\n{fields}\n{content}\n"));
    }
    body.push_str(&format!("--{boundary}--\n"));
    body
}

/// Multiparts eight deep.
fn nested() -> Sample {
    let mut inner = "Content-Type: text/plain\n\nthe core\n".to_owned();
    for depth in 0..8 {
        let boundary = format!("b{depth}");
        inner = format!(
            "Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n{inner}\n--{boundary}--\n"
        );
    }
    Sample::text("nested-eight-deep", &format!("{FROM}MIME-Version: 1.0\nSubject: deep\n{inner}"))
}

/// An attachment of twenty megabytes once it is in base64.
fn large() -> Sample {
    let film = format!("{{base64 {LARGE}}}");
    let parts = [
        ("Content-Type: text/plain", "the film\n"),
        ("Content-Type: video/mp4\nContent-Transfer-Encoding: base64", film.as_str()),
    ];
    multipart("large-attachment", "mixed", &parts)
}

/// Lines as base64 of so many octets would look.
fn base64_lines(octets: usize) -> String {
    let mut lines = String::with_capacity(octets * 137 / 100);
    let mut state = 0x2545_f491_u32;
    for column in 0..octets.div_ceil(3) * 4 {
        if column > 0 && column % 76 == 0 {
            lines.push('\n');
        }
        // A plain xorshift: the same octets each time, and nothing compresses or repeats.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let index = usize::try_from(state % 64).unwrap_or_default();
        lines.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')));
    }
    lines.push('\n');
    lines
}
