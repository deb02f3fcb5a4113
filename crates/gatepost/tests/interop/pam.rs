//! PAM's own modules behind SMTP: what each says, and what the client is told.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;
use gatepost_testworld::patience::PATIENCE;

use crate::helper;
use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@example.org";

/// How long PAM may take here.
const LONGEST: Duration = Duration::from_secs(5);

/// Logs in by PLAIN and by LOGIN; gives what was said to each.
async fn told(gatepost: &Gatepost, user: &str, password: &str) -> io::Result<[String; 2]> {
    let mut replies = [String::new(), String::new()];
    for (mechanism, told) in ["PLAIN", "LOGIN"].into_iter().zip(&mut replies) {
        let mut client = Client::dial(gatepost.submissions()).await?.patience(PATIENCE);
        client.shake_hands(HOSTNAME).await?;
        client.expect("220").await?;
        client.say("EHLO client.example", "250").await?;
        if mechanism == "PLAIN" {
            let line = STANDARD.encode(format!("\0{user}\0{password}"));
            client.send_line(&format!("AUTH PLAIN {line}")).await?;
        } else {
            client.say("AUTH LOGIN", "334").await?;
            client.say(&STANDARD.encode(user), "334").await?;
            client.send_line(&STANDARD.encode(password)).await?;
        }
        *told = client.reply().await?.text();
        client.quit().await?;
    }
    Ok(replies)
}

fn hanging(folder: &Path) -> io::Result<String> {
    let program = folder.join("hang");
    // Longer than anybody here waits; it is out of the helper's reach, and so must end by itself.
    gatepost_testworld::executable(&program, "#!/bin/sh\nexec sleep 30\n")?;
    Ok(format!("auth required pam_exec.so {}\n", program.display()))
}

#[tokio::test]
async fn what_modules_say_is_what_clients_are_told() -> io::Result<()> {
    let folder = helper::pam_services()?;
    let program = folder.path().join("helper");
    let gatepost = Plan::default()
        .auth("failures-before-lockout = 1000\ntarpit = \"0s\"")
        .with(&format!(
            "[auth.source.system]\nkind = \"pam\"\ndomains = [\"example.org\"]\nhelper = {program:?}\npatience = \"{}s\"",
            LONGEST.as_secs()
        ))
        .start();
    let users = format!("auth required pam_userdb.so db={}/users crypt=crypt\n", folder.path().display());
    let permitted = "account required pam_permit.so\n";
    let (right, refused, later) = ("235 2.7.0", "535 5.7.8", "454 4.7.0");
    let rows = [
        ("known", format!("{users}{permitted}"), right, refused),
        ("expired", format!("{users}account required pam_debug.so acct=acct_expired\n"), refused, refused),
        ("nobody", "auth required pam_deny.so\naccount required pam_deny.so\n".to_owned(), refused, refused),
        (
            "what is behind it is down",
            format!("auth required pam_debug.so auth=authinfo_unavail\n{permitted}"),
            later,
            later,
        ),
        ("no module", format!("auth required /nowhere/pam_gone.so\n{permitted}"), later, later),
        ("hangs", format!("{}{permitted}", hanging(folder.path())?), later, later),
        ("known again", format!("{users}{permitted}"), right, refused),
    ];
    for (name, stack, to_right, to_wrong) in rows {
        std::fs::write(folder.path().join("gatepost"), stack)?;
        for (user, password, want) in [(ADA, "pencil", to_right), (ADA, "eraser", to_wrong)] {
            let begun = Instant::now();
            for reply in told(&gatepost, user, password).await? {
                assert!(reply.starts_with(want), "{name}: {password}: {reply}");
            }
            assert!(begun.elapsed() < 2 * LONGEST + Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
        }
    }
    for user in ["eve@example.org", "ada@elsewhere.example", "ada"] {
        for reply in told(&gatepost, user, "pencil").await? {
            assert!(reply.starts_with(refused), "{user}: {reply}");
        }
    }
    Ok(())
}
