//! NTLM as a client: NTLMv2 only.

use super::message::{Answer, Challenge, Flags, put_mic, write_negotiate};
use super::response::{KeyTwo, binding_hash, mic};
use super::target_info::{FLAG_MIC, TargetInfo, file_time};
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn};
use crate::{BindingKind, NtHash, Secret};

/// Named after what is awaited, or done.
pub(crate) enum Client {
    Challenge(Box<Own>),
    Said,
}

/// Our side of the proof.
pub(crate) struct Own {
    user: String,
    /// Empty where the user's name says it all.
    domain: String,
    hash: NtHash,
    challenge: [u8; 8],
    /// The hash of the channel's binding.
    binding: Option<Secret>,
    time: u64,
}

impl Client {
    pub(crate) fn new(context: ClientContext) -> Result<Self, ClientFailure> {
        let ClientContext { login, nonce, bindings, time, .. } = context;
        if login.authorization().is_some() {
            return Err(ClientFailure::CannotActForAnother);
        }
        // `user@domain` goes as it is: Windows takes it apart, and others know their users by it.
        let (domain, user) = login.username().split_once('\\').unwrap_or(("", login.username()));
        // The other kind of binding is unknown to NTLM's servers.
        let binding = bindings.iter().find(|binding| binding.kind() == BindingKind::TlsServerEndPoint);
        Ok(Self::Challenge(Box::new(Own {
            user: user.to_owned(),
            domain: domain.to_owned(),
            hash: NtHash::derive(&login.password()),
            challenge: nonce.eight(),
            binding: binding.map(binding_hash),
            time,
        })))
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Self) {
        (Secret::new(write_negotiate()), self)
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Challenge(own) => match own.prove(challenge) {
                Some(message) => ClientTurn::Respond(Secret::new(message), Self::Said),
                None => ClientTurn::Failed(ClientFailure::Malformed),
            },
            Self::Said => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Challenge(_) => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
        }
    }
}

impl Own {
    /// AUTHENTICATE ([MS-NLMP] section 3.1.5.1.2), or `None` if the challenge is none that we can answer.
    fn prove(&self, message: &[u8]) -> Option<Vec<u8>> {
        let challenge = Challenge::read(message).filter(|challenge| challenge.flags.has(Flags::UNICODE))?;
        let mut info = TargetInfo::read(challenge.target_info)?;
        let timestamp = info.timestamp();
        if timestamp.is_some() {
            info.set_flags(info.flags().unwrap_or(0) | FLAG_MIC);
        }
        if let Some(hash) = &self.binding {
            info.set_binding(hash.expose());
        }
        let key = KeyTwo::new(&self.hash, &self.user, &self.domain);
        let blob = self.blob(timestamp.unwrap_or_else(|| file_time(self.time)), &info.write()?);
        let proof = key.proof(challenge.challenge, &blob);
        let lm = match timestamp {
            // Who sends a timestamp does not look at it.
            Some(_) => vec![0; 24],
            None => [key.proof(challenge.challenge, &self.challenge).expose(), &self.challenge].concat(),
        };
        let nt = [proof.expose(), &blob].concat();
        let flags = challenge.flags.common(Flags::ours());
        let mut answer =
            Answer { flags, lm: &lm, nt: &nt, domain: &self.domain, user: &self.user }.write()?;
        if timestamp.is_some() {
            let code = mic(&key.session_key(proof.expose()), [&write_negotiate(), message, &answer]);
            put_mic(&mut answer, code.expose());
        }
        Some(answer)
    }

    /// `NTLMv2_CLIENT_CHALLENGE` ([MS-NLMP] section 2.2.2.7).
    fn blob(&self, timestamp: [u8; 8], info: &[u8]) -> Vec<u8> {
        let zeros = [0; 6];
        [&[1, 1], &zeros[..], &timestamp, &self.challenge, &zeros[..4], info, &zeros[..4]].concat()
    }
}
