//! What of `gssapi.h` and `gssapi_ext.h` is used, declared as there.

use std::ffi::{c_char, c_int, c_void};

/// `gss_name_t`.
pub(super) type Name = *mut c_void;
/// `gss_cred_id_t`.
pub(super) type Credential = *mut c_void;
/// `gss_ctx_id_t`.
pub(super) type Context = *mut c_void;

/// `gss_buffer_desc`.
#[repr(C)]
pub(super) struct Buffer {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

impl Buffer {
    /// A view of octets that the library only reads, good as long as they are.
    pub(super) fn over(octets: &[u8]) -> Self {
        Self { length: octets.len(), value: octets.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_desc`.
#[repr(C)]
pub(super) struct ObjectId {
    length: u32,
    elements: *mut c_void,
}

impl ObjectId {
    pub(super) fn of(octets: &'static [u8]) -> Self {
        // Each is a constant of some ten octets.
        let length = u32::try_from(octets.len()).unwrap_or(0);
        Self { length, elements: octets.as_ptr().cast_mut().cast() }
    }

    /// The DER octets without tag and length.
    pub(super) fn octets(&self) -> &[u8] {
        let Ok(length) = usize::try_from(self.length) else { return &[] };
        if self.elements.is_null() {
            return &[];
        }
        // SAFETY: whoever made the identifier points to so many constant octets.
        unsafe { std::slice::from_raw_parts(self.elements.cast(), length) }
    }
}

/// `gss_OID_set_desc`.
#[repr(C)]
pub(super) struct MechanismSet {
    pub(super) count: usize,
    pub(super) elements: *mut ObjectId,
}

/// `gss_key_value_element_desc`.
#[repr(C)]
pub(super) struct KeyValue {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

/// `gss_key_value_set_desc`.
#[repr(C)]
pub(super) struct KeyValueSet {
    pub(super) count: u32,
    pub(super) elements: *const KeyValue,
}

#[link(name = "gssapi_krb5")]
unsafe extern "C" {
    pub(super) fn gss_acquire_cred_from(
        minor: *mut u32,
        name: Name,
        lifetime: u32,
        mechanisms: *mut MechanismSet,
        usage: c_int,
        store: *const KeyValueSet,
        credential: *mut Credential,
        actual: *mut *mut MechanismSet,
        actual_lifetime: *mut u32,
    ) -> u32;
    pub(super) fn gss_release_cred(minor: *mut u32, credential: *mut Credential) -> u32;
    pub(super) fn gss_init_sec_context(
        minor: *mut u32,
        credential: Credential,
        context: *mut Context,
        target: Name,
        mechanism: *mut ObjectId,
        flags: u32,
        lifetime: u32,
        bindings: *mut c_void,
        token: *mut Buffer,
        actual_mechanism: *mut *mut ObjectId,
        answer: *mut Buffer,
        actual_flags: *mut u32,
        actual_lifetime: *mut u32,
    ) -> u32;
    pub(super) fn gss_accept_sec_context(
        minor: *mut u32,
        context: *mut Context,
        credential: Credential,
        token: *mut Buffer,
        bindings: *mut c_void,
        peer: *mut Name,
        mechanism: *mut *mut ObjectId,
        answer: *mut Buffer,
        flags: *mut u32,
        lifetime: *mut u32,
        delegated: *mut Credential,
    ) -> u32;
    pub(super) fn gss_delete_sec_context(minor: *mut u32, context: *mut Context, token: *mut Buffer) -> u32;
    pub(super) fn gss_wrap(
        minor: *mut u32,
        context: Context,
        confidential: c_int,
        quality: u32,
        octets: *mut Buffer,
        is_confidential: *mut c_int,
        wrapped: *mut Buffer,
    ) -> u32;
    pub(super) fn gss_unwrap(
        minor: *mut u32,
        context: Context,
        message: *mut Buffer,
        octets: *mut Buffer,
        is_confidential: *mut c_int,
        quality: *mut u32,
    ) -> u32;
    pub(super) fn gss_import_name(
        minor: *mut u32,
        text: *mut Buffer,
        kind: *mut ObjectId,
        name: *mut Name,
    ) -> u32;
    pub(super) fn gss_display_name(
        minor: *mut u32,
        name: Name,
        text: *mut Buffer,
        kind: *mut *mut ObjectId,
    ) -> u32;
    pub(super) fn gss_release_name(minor: *mut u32, name: *mut Name) -> u32;
    pub(super) fn gss_display_status(
        minor: *mut u32,
        code: u32,
        kind: c_int,
        mechanism: *mut ObjectId,
        more: *mut u32,
        line: *mut Buffer,
    ) -> u32;
    pub(super) fn gss_release_buffer(minor: *mut u32, buffer: *mut Buffer) -> u32;
}
