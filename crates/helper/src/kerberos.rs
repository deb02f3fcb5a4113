//! One Kerberos context, asked for by gatepost question by question.

use crate::dialogue::{Broken, Dialogue};
use crate::work::Work;

/// What the library says no with.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "kerberos"), expect(dead_code, reason = "without the library nothing is refused"))]
pub(crate) enum No {
    /// No ticket, a forged or repeated one, another key, clocks too far apart.
    Refused(String),
    /// It could not find out: no keytab, no KDC.
    Unavailable(String),
}

impl No {
    fn tell(&self, dialogue: &mut Dialogue) -> Result<(), Broken> {
        match self {
            Self::Refused(reason) => dialogue.say(&[b"refused", reason.as_bytes()]),
            Self::Unavailable(reason) => dialogue.say(&[b"unavailable", reason.as_bytes()]),
        }
    }
}

#[cfg(not(feature = "kerberos"))]
/// Says to each question that there is no Kerberos in here.
///
/// # Errors
///
/// [`Broken`].
pub(crate) fn serve(dialogue: &mut Dialogue, _work: &Work) -> Result<(), Broken> {
    if dialogue.hear()?.is_some() {
        let missing = "the helper was built without the feature `kerberos`";
        No::Unavailable(missing.to_owned()).tell(dialogue)?;
    }
    Ok(())
}

#[cfg(feature = "kerberos")]
pub(crate) use library::serve;

#[cfg(feature = "kerberos")]
mod library {
    use super::{Broken, Dialogue, No, Work};
    use crate::frame::Frame;
    use crate::gss::{Context, Credential, Established, Progress};

    /// Answers until gatepost is done, or the library says no.
    ///
    /// # Errors
    ///
    /// [`Broken`].
    pub(crate) fn serve(dialogue: &mut Dialogue, work: &Work) -> Result<(), Broken> {
        let mut state = State::Idle;
        while let Some(frame) = dialogue.hear()? {
            state = match turn(dialogue, work, state, &frame)? {
                Ok(state) => state,
                Err(no) => return no.tell(dialogue),
            };
        }
        Ok(())
    }

    /// How far the context is.
    enum State {
        /// Nothing has been asked.
        Idle,
        /// The peer's next token is awaited.
        Going(Credential, Context),
        /// It stands.
        Complete(Established),
    }

    type Turned = Result<Result<State, No>, Broken>;

    fn turn(dialogue: &mut Dialogue, work: &Work, state: State, frame: &Frame) -> Turned {
        let fields = frame.fields()?;
        match (state, fields.as_slice()) {
            (State::Complete(context), [b"wrap", octets]) => sealed(dialogue, context.wrap(octets), context),
            (State::Complete(context), [b"unwrap", octets]) => {
                sealed(dialogue, context.unwrap(octets), context)
            }
            (State::Idle, [b"token", octets @ ..]) => match credential(work) {
                Ok(credential) => step(dialogue, work, (credential, Context::new()), octets),
                Err(no) => Ok(Err(no)),
            },
            (State::Going(credential, context), [b"token", octets @ ..]) => {
                step(dialogue, work, (credential, context), octets)
            }
            _ => Err(Broken::Misunderstood),
        }
    }

    fn sealed(
        dialogue: &mut Dialogue,
        sealed: Result<zeroize::Zeroizing<Vec<u8>>, No>,
        context: Established,
    ) -> Turned {
        match sealed {
            Ok(octets) => {
                dialogue.say(&[b"octets", &octets])?;
                Ok(Ok(State::Complete(context)))
            }
            Err(no) => Ok(Err(no)),
        }
    }

    fn credential(work: &Work) -> Result<Credential, No> {
        match work {
            Work::Accept { service, keytab } => Credential::of_service(service, keytab),
            Work::InitByKeytab { keytab, principal } => Credential::of_principal(principal, keytab),
            Work::InitByCache { cache } => Credential::of_cache(cache.as_deref()),
            Work::Pam { .. } => Err(No::Unavailable("this helper is for PAM".to_owned())),
        }
    }

    /// One call of the library.
    fn step(
        dialogue: &mut Dialogue,
        work: &Work,
        (credential, context): (Credential, Context),
        octets: &[&[u8]],
    ) -> Turned {
        let accepts = matches!(work, Work::Accept { .. });
        let stepped = match octets {
            [token] if accepts => context.accept(&credential, token),
            [target] if !accepts => context.init(&credential, target, &[]),
            [target, token] if !accepts => context.init(&credential, target, token),
            _ => return Err(Broken::Misunderstood),
        };
        match stepped {
            Ok((token, Progress::Going(context))) => {
                dialogue.say(&[b"going", &token])?;
                Ok(Ok(State::Going(credential, context)))
            }
            Ok((token, Progress::Complete(context))) => {
                match context.peer() {
                    Some(peer) => dialogue.say(&[b"complete", &token, peer.as_bytes()])?,
                    None => dialogue.say(&[b"complete", &token])?,
                }
                Ok(Ok(State::Complete(context)))
            }
            Err(no) => Ok(Err(no)),
        }
    }
}
