use gatepost_mail::{Notify, NotifyOn};

use super::*;

/// What a command says, on one line, or why the line is none.
fn told(line: &[u8]) -> String {
    match Command::read(line) {
        Err(error) => format!("{error:?}"),
        Ok(Command::Hello(verb, name)) => format!("{verb:?} {name}"),
        Ok(Command::Mail(sender, script)) => told_sender(&sender, script),
        Ok(Command::Rcpt(recipient, script)) => told_recipient(&recipient, script),
        Ok(Command::Data) => "Data".into(),
        Ok(Command::Bdat(size, chunk)) => format!("Bdat {size} {chunk:?}"),
        Ok(Command::Rset) => "Rset".into(),
        Ok(Command::Noop) => "Noop".into(),
        Ok(Command::Vrfy) => "Vrfy".into(),
        Ok(Command::Expn) => "Expn".into(),
        Ok(Command::Help) => "Help".into(),
        Ok(Command::Quit) => "Quit".into(),
        Ok(Command::StartTls) => "StartTls".into(),
        Ok(Command::Auth(auth)) => {
            let initial = auth.decoded().map(|some| some.map(|octets| String::from_utf8(octets).unwrap()));
            format!("Auth {:?} {initial:?}", auth.mechanism)
        }
    }
}

fn told_sender(sender: &Sender, script: Script) -> String {
    let mut told = format!("Mail {} {script:?} {:?}", sender.path, sender.body);
    if let Some(size) = sender.size {
        told += &format!(" size={}", size.0);
    }
    if sender.international == International::Yes {
        told += " smtputf8";
    }
    if let Some(returns) = sender.returns {
        told += &format!(" ret={returns:?}");
    }
    if let Some(EnvelopeId(id)) = &sender.envelope_id {
        told += &format!(" envid={id}");
    }
    if let Some(submitter) = &sender.submitter {
        told += &format!(" auth={submitter}");
    }
    told
}

fn told_recipient(recipient: &Recipient, script: Script) -> String {
    let occasions = [(NotifyOn::SUCCESS, 's'), (NotifyOn::FAILURE, 'f'), (NotifyOn::DELAY, 'd')];
    let notify = match recipient.notify {
        Notify::Unsaid => String::new(),
        Notify::Never => " never".into(),
        Notify::On(set) => {
            let letters: String = occasions.iter().filter(|(one, _)| set.has(*one)).map(|(_, l)| l).collect();
            format!(" on={letters}")
        }
    };
    let original = recipient.original.as_ref().map(|original| format!(" orcpt={original}"));
    format!("Rcpt {} {script:?}{notify}{}", recipient.path, original.unwrap_or_default())
}

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    for (line, want) in rows {
        assert_eq!(told(line.as_bytes()), *want, "{line:?}");
    }
}

#[test]
fn verbs_are_read() {
    check(&[
        ("EHLO client.example", "Ehlo client.example"),
        ("ehlo  [192.0.2.1]  ", "Ehlo [192.0.2.1]"),
        ("HELO x", "Helo x"),
        ("LHLO x", "Lhlo x"),
        ("EHLO", "Argument"),
        ("EHLO two words", "Argument"),
        ("EHLO m\u{fc}ller", "Argument"),
        ("DATA", "Data"),
        ("data ", "Data"),
        ("DATA now", "NoArgument"),
        ("RSET", "Rset"),
        ("RSET x", "NoArgument"),
        ("QUIT", "Quit"),
        ("QUIT x", "NoArgument"),
        ("STARTTLS", "StartTls"),
        ("STARTTLS x", "NoArgument"),
        ("NOOP", "Noop"),
        ("NOOP anything at all", "Noop"),
        ("HELP MAIL", "Help"),
        ("VRFY ada", "Vrfy"),
        ("VRFY", "Argument"),
        ("EXPN list", "Expn"),
        ("", "Unknown"),
        (" NOOP", "Unknown"),
        ("NOOPS", "Unknown"),
        ("NOOP\tx", "Unknown"),
        ("STARTTLSS", "Unknown"),
        ("GET / HTTP/1.1", "Unknown"),
    ]);
    assert_eq!(told(b"EHLO \xff"), "Argument");
    assert_eq!(told(b"MAIL FROM:<\xff@x.example>"), "Sender(Brackets)");
    assert_eq!(told(b"\xff"), "Unknown");
}

#[test]
fn mail_is_read() {
    check(&[
        ("MAIL FROM:<ada@example.org>", "Mail <ada@example.org> Ascii SevenBit"),
        ("mail from: <ada@example.org>", "Mail <ada@example.org> Ascii SevenBit"),
        ("MAIL FROM:<>", "Mail <> Ascii SevenBit"),
        ("MAIL FROM:<> ", "Mail <> Ascii SevenBit"),
        ("MAIL FROM:<@a.example:ada@example.org>", "Mail <ada@example.org> Ascii SevenBit"),
        ("MAIL FROM:<\"a>b\"@example.org> SIZE=1", "Mail <\"a>b\"@example.org> Ascii SevenBit size=1"),
        ("MAIL FROM:<\"a\\\">b\"@example.org>", "Mail <\"a\\\">b\"@example.org> Ascii SevenBit"),
        (
            "MAIL FROM:<j\u{fc}rgen@example.org> SMTPUTF8",
            "Mail <j\u{fc}rgen@example.org> Utf8 SevenBit smtputf8",
        ),
        ("MAIL FROM:<> BODY=8BITMIME", "Mail <> Ascii EightBitMime"),
        ("MAIL FROM:<> body=binarymime", "Mail <> Ascii BinaryMime"),
        ("MAIL FROM:<> BODY=7bit  SIZE=0", "Mail <> Ascii SevenBit size=0"),
        ("MAIL FROM:<> SIZE=99999999999999999999", "Mail <> Ascii SevenBit size=18446744073709551615"),
        ("MAIL FROM:<> RET=HDRS ENVID=QQ+2B1", "Mail <> Ascii SevenBit ret=Headers envid=QQ+1"),
        ("MAIL FROM:<> RET=full", "Mail <> Ascii SevenBit ret=Full"),
        ("MAIL FROM:<> AUTH=<>", "Mail <> Ascii SevenBit auth=<>"),
        ("MAIL FROM:<> AUTH=a+2Bb@example.org", "Mail <> Ascii SevenBit auth=<a+b@example.org>"),
        ("MAIL FROM:<> AUTH=nobody", "Mail <> Ascii SevenBit auth=<>"),
    ]);
}

#[test]
fn what_is_no_mail_is_refused() {
    check(&[
        ("MAIL", "Sender(Brackets)"),
        ("MAIL FROM", "Sender(Brackets)"),
        ("MAIL FROM:", "Sender(Brackets)"),
        ("MAIL <ada@example.org>", "Sender(Brackets)"),
        ("MAIL TO:<ada@example.org>", "Sender(Brackets)"),
        ("MAIL FROM <ada@example.org>", "Sender(Brackets)"),
        ("MAIL FROM:ada@example.org", "Sender(Brackets)"),
        ("MAIL FROM:<ada@example.org", "Sender(Brackets)"),
        ("MAIL FROM:<ada@example.org>SIZE=1", "Sender(Brackets)"),
        ("MAIL FROM:Ada <ada@example.org>", "Sender(Brackets)"),
        ("MAIL FROM:<ada>", "Sender(NoAt)"),
        ("MAIL FROM:<ada@>", "Sender(Domain)"),
        ("MAIL FROM:<a b@example.org>", "Sender(LocalPart)"),
        ("MAIL FROM:<> SIZE", "BadParameter"),
        ("MAIL FROM:<> SIZE=", "BadParameter"),
        ("MAIL FROM:<> SIZE=-1", "BadParameter"),
        ("MAIL FROM:<> SIZE=+1", "BadParameter"),
        ("MAIL FROM:<> SIZE=100000000000000000000", "BadParameter"),
        ("MAIL FROM:<> SIZE=1 SIZE=1", "BadParameter"),
        ("MAIL FROM:<> BODY=9BIT", "BadParameter"),
        ("MAIL FROM:<> SMTPUTF8=yes", "BadParameter"),
        ("MAIL FROM:<> SMTPUTF8 SMTPUTF8", "BadParameter"),
        ("MAIL FROM:<> RET=SOME", "BadParameter"),
        ("MAIL FROM:<> ENVID=", "BadParameter"),
        ("MAIL FROM:<> ENVID=a+0D+0A", "BadParameter"),
        ("MAIL FROM:<> ENVID=a=b", "BadParameter"),
        ("MAIL FROM:<> AUTH=+0D+0A", "BadParameter"),
        ("MAIL FROM:<> AUTH", "BadParameter"),
        ("MAIL FROM:<> =", "UnknownParameter"),
        ("MAIL FROM:<> NOTIFY=NEVER", "UnknownParameter"),
        ("MAIL FROM:<> BY=120;R", "UnknownParameter"),
    ]);
    assert_eq!(told(format!("MAIL FROM:<> ENVID={}", "x".repeat(101)).as_bytes()), "BadParameter");
}

#[test]
fn rcpt_is_read() {
    check(&[
        ("RCPT TO:<ada@example.org>", "Rcpt <ada@example.org> Ascii"),
        ("rcpt to: <Postmaster>", "Rcpt <postmaster> Ascii"),
        ("RCPT TO:<j\u{fc}rgen@example.org>", "Rcpt <j\u{fc}rgen@example.org> Utf8"),
        ("RCPT TO:<ada@b\u{fc}cher.example>", "Rcpt <ada@b\u{fc}cher.example> Utf8"),
        ("RCPT TO:<a@x.example> NOTIFY=NEVER", "Rcpt <a@x.example> Ascii never"),
        ("RCPT TO:<a@x.example> NOTIFY=SUCCESS,delay", "Rcpt <a@x.example> Ascii on=sd"),
        ("RCPT TO:<a@x.example> NOTIFY=FAILURE", "Rcpt <a@x.example> Ascii on=f"),
        (
            "RCPT TO:<a@x.example> ORCPT=RFC822;b+2Bc@y.example",
            "Rcpt <a@x.example> Ascii orcpt=rfc822;b+c@y.example",
        ),
        (
            "RCPT TO:<a@x.example> ORCPT=utf-8;j\\x{FC}@y.example",
            "Rcpt <a@x.example> Ascii orcpt=utf-8;j\u{fc}@y.example",
        ),
        ("RCPT", "Recipient(Brackets)"),
        ("RCPT TO:", "Recipient(Brackets)"),
        ("RCPT TO:<>", "Recipient(NoAt)"),
        ("RCPT TO:ada@example.org", "Recipient(Brackets)"),
        ("RCPT FROM:<ada@example.org>", "Recipient(Brackets)"),
        ("RCPT TO:<a@x.example>x", "Recipient(Brackets)"),
        ("RCPT TO:<a@x.example> NOTIFY", "BadParameter"),
        ("RCPT TO:<a@x.example> NOTIFY=", "BadParameter"),
        ("RCPT TO:<a@x.example> NOTIFY=NEVER,FAILURE", "BadParameter"),
        ("RCPT TO:<a@x.example> NOTIFY=NEVER NOTIFY=NEVER", "BadParameter"),
        ("RCPT TO:<a@x.example> ORCPT=b@y.example", "BadParameter"),
        ("RCPT TO:<a@x.example> ORCPT=;b@y.example", "BadParameter"),
        ("RCPT TO:<a@x.example> ORCPT=rfc822;", "BadParameter"),
        ("RCPT TO:<a@x.example> ORCPT=rfc822;a+0Ab", "BadParameter"),
        ("RCPT TO:<a@x.example> ORCPT=rfc822;j\u{fc}@y.example", "BadParameter"),
        ("RCPT TO:<a@x.example> SIZE=1", "UnknownParameter"),
    ]);
}

#[test]
fn every_parameter_of_the_table_is_known() {
    for extension in crate::Extension::all() {
        for name in extension.mail_parameters() {
            assert_ne!(told(format!("MAIL FROM:<> {name}=").as_bytes()), "UnknownParameter", "{name}");
        }
        for name in extension.rcpt_parameters() {
            assert_ne!(
                told(format!("RCPT TO:<a@x.example> {name}=").as_bytes()),
                "UnknownParameter",
                "{name}"
            );
        }
    }
}

#[test]
fn bdat_is_read() {
    check(&[
        ("BDAT 0", "Bdat 0 More"),
        ("BDAT 86 LAST", "Bdat 86 Last"),
        ("bdat  86  last", "Bdat 86 Last"),
        ("BDAT 18446744073709551615", "Bdat 18446744073709551615 More"),
        ("BDAT", "ChunkSize"),
        ("BDAT x", "ChunkSize"),
        ("BDAT -1", "ChunkSize"),
        ("BDAT +1", "ChunkSize"),
        ("BDAT 18446744073709551616", "ChunkSize"),
        ("BDAT 1 FIRST", "ChunkSize"),
        ("BDAT 1 LAST LAST", "ChunkSize"),
    ]);
}

#[test]
fn auth_is_read() {
    check(&[
        ("AUTH LOGIN", "Auth \"LOGIN\" Ok(None)"),
        ("AUTH  plain  AGFkYQBz", "Auth \"PLAIN\" Ok(Some(\"\\0ada\\0s\"))"),
        ("AUTH EXTERNAL =", "Auth \"EXTERNAL\" Ok(Some(\"\"))"),
        ("AUTH PLAIN AGFkYQBzZQ==", "Auth \"PLAIN\" Ok(Some(\"\\0ada\\0se\"))"),
        ("AUTH PLAIN AGFkYQBzZQ", "Auth \"PLAIN\" Err(Base64)"),
        ("AUTH PLAIN ==", "Auth \"PLAIN\" Err(Base64)"),
        ("AUTH PLAIN *", "Auth \"PLAIN\" Err(Base64)"),
        ("AUTH PLAIN AGFk YQBz", "Argument"),
        ("AUTH", "Argument"),
        ("AUTH foo!", "Auth \"\" Ok(None)"),
        ("AUTH ABCDEFGHIJKLMNOPQRSTU", "Auth \"\" Ok(None)"),
    ]);
}
