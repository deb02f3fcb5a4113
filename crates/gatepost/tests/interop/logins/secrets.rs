//! What is secret of a login, read off what the client printed, and looked for in all that gatepost wrote.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::people::Held;
use crate::clients::Talk;
use crate::rig::Gatepost;

/// The shortest that is looked at: shorter ones would be found by chance.
const SHORTEST: usize = 16;

/// What the client sent of its secret, as it printed it: whole responses, and the proofs inside.
pub(super) fn sent(talk: &Talk, mechanism: &str, held: &Held) -> Vec<String> {
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=');
    let words = talk.transcript.split(|letter| !is_base64(letter)).filter(|word| word.len() >= SHORTEST);
    let mut found = Vec::new();
    for word in words {
        let Ok(octets) = STANDARD.decode(word) else { continue };
        let proofs = proofs_in(&octets, mechanism);
        let holds = held.secrets().iter().any(|secret| contains(&octets, secret.as_bytes()));
        if holds || !proofs.is_empty() {
            found.push(word.to_owned());
        }
        found.extend(proofs);
    }
    found.retain(|secret| secret.len() >= SHORTEST);
    found
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

/// What of a response proves something, in the forms in which it might be written.
fn proofs_in(octets: &[u8], mechanism: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(octets);
    let after = |mark: &str, until: char| {
        let rest = text.split_once(mark).map(|(_, rest)| rest)?;
        rest.split(until).next().map(|proof| vec![proof.to_owned()])
    };
    let found = match mechanism {
        "CRAM-MD5" | "MD5" => text
            .rsplit_once(' ')
            .filter(|(_, digest)| is_md5(digest))
            .map(|(_, digest)| vec![digest.to_owned()]),
        "DIGEST-MD5" => after("response=", ',').filter(|digest| is_md5(&digest[0])),
        "NTLM" => ntlm(octets),
        "OAUTH10A" => after("oauth_signature=\"", '"'),
        // The first token of Kerberos, and what is wrapped afterwards.
        "GSSAPI" if octets.starts_with(&[0x60]) || octets.starts_with(&[5, 4]) => Some(forms(octets)),
        _ => after(",p=", ','),
    };
    found.unwrap_or_default()
}

fn is_md5(digest: &str) -> bool {
    digest.len() == 32 && digest.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// The two responses of an AUTHENTICATE message ([MS-NLMP] section 2.2.1.3).
fn ntlm(octets: &[u8]) -> Option<Vec<String>> {
    octets.strip_prefix(b"NTLMSSP\0\x03\0\0\0")?;
    let number = |at: usize| Some(usize::from(u16::from_le_bytes(octets.get(at..at + 2)?.try_into().ok()?)));
    let field = |at: usize| Some(forms(octets.get(number(at + 4)?..)?.get(..number(at)?)?));
    Some([field(12)?, field(20)?].concat())
}

fn forms(octets: &[u8]) -> Vec<String> {
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    vec![hex.to_uppercase(), hex, STANDARD.encode(octets)]
}

/// A secret as it is, and in base64 wherever it begins.
pub(super) fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), STANDARD.encode(secret)];
    for before in 1..3 {
        let whole = STANDARD_NO_PAD.encode([&vec![0; before], secret.as_bytes()].concat());
        // The first letters hold what stands before the secret, the last one what follows it.
        forms.push(whole[before + 1..whole.len() - 1].to_owned());
    }
    forms
}

/// grep, since a search for so many words must be quick.
pub(super) fn assert_nowhere(gatepost: &Gatepost, secrets: &BTreeSet<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (words, written) = (folder.path().join("words"), folder.path().join("written"));
    fs::write(&written, gatepost.everything_written()).expect("writing all that was written");
    let grep = |list: &str| {
        fs::write(&words, list).expect("writing the secrets");
        let mut command = Command::new("grep");
        command.args(["--text", "--only-matching", "--fixed-strings", "--file"]).arg(&words).arg(&written);
        String::from_utf8_lossy(&command.output().expect("running grep").stdout).into_owned()
    };
    let list: String = secrets.iter().map(|secret| format!("{secret}\n")).collect();
    assert_eq!(grep(&list), "", "secrets in what gatepost has written");
    assert!(
        grep("swaks@ours.example\n").contains("swaks@ours.example"),
        "names are written, so the search works"
    );
}
