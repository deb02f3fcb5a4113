//! libpam, called.
//!
//! One of the two files that call C. Only what is called is declared, after `security/pam_appl.h` of Linux-PAM.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

use zeroize::Zeroizing;

use crate::login::Verdict;

/// The most questions for a password that one login may bring: stacks of two or three modules that each ask.
const QUESTIONS_MOST: u32 = 8;

/// What modules see as the terminal; those that look at it find no terminal's name.
const TERMINAL: &CStr = c"smtp";

/// `pam_handle_t`, which only libpam looks into.
#[repr(C)]
struct Handle {
    _inside: [u8; 0],
}

/// `struct pam_message`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
struct Conversation {
    converse: unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    known: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        folder: *const c_char,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_authenticate(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_set_item(handle: *mut Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_get_item(handle: *const Handle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_strerror(handle: *mut Handle, code: c_int) -> *const c_char;
    fn pam_end(handle: *mut Handle, last: c_int) -> c_int;
}

// The allocator of the C library, in whose memory answers are handed over.
unsafe extern "C" {
    fn calloc(count: usize, octets: usize) -> *mut c_void;
    fn strdup(text: *const c_char) -> *mut c_char;
    fn free(memory: *mut c_void);
}

const SUCCESS: c_int = 0;
const BUFFER: c_int = 5;
const PERMISSION_DENIED: c_int = 6;
const AUTHENTICATION: c_int = 7;
const USER_UNKNOWN: c_int = 10;
const TRIES_MOST: c_int = 11;
const NEW_PASSWORD_NEEDED: c_int = 12;
const ACCOUNT_EXPIRED: c_int = 13;
const CONVERSATION: c_int = 19;
const PASSWORD_EXPIRED: c_int = 27;

const ITEM_USER: c_int = 2;
const ITEM_TERMINAL: c_int = 3;
const ITEM_DELAY: c_int = 10;

const PROMPT_HIDDEN: c_int = 1;
const PROMPT_SHOWN: c_int = 2;
const TEXT_OF_ERROR: c_int = 3;
const TEXT_OF_INFORMATION: c_int = 4;

/// `PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK`: an account without a password is none that may log in.
const FLAGS: c_int = 0x8001;

/// What the conversation answers with.
struct Known {
    user: CString,
    password: Zeroizing<Vec<u8>>,
    asked: Cell<u32>,
}

/// Whether this is the user's password, by the stack of this name, and the account may be used.
pub(crate) fn check(service: &str, folder: Option<&str>, user: &[u8], password: &[u8]) -> Verdict {
    let (Ok(service), Ok(folder)) = (CString::new(service), folder.map(CString::new).transpose()) else {
        return Verdict::Unavailable("the service's name holds a NUL".to_owned());
    };
    // No name and no password in PAM holds a NUL, so neither is anybody's.
    let (Ok(user), false) = (CString::new(user), password.contains(&0)) else { return Verdict::Wrong };
    let mut ended = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    ended.extend_from_slice(password);
    ended.push(0);
    let known = Known { user, password: ended, asked: Cell::new(0) };
    let conversation = Conversation { converse, known: ptr::from_ref(&known).cast_mut().cast() };
    match Stack::start(&service, folder.as_deref(), &known.user, &conversation) {
        Ok(mut stack) => stack.judge(&known.user),
        Err(code) => Verdict::Unavailable(format!("PAM could not start (error {code})")),
    }
}

/// A stack of modules at work; ended when dropped.
struct Stack<'a> {
    handle: *mut Handle,
    last: c_int,
    _conversation: &'a Conversation,
}

impl<'a> Stack<'a> {
    fn start(
        service: &CStr,
        folder: Option<&CStr>,
        user: &CStr,
        conversation: &'a Conversation,
    ) -> Result<Self, c_int> {
        let mut handle = ptr::null_mut();
        let (service, user) = (service.as_ptr(), user.as_ptr());
        let code = match folder {
            // SAFETY: the strings end in NUL and live through the call, which copies them and the conversation; what the
            // conversation points to outlives the handle, as `self` borrows it.
            Some(folder) => unsafe {
                pam_start_confdir(service, user, conversation, folder.as_ptr(), &raw mut handle)
            },
            // SAFETY: as above.
            None => unsafe { pam_start(service, user, conversation, &raw mut handle) },
        };
        if code != SUCCESS || handle.is_null() {
            return Err(code);
        }
        Ok(Self { handle, last: SUCCESS, _conversation: conversation })
    }

    fn judge(&mut self, user: &CStr) -> Verdict {
        self.prepare();
        // SAFETY: the handle is of `pam_start`, and `pam_end` has not been called.
        self.last = unsafe { pam_authenticate(self.handle, FLAGS) };
        match self.last {
            SUCCESS => (),
            AUTHENTICATION | USER_UNKNOWN | TRIES_MOST | PERMISSION_DENIED => return Verdict::Wrong,
            PASSWORD_EXPIRED => return Verdict::Expired,
            code => return self.unavailable(code),
        }
        if !self.is_still(user) {
            // Another account was proved than the one that was asked about.
            return Verdict::Unavailable("a PAM module gave the user another name".to_owned());
        }
        // SAFETY: as above.
        self.last = unsafe { pam_acct_mgmt(self.handle, FLAGS) };
        match self.last {
            SUCCESS => Verdict::Right,
            NEW_PASSWORD_NEEDED | ACCOUNT_EXPIRED | PASSWORD_EXPIRED => Verdict::Expired,
            AUTHENTICATION | USER_UNKNOWN | PERMISSION_DENIED => Verdict::Wrong,
            code => self.unavailable(code),
        }
    }

    /// No module sleeps after a wrong password: gatepost delays, which can do so without holding a process.
    fn prepare(&mut self) {
        let undelayed = undelayed as unsafe extern "C" fn(c_int, c_uint, *mut c_void);
        // SAFETY: the item is a pointer to such a function, and functions live for ever.
        let _ = unsafe { pam_set_item(self.handle, ITEM_DELAY, undelayed as *const c_void) };
        // SAFETY: the item is a string that ends in NUL; libpam copies it.
        let _ = unsafe { pam_set_item(self.handle, ITEM_TERMINAL, TERMINAL.as_ptr().cast()) };
    }

    fn is_still(&self, user: &CStr) -> bool {
        let mut item = ptr::null();
        // SAFETY: the handle is alive, and `item` is where a pointer may be written.
        let code = unsafe { pam_get_item(self.handle, ITEM_USER, &raw mut item) };
        if code != SUCCESS || item.is_null() {
            return false;
        }
        // SAFETY: this item is a string of libpam's that ends in NUL, and nothing changes it before the comparison.
        let now = unsafe { CStr::from_ptr(item.cast()) };
        now == user
    }

    fn unavailable(&self, code: c_int) -> Verdict {
        // SAFETY: the handle is alive; any code is allowed.
        let text = unsafe { pam_strerror(self.handle, code) };
        if text.is_null() {
            return Verdict::Unavailable(format!("PAM: error {code}"));
        }
        // SAFETY: libpam gives a constant string that ends in NUL.
        let text = unsafe { CStr::from_ptr(text) };
        Verdict::Unavailable(format!("PAM: {}", text.to_string_lossy()))
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is of `pam_start`, and is ended here only.
        let _ = unsafe { pam_end(self.handle, self.last) };
    }
}

/// Takes the place of libpam's own sleep.
unsafe extern "C" fn undelayed(_code: c_int, _microseconds: c_uint, _known: *mut c_void) {}

/// What modules ask their questions of.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    known: *mut c_void,
) -> c_int {
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=32).contains(count)) else {
        return CONVERSATION;
    };
    if messages.is_null() || responses.is_null() || known.is_null() {
        return CONVERSATION;
    }
    // SAFETY: `known` is what `check` put into the conversation, and lives longer than the stack; it is only read.
    let known = unsafe { &*known.cast::<Known>() };
    // SAFETY: Linux-PAM hands over an array of `count` pointers.
    let messages = unsafe { std::slice::from_raw_parts(messages, count) };
    // SAFETY: any size is allowed; the result is looked at.
    let answers: *mut Response = unsafe { calloc(count, size_of::<Response>()) }.cast();
    if answers.is_null() {
        return BUFFER;
    }
    for (number, message) in messages.iter().enumerate() {
        // SAFETY: each pointer of the array is to a message, unless it is null.
        let style = unsafe { message.as_ref() }.map(|message| message.style);
        let Ok(text) = known.answer(style) else {
            give_back(answers, count);
            return CONVERSATION;
        };
        // SAFETY: `number` is below `count`, for so many was memory taken.
        let slot = unsafe { answers.add(number) };
        // SAFETY: the slot is aligned, and zeroed, which is a valid response.
        unsafe { (*slot).text = text };
    }
    // SAFETY: it is where the array of answers is expected, which the module frees.
    unsafe { *responses = answers };
    SUCCESS
}

/// There is no answer to this.
struct Unanswerable;

impl Known {
    /// An answer in the C library's memory, null for none.
    fn answer(&self, style: Option<c_int>) -> Result<*mut c_char, Unanswerable> {
        let text: *const c_char = match style {
            Some(PROMPT_HIDDEN) => self.password.as_ptr().cast(),
            Some(PROMPT_SHOWN) => self.user.as_ptr(),
            Some(TEXT_OF_ERROR | TEXT_OF_INFORMATION) => return Ok(ptr::null_mut()),
            Some(_) | None => return Err(Unanswerable),
        };
        self.asked.set(self.asked.get().saturating_add(1));
        if self.asked.get() > QUESTIONS_MOST {
            return Err(Unanswerable);
        }
        // SAFETY: both texts end in NUL.
        let copy = unsafe { strdup(text) };
        if copy.is_null() { Err(Unanswerable) } else { Ok(copy) }
    }
}

/// Wipes and frees answers that no module will see.
fn give_back(answers: *mut Response, count: usize) {
    for number in 0..count {
        // SAFETY: the array has `count` responses.
        let slot = unsafe { answers.add(number) };
        // SAFETY: the slot is aligned and was zeroed or written.
        let text = unsafe { (*slot).text };
        wipe(text);
        // SAFETY: it is null or of `strdup`, and freed once.
        unsafe { free(text.cast()) };
    }
    // SAFETY: it is of `calloc`, and freed once.
    unsafe { free(answers.cast()) };
}

fn wipe(text: *mut c_char) {
    if text.is_null() {
        return;
    }
    // SAFETY: it is of `strdup`, so it ends in NUL.
    let octets = unsafe { CStr::from_ptr(text) }.count_bytes();
    // SAFETY: so many octets are there, ours alone, until they are freed.
    let octets = unsafe { std::slice::from_raw_parts_mut(text.cast::<u8>(), octets) };
    zeroize::Zeroize::zeroize(octets);
}
