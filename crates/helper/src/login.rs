//! One password, asked of PAM.

use crate::dialogue::{Broken, Dialogue};

/// What PAM says of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "pam"), expect(dead_code, reason = "without libpam nothing is known"))]
pub(crate) enum Verdict {
    /// It is the user's, who may log in now.
    Right,
    /// Anything else that is known: no such user, not the password, not allowed. PAM does not tell these apart.
    Wrong,
    /// It is the user's, but it, or the account, has expired.
    Expired,
    /// PAM could not find out.
    Unavailable(String),
}

/// Checks the one password that is asked about.
///
/// # Errors
///
/// [`Broken`].
pub(crate) fn serve(dialogue: &mut Dialogue, service: &str, folder: Option<&str>) -> Result<(), Broken> {
    let Some(frame) = dialogue.hear()? else { return Ok(()) };
    let fields = frame.fields()?;
    let [b"check", user, password] = *fields.as_slice() else { return Err(Broken::Misunderstood) };
    match verdict(service, folder, user, password) {
        Verdict::Right => dialogue.say(&[b"right"]),
        Verdict::Wrong => dialogue.say(&[b"wrong"]),
        Verdict::Expired => dialogue.say(&[b"expired"]),
        Verdict::Unavailable(reason) => dialogue.say(&[b"unavailable", reason.as_bytes()]),
    }
}

#[cfg(feature = "pam")]
fn verdict(service: &str, folder: Option<&str>, user: &[u8], password: &[u8]) -> Verdict {
    crate::pam::check(service, folder, user, password)
}

#[cfg(not(feature = "pam"))]
fn verdict(_service: &str, _folder: Option<&str>, _user: &[u8], _password: &[u8]) -> Verdict {
    Verdict::Unavailable("the helper was built without the feature `pam`".to_owned())
}
