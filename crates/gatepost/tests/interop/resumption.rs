//! OpenSSL keeps the ticket of one connection and shows it at the next.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::rig::{Gatepost, HOSTNAME, Plan};

/// One connection that says goodbye at once; what s_client writes about it.
fn talk(gatepost: &Gatepost, version: &str, session: &[&str], file: &Path) -> String {
    let mut command = Command::new("timeout");
    let server = gatepost.submission().to_string();
    command.args(["60", "openssl", "s_client", "-starttls", "smtp", "-ign_eof", "-connect", &server]);
    command.args(["-servername", HOSTNAME, version, "-CAfile"]).arg(gatepost.ca());
    for option in session {
        command.arg(option).arg(file);
    }
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("running openssl");
    child.stdin.take().expect("its input").write_all(b"QUIT\r\n").expect("saying goodbye");
    let output = child.wait_with_output().expect("its end");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn openssl_resumes_its_session_and_the_event_says_so() {
    let gatepost = Plan::default().maildir("ours.example").start();
    for (number, version) in ["-tls1_2", "-tls1_3"].into_iter().enumerate() {
        let file = gatepost.dir().join(format!("session{version}"));
        let first = talk(&gatepost, version, &["-sess_out"], &file);
        assert!(first.contains("New, TLSv1") && first.contains("Verify return code: 0"), "{first}");
        let second = talk(&gatepost, version, &["-sess_in"], &file);
        assert!(second.contains("Reused, TLSv1"), "{second}");
        let events = gatepost.await_events("encrypted", 2 * number + 2);
        let resumed: Vec<_> = events.iter().rev().take(2).map(|event| event["resumed"].clone()).collect();
        assert_eq!(resumed, [true, false], "{version}");
    }
}
