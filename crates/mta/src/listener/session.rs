//! One client's session, from greeting to end, over one channel or two.

use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_directory::Directory;
use gatepost_mail::trace::Greeting;
use gatepost_policy::auth::{asks_for_certificate, offered, offered_after_tls};
use gatepost_policy::rules::Channel;
use gatepost_sasl::Mechanism;
use gatepost_smtp::{Limits, Protocol, ServerSession, ServerSettings, StartTls};
use gatepost_spool::{Receipt, Spool};

use super::desk::{Desk, Visit};
use super::drive::{Close, Ended, drive};
use crate::event::What;
use crate::net::stream::Stream;
use crate::net::tls::{Acceptor, CertificateRequest, TlsError};
use crate::office::{Current, Office};
use crate::outside::instant;
use crate::settings::{ListenerSettings, ListenerTls};

/// Serves one client to the end.
pub(super) async fn serve<S: Spool, D: Directory>(
    office: Arc<Office<S, D>>,
    current: Arc<Current>,
    listener: &ListenerSettings,
    stream: Stream,
    client: SocketAddr,
) {
    let visit = Visit {
        session: office.ids.next(office.now()),
        service: listener.service,
        listener: listener.name.clone(),
        client,
        port: stream.local_port(),
        tls: None,
        hello: None,
        greeting: Greeting::Ehlo,
    };
    let mut desk = Desk::open(office.clone(), current.clone(), visit);
    desk.tell(What::Connected { listener: listener.name.clone(), client });
    let cause = match talk(&office, &current, &mut desk, (listener, stream)).await {
        Ok(close) => close.to_string(),
        Err(cause) => {
            desk.tell(What::HandshakeFailed { cause: cause.to_string() });
            "handshake".to_owned()
        }
    };
    desk.close(cause);
}

async fn talk<S: Spool, D: Directory>(
    office: &Office<S, D>,
    current: &Current,
    desk: &mut Desk<S, D>,
    (listener, stream): (&ListenerSettings, Stream),
) -> Result<Close, TlsError> {
    let mut life = office.life.clone();
    let mut stream = match listener.tls {
        ListenerTls::Implicit => Box::pin(shake_hands(current, desk, stream)).await?,
        ListenerTls::StartTls | ListenerTls::Off => stream,
    };
    let settings = settings(current, desk.visit(), listener.tls);
    let mut session = ServerSession::<Receipt>::greet(settings, instant());
    loop {
        match drive(&mut session, &mut stream, desk, &mut life).await {
            Ended::Closed(close) => return Ok(close),
            Ended::Upgrade => {
                stream = Box::pin(shake_hands(current, desk, stream)).await?;
                let settings = self::settings(current, desk.visit(), listener.tls);
                session = session.upgraded(settings, instant());
            }
        }
    }
}

async fn shake_hands<S: Spool, D: Directory>(
    current: &Current,
    desk: &mut Desk<S, D>,
    stream: Stream,
) -> Result<Stream, TlsError> {
    let acceptor: &Acceptor = current.acceptor.as_ref().ok_or(TlsError::Channel)?;
    let request = match asks_for_certificate(&desk.visit().offer(), current.rules()) {
        true => CertificateRequest::Asked,
        false => CertificateRequest::NotAsked,
    };
    let Stream::Tcp(stream) = stream else { return Err(TlsError::Channel) };
    let (stream, facts) = acceptor.accept(stream, request).await?;
    desk.encrypted(facts);
    Ok(stream)
}

/// What the session may offer on the channel as it is now.
fn settings(current: &Current, visit: &Visit, tls: ListenerTls) -> ServerSettings {
    let rules = current.rules();
    let starttls = match tls {
        ListenerTls::StartTls if current.acceptor.is_some() => StartTls::Offered,
        ListenerTls::StartTls | ListenerTls::Implicit | ListenerTls::Off => StartTls::NotOffered,
    };
    let (channel, after_tls) = match visit.channel() {
        Channel::Encrypted => (gatepost_smtp::Channel::Encrypted, Vec::new()),
        Channel::Clear => (gatepost_smtp::Channel::Clear(starttls), offered_after_tls(&visit.offer(), rules)),
    };
    ServerSettings {
        hostname: rules.hostname.clone(),
        protocol: Protocol::Smtp,
        channel,
        mechanisms: names(&offered(&visit.offer(), rules)),
        mechanisms_after_tls: names(&after_tls),
        limits: current.session_limits.clone(),
    }
}

fn names(mechanisms: &[Mechanism]) -> Vec<String> {
    mechanisms.iter().map(|mechanism| mechanism.name().to_owned()).collect()
}

/// The limits of a session, from rules and settings.
pub(crate) fn limits(settings: &crate::Settings) -> Limits {
    let rules = &settings.rules.limits;
    Limits {
        message_size: rules.message_size,
        recipients: rules.recipients_per_message,
        command_wait: settings.timeouts.command,
        content_wait: settings.timeouts.content,
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand of these wait at once: what is rare, or large, belongs into a box of its own.
    const MOST: usize = 4 * 1024;

    fn octets<F>(
        _serve: impl FnOnce(Arc<Office<Messages, Accounts>>, Arc<Current>, Stream, SocketAddr) -> F,
    ) -> usize {
        std::mem::size_of::<F>()
    }

    type Messages = gatepost_spool::Embedded;
    type Accounts = gatepost_directory::Directories;

    #[test]
    fn a_session_takes_little_room() {
        let listener: &'static ListenerSettings = Box::leak(Box::new(ListenerSettings {
            name: "mx".to_owned(),
            bind: Vec::new(),
            service: gatepost_policy::rules::Service::Mx,
            tls: ListenerTls::Off,
        }));
        let octets =
            octets(|office, current, stream, client| serve(office, current, listener, stream, client));
        assert!(octets <= MOST, "{octets}");
    }
}
