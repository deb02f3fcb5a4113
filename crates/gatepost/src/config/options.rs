//! Every option of the file, declared once: what may be written, its default, an example, and what it does.
//!
//! These are the raw options. What they mean together, and where they contradict each other, is found in
//! [`super::resolve`].

mod source;

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};

use gatepost_mail::{Domain, Mailbox};
use gatepost_mta::settings::{ChunkingUse, ListenerTls};
use gatepost_policy::rules::{Network, Pattern, PlaintextWithoutTls, Ratchet, RepeatRule, Service, TlsRule};
use gatepost_sasl::{Mechanism, NtlmVersions};

use super::read::{Listed, Named, Setting, section};
use super::values::{
    Bind, Deliver, DnssecRule, ExchangerTls, FilePath, Grant, HelperChoice, RecipientsChoice, Size, Smtp,
    Wait, Web, Word,
};
pub use source::{
    DovecotOptions, EmbeddedSourceOptions, KerberosOptions, LdapOptions, OauthOptions, PamOptions,
    SourceOptions, SqlOptions,
};

section! {
    /// What a site needs is here and in the first few sections; everything else has a default.
    pub struct Options {
        /// What we call ourselves in the greeting, in EHLO and in trace fields. Without it, the machine's
        /// own name.
        hostname: Option<Setting<Domain>>, r#""mail.example.org""#;
        /// The folder of the spool, the accounts, the keys and the event log.
        data_dir: Setting<FilePath> = r#""/var/lib/gatepost""#;
        /// The certificate that we show.
        tls: Option<TlsOptions>;
        /// Where we listen, and for whom.
        listener: Named<Word, ListenerOptions> = "{}";
        /// The domains of ours.
        domain: Named<Domain, DomainOptions> = "{}";
        /// Logging in.
        auth: AuthOptions = "{}";
        /// Machines that cannot log in.
        relay: RelayOptions = "{}";
        /// Limits.
        limits: LimitOptions = "{}";
        /// How long we wait for others.
        timeouts: TimeoutOptions = "{}";
        /// Whom we ask about names.
        dns: DnsOptions = "{}";
        /// Outgoing mail.
        delivery: DeliveryOptions = "{}";
        /// Fixed next hops.
        route: Named<Pattern, RouteOptions> = "{}";
    }
    later {
        "rewrite": "rewriting addresses",
        "alias": "aliases and lists",
        "dkim": "signing outgoing mail",
        "inbound": "checks of incoming mail",
        "admin": "the web pages for administrators",
        "cluster": "several nodes with one queue",
    }
}

section! {
    /// Certificate and key: needed for STARTTLS and implicit TLS, and so for nearly all logins.
    pub struct TlsOptions {
        /// PEM: our certificate first, then those above it.
        certificate: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/fullchain.pem""#;
        /// PEM: its private key.
        private_key: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/privkey.pem""#;
        /// PEM: certificates that vouch for next hops where `tls = "required"`, beside those of the system.
        trust: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/partners.pem""#;
        /// PEM: certificates that vouch for those of clients (EXTERNAL). An address in a certificate counts only if one of
        /// these vouches for it; without them, a certificate is known by its fingerprint.
        client_authorities: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/devices.pem""#;
    }
    later {
        "acme": "getting certificates by ACME",
    }
}

section! {
    /// A listener: its addresses, and whom it is for.
    pub struct ListenerOptions {
        /// The addresses and ports.
        bind: Listed<Bind>, r#"["0.0.0.0:587", "[::]:587"]"#;
        /// `mx`: other servers bring mail for our domains; AUTH is not offered. `submission`: our people and
        /// machines hand in mail; AUTH is demanded.
        role: Setting<Service>, r#""submission""#;
        /// How TLS begins: by STARTTLS, or at once (RFC 8314).
        tls: Setting<ListenerTls> = r#""starttls""#;
        /// The mechanisms offered here, in the place of those of `[auth]`. Where the client's network has a list too, a
        /// mechanism must be in both.
        mechanisms: Option<Listed<Mechanism>>, r#"["EXTERNAL"]"#;
    }
}

section! {
    /// A domain of ours: mail for its addresses is taken from anyone.
    pub struct DomainOptions {
        /// Where its mail goes. In the path of a Maildir, `{domain}` and `{local-part}` are filled in.
        deliver: Setting<Deliver>, r#""maildir:/var/mail/{domain}/{local-part}""#;
        /// Which of its addresses exist. The default is `known` for Maildir and LMTP (the accounts), and
        /// `any` for SMTP (the server behind us decides).
        recipients: Option<Setting<RecipientsChoice>>, r#""known""#;
        /// Who reads `postmaster`, which is always accepted (RFC 5321 section 4.5.1). Without it, the
        /// mailbox `postmaster` of this domain.
        postmaster: Option<Setting<Mailbox>>, r#""ops@example.org""#;
    }
}

section! {
    /// Logging in.
    pub struct AuthOptions {
        /// The mechanisms offered, in this order. The -PLUS forms, OAUTHBEARER, XOAUTH2 and EXTERNAL are offered under TLS
        /// only; so are PLAIN and LOGIN, unless the next key says otherwise. Of the default, what no source of accounts can
        /// serve is left out. Named where wanted: SCRAM-SHA-512-PLUS and SCRAM-SHA-512 (once every account has had a new
        /// password since they came), and EXTERNAL (clients are asked for a certificate then). Each with a known weakness:
        /// CRAM-MD5, DIGEST-MD5, NTLM, OAUTH10A, and MD5, a name of our own for CRAM-MD5. ANONYMOUS is never offered.
        mechanisms: Listed<Mechanism> = r#"["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "GSSAPI", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]"#;
        /// Whether PLAIN and LOGIN, which show the password, are offered without TLS. Loopback is no
        /// exception.
        allow_plaintext_without_tls: Setting<PlaintextWithoutTls> = "false";
        /// Other mechanisms for clients of a network; of several, the smallest network counts.
        network: Named<Network, NetworkAuthOptions> = "{}";
        /// Whether an account that has logged in bound to its TLS channel (by a -PLUS mechanism) is refused weaker ways from
        /// then on: who sits in between can then not talk its mail program into one. Each device's password counts by itself.
        ratchet: Setting<Ratchet> = "false";
        /// The realm that secrets for DIGEST-MD5 are made for; without it, `hostname`. Changing it makes them all worthless.
        realm: Option<Setting<String>>, r#""example.org""#;
        /// Whether NTLM takes responses of version 1, which is broken.
        ntlm_v1: Setting<NtlmVersions> = "false";
        /// How many failures lock out a client network, an account (for networks from where it does not normally come), or an
        /// account at a network from where it does.
        failures_before_lockout: Setting<NonZeroU32> = "10";
        /// For how long; failures are counted over the same time.
        lockout: Setting<Wait> = r#""15m""#;
        /// The longest delay before the reply to a failed login; it begins at half a second and doubles with each failure.
        /// "0s" is none.
        tarpit: Setting<Wait> = r#""10s""#;
        /// Where accounts are kept, in the order to ask. Without any, the embedded directory.
        source: Named<Word, SourceOptions> = "{}";
    }
}

section! {
    /// Logging in from a network.
    pub struct NetworkAuthOptions {
        /// The mechanisms offered to its clients, in the place of those of `[auth]`.
        mechanisms: Listed<Mechanism>, r#"["CRAM-MD5", "LOGIN"]"#;
    }
}

section! {
    /// Nothing is trusted for its address alone, 127.0.0.1 included. A machine that cannot log in gets a
    /// name, a leash and an owner.
    pub struct RelayOptions {
        /// The machines.
        machine: Named<Word, MachineOptions> = "{}";
    }
}

section! {
    /// A machine that cannot log in.
    pub struct MachineOptions {
        /// The addresses that it connects from.
        from_networks: Listed<Network>, r#"["10.0.7.20/32"]"#;
        /// The envelope senders and authors that it may use.
        senders: Listed<Mailbox>, r#"["scanner@example.org"]"#;
        /// How much it may send.
        messages_per_hour: Setting<NonZeroU32> = "60";
    }
}

section! {
    /// Limits of sessions and messages.
    pub struct LimitOptions {
        /// The largest message. RFC 5321 section 4.5.3.1.7 asks for at least 64 KiB.
        message_size: Setting<Size> = r#""50MiB""#;
        /// The most recipients of one message. RFC 5321 section 4.5.3.1.8 asks for at least 100.
        recipients_per_message: Setting<NonZeroU32> = "1000";
        /// The most sessions at once.
        connections: Setting<NonZeroU32> = "10000";
        /// What sessions, messages on their way in and out, and password work may take together. Where `connections` would need
        /// more, fewer are taken: each counts for 32 KiB. The index of the queue comes on top: some 200 octets for each message that waits.
        memory: Setting<Size> = r#""1GiB""#;
        /// The most sessions at once of one client network: an IPv4 address, an IPv6 /64.
        connections_per_network: Setting<NonZeroU32> = "100";
        /// How many Received fields show that a message goes in circles (RFC 5321 section 6.3).
        received_fields: Setting<NonZeroU32> = "100";
        /// What a message gets that a client hands in again because the connection broke before it read our 250:
        /// `same-id`, the first one's queue id, so that there is one message; `new`, an id of its own, so that there are two.
        /// The same is: from the same client, with the same envelope, and octet by octet, its own Message-ID included.
        repeated_hand_in: Setting<RepeatRule> = r#""same-id""#;
        /// Limits of each account.
        account: AccountLimitOptions = "{}";
    }
}

section! {
    /// Limits of each account.
    pub struct AccountLimitOptions {
        /// The most messages in an hour.
        messages_per_hour: Setting<NonZeroU32> = "500";
        /// The most recipients in a day.
        recipients_per_day: Setting<NonZeroU32> = "5000";
    }
}

section! {
    /// How long we wait for others (RFC 5321 section 4.5.3.2).
    pub struct TimeoutOptions {
        /// For a client's next command.
        command: Setting<Wait> = r#""5m""#;
        /// Between two pieces of a client's content.
        content: Setting<Wait> = r#""10m""#;
        /// For a connection to a next hop.
        connect: Setting<Wait> = r#""30s""#;
        /// For its greeting.
        greeting: Setting<Wait> = r#""5m""#;
        /// For its replies.
        reply: Setting<Wait> = r#""5m""#;
        /// For its reply to the content.
        final_reply: Setting<Wait> = r#""10m""#;
    }
}

section! {
    /// Whom we ask about names.
    pub struct DnsOptions {
        /// Resolvers. Without any, those of the system.
        servers: Option<Listed<SocketAddr>>, r#"["127.0.0.1:53"]"#;
        /// How answers are checked. `validate` and `trust-ad` are known but not built yet.
        dnssec: Setting<DnssecRule> = r#""off""#;
    }
}

section! {
    /// Outgoing mail.
    pub struct DeliveryOptions {
        /// The waits between attempts; the last one repeats.
        retry: Listed<Wait> = r#"["5m", "15m", "30m", "1h", "2h", "4h"]"#;
        /// The age at which a message is given up and a report goes to its sender.
        expire: Setting<Wait> = r#""5d""#;
        /// The age at which its sender is told that it waits.
        warn_after: Setting<Wait> = r#""4h""#;
        /// `opportunistic`: encrypted where the exchanger can (RFC 7435). `required`: encrypted, with a valid
        /// certificate, or not at all.
        tls: Setting<ExchangerTls> = r#""opportunistic""#;
        /// When messages go to next hops by BDAT (RFC 3030) instead of DATA. `where-proven`: also to a host that has
        /// taken a message over the same connection a moment ago, small ones in one group with their envelopes.
        /// `where-needed`: only where DATA cannot carry the content unchanged.
        chunking: Setting<ChunkingUse> = r#""where-proven""#;
        /// The port of mail exchangers. Another than 25 is for tests: no server on the internet has one.
        exchanger_port: Setting<NonZeroU16> = "25";
    }
}

section! {
    /// A fixed next hop for a domain, for all names below it, or for all the rest (the smart host). The most
    /// specific pattern wins.
    pub struct RouteOptions {
        /// The next hop.
        via: Setting<Smtp>, r#""smtp:smtp.provider.example:587""#;
        /// How to log in there.
        login: Option<LoginOptions>, r#"{ username = "org", password-file = "/etc/gatepost/provider.secret" }"#;
        /// How secure it must be. The default is `required` where there is a login and the next hop is
        /// another machine, `off` for a unix socket, else that of `[delivery]`.
        tls: Option<Setting<TlsRule>>, r#""required""#;
    }
}

section! {
    /// How to log in at a next hop. It is proved by one of a password, an OAuth 1 token, or a client certificate.
    /// Secrets are never written here: they are in files or environment variables.
    pub struct LoginOptions {
        /// The name. With a certificate it may be left out: the next hop then takes it from the certificate.
        username: Option<Setting<String>>, r#""org""#;
        /// The file that holds the password, on its first line.
        password_file: Option<Setting<FilePath>>, r#""/etc/gatepost/provider.secret""#;
        /// The environment variable that holds the password.
        password_env: Option<Setting<String>>, r#""PROVIDER_PASSWORD""#;
        /// The mechanisms that may be used: of these, the strongest that the next hop offers is. Without it, all that
        /// serve for the credential but NTLM.
        mechanisms: Option<Listed<Mechanism>>, r#"["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]"#;
        /// Where bearer tokens come from, for OAUTHBEARER and XOAUTH2.
        oauth: Option<OauthLoginOptions>, r#"{ token-url = "https://login.provider.example/token", client-id = "our-id", client-secret-file = "client.secret" }"#;
        /// OAuth 1 keys, for OAUTH10A.
        oauth1: Option<OauthOneOptions>, r#"{ consumer-key = "k", consumer-secret-file = "consumer.secret", token = "t", token-secret-file = "token.secret" }"#;
        /// PEM: the client certificate to show in the TLS handshake, for EXTERNAL.
        certificate: Option<Setting<FilePath>>, r#""/etc/gatepost/client.pem""#;
        /// PEM: its private key.
        private_key: Option<Setting<FilePath>>, r#""/etc/gatepost/client.key""#;
        /// A Kerberos ticket, for GSSAPI; through the helper program.
        kerberos: Option<TicketOptions>, r#"{ keytab = "/etc/gatepost/krb5.keytab", principal = "gatepost@EXAMPLE.ORG" }"#;
    }
}

section! {
    /// Where bearer tokens come from: an issuer's token endpoint (RFC 6749), or a program. They are fetched anew before they
    /// end, and when the next hop refuses one; while there is none, mail waits.
    pub struct OauthLoginOptions {
        /// The token endpoint.
        token_url: Option<Setting<Web>>, r#""https://login.provider.example/token""#;
        /// Our name there.
        client_id: Option<Setting<String>>, r#""our-id""#;
        /// The file that holds what proves that name, on its first line. A public client has nothing.
        client_secret_file: Option<Setting<FilePath>>, r#""/etc/gatepost/client.secret""#;
        /// The environment variable that holds it.
        client_secret_env: Option<Setting<String>>, r#""CLIENT_SECRET""#;
        /// What the token is to be good for, in the issuer's words.
        scope: Option<Setting<String>>, r#""https://mail.provider.example/smtp.send""#;
        /// `client-credentials`: we are the client, and the mailbox is ours (section 4.4). `refresh-token`: somebody has consented
        /// once (section 6).
        grant: Setting<Grant> = r#""client-credentials""#;
        /// The file that holds the refresh token on its first line, writable for gatepost: a new one takes its place when
        /// the issuer gives one.
        refresh_token_file: Option<Setting<FilePath>>, r#""/var/lib/gatepost/provider.token""#;
        /// A program and its arguments, run without a shell, that prints a token, or JSON with `access_token` and
        /// `expires_in`. In the place of all the other keys.
        command: Option<Listed<String>>, r#"["/usr/local/bin/mail-token", "org"]"#;
    }
}

section! {
    /// A Kerberos ticket.
    pub struct TicketOptions {
        /// The key that tickets are got with.
        keytab: Option<Setting<FilePath>>, r#""/etc/gatepost/krb5.keytab""#;
        /// Whose key.
        principal: Option<Setting<String>>, r#""gatepost@EXAMPLE.ORG""#;
        /// Tickets that something else keeps fresh. Without this and `keytab`, where the Kerberos library looks by itself.
        cache: Option<Setting<String>>, r#""FILE:/run/gatepost/krb5cc""#;
        /// The helper: a program, or `unix:PATH` of a socket behind which one is started for each connection.
        helper: Setting<HelperChoice> = r#""/usr/lib/gatepost/gatepost-helper""#;
    }
}

section! {
    /// OAuth 1 keys (RFC 5849).
    pub struct OauthOneOptions {
        /// `oauth_consumer_key`: which program we are.
        consumer_key: Setting<String>, r#""gatepost""#;
        /// The file that holds the consumer's secret, on its first line.
        consumer_secret_file: Option<Setting<FilePath>>, r#""/etc/gatepost/consumer.secret""#;
        /// The environment variable that holds it.
        consumer_secret_env: Option<Setting<String>>, r#""CONSUMER_SECRET""#;
        /// `oauth_token`: whom we act for.
        token: Setting<String>, r#""8f2c""#;
        /// The file that holds the token's secret, on its first line.
        token_secret_file: Option<Setting<FilePath>>, r#""/etc/gatepost/token.secret""#;
        /// The environment variable that holds it.
        token_secret_env: Option<Setting<String>>, r#""TOKEN_SECRET""#;
    }
}
