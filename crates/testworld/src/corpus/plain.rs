//! Text alone, and the header fields that people's programs write.

use super::{Need, Sample};

/// The usual beginning; what follows goes on in the header.
pub(super) const FROM: &str = "From: Ada Lovelace <ada@here.example>\n\
    To: Bob <bob@there.example>\n\
    Date: Sat, 21 Nov 2026 10:00:00 +0000\n\
    Message-ID: <1@here.example>\n";

/// Name, header fields after the usual ones, body.
const TEXTS: &[(&str, &str, &str)] = &[
    ("short", "Subject: hello\n", "Hello Bob.\n"),
    ("no-subject", "", "Hello Bob.\n"),
    ("empty-subject", "Subject: \n", "Hello Bob.\n"),
    ("empty-body", "Subject: nothing to say\n", ""),
    (
        "reply",
        "Subject: Re: hello\nIn-Reply-To: <0@there.example>\nReferences: <0@there.example>\n",
        "> Hello Ada.\n> How are you?\n\nFine.\n",
    ),
    ("signature", "Subject: hello\n", "Hello.\n-- \nAda\n"),
    (
        "from-line-in-body",
        "Subject: mbox trap\n",
        "From here on\nFrom ada Sat Nov 21 10:00:00 2026\n>From there\n",
    ),
    ("dots", "Subject: dots\n", ".\n..\n...\n.a\n..b\n.\n\n.\n"),
    ("dot-last", "Subject: dots\n", "text\n.\n"),
    ("empty-lines", "Subject: nothing\n", "\n\n\n\n\n"),
    ("trailing-blanks", "Subject: blanks \n", "a \nb  \nc\t\n   \n\t\n \n"),
    ("tabs", "Subject:\ttabs\n", "\ta\tb\n\t\t\n"),
    ("commands-in-body", "Subject: not for you\n", "MAIL FROM:<eve@there.example>\nDATA\nQUIT\n\nRSET\n"),
    ("replies-in-body", "Subject: not for you\n", "250 OK\n354 go on\n"),
    (
        "format-flowed",
        "Subject: flowed\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii; format=flowed; delsp=yes\n",
        "a line that flows \nover two\n",
    ),
    ("folded-subject", "Subject: a subject that\n  goes on and on\n\tover three lines\n", "folded\n"),
    ("encoded-words", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?B?5Q==?=\n", "encoded\n"),
    ("group-address", "Cc: undisclosed-recipients:;\n", "group\n"),
    ("quoted-local-part", "Reply-To: \"ada \\\"x\\\" l.\" <\"a b\"@here.example>\nSubject: q\n", "quoted\n"),
    ("comments", "Subject: c\nX-Date: Sat (the day), 21 Nov 2026 10:00:00 +0000 (UTC)\n", "comments\n"),
    ("priorities", "Subject: now\nX-Priority: 1 (Highest)\nImportance: high\nPrecedence: bulk\n", "now\n"),
    (
        "list",
        "Subject: [list] news\nList-Id: news <news.list.example>\nList-Unsubscribe: <mailto:leave@list.example>,\n\t<https://list.example/leave?u=1>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\nPrecedence: list\n",
        "news\n",
    ),
    (
        "resent",
        "Subject: again\nResent-From: eve@there.example\nResent-To: bob@there.example\nResent-Date: Sat, 21 Nov 2026 11:00:00 +0000\nResent-Message-ID: <r1@there.example>\n",
        "again\n",
    ),
    (
        "read-receipt",
        "Subject: read?\nDisposition-Notification-To: ada@here.example\nReturn-Receipt-To: ada@here.example\n",
        "read?\n",
    ),
    (
        "auto-submitted",
        "Subject: away\nAuto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n",
        "away\n",
    ),
    (
        "spam-scores",
        "Subject: s\nX-Spam-Flag: NO\nX-Spam-Status: No, score=-1.9 required=5.0\n\ttests=[BAYES_00=-1.9] autolearn=ham\n",
        "s\n",
    ),
];

pub(super) fn samples() -> Vec<Sample> {
    let texts = TEXTS.iter().map(|(name, fields, body)| with(name, fields, body));
    let mut samples: Vec<Sample> = texts.collect();
    samples.extend(eight_bit());
    samples.push(many_received());
    samples.push(many_fields());
    samples
}

/// A message with the usual beginning, these fields more, and this body.
pub(super) fn with(name: &'static str, fields: &str, body: &str) -> Sample {
    Sample::text(name, &format!("{FROM}{fields}\n{body}"))
}

fn eight_bit() -> Vec<Sample> {
    const PLAIN: &str =
        "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; charset=";
    let mut latin = with("eight-bit-latin-1", &format!("Subject: l1\n{PLAIN}iso-8859-1\n"), "");
    latin.content.extend_from_slice(b"caf\xe9 \xfc\xdf\r\n");
    let mut every = with("eight-bit-every-octet", &format!("Subject: all\n{PLAIN}x-unknown\n"), "");
    for octet in (1..=255_u8).filter(|octet| *octet != b'\r' && *octet != b'\n') {
        every.content.push(octet);
    }
    every.content.extend_from_slice(b"\r\n");
    let utf8 = format!("{PLAIN}utf-8\n");
    vec![
        latin.needing(Need::EightBit),
        every.needing(Need::EightBit),
        with("eight-bit-utf-8", &format!("Subject: u8\n{utf8}"), "Grüße, 你好, Привет, שלום, 🙂\n")
            .needing(Need::EightBit),
        with("eight-bit-undeclared", "Subject: just sent\n", "naïve\n").needing(Need::EightBit),
        with("utf-8-subject", &format!("Subject: Grüße 你好\n{utf8}"), "Grüße\n")
            .needing(Need::EightBit)
            .needing(Need::International),
        with("utf-8-addresses", &format!("Cc: 用户 <用户@例え.example>\nSubject: i\n{utf8}"), "i\n")
            .needing(Need::EightBit)
            .needing(Need::International),
    ]
}

fn many_received() -> Sample {
    let hop = |number: u32| {
        format!(
            "Received: from h{number}.example (h{number}.example [192.0.2.{number}])\n\tby h{}.example with ESMTPS id {number:08x}\n\tfor <bob@there.example>; Sat, 21 Nov 2026 10:00:{number:02} +0000\n",
            number + 1
        )
    };
    let hops: String = (0..15).rev().map(hop).collect();
    Sample::text("many-received", &format!("{hops}{FROM}Subject: far\n\nfrom far away\n"))
}

fn many_fields() -> Sample {
    let fields: String = (0..900).map(|number| format!("X-Field-{number}: value {number}\n")).collect();
    with("many-fields", &format!("{fields}Subject: many\n"), "many\n")
}
