//! The program as people run it: arguments in, text and exit status out. What a running server does is shown
//! beside the servers of others, in `interop`.

#[path = "support/site.rs"]
mod site;

use std::fs;
use std::io;
use std::process::Command;

use site::{CONFIGURATION, Said, Site};

#[test]
fn the_exit_status_tells_how_it_went() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let broken = Site::new("hostnam = 1\n")?;
    let rows: [(&Site, &[&str], i32); 13] = [
        (&site, &["check"], 0),
        (&broken, &["check"], 78),
        (&broken, &["queue", "list"], 78),
        (&broken, &["serve"], 78),
        (&site, &[], 2),
        (&site, &["frobnicate"], 2),
        (&site, &["--help"], 0),
        (&site, &["trace", "not-an-id"], 2),
        (&site, &["trace", "0000000000001"], 1),
        (&site, &["account", "show", "nobody@example.org"], 1),
        (&site, &["queue", "retry"], 2),
        (&site, &["-c", "elsewhere.toml", "check"], 78),
        (&site, &["account", "add", "ada@example.org"], 2),
    ];
    // The spool of the one that has the right to be asked about it.
    fs::create_dir_all(site.path().join("data/spool"))?;
    for (site, arguments, want) in rows {
        let said = site.run(arguments)?;
        assert_eq!(said.status, Some(want), "{arguments:?}: {}{}", said.out, said.err);
    }
    Ok(())
}

#[test]
fn check_shows_line_column_caret_and_mend() -> io::Result<()> {
    let site = Site::new("hostname = \"mail.example.org\"\ndatadir = \"data\"\n")?;
    let said = site.run(&["check"])?;
    let want = "\
error: unknown key `datadir`
   ┌─ gatepost.toml:2:1
 2 │ datadir = \"data\"
   │ ^^^^^^^ not a key at the top of the file
   = mend: write `data-dir`

gatepost.toml cannot be used: 1 error, no warnings
";
    assert_eq!(said.out, want);
    let told: serde_json::Value = serde_json::from_str(&site.run(&["--json", "check"])?.out)?;
    assert_eq!(told["ok"], false);
    assert_eq!((&told["faults"][0]["line"], &told["faults"][0]["column"]), (&2.into(), &1.into()));
    assert_eq!(told["faults"][0]["mend"], "write `data-dir`");
    Ok(())
}

#[test]
fn the_configuration_is_found_where_it_should_be() -> io::Result<()> {
    let (here, there) = (Site::new(CONFIGURATION)?, Site::new(CONFIGURATION)?);
    let named = there.path().join("gatepost.toml");
    assert!(here.run(&["check"])?.out.starts_with("gatepost.toml is in order"));
    let said = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .arg("check")
        .env("GATEPOST_CONFIG", &named)
        .current_dir(here.path())
        .output()?;
    assert!(Said::from(said).out.starts_with(&format!("{} is in order", named.display())));
    Ok(())
}

#[test]
fn an_account_lives_from_add_to_remove() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let secret = "correct horse battery";
    let add = ["account", "add", "Ada@Example.org", "--password-stdin", "--allow", "cram-md5"];
    assert_eq!(site.run_with(&add, secret)?.out, "ada@example.org added\n");
    let again = site.run_with(&add, secret)?;
    assert_eq!(again.status, Some(1));
    let show = |site: &Site| -> io::Result<serde_json::Value> {
        Ok(serde_json::from_str(&site.run(&["--json", "account", "show", "ada@example.org"])?.out)?)
    };
    assert_eq!(show(&site)?["state"], "active");
    assert!(show(&site)?["mechanisms"].to_string().contains("CRAM-MD5"));
    site.run(&["account", "suspend", "ada@example.org"])?;
    assert_eq!(show(&site)?["state"], "suspended");
    site.run(&["account", "resume", "ada@example.org"])?;
    assert_eq!(show(&site)?["state"], "active");
    let listed = site.run(&["account", "list"])?.out;
    assert!(listed.contains("ada@example.org"), "{listed}");
    assert!(!format!("{listed}{}{}", again.out, again.err).contains(secret));
    assert_eq!(site.run(&["account", "remove", "ada@example.org"])?.status, Some(0));
    assert_eq!(site.run(&["account", "remove", "ada@example.org"])?.status, Some(1));
    Ok(())
}

#[test]
fn explain_names_the_rule_and_sends_nothing() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let ask = |arguments: &[&str]| -> io::Result<(Option<i32>, Vec<String>)> {
        let said = site.run(&[&["--json", "explain", "--client", "192.0.2.1"], arguments].concat())?;
        let told: serde_json::Value = serde_json::from_str(&said.out)?;
        let findings = told["findings"].as_array().cloned().unwrap_or_default();
        let rules = findings.iter().map(|finding| finding["rule"].as_str().unwrap_or_default().to_owned());
        Ok((said.status, rules.collect()))
    };
    let (status, rules) = ask(&["--from", "a@elsewhere.example", "--to", "x@elsewhere.example"])?;
    assert_eq!((status, rules.last().map(String::as_str)), (Some(1), Some("relay.denied")));
    // Asking makes no accounts: without any, nobody knows, and unknown puts off.
    assert!(!site.path().join("data").exists());
    let (status, rules) = ask(&["--from", "a@elsewhere.example", "--to", "ada@example.org"])?;
    assert_eq!((status, rules.last().map(String::as_str)), (Some(1), Some("relay.unknown")));
    site.run_with(&["account", "add", "ada@example.org", "--password-stdin"], "secret")?;
    let (status, rules) = ask(&["--from", "a@elsewhere.example", "--to", "ada@example.org"])?;
    assert_eq!((status, rules.contains(&"relay.hosted".to_owned())), (Some(0), true));
    let (status, rules) =
        ask(&["--as", "ada@example.org", "--from", "eve@example.org", "--to", "x@elsewhere.example"])?;
    assert_eq!(status, Some(1), "{rules:?}");
    let (status, rules) = ask(&["--port", "2587", "--from", "a@example.org", "--to", "x@elsewhere.example"])?;
    assert_eq!((status, rules.last().map(String::as_str)), (Some(1), Some("sender.login-first")));
    let wrong =
        site.run(&["explain", "--client", "192.0.2.1", "--port", "9", "--from", "<>", "--to", "a@b.c"])?;
    assert_eq!(wrong.status, Some(2));
    Ok(())
}

#[test]
fn the_queue_is_read_without_a_server() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    assert_eq!(site.run(&["queue", "list"])?.status, Some(1));
    fs::create_dir_all(site.path().join("data/spool"))?;
    let said = site.run(&["queue", "list"])?;
    assert_eq!((said.out.as_str(), said.status), ("the queue is empty\n", Some(0)), "{}", said.err);
    assert_eq!(site.run(&["--json", "queue", "list"])?.out, "[]\n");
    let gone = site.run(&["queue", "hold", "0000000000001"])?;
    assert_eq!(gone.status, Some(1), "{}", gone.err);
    assert!(gone.err.contains("there is no message 0000000000001"), "{}", gone.err);
    Ok(())
}

/// Puts a message into the spool of a site that does not run.
async fn queue_message(site: &Site, to: &str) -> Result<String, Box<dyn std::error::Error>> {
    use gatepost_mail::{Body, Ending, Envelope, ForwardPath, International, Principal, Recipient};
    use gatepost_mail::{ReversePath, SessionId};
    use gatepost_spool::{Draft as _, Embedded, EmbeddedSettings, Spool as _};

    let now = gatepost_mta::event::now();
    let (spool, _) = Embedded::open(&site.path().join("data/spool"), EmbeddedSettings::default(), now)?;
    let mut draft = spool.draft().await?;
    draft.write(b"Subject: hello\r\n\r\n").await?;
    let envelope = Envelope {
        reverse_path: ReversePath::parse("<ada@example.org>")?,
        recipients: vec![Recipient::new(ForwardPath::parse(to)?)],
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada@example.org".into()),
        session: SessionId::from_number(7),
        received: now,
    };
    Ok(draft.commit(envelope, now).await?.to_string())
}

#[tokio::test]
async fn what_operators_do_to_a_message_is_in_its_story() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::new(CONFIGURATION)?;
    fs::create_dir_all(site.path().join("data"))?;
    let id = queue_message(&site, "<bob@example.net>").await?;
    let other = queue_message(&site, "<eve@example.com>").await?;
    assert_eq!(site.run(&["queue", "hold", &id])?.out, "1 message held\n");
    let held = site.run(&["--json", "queue", "list", "--state", "held"])?.out;
    assert!(held.contains(&id) && !held.contains(&other), "{held}");
    assert_eq!(site.run(&["queue", "retry", "--all"])?.out, "2 messages retried\n");
    assert_eq!(site.run(&["queue", "remove", "--to", "example.net"])?.out, "1 message removed\n");
    let left = site.run(&["queue", "list"])?.out;
    assert!(left.contains(&other) && !left.contains(&id), "{left}");
    let story = site.run(&["trace", &id])?.out;
    let told: Vec<_> = ["held", "retried", "removed"]
        .iter()
        .filter(|done| story.contains(&format!("the message was {done} by ")))
        .collect();
    assert_eq!(told.len(), 3, "{story}");
    Ok(())
}

#[test]
fn completions_and_manual_pages_know_every_command() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let commands = ["serve", "quickstart", "init", "check", "account", "explain", "queue", "trace", "send"];
    for shell in ["bash", "zsh", "fish"] {
        let said = site.run(&["completions", shell])?;
        assert!(commands.iter().all(|command| said.out.contains(command)), "{shell}");
    }
    assert_eq!(site.run(&["man", "pages"])?.status, Some(0));
    for command in commands {
        let page = fs::read_to_string(site.path().join(format!("pages/gatepost-{command}.1")))?;
        assert!(page.contains(".TH gatepost"), "{command}");
    }
    Ok(())
}

#[test]
fn quickstart_shows_a_message_and_two_refusals() -> io::Result<()> {
    let site = Site::new("")?;
    let said = site.run(&["quickstart", "--once", "--dir", "show"])?;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    for part in
        ["SCRAM-SHA-256-PLUS", "delivered to <bob@quickstart.example>", "sender.login-first", "relay.denied"]
    {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
    let mail = fs::read_dir(site.path().join("show/mail/bob/new"))?.count();
    assert_eq!(mail, 1);
    // Done again, it replaces its own folder; it leaves any other alone.
    assert_eq!(site.run(&["quickstart", "--once", "--dir", "show"])?.status, Some(0));
    let refused = site.run(&["quickstart", "--once", "--dir", "."])?;
    assert_eq!(refused.status, Some(1));
    assert!(site.path().join("gatepost.toml").exists());
    Ok(())
}

/// Files of a folder whose names end in `.gatepost`, sorted.
fn exported(folder: &std::path::Path) -> io::Result<Vec<std::path::PathBuf>> {
    let files = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    assert!(files.iter().all(|file| file.extension().is_some_and(|end| end == "gatepost")), "{files:?}");
    let mut files = files;
    files.sort();
    Ok(files)
}

#[tokio::test]
async fn what_is_exported_comes_back_as_it_was_and_once() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::new(CONFIGURATION)?;
    fs::create_dir_all(site.path().join("data"))?;
    let id = queue_message(&site, "<bob@example.net>").await?;
    let other = queue_message(&site, "<eve@example.com>").await?;
    site.run(&["queue", "hold", &id])?;
    let before = site.run(&["--json", "queue", "list"])?.out;
    assert_eq!(site.run(&["queue", "export", "out"])?.status, Some(2), "which ones?");
    assert_eq!(
        site.run(&["queue", "export", "one", "--to", "example.com"])?.out,
        "1 message written to one\n"
    );
    assert_eq!(exported(&site.path().join("one"))?.len(), 1);
    assert_eq!(site.run(&["queue", "export", "out", "--all"])?.out, "2 messages written to out\n");
    let files = exported(&site.path().join("out"))?;
    assert_eq!(files.len(), 2);
    assert_eq!(site.run(&["queue", "import", "out"])?.out, "no messages taken, 2 there already\n");

    // Into another spool, as if the import had been broken off behind the first.
    fs::rename(site.path().join("data"), site.path().join("old"))?;
    fs::create_dir_all(site.path().join("data/spool"))?;
    let first = files.first().and_then(|file| file.to_str()).unwrap_or_default();
    assert_eq!(site.run(&["queue", "import", first])?.out, "1 message taken\n");
    assert_eq!(site.run(&["queue", "import", "out"])?.out, "1 message taken, 1 there already\n");
    assert_eq!(site.run(&["--json", "queue", "list"])?.out, before, "with their ids and all else");
    assert!(site.run(&["trace", &other])?.out.contains("the message was imported by "));

    // An id that is known to have ended is not used again, and still the message comes once.
    site.run(&["queue", "remove", "--all"])?;
    assert_eq!(site.run(&["queue", "import", "out"])?.out, "2 messages taken\n");
    assert_eq!(site.run(&["queue", "import", "out"])?.out, "no messages taken, 2 there already\n");
    let listed = site.run(&["queue", "list"])?.out;
    assert!(listed.contains("2 messages") && !listed.contains(&id), "{listed}");

    // A damaged file is named, and the rest goes on.
    let whole = fs::read(first)?;
    site.run(&["queue", "remove", "--all"])?;
    for damaged in [
        [&whole[..whole.len() - 1], b"x"].concat(),
        whole[..whole.len() - 1].to_vec(),
        [&whole[..], b"x"].concat(),
        whole.iter().map(|octet| if *octet == b'h' { b'j' } else { *octet }).collect(),
        Vec::new(),
    ] {
        fs::write(first, &damaged)?;
        let said = site.run(&["queue", "import", "out"])?;
        assert_eq!(said.status, Some(1), "{}", said.out);
        assert!(said.err.contains(first.rsplit('/').next().unwrap_or_default()), "{}", said.err);
    }
    assert_eq!(site.run(&["--json", "queue", "list"])?.out.matches("eve@example.com").count(), 1);
    let later = String::from_utf8(whole)?.replacen("\"gatepost-message\":1", "\"gatepost-message\":2", 1);
    fs::write(first, later)?;
    let said = site.run(&["queue", "import", first])?;
    assert!(said.err.contains("form 2"), "{}", said.err);
    Ok(())
}

#[tokio::test]
async fn a_damaged_message_is_named_and_the_rest_is_exported() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::new(CONFIGURATION)?;
    fs::create_dir_all(site.path().join("data"))?;
    let id = queue_message(&site, "<bob@example.net>").await?;
    queue_message(&site, "<eve@example.com>").await?;
    assert_eq!(site.run(&["queue", "verify"])?.status, Some(0));
    let segment = site.path().join("data/spool/segments/00000001.log");
    let mut octets = fs::read(&segment)?;
    let at = octets.windows(5).position(|part| part == b"hello").ok_or("no content")?;
    octets[at] ^= 1;
    fs::write(&segment, octets)?;
    let said = site.run(&["queue", "verify"])?;
    assert!(said.status == Some(1) && said.out.contains(&format!("damaged: message {id}")), "{}", said.out);
    let said = site.run(&["queue", "export", "out", "--all"])?;
    assert_eq!((said.out.as_str(), said.status), ("1 message written to out\n", Some(1)), "{}", said.err);
    assert!(said.err.contains(&format!("message {id}")), "{}", said.err);
    assert_eq!(exported(&site.path().join("out"))?.len(), 1);
    Ok(())
}
