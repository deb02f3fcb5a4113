//! Lines at the limits, and what is legal yet rarely seen.

use super::plain::{FROM, with};
use super::{Need, Sample};

/// Longest line without its CRLF, RFC 5321 section 4.5.3.1.6.
const LONGEST: usize = 998;

pub(super) fn samples() -> Vec<Sample> {
    let longest = "x".repeat(LONGEST);
    let dotted = format!(".{}", "x".repeat(LONGEST - 1));
    let references: String = (0..60).map(|number| format!(" <{number}.reference@here.example>\n")).collect();
    let unfolded: String = "<r@here.example> ".repeat(57);
    let mut no_end = with("no-last-line-end", "Subject: open end\n", "the last line has no end");
    no_end.needs.push(Need::Chunking);
    vec![
        with("line-of-998", "Subject: long\n", &format!("{longest}\n")),
        with("many-lines-of-998", "Subject: long\n", &format!("{longest}\n").repeat(40)),
        with("line-of-998-with-a-dot", "Subject: long\n", &format!("{dotted}\nshort\n{dotted}\n")),
        with("field-of-998", &format!("X-Long: {}\nSubject: l\n", "y".repeat(LONGEST - 8)), "long field\n"),
        with("folded-references", &format!("References:\n{references}Subject: long\n"), "long thread\n"),
        with("unfolded-references", &format!("References: {unfolded}\nSubject: long\n"), "long thread\n"),
        with("field-of-blanks", "X-Blank: \nX-Empty:\nX-Tab:\t\nSubject: b\n", "blanks\n"),
        with("odd-field-names", "x-lower: 1\nX_UNDER: 2\nX.DOT/slash: 3\nSUBJECT: shout\n", "names\n"),
        with("repeated-fields", "X-Twice: 1\nX-Twice: 2\nKeywords: a\nKeywords: b\nSubject: r\n", "twice\n"),
        with("control-octets", "Subject: c\n", "bell \u{7} escape \u{1b}[31m form \u{c} delete \u{7f}\n"),
        with("lone-dots-between-blanks", "Subject: d\n", " .\n. \n\t.\n.\t\n"),
        with("body-like-a-header", "Subject: h\n", "Received: from nowhere\nSubject: not mine\n\nend\n"),
        with(
            "chunk-sized",
            "Subject: 64k\n",
            &"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n".repeat(1024),
        ),
        with("dots-at-every-line", "Subject: d\n", &".\n".repeat(5000)),
        Sample::text("header-only", &format!("{FROM}Subject: no body, no empty line\n"))
            .needing(Need::Tolerance),
        Sample::text("one-field", "Subject: alone\n\nalone\n"),
        Sample::text("no-header", "\nonly a body\n").needing(Need::Tolerance),
        Sample::text("only-a-dot", ".\n").needing(Need::Tolerance),
        no_end,
    ]
}
