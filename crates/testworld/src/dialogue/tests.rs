use super::play::{Cut, Subject};
use super::{Act, Dialogue};
use crate::{Authority, Client, Exchanger, Script};

/// Answers each whole line with its length; STARTTLS and QUIT as one expects.
#[derive(Default)]
struct Counter {
    unread: Vec<u8>,
    closed: bool,
}

impl Subject for Counter {
    fn begin(&mut self) -> Vec<u8> {
        b"220-well\r\n220 come\r\n".to_vec()
    }

    fn receive(&mut self, octets: &[u8]) -> Vec<u8> {
        self.unread.extend_from_slice(octets);
        let mut said = Vec::new();
        while let Some(end) = self.unread.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            self.closed |= line.starts_with(b"QUIT");
            said.extend_from_slice(format!("250 {}\r\n", line.len()).as_bytes());
        }
        said
    }

    fn encrypt(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn hang_up(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn is_closed(&self) -> bool {
        self.closed
    }
}

const CASE: &str = "# a comment\n@ service mx\nS 220*come\nS! *go*\nC four\nC< a\\x00\\r\\n\nC* 3 xy\nC\n\
                    S 250 6  # four and CRLF\nS 250 4\nS 250 8\nC QUIT\nS 250 *\n! closed\n";

#[test]
fn a_case_plays_the_same_however_it_is_cut() {
    let case = Dialogue::read("case", CASE).unwrap();
    assert_eq!(case.setting("service"), Some("mx"));
    assert_eq!(case.steps()[3].act, Act::Send(b"a\0\r\n".to_vec()));
    let whole = case.play(&mut Counter::default(), Cut::Lines).unwrap();
    for size in [1, 2, 3, 5, 1000] {
        assert_eq!(case.play(&mut Counter::default(), Cut::Pieces(size)).unwrap(), whole, "{size}");
    }
}

#[test]
fn leaving_the_dialogue_is_told_with_its_line() {
    let rows = [
        ("S 220 *", "case:1"),
        ("S 220*\nC a\nS 250 4", "case:3"),
        ("S 220*\nS! *come*", "case:2"),
        ("S 220*\nS 250*", "case:2"),
        ("S 220*\nC a", "case:2"),
        ("S 220*\nC a\nS 250*\n! closed", "case:4"),
    ];
    for (text, place) in rows {
        let case = Dialogue::read("case", text).unwrap();
        let mismatch = case.play(&mut Counter::default(), Cut::Lines).unwrap_err();
        assert_eq!(mismatch.place, place, "{mismatch}");
    }
}

#[test]
fn a_line_that_is_none_is_named() {
    for text in ["X", "C< \\q", "C< \\xZZ", "C* many x", "C* 99999999999 xx", "! open", "# nothing"] {
        let fault = Dialogue::read("case", text).unwrap_err().to_string();
        assert!(fault.starts_with("case:1: "), "{fault}");
    }
}

#[tokio::test]
async fn the_same_format_runs_over_a_socket() {
    let identity = Authority::new().unwrap().identity(&["server.example"]).unwrap();
    let exchanger =
        Exchanger::start(Script::polite().starttls(identity.server_config().unwrap())).await.unwrap();
    let text = "S 220 *\nC EHLO a.example\nS 250*STARTTLS*\nC STARTTLS\nS 220*\n! tls\nC EHLO a.example\n\
                S 250*\nS! *STARTTLS*\nC QUIT\nS 221 *\n! closed";
    let case = Dialogue::read("case", text).unwrap();
    case.play_over(Client::dial(exchanger.address()).await.unwrap()).await.unwrap();
    let wrong = Dialogue::read("case", "S 220 *\nC NOOP\nS 500 *").unwrap();
    let fault = wrong.play_over(Client::dial(exchanger.address()).await.unwrap()).await.unwrap_err();
    assert!(fault.to_string().contains("case:3"), "{fault}");
}

#[tokio::test]
async fn cases_hold_at_another_server_too() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/dialogue/order");
    assert!(Dialogue::load_all(&folder).unwrap().len() >= 2);
    for name in ["rcpt-before-mail.txt", "second-mail.txt"] {
        let exchanger = Exchanger::start(Script::polite()).await.unwrap();
        let case = Dialogue::load(&folder.join(name)).unwrap();
        case.play_over(Client::dial(exchanger.address()).await.unwrap()).await.unwrap();
    }
}
