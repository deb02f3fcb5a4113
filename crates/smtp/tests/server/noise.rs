//! Octets that nobody meant: no panic, bounded memory, and the same result however they are cut.

use gatepost_smtp::Limits;
use gatepost_testworld::dialogue::Subject as _;

use crate::bench::Bench;
use crate::desk::Service;

/// Rounds of each test; each has a seed of its own, which a failure prints.
const ROUNDS: u64 = 400;
/// Fragments in one round.
const FRAGMENTS: usize = 60;
/// What both buffers of a session may hold, whatever comes: the backlog may double while it grows, replies
/// are held back up to some KiB.
const MOST_BUFFERED: usize = 2 * 256 * 1024 + 16 * 1024;

/// A pseudo-random sequence (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

const COMMANDS: [&[u8]; 40] = [
    b"EHLO client.example\r\n",
    b"LHLO client.example\r\n",
    b"MAIL FROM:<bob@there.example>\r\n",
    b"MAIL FROM:<> BODY=BINARYMIME\r\n",
    b"MAIL FROM:<ada@example.org> SIZE=100 SMTPUTF8\r\n",
    b"RCPT TO:<ada@example.org>\r\n",
    b"RCPT TO:<ada@example.org>\r\n",
    b"RCPT TO:<nobody@example.org>\r\n",
    b"RCPT TO:<full@example.org>\r\n",
    b"RCPT TO:<no-room@example.org>\r\n",
    b"RCPT TO:<\"a\\\"b\"@example.org> NOTIFY=NEVER\r\n",
    b"DATA\r\n",
    b"DATA\r\n",
    b".\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"..\r\n",
    b"\n.\r\n",
    b"\r.\r",
    b".\r",
    b".\n",
    b"\r",
    b"\n",
    b"\0",
    b"hello\r\n",
    b"caf\xc3\xa9 \xff\r\n",
    b"1234567890123456789012345678901234567890\r\n",
    b"BDAT 0\r\n",
    b"BDAT 7\r\n",
    b"BDAT 7 LAST\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 70\r\n",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"AUTH PLAIN AGFkYUBleGFtcGxlLm9yZwBzZWNyZXQ=\r\n",
    b"AUTH LOGIN\r\n",
    b"YWRhQGV4YW1wbGUub3Jn\r\n",
    b"*\r\n",
    b"QUIT\r\n",
];

/// Commands in a likely order now and then, and anything at all in between.
fn noise(dice: &mut Dice) -> Vec<u8> {
    let mut octets = Vec::new();
    for _ in 0..FRAGMENTS {
        match dice.below(10) {
            0 => octets.extend((0..dice.below(60)).map(|_| dice.below(256) as u8)),
            1 | 2 => octets.extend_from_slice(
                b"EHLO c\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nRCPT TO:<full@example.org>\r\n",
            ),
            3 => octets.extend_from_slice(b"DATA\r\nhello\r\n..\r\nworld\r\n.\r\n"),
            4 => octets.extend_from_slice(b"BDAT 7\r\nhello\r\nBDAT 6 LAST\r\nworld!"),
            _ => {
                // QUIT ends the round, so it is rare.
                let among = COMMANDS.len() - usize::from(dice.below(20) > 0);
                octets.extend_from_slice(COMMANDS[dice.below(among)]);
            }
        }
    }
    octets
}

fn limits() -> Limits {
    let many = 1_000_000.try_into().unwrap();
    Limits {
        command_line: 100,
        content_line: 40,
        message_size: gatepost_mail::Octets(200),
        refused_content: gatepost_mail::Octets(400),
        refused_line: 200,
        errors: many,
        refusals: many,
        idle_commands: many,
        ..Limits::default()
    }
}

fn run(octets: &[u8], service: Service, mut size: impl FnMut() -> usize) -> (Vec<u8>, Vec<String>) {
    let mut bench = Bench::new(service, limits());
    let mut said = bench.begin();
    if service == Service::Submission {
        said.extend(bench.receive(b"STARTTLS\r\n"));
        said.extend(bench.encrypt());
    }
    let mut rest = octets;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size().clamp(1, rest.len()));
        said.extend(bench.receive(piece));
        rest = behind;
    }
    said.extend(bench.hang_up());
    (said, bench.asked)
}

/// Compares piece by piece, so that a failure shows where they part.
fn assert_same(one: &(Vec<u8>, Vec<String>), other: &(Vec<u8>, Vec<String>), seed: u64) {
    for (one, other) in one.1.iter().zip(&other.1) {
        assert_eq!(one, other, "seed {seed}");
    }
    assert_eq!(one.1.len(), other.1.len(), "seed {seed}");
    assert_eq!(String::from_utf8_lossy(&one.0), String::from_utf8_lossy(&other.0), "seed {seed}");
}

#[test]
fn noise_is_borne_and_cutting_it_changes_nothing() {
    let mut stored = 0;
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let service = [Service::Mx, Service::Submission, Service::Lmtp][dice.below(3)];
        let octets = noise(&mut dice);
        // Behind STARTTLS octets are TLS's, so it is left out.
        let (said, asked) = run(&octets, service, || octets.len());
        stored += asked.iter().filter(|asked| asked.starts_with("Complete")).count();
        for size in [1, 2, 3, 13] {
            assert_same(&run(&octets, service, || size), &(said.clone(), asked.clone()), seed);
        }
        let by_chance = run(&octets, service, || dice.below(40) + 1);
        assert_same(&by_chance, &(said, asked), seed);
    }
    // Noise that never gets anywhere would prove little.
    assert!(stored > ROUNDS as usize / 4, "only {stored} messages");
}

#[test]
fn pure_noise_is_borne() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let octets: Vec<u8> = (0..2000).map(|_| dice.below(256) as u8).collect();
        let whole = run(&octets, Service::Mx, || octets.len());
        assert_same(&run(&octets, Service::Mx, || dice.below(100) + 1), &whole, seed);
    }
}

/// Feeds 10 MiB; gives the most memory that was seen, and what was said.
fn flood(before: &[u8], piece: &[u8], service: Service) -> (usize, String) {
    let mut bench = Bench::new(service, Limits::default());
    bench.begin();
    let mut said = bench.receive(before);
    let mut most = 0;
    for _ in 0..10 * 1024 * 1024 / piece.len() {
        said = [said, bench.receive(piece)].concat();
        most = most.max(bench.session().buffered());
    }
    bench.hang_up();
    (most, String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_line_without_end_is_not_kept() {
    for size in [1000, 65_536] {
        let (most, said) = flood(b"EHLO c\r\n", &vec![b'x'; size], Service::Mx);
        assert!(most <= MOST_BUFFERED, "{most}");
        assert!(said.contains("500 5.5.6 ") && said.contains("421 4.7.0 "), "{said}");
    }
}

#[test]
fn a_content_line_without_end_is_not_kept() {
    let before = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";
    let (most, said) = flood(before, &[b'x'; 65_536], Service::Mx);
    assert!(most <= MOST_BUFFERED, "{most}");
    assert!(said.ends_with("354 End with <CRLF>.<CRLF>\r\n"), "{said}");
}

#[test]
fn content_is_not_kept() {
    let before = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nBDAT 10485760 LAST\r\n";
    let (most, said) =
        flood(before, &b"0123456789012345678901234567890\r\n".repeat(1000)[..32_768], Service::Mx);
    assert!(most <= MOST_BUFFERED, "{most}");
    assert!(said.contains("550 5.6.0 ") || said.contains("Queued"), "{said}");
}

#[test]
fn replies_are_not_kept() {
    let mut bench =
        Bench::new(Service::Mx, Limits { idle_commands: 1_000_000.try_into().unwrap(), ..limits() });
    bench.begin();
    let commands = b"NOOP\r\n".repeat(40_000);
    let said = bench.receive(&commands);
    assert_eq!(said.len(), "250 2.0.0 OK\r\n".len() * 40_000);
    assert!(bench.session().buffered() <= 1024 * 2, "{}", bench.session().buffered());
}

#[test]
fn octets_that_nobody_waits_for_close_the_connection() {
    let mut bench = Bench::new(Service::Mx, Limits::default());
    bench.begin();
    let said = bench.receive(&vec![b'x'; 256 * 1024 + 1]);
    assert!(String::from_utf8_lossy(&said).starts_with("421 4.7.0 "));
    assert!(bench.is_closed());
}

#[test]
fn an_idle_session_keeps_no_buffer() {
    let mut bench = Bench::new(Service::Mx, Limits::default());
    bench.begin();
    bench.receive(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n");
    bench.receive(&b"0123456789\r\n".repeat(5000));
    bench.receive(b".\r\n");
    assert!(bench.session().buffered() <= 2 * 1024, "{}", bench.session().buffered());
    bench.session().shrink();
    assert_eq!(bench.session().buffered(), 0);
}
