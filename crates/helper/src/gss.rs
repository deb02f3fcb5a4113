//! The GSS-API of MIT Kerberos, called (RFC 2744).
//!
//! One of the two files that call C. Only what is called is declared, after `gssapi/gssapi.h` and `gssapi_ext.h`; the
//! declarations are in [`library`].

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use zeroize::{Zeroize as _, Zeroizing};

use crate::kerberos::No;

mod library;

use library::{Buffer, KeyValue, KeyValueSet, MechanismSet, ObjectId};

/// `1.2.840.113554.1.2.2`, Kerberos 5: no other mechanism is spoken (RFC 4752 section 1).
const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";

/// `1.2.840.113554.1.2.2.1`, a principal's name.
const PRINCIPAL_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01";

/// `1.2.840.113554.1.2.1.4`, `service@host` or `service`.
const SERVICE_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";

const COMPLETE: u32 = 0;
const CONTINUE_NEEDED: u32 = 1;

const MUTUAL: u32 = 2;
const REPLAY: u32 = 4;
const SEQUENCE: u32 = 8;
const INTEGRITY: u32 = 32;

const INITIATE: c_int = 1;
const ACCEPT: c_int = 2;

const FOR_EVER: u32 = u32::MAX;

/// The longest reason that is told, in octets; it is for a line of a log.
const REASON_OCTETS_MOST: usize = 400;

/// Codes of `krb5.h` for what is no answer: the KDC cannot be found or asked, or does not serve.
const NOT_ASKED: [i32; 4] = [
    -1_765_328_355, // KRB5KDC_ERR_SVC_UNAVAILABLE
    -1_765_328_230, // KRB5_REALM_UNKNOWN
    -1_765_328_228, // KRB5_KDC_UNREACH
    -1_765_328_164, // KRB5_REALM_CANT_RESOLVE
];

/// `KRB5_RC_IO` to `KRB5_RC_IO_SPACE` of the same file: what was seen before cannot be looked up.
const NO_REPLAY_CACHE: std::ops::RangeInclusive<i32> = -1_765_328_220..=-1_765_328_212;

/// What the system's own error numbers lie between: a file that cannot be read or written.
const SYSTEM_ERRORS: std::ops::RangeInclusive<i32> = 1..=4095;

/// Both codes of a call that failed.
#[derive(Clone, Copy)]
struct Status {
    major: u32,
    minor: u32,
}

impl Status {
    /// As a no: unavailable where nobody was asked.
    fn no(self) -> No {
        let code = self.minor.cast_signed();
        let unasked = NOT_ASKED.contains(&code) || NO_REPLAY_CACHE.contains(&code);
        if unasked || SYSTEM_ERRORS.contains(&code) {
            return No::Unavailable(self.text());
        }
        No::Refused(self.text())
    }

    /// What the library says of it.
    fn text(self) -> String {
        let general = display(self.major, 1);
        let special = if self.minor == 0 { String::new() } else { display(self.minor, 2) };
        let mut text = if special.is_empty() { general } else { format!("{general}: {special}") };
        text.truncate(text.floor_char_boundary(REASON_OCTETS_MOST));
        text
    }
}

/// The first line that the library has for a code of this kind.
fn display(code: u32, kind: c_int) -> String {
    let (mut minor, mut more) = (0, 0);
    let mut line = Octets::empty();
    let mut kerberos = ObjectId::of(KERBEROS);
    // SAFETY: all pointers are to values that live through the call.
    let major = unsafe {
        library::gss_display_status(
            &raw mut minor,
            code,
            kind,
            &raw mut kerberos,
            &raw mut more,
            &raw mut line.0,
        )
    };
    if major == COMPLETE {
        String::from_utf8_lossy(line.as_slice()).into_owned()
    } else {
        format!("error {code}")
    }
}

/// Octets that the library allocated; wiped and given back when dropped.
struct Octets(Buffer);

impl Octets {
    const fn empty() -> Self {
        Self(Buffer { length: 0, value: ptr::null_mut() })
    }

    fn as_slice(&self) -> &[u8] {
        if self.0.value.is_null() {
            return &[];
        }
        // SAFETY: the library wrote so many octets there, which are ours until they are released.
        unsafe { std::slice::from_raw_parts(self.0.value.cast(), self.0.length) }
    }

    fn copied(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.as_slice().to_vec())
    }
}

impl Drop for Octets {
    fn drop(&mut self) {
        if !self.0.value.is_null() {
            // SAFETY: as in `as_slice`, and nobody else sees them.
            let octets = unsafe { std::slice::from_raw_parts_mut(self.0.value.cast::<u8>(), self.0.length) };
            octets.zeroize();
        }
        let mut minor = 0;
        // SAFETY: an empty buffer or one of the library's, released once.
        let _ = unsafe { library::gss_release_buffer(&raw mut minor, &raw mut self.0) };
    }
}

/// The name of a principal or a service; released when dropped.
struct Name(library::Name);

impl Name {
    fn import(text: &[u8], kind: &'static [u8]) -> Result<Self, No> {
        let mut name = ptr::null_mut();
        let mut minor = 0;
        let mut text = Buffer::over(text);
        let mut kind = ObjectId::of(kind);
        // SAFETY: the library only reads the text and the kind, and copies what it keeps.
        let major =
            unsafe { library::gss_import_name(&raw mut minor, &raw mut text, &raw mut kind, &raw mut name) };
        if major == COMPLETE { Ok(Self(name)) } else { Err(Status { major, minor }.no()) }
    }

    /// As text, if it is a principal's.
    fn principal(&self) -> Result<String, No> {
        let mut minor = 0;
        let mut text = Octets::empty();
        let mut kind: *mut ObjectId = ptr::null_mut();
        // SAFETY: the name is the library's own; the other pointers are to values that live through the call.
        let major =
            unsafe { library::gss_display_name(&raw mut minor, self.0, &raw mut text.0, &raw mut kind) };
        if major != COMPLETE {
            return Err(Status { major, minor }.no());
        }
        // SAFETY: the library gives null or one of its constant identifiers.
        let kind = unsafe { kind.as_ref() };
        let Some(PRINCIPAL_NAME) = kind.map(ObjectId::octets) else {
            return Err(No::Refused("the client's name is of another kind than a principal's".to_owned()));
        };
        String::from_utf8(text.as_slice().to_vec())
            .map_err(|_octets| No::Refused("the principal is not UTF-8".to_owned()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null or a name of the library's, released once.
        let _ = unsafe { library::gss_release_name(&raw mut minor, &raw mut self.0) };
    }
}

/// Keys of a service, or tickets of a client; released when dropped.
pub(crate) struct Credential(library::Credential);

impl Credential {
    /// The keys of a service: `smtp` on any host, or `smtp@host`.
    ///
    /// # Errors
    ///
    /// [`No::Unavailable`]: without a key nobody can be asked, which is the operator's matter and not the client's.
    pub(crate) fn of_service(service: &str, keytab: &str) -> Result<Self, No> {
        let name = Name::import(service.as_bytes(), SERVICE_NAME)?;
        Self::acquire(Some(&name), ACCEPT, &[(c"keytab", keytab)])
            .map_err(|status| No::Unavailable(status.text()))
    }

    /// What a key gives tickets to. The tickets are kept in memory only, for this one exchange.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn of_principal(principal: &str, keytab: &str) -> Result<Self, No> {
        let name = Name::import(principal.as_bytes(), PRINCIPAL_NAME)?;
        let store = [(c"client_keytab", keytab), (c"ccache", "MEMORY:gatepost")];
        Self::acquire(Some(&name), INITIATE, &store).map_err(Status::no)
    }

    /// Tickets that are there already.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn of_cache(cache: Option<&str>) -> Result<Self, No> {
        let store: Vec<_> = cache.into_iter().map(|cache| (c"ccache", cache)).collect();
        Self::acquire(None, INITIATE, &store).map_err(|status| match status.no() {
            // No cache is no ticket, and who looks after the tickets is not asked for here.
            No::Refused(reason) | No::Unavailable(reason) => No::Refused(reason),
        })
    }

    fn acquire(name: Option<&Name>, usage: c_int, store: &[(&CStr, &str)]) -> Result<Self, Status> {
        // A NUL cannot come by the command line; were there one, the value would end before it and name no file.
        let values: Vec<CString> =
            store.iter().map(|(_, value)| CString::new(*value).unwrap_or_default()).collect();
        let pairs: Vec<KeyValue> = store
            .iter()
            .zip(&values)
            .map(|((key, _), value)| KeyValue { key: key.as_ptr(), value: value.as_ptr() })
            .collect();
        let set = KeyValueSet { count: u32::try_from(pairs.len()).unwrap_or(0), elements: pairs.as_ptr() };
        let mut kerberos = ObjectId::of(KERBEROS);
        let mut mechanisms = MechanismSet { count: 1, elements: &raw mut kerberos };
        let mut credential = ptr::null_mut();
        let mut minor = 0;
        // SAFETY: the set and what it points to live through the call and are only read; the last two results are not
        // wanted.
        let major = unsafe {
            library::gss_acquire_cred_from(
                &raw mut minor,
                name.map_or(ptr::null_mut(), |name| name.0),
                FOR_EVER,
                &raw mut mechanisms,
                usage,
                &raw const set,
                &raw mut credential,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if major == COMPLETE { Ok(Self(credential)) } else { Err(Status { major, minor }) }
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: a credential of the library's, released once.
        let _ = unsafe { library::gss_release_cred(&raw mut minor, &raw mut self.0) };
    }
}

/// A context that does not stand yet; deleted when dropped.
pub(crate) struct Context(library::Context);

/// A context that stands, with the integrity that was asked for.
pub(crate) struct Established {
    context: Context,
    peer: Option<String>,
}

/// How far a context is.
pub(crate) enum Progress {
    /// The peer's next token is needed.
    Going(Context),
    /// It stands.
    Complete(Established),
}

/// The token for the peer, and how far the context is.
type Stepped = Result<(Zeroizing<Vec<u8>>, Progress), No>;

impl Context {
    pub(crate) const fn new() -> Self {
        Self(ptr::null_mut())
    }

    /// `GSS_Accept_sec_context`.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn accept(mut self, credential: &Credential, token: &[u8]) -> Stepped {
        let (mut minor, mut flags) = (0, 0);
        let mut token = Buffer::over(token);
        let mut peer = Name(ptr::null_mut());
        let mut answer = Octets::empty();
        // SAFETY: the context is null or the library's, the token is only read, all results go to values that live through
        // the call. Delegated credentials are not wanted.
        let major = unsafe {
            library::gss_accept_sec_context(
                &raw mut minor,
                &raw mut self.0,
                credential.0,
                &raw mut token,
                ptr::null_mut(),
                &raw mut peer.0,
                ptr::null_mut(),
                &raw mut answer.0,
                &raw mut flags,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        match major {
            CONTINUE_NEEDED => Ok((answer.copied(), Progress::Going(self))),
            COMPLETE => {
                let peer = peer.principal()?;
                Ok((answer.copied(), self.stand(flags, INTEGRITY, Some(peer))?))
            }
            major => Err(Status { major, minor }.no()),
        }
    }

    /// `GSS_Init_sec_context`, with mutual authentication and integrity.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn init(mut self, credential: &Credential, target: &[u8], token: &[u8]) -> Stepped {
        let target = Name::import(target, SERVICE_NAME)?;
        let (mut minor, mut flags) = (0, 0);
        let mut token = Buffer::over(token);
        let mut kerberos = ObjectId::of(KERBEROS);
        let mut answer = Octets::empty();
        // SAFETY: as in `accept`.
        let major = unsafe {
            library::gss_init_sec_context(
                &raw mut minor,
                credential.0,
                &raw mut self.0,
                target.0,
                &raw mut kerberos,
                MUTUAL | REPLAY | SEQUENCE | INTEGRITY,
                0,
                ptr::null_mut(),
                &raw mut token,
                ptr::null_mut(),
                &raw mut answer.0,
                &raw mut flags,
                ptr::null_mut(),
            )
        };
        match major {
            CONTINUE_NEEDED => Ok((answer.copied(), Progress::Going(self))),
            COMPLETE => Ok((answer.copied(), self.stand(flags, MUTUAL | INTEGRITY, None)?)),
            major => Err(Status { major, minor }.no()),
        }
    }

    /// Complete, if it has what it must have.
    fn stand(self, flags: u32, wanted: u32, peer: Option<String>) -> Result<Progress, No> {
        if flags & wanted == wanted {
            return Ok(Progress::Complete(Established { context: self, peer }));
        }
        Err(No::Refused("the context is without mutual authentication or integrity".to_owned()))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null or a context of the library's, deleted once.
        let _ = unsafe { library::gss_delete_sec_context(&raw mut minor, &raw mut self.0, ptr::null_mut()) };
    }
}

impl Established {
    /// The client's principal; for a server only.
    pub(crate) fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// `GSS_Wrap`, with integrity only.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn wrap(&self, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, No> {
        let mut minor = 0;
        let mut octets = Buffer::over(octets);
        let mut wrapped = Octets::empty();
        // SAFETY: the context stands, the octets are only read, the result goes to a value that lives through the call.
        let major = unsafe {
            library::gss_wrap(
                &raw mut minor,
                self.context.0,
                0,
                0,
                &raw mut octets,
                ptr::null_mut(),
                &raw mut wrapped.0,
            )
        };
        if major == COMPLETE { Ok(wrapped.copied()) } else { Err(Status { major, minor }.no()) }
    }

    /// `GSS_Unwrap`. A message that comes twice or out of order is refused, too.
    ///
    /// # Errors
    ///
    /// [`No`].
    pub(crate) fn unwrap(&self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, No> {
        let mut minor = 0;
        let mut message = Buffer::over(message);
        let mut octets = Octets::empty();
        // SAFETY: as in `wrap`.
        let major = unsafe {
            library::gss_unwrap(
                &raw mut minor,
                self.context.0,
                &raw mut message,
                &raw mut octets.0,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if major == COMPLETE { Ok(octets.copied()) } else { Err(Status { major, minor }.no()) }
    }
}
