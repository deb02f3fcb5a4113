//! GSSAPI, with a made-up Kerberos whose calls are written down.

use super::noise::Chance;
use crate::{
    Answer, ClientContext, ClientExchange, ClientFailure, ClientStep, Failure, GssAnswer, GssProgress,
    GssQuestion, Identity, Login, Lookup, Mechanism, Nonce, Secret, ServerContext, ServerExchange,
    ServerQuestion, ServerStep, limits,
};

const PRINCIPAL: &str = "ada@GATEPOST.EXAMPLE";
const USER: &str = "ada@gatepost.example";
const ROUNDS: u64 = 3_000;

/// One end of a context. Wrapping puts a seal before the octets, and unwrapping takes off the other end's.
struct Library {
    seal: u8,
    /// Tokens of the peer until it stands.
    needs: usize,
    /// What the last token holds.
    last: &'static [u8],
    calls: Vec<String>,
}

impl Library {
    fn server() -> Self {
        Self { seal: b's', needs: 1, last: b"AP-REP", calls: Vec::new() }
    }

    fn client() -> Self {
        Self { seal: b'c', needs: 1, last: b"", calls: Vec::new() }
    }

    fn answer(&mut self, question: &GssQuestion) -> GssAnswer {
        match question {
            GssQuestion::Init { target, token: None } => {
                self.calls.push(format!("init {target}"));
                GssAnswer::Token { token: b"AP-REQ".to_vec(), progress: GssProgress::Going }
            }
            GssQuestion::Init { token: Some(token), .. } => self.step("init", token, None),
            GssQuestion::Accept { token } => self.step("accept", token, Some(PRINCIPAL.to_owned())),
            GssQuestion::Wrap { octets } => {
                self.calls.push(format!("wrap {}", octets.escape_ascii()));
                GssAnswer::Octets(Secret::joined(&[&[self.seal], octets]))
            }
            GssQuestion::Unwrap { message } => {
                self.calls.push(format!("unwrap {}", message.escape_ascii()));
                match message.split_first() {
                    Some((seal @ (b's' | b'c'), octets)) if *seal != self.seal => {
                        GssAnswer::Octets(Secret::new(octets))
                    }
                    Some(_) | None => GssAnswer::Refused("no seal".to_owned()),
                }
            }
        }
    }

    fn step(&mut self, call: &str, token: &[u8], principal: Option<String>) -> GssAnswer {
        self.calls.push(format!("{call} {}", token.escape_ascii()));
        self.needs = self.needs.saturating_sub(1);
        if self.needs == 0 {
            GssAnswer::Token { token: self.last.to_vec(), progress: GssProgress::Complete { principal } }
        } else {
            GssAnswer::Token { token: b"more".to_vec(), progress: GssProgress::Going }
        }
    }
}

fn server() -> ServerExchange {
    let nonce = Nonce::from_random(&[1; 18]);
    let context = ServerContext::new(nonce, "mail.gatepost.example", 1_700_000_000);
    ServerExchange::begin(Mechanism::Gssapi, context)
}

fn client(login: Login) -> ClientExchange {
    let nonce = Nonce::from_random(&[2; 18]);
    let context = ClientContext::new(login, nonce, "mail.gatepost.example", 1_700_000_000);
    ClientExchange::begin(Mechanism::Gssapi, context).unwrap()
}

fn ticket(username: &str) -> Login {
    Login::with_ticket(username).unwrap()
}

/// The server's step after its library and the directory were asked for as long as it wants.
fn settle(server: &mut ServerExchange, library: &mut Library, mut step: ServerStep) -> ServerStep {
    loop {
        step = match step {
            ServerStep::Ask(ServerQuestion::Gss(question)) => {
                let answer = library.answer(&question);
                server.answer(Answer::Gss(answer))
            }
            ServerStep::Ask(ServerQuestion::Principal { principal }) => {
                library.calls.push(format!("map {principal}"));
                server.answer(Answer::User(Lookup::Found(USER.to_owned())))
            }
            ServerStep::Ask(question) => panic!("{question:?}"),
            ended @ (ServerStep::Challenge(_) | ServerStep::Succeeded(_) | ServerStep::Failed(_)) => {
                return ended;
            }
        }
    }
}

/// The client's step after its library was asked for as long as it wants.
fn settle_client(client: &mut ClientExchange, library: &mut Library, mut step: ClientStep) -> ClientStep {
    while let ClientStep::Ask(question) = &step {
        step = client.answer(library.answer(question));
    }
    step
}

#[track_caller]
fn assert_failed(step: &ServerStep, want: Failure) {
    assert!(matches!(step, ServerStep::Failed(failure) if *failure == want), "{step:?}");
}

#[track_caller]
fn assert_client_failed(client: &ClientExchange, step: &ClientStep, want: ClientFailure) {
    assert!(matches!(step, ClientStep::Failed(failure) if *failure == want), "{step:?}");
    assert_eq!(client.succeeded(), Err(want));
}

/// Both sides to the end; whom the server proved, and what each library was asked.
fn talk(login: Login, mut ours: Library, mut theirs: Library) -> (Identity, Vec<String>, Vec<String>) {
    let (mut server, mut client) = (server(), client(login));
    assert!(client.initial().is_none());
    let mut step = server.receive(None);
    for _ in 0..10 {
        step = settle(&mut server, &mut ours, step);
        let challenge = match step {
            ServerStep::Challenge(challenge) => challenge,
            ServerStep::Succeeded(identity) => {
                assert_eq!(client.succeeded(), Ok(()));
                return (identity, ours.calls, theirs.calls);
            }
            other @ (ServerStep::Ask(_) | ServerStep::Failed(_)) => panic!("{other:?}"),
        };
        assert!(client.succeeded().is_err());
        let next = client.receive(&challenge);
        step = match settle_client(&mut client, &mut theirs, next) {
            ClientStep::Respond(response) => server.receive(Some(response.expose())),
            other @ (ClientStep::Ask(_) | ClientStep::Failed(_)) => panic!("{other:?}"),
        };
    }
    panic!("the exchange does not end");
}

#[test]
fn libraries_are_called_in_the_order_of_the_rfc() {
    let (identity, server, client) = talk(ticket(""), Library::server(), Library::client());
    assert_eq!(identity, Identity::new(USER.to_owned(), None));
    assert_eq!(
        server,
        [
            "accept AP-REQ",
            "wrap \\x01\\x00\\x00\\x00",
            "unwrap c\\x01\\x00\\x00\\x00",
            "map ada@GATEPOST.EXAMPLE"
        ]
    );
    assert_eq!(
        client,
        [
            "init smtp@mail.gatepost.example",
            "init AP-REP",
            "unwrap s\\x01\\x00\\x00\\x00",
            "wrap \\x01\\x00\\x00\\x00"
        ]
    );
}

#[test]
fn several_tokens_each_way_are_taken() {
    // Either side's token can be the last.
    for (servers, (clients, last)) in [(b"AP-REP".as_slice(), (3, b"".as_slice())), (b"", (2, b"last"))] {
        let ours = Library { needs: 3, last: servers, ..Library::server() };
        let theirs = Library { needs: clients, last, ..Library::client() };
        let (identity, server, client) = talk(ticket(""), ours, theirs);
        assert_eq!(identity.authentication_id(), USER);
        assert_eq!(server.iter().filter(|call| call.starts_with("accept")).count(), 3);
        assert_eq!(client.iter().filter(|call| call.starts_with("init")).count(), clients + 1);
    }
}

#[test]
fn the_first_token_may_come_at_once_and_the_last_may_be_empty() {
    let mut library = Library::server();
    let mut at_once = server();
    let step = at_once.receive(Some(b"AP-REQ"));
    let step = settle(&mut at_once, &mut library, step);
    assert!(matches!(&step, ServerStep::Challenge(token) if token == b"AP-REP"), "{step:?}");

    let mut library = Library { last: b"", ..Library::server() };
    let mut without_mutual = server();
    let step = without_mutual.receive(Some(b""));
    assert!(matches!(&step, ServerStep::Challenge(token) if token.is_empty()), "{step:?}");
    let step = without_mutual.receive(Some(b"AP-REQ"));
    let step = settle(&mut without_mutual, &mut library, step);
    assert!(matches!(&step, ServerStep::Challenge(offer) if offer == b"s\x01\0\0\0"), "{step:?}");
}

#[test]
fn whom_to_act_for_arrives_unless_it_is_oneself() {
    let bob = ticket("").acting_for("bob@gatepost.example").unwrap();
    let rows = [
        (bob, Some("bob@gatepost.example")),
        (ticket("bob@gatepost.example"), Some("bob@gatepost.example")),
        (ticket(""), None),
        (ticket("Ada@Gatepost.example"), None),
        (ticket(PRINCIPAL), None),
        (ticket("ada"), None),
        (ticket("ad"), Some("ad")),
        (ticket("ada@OTHER.EXAMPLE"), Some("ada@OTHER.EXAMPLE")),
    ];
    for (login, want) in rows {
        let (identity, _, _) = talk(login, Library::server(), Library::client());
        assert_eq!(identity, Identity::new(USER.to_owned(), want.map(str::to_owned)));
    }
}

/// A server whose context stands and whose offer is out.
fn offered() -> (ServerExchange, Library) {
    let (mut server, mut library) = (server(), Library::server());
    let step = server.receive(Some(b"AP-REQ"));
    let _ = settle(&mut server, &mut library, step);
    let step = server.receive(Some(b""));
    let _ = settle(&mut server, &mut library, step);
    (server, library)
}

#[test]
fn a_choice_that_was_not_offered_is_refused() {
    let rows: [(&[u8], Failure); 11] = [
        (b"", Failure::Rejected),
        (b"x\x01\0\0\0", Failure::Rejected),
        (b"s\x01\0\0\0", Failure::Rejected),
        (b"c", Failure::Malformed),
        (b"c\x01\0\0", Failure::Malformed),
        (b"c\x02\0\0\0", Failure::Malformed),
        (b"c\x04\x00\xff\xff", Failure::Malformed),
        (b"c\x03\0\0\0", Failure::Malformed),
        (b"c\0\0\0\0", Failure::Malformed),
        (b"c\x01\0\0\0\xff", Failure::Malformed),
        (b"c\x01\0\0\0a\0", Failure::Rejected),
    ];
    for (message, want) in rows {
        let (mut server, mut library) = offered();
        let step = server.receive(Some(message));
        let step = settle(&mut server, &mut library, step);
        assert_failed(&step, want);
    }
    // The size does not matter, for there will be no message of it.
    let (mut server, mut library) = offered();
    let step = server.receive(Some(b"c\x01\x00\xff\xff"));
    let step = settle(&mut server, &mut library, step);
    assert!(matches!(step, ServerStep::Succeeded(_)), "{step:?}");
}

#[test]
fn a_token_out_of_turn_is_refused() {
    let mut library = Library::server();
    let mut waiting = server();
    let step = waiting.receive(Some(b"AP-REQ"));
    let _ = settle(&mut waiting, &mut library, step);
    assert_failed(&waiting.receive(Some(b"again")), Failure::Malformed);
    let mut empty = server();
    let _ = empty.receive(None);
    assert_failed(&empty.receive(Some(b"")), Failure::Malformed);
}

#[test]
fn tokens_without_end_are_refused() {
    let mut library = Library { needs: usize::MAX, ..Library::server() };
    let mut endless = server();
    let _ = endless.receive(None);
    for _ in 0..limits::GSS_TOKENS_MOST {
        let step = endless.receive(Some(b"token"));
        let step = settle(&mut endless, &mut library, step);
        assert!(matches!(step, ServerStep::Challenge(_)), "{step:?}");
    }
    assert_failed(&endless.receive(Some(b"token")), Failure::Malformed);

    let mut library = Library { needs: usize::MAX, ..Library::client() };
    let mut endless = client(ticket(""));
    for _ in 0..=limits::GSS_TOKENS_MOST {
        let step = endless.receive(b"token");
        let step = settle_client(&mut endless, &mut library, step);
        assert!(matches!(step, ClientStep::Respond(_)), "{step:?}");
    }
    let step = endless.receive(b"token");
    assert_client_failed(&endless, &step, ClientFailure::Malformed);
}

/// What the library says is decided by in every place where it is asked.
#[test]
fn a_server_tells_a_refusal_from_not_knowing() {
    for calls in 0..3 {
        for unavailable in [false, true] {
            let (mut server, mut library) = (server(), Library::server());
            let mut words: Vec<&[u8]> = vec![b"AP-REQ", b"", b"c\x01\0\0\0"];
            let mut step = server.receive(Some(words.remove(0)));
            for _ in 0..calls {
                let ServerStep::Ask(ServerQuestion::Gss(question)) = &step else { panic!("{step:?}") };
                step = server.answer(Answer::Gss(library.answer(question)));
                if matches!(step, ServerStep::Challenge(_)) {
                    step = server.receive(Some(words.remove(0)));
                }
            }
            let (answer, want) = if unavailable {
                (GssAnswer::Unavailable, Failure::Unavailable)
            } else {
                (GssAnswer::Refused("forged".to_owned()), Failure::Rejected)
            };
            assert!(matches!(step, ServerStep::Ask(ServerQuestion::Gss(_))), "{calls}: {step:?}");
            assert_failed(&server.answer(Answer::Gss(answer)), want);
        }
    }
}

#[test]
fn an_unmapped_principal_or_none_is_refused() {
    for (lookup, want) in [(Lookup::Missing, Failure::Rejected), (Lookup::Unavailable, Failure::Unavailable)]
    {
        let (mut server, mut library) = offered();
        let ServerStep::Ask(ServerQuestion::Gss(question)) = server.receive(Some(b"c\x01\0\0\0")) else {
            panic!("no question")
        };
        let step = server.answer(Answer::Gss(library.answer(&question)));
        assert!(matches!(step, ServerStep::Ask(ServerQuestion::Principal { .. })), "{step:?}");
        assert_failed(&server.answer(Answer::User(lookup)), want);
    }
    let mut anonymous = server();
    let _ = anonymous.receive(Some(b"AP-REQ"));
    let progress = GssProgress::Complete { principal: None };
    let step = anonymous.answer(Answer::Gss(GssAnswer::Token { token: Vec::new(), progress }));
    assert_failed(&step, Failure::Rejected);
}

#[test]
fn an_answer_to_another_question_is_our_fault() {
    let octets = || GssAnswer::Octets(Secret::new("x"));
    let mut accepting = server();
    let _ = accepting.receive(Some(b"AP-REQ"));
    assert_failed(&accepting.answer(Answer::Gss(octets())), Failure::Misused);
    let mut accepting = server();
    let _ = accepting.receive(Some(b"AP-REQ"));
    let step = accepting.answer(Answer::User(Lookup::Found(USER.to_owned())));
    assert_failed(&step, Failure::Misused);

    let mut initiating = client(ticket(""));
    let _ = initiating.receive(b"");
    let step = initiating.answer(octets());
    assert_client_failed(&initiating, &step, ClientFailure::Unexpected);
    // The server's word before the library's.
    let mut initiating = client(ticket(""));
    let _ = initiating.receive(b"");
    let step = initiating.receive(b"AP-REP");
    assert_client_failed(&initiating, &step, ClientFailure::Unexpected);
}

/// A client whose context stands.
fn established() -> (ClientExchange, Library) {
    let (mut client, mut library) = (client(ticket("")), Library::client());
    for challenge in [b"".as_slice(), b"AP-REP"] {
        let step = client.receive(challenge);
        let step = settle_client(&mut client, &mut library, step);
        assert!(matches!(step, ClientStep::Respond(_)), "{step:?}");
        assert_eq!(client.succeeded(), Err(ClientFailure::ServerNotProved));
    }
    (client, library)
}

#[test]
fn a_client_refuses_a_bad_offer() {
    let rows: [(&[u8], ClientFailure); 8] = [
        (b"", ClientFailure::NoTicket),
        (b"c\x01\0\0\0", ClientFailure::NoTicket),
        (b"s", ClientFailure::Malformed),
        (b"s\x01\0\0", ClientFailure::Malformed),
        (b"s\x01\0\0\0\0", ClientFailure::Malformed),
        (b"s\x02\x00\xff\xff", ClientFailure::SecurityLayer),
        (b"s\x06\x00\xff\xff", ClientFailure::SecurityLayer),
        (b"s\0\0\0\0", ClientFailure::SecurityLayer),
    ];
    for (offer, want) in rows {
        let (mut client, mut library) = established();
        let step = client.receive(offer);
        let step = settle_client(&mut client, &mut library, step);
        assert_client_failed(&client, &step, want);
    }
    // With other layers beside it, ours is still there.
    let (mut client, mut library) = established();
    let step = client.receive(b"s\x07\x00\xff\xff");
    let step = settle_client(&mut client, &mut library, step);
    assert!(matches!(&step, ClientStep::Respond(choice) if choice.matches(b"c\x01\0\0\0")), "{step:?}");
    assert_eq!(client.succeeded(), Ok(()));
    let step = client.receive(b"more");
    assert_client_failed(&client, &step, ClientFailure::Unexpected);
}

#[test]
fn a_client_without_a_ticket_gives_up() {
    for answer in [GssAnswer::Refused("no credentials cache".to_owned()), GssAnswer::Unavailable] {
        let mut client = client(ticket(""));
        let _ = client.receive(b"");
        let step = client.answer(answer);
        assert_client_failed(&client, &step, ClientFailure::NoTicket);
    }
}

#[test]
fn both_sides_bear_noise() {
    let words: [&[u8]; 3] = [b"AP-REQ", b"", b"c\x01\0\0\0bob@gatepost.example"];
    let challenges: [&[u8]; 3] = [b"", b"AP-REP", b"s\x07\x00\x10\x00"];
    for seed in 1..=ROUNDS {
        let mut chance = Chance::of(seed);
        let (mut server, mut library) = (server(), Library::server());
        for word in words {
            let step = server.receive(Some(&chance.maybe_spoil(word)));
            let step = settle(&mut server, &mut library, step);
            assert!(!matches!(step, ServerStep::Failed(Failure::Misused)), "seed {seed}");
            if !matches!(step, ServerStep::Challenge(_)) {
                break;
            }
        }
        let (mut client, mut library) = (client(ticket("")), Library::client());
        for challenge in challenges {
            let step = client.receive(&chance.maybe_spoil(challenge));
            let step = settle_client(&mut client, &mut library, step);
            if matches!(step, ClientStep::Failed(_)) {
                assert!(client.succeeded().is_err());
                break;
            }
        }
    }
}
