use super::*;
use crate::config::options::Options;

fn nothing(_: &str) -> Option<String> {
    None
}

fn decided(text: &str) -> Result<Loaded, Refused> {
    let around = Surroundings { machine: Some("mail.example.org".to_owned()), variable: &nothing };
    decide(Source::new("gatepost.toml", text), &around)
}

fn refused(text: &str) -> Vec<String> {
    decided(text).unwrap_err().faults.into_iter().map(|fault| fault.what).collect()
}

#[test]
fn the_empty_file_relays_for_nobody() {
    let loaded = decided("").unwrap();
    let settings = &loaded.configuration.settings;
    assert!(settings.listeners.is_empty());
    assert!(settings.rules.hosted.is_empty());
    assert!(settings.rules.machines.is_empty());
    assert_eq!(settings.rules.hostname.ascii(), "mail.example.org");
    assert_eq!(loaded.configuration.data_dir, Path::new("/var/lib/gatepost"));
    let warnings: Vec<_> = loaded.warnings.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(warnings, ["no listener: no mail comes in"]);
}

#[test]
fn without_any_name_there_is_no_server() {
    let around = Surroundings { machine: None, variable: &nothing };
    let faults = decide(Source::new("gatepost.toml", ""), &around).unwrap_err().faults;
    assert!(faults.iter().any(|fault| fault.what.contains("`hostname`")), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let faults = refused("hostnam = 1\n[limits]\nmessage-size = 5\n[listener.a]\nrole = \"mx\"\n[dkim]\n");
    assert_eq!(
        faults,
        [
            "unknown key `hostnam`",
            "`limits.message-size` cannot be understood",
            "[listener.a] needs `bind`",
            "`dkim` is known but not built yet: signing outgoing mail",
        ]
    );
}

#[test]
fn every_default_and_example_can_be_read() {
    fn visit(declared: read::Declared, written: &mut String, path: &str) {
        let mut below = Vec::new();
        for key in declared.keys {
            let (name, shape) = (key.name(), (key.shape)());
            match shape {
                reference::Shape::Value(_) | reference::Shape::List(_) => {
                    written.push_str(&format!("{path}{name} = {}\n", key.default.unwrap_or(key.example)));
                    assert!(key.default.is_some() || !key.example.is_empty(), "{path}{name} has no example");
                }
                reference::Shape::Section(inner) => below.push((name, inner)),
                reference::Shape::Named(..) | reference::Shape::Kinds(_) => {}
            }
        }
        for (name, inner) in below {
            visit(inner, written, &format!("{path}{name}."));
        }
    }
    let mut written = String::new();
    visit(Options::DECLARED, &mut written, "");
    let sections = [
        ("listener.a", options::ListenerOptions::DECLARED),
        ("domain.\"example.org\"", options::DomainOptions::DECLARED),
        ("auth.network.\"10.0.0.0/8\"", options::NetworkAuthOptions::DECLARED),
        ("relay.machine.a", options::MachineOptions::DECLARED),
        ("route.\"*\"", options::RouteOptions::DECLARED),
    ];
    for (path, declared) in sections {
        visit(declared, &mut written, &format!("{path}."));
    }
    let reference::Shape::Kinds(kinds) = options::SourceOptions::shape() else {
        panic!("one kind of source")
    };
    for (kind, declared) in kinds {
        visit(*declared, &mut written, &format!("auth.source.{kind}."));
    }
    let mut faults = Faults::default();
    let options = parse(&Source::new("a", written.clone()), &mut faults);
    assert!(options.is_some() && !faults.have_errors(), "{faults:?}\n{written}");
}

#[test]
fn settings_and_rules_hold_what_was_written() {
    let loaded = decided(
        r#"
        data-dir = "data"
        [listener.a]
        bind = ["127.0.0.1:0", "[::1]:0"]
        role = "submission"
        tls = "off"
        [domain."Example.ORG"]
        deliver = "maildir:mail/{local-part}"
        postmaster = "ops@example.org"
        [limits]
        message-size = "1MiB"
        account.messages-per-hour = 7
        [timeouts]
        final-reply = "9m"
        [delivery]
        retry = ["1m", "2m"]
        exchanger-port = 2525
        [route."*"]
        via = "smtp:127.0.0.1:2526"
        "#,
    )
    .unwrap();
    let Configuration { settings, data_dir, .. } = loaded.configuration;
    let rules = &settings.rules;
    assert_eq!(data_dir, Path::new("data"));
    assert_eq!(settings.listeners[0].bind.len(), 2);
    let domain = gatepost_mail::Domain::parse("example.org").unwrap();
    let maildir = gatepost_policy::rules::Destination::Maildir("mail/{local-part}".into());
    assert_eq!(rules.hosted[&domain].deliver, maildir);
    assert_eq!(rules.limits.message_size, gatepost_mail::Octets::mib(1));
    assert_eq!(rules.limits.account_messages_per_hour.get(), 7);
    assert_eq!(settings.timeouts.final_reply.as_secs(), 540);
    assert_eq!(rules.delivery.retry.len(), 2);
    assert_eq!(settings.exchanger_port, 2525);
    assert_eq!(rules.routes.len(), 1);
}

#[test]
fn a_login_at_another_machine_is_under_tls_without_saying_so() {
    let variable = |name: &str| (name == "SECRET").then(|| "pass word".to_owned());
    let around = Surroundings { machine: Some("a.example".to_owned()), variable: &variable };
    let text = "[route.\"*\"]\nvia = \"smtp:b.example:587\"\nlogin = { username = \"u\", password-env = \"SECRET\" }\n";
    let loaded = decide(Source::new("a", text), &around).unwrap();
    let settings = loaded.configuration.settings;
    assert_eq!(settings.rules.routes[0].tls, gatepost_policy::rules::TlsRule::Required);
    let login = &settings.logins["*"];
    let right = match &login.credential {
        gatepost_mta::settings::Credential::Password(password) => password.matches(b"pass word"),
        _ => false,
    };
    assert!(right && login.username == "u", "{login:?}");
    assert!(login.mechanisms.contains(&gatepost_sasl::Mechanism::ScramSha256Plus));
    assert!(!login.mechanisms.contains(&gatepost_sasl::Mechanism::Ntlm));
    assert!(!format!("{settings:?}").contains("pass word"));
}
