//! NTLM as a server.

use super::message::{Authenticate, Challenge, Flags, NtResponse, Two, read_negotiate};
use super::response::{KeyTwo, binding_hash, mic, one, session_challenge};
use super::target_info::{TargetInfo, netbios};
use crate::exchange::server::{Answer, Failure, Lookup, ServerContext, ServerQuestion, Turn, client_name};
use crate::{Identity, NtHash, NtlmVersions, Secret, limits};

/// Named after what is awaited.
pub(crate) enum Server {
    Opening(Setting),
    Negotiate(Setting),
    Authenticate(Sent),
    Hash(Box<Claim>),
}

/// What is known before the first message.
pub(crate) struct Setting {
    challenge: [u8; 8],
    target: String,
    info: TargetInfo,
    /// The hashes of the channel's bindings.
    bindings: Vec<Secret>,
    versions: NtlmVersions,
}

/// What has been said, for the code that covers it all.
pub(crate) struct Sent {
    setting: Setting,
    flags: Flags,
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
}

/// What the client claims, not yet checked.
pub(crate) struct Claim {
    sent: Sent,
    authenticate: Authenticate,
    identity: Identity,
}

impl Server {
    pub(crate) fn new(context: ServerContext) -> Self {
        let ServerContext { nonce, bindings, host, time, realm, ntlm, .. } = context;
        Self::Opening(Setting {
            challenge: nonce.eight(),
            target: netbios(&realm),
            info: TargetInfo::of_server(&host, &realm, time),
            bindings: bindings.iter().map(binding_hash).collect(),
            versions: ntlm,
        })
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match (self, initial) {
            // [MS-SMTPNTLM] section 3.2.5.1 has text here that says "NTLM supported", and wants clients not to read it.
            (Self::Opening(setting), None) => Turn::Challenge(Vec::new(), Self::Negotiate(setting)),
            (Self::Opening(setting), Some(negotiate)) => setting.challenge(negotiate),
            (Self::Negotiate(_) | Self::Authenticate(_) | Self::Hash(_), _) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn receive(self, octets: &[u8]) -> Turn<Self> {
        match self {
            Self::Negotiate(setting) => setting.challenge(octets),
            Self::Authenticate(sent) => match sent.claim(octets) {
                Ok((question, claim)) => Turn::Ask(question, Self::Hash(Box::new(claim))),
                Err(failure) => Turn::Failed(failure),
            },
            Self::Opening(_) | Self::Hash(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let (Self::Hash(claim), Answer::Nt(lookup)) = (self, answer) else {
            return Turn::Failed(Failure::Misused);
        };
        match lookup {
            Lookup::Found(hash) => match claim.check(&hash) {
                Ok(()) => Turn::Succeeded(claim.identity),
                Err(failure) => Turn::Failed(failure),
            },
            Lookup::Missing => {
                // Computed and compared all the same: an unknown user must cost the same time.
                let decoy = NtHash::derive(&Secret::new(""));
                let _ = std::hint::black_box(claim.check(&decoy));
                Turn::Failed(Failure::Rejected)
            }
            Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }
}

impl Setting {
    fn challenge(self, negotiate: &[u8]) -> Turn<Server> {
        let Some(flags) = read_negotiate(negotiate).and_then(Flags::granted) else {
            return Turn::Failed(Failure::Malformed);
        };
        let written = self.info.write().and_then(|target_info| {
            Challenge { flags, challenge: self.challenge, target_info: &target_info }.write(&self.target)
        });
        // Its parts are within their limits: see `TargetInfo::of_server`.
        let Some(challenge) = written else {
            return Turn::Failed(Failure::Misused);
        };
        let sent = Sent { setting: self, flags, negotiate: negotiate.to_vec(), challenge: challenge.clone() };
        Turn::Challenge(challenge, Server::Authenticate(sent))
    }
}

impl Sent {
    fn claim(self, octets: &[u8]) -> Result<(ServerQuestion, Claim), Failure> {
        let authenticate = Authenticate::read(octets, self.flags).ok_or(Failure::Malformed)?;
        match (&authenticate.response, self.setting.versions) {
            (NtResponse::Absent, _) | (NtResponse::One { .. }, NtlmVersions::Two) => {
                return Err(Failure::TooWeak);
            }
            (NtResponse::One { .. }, NtlmVersions::OneAndTwo) | (NtResponse::Two(_), _) => {}
        }
        let domain = authenticate.domain.clone();
        if domain.len() > limits::NAME_OCTETS_MOST || domain.contains(char::is_control) {
            return Err(Failure::Malformed);
        }
        let user = client_name(login_name(&authenticate.user, &domain).as_bytes())?;
        let identity = Identity::new(user.clone(), None);
        Ok((ServerQuestion::NtHash { user, domain }, Claim { sent: self, authenticate, identity }))
    }
}

/// The login name behind the two fields. Some clients (libntlm's) cut `ada@example.org` at its at-sign; a domain
/// without a dot is a NetBIOS name, often the one that we sent, and says nothing.
fn login_name(user: &str, domain: &str) -> String {
    if !user.contains('@') && domain.contains('.') { format!("{user}@{domain}") } else { user.to_owned() }
}

impl Claim {
    fn check(&self, hash: &NtHash) -> Result<(), Failure> {
        let challenge = self.sent.setting.challenge;
        match &self.authenticate.response {
            NtResponse::Absent => Err(Failure::TooWeak),
            NtResponse::One { response, client_challenge } => {
                let challenge = client_challenge.map_or(challenge, |own| session_challenge(challenge, own));
                if one(hash, challenge).matches(response) { Ok(()) } else { Err(Failure::Rejected) }
            }
            NtResponse::Two(two) => self.check_two(hash, two),
        }
    }

    /// The proof first: what else is in the blob counts only if the proof holds.
    fn check_two(&self, hash: &NtHash, two: &Two) -> Result<(), Failure> {
        let setting = &self.sent.setting;
        let key = KeyTwo::new(hash, &self.authenticate.user, &self.authenticate.domain);
        if !key.proof(setting.challenge, &two.blob).matches(&two.proof) {
            return Err(Failure::Rejected);
        }
        if let Some(binding) = &two.binding
            && !setting.bindings.iter().any(|ours| ours.matches(binding))
        {
            return Err(Failure::ChannelBindingMismatch);
        }
        match &two.mic {
            Some(code) => {
                let messages: [&[u8]; 3] = [&self.sent.negotiate, &self.sent.challenge, &code.message];
                let right = mic(&key.session_key(&two.proof), messages);
                if right.matches(&code.code) { Ok(()) } else { Err(Failure::Rejected) }
            }
            None => Ok(()),
        }
    }
}
