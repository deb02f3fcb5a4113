//! The helper as a program: its command line, and frames that it must not take.
// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::process::{Command, Output, Stdio};

const HELPER: &str = env!("CARGO_BIN_EXE_gatepost-helper");

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(HELPER);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut helper = command.spawn().unwrap();
    // It may end before it has read all.
    let _ = helper.stdin.take().unwrap().write_all(input);
    helper.wait_with_output().unwrap()
}

fn frame(fields: &[&[u8]]) -> Vec<u8> {
    let body: Vec<u8> = fields
        .iter()
        .flat_map(|field| [&u16::try_from(field.len()).unwrap().to_be_bytes(), *field].concat())
        .collect();
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body.as_slice()].concat()
}

const GREETING: &[&[u8]] = &[b"gatepost-helper", b"1", b"pam", b"gatepost"];

#[test]
fn a_command_line_that_is_not_understood_ends_it() {
    for arguments in [&[][..], &["pam"], &["accept", "smtp"], &["shell"]] {
        let done = run(arguments, b"");
        assert_eq!(done.status.code(), Some(64), "{arguments:?}");
        assert_eq!(done.stdout, b"");
    }
}

#[test]
fn it_greets_and_ends_when_nothing_is_asked() {
    let done = run(&["pam", "gatepost"], b"");
    assert!(done.status.success());
    assert_eq!(done.stdout, frame(GREETING));
}

#[test]
fn a_frame_that_is_not_understood_gets_no_answer() {
    let rows = [
        frame(&[b"token", b"x"]),
        frame(&[b"check", b"ada"]),
        frame(&[b"check", b"ada", b"pencil", b"more"]),
        frame(&[]),
        vec![0xff; 64],
        frame(&[b"check", b"ada", b"pencil"])[..12].to_vec(),
    ];
    for row in rows {
        let done = run(&["pam", "gatepost"], &row);
        assert_eq!(done.status.code(), Some(71), "{row:?}");
        assert_eq!(done.stdout, frame(GREETING), "{row:?}");
        assert!(!String::from_utf8_lossy(&done.stderr).contains("pencil"));
    }
}

#[test]
fn it_dumps_no_core() {
    let mut command = Command::new(HELPER);
    let mut helper =
        command.args(["pam", "gatepost"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    helper.stdout.as_mut().unwrap().read_exact(&mut vec![0; frame(GREETING).len()]).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", helper.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    drop(helper.stdin.take());
    assert!(helper.wait().unwrap().success());
}

#[cfg(not(feature = "pam"))]
#[test]
fn without_libpam_nothing_is_known() {
    let done = run(&["pam", "gatepost"], &frame(&[b"check", b"ada", b"pencil"]));
    let reason = b"the helper was built without the feature `pam`";
    assert_eq!(done.stdout, [frame(GREETING), frame(&[b"unavailable", reason])].concat());
}

#[cfg(not(feature = "kerberos"))]
#[test]
fn without_the_kerberos_library_nothing_is_known() {
    let done = run(&["accept", "smtp", "/nowhere"], &frame(&[b"token", b"x"]));
    let reason = b"the helper was built without the feature `kerberos`";
    assert!(done.stdout.ends_with(&frame(&[b"unavailable", reason])));
}
