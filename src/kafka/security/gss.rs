//! GSS-API (RFC 2744) as far as a Kerberos login needs it, by the library of the system. It is opened when the first login
//! needs it: the build takes no headers, and a tap without Kerberos no library.

#![expect(unsafe_code, reason = "the Kerberos library of the system is opened at run time, and speaks C")]

use crate::event::{clean, clip};
use libloading::Library;
use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, null, null_mut};
use std::sync::OnceLock;

/// The library's names: MIT's, which Debian, Ubuntu and RHEL call their Kerberos, then Heimdal's.
const LIBRARIES: &[&str] = &["libgssapi_krb5.so.2", "libgssapi.so.3"];
/// Longest word of the library that is repeated.
const WORD_MAX: usize = 300;
/// Sentences that the library may use for one error; it says one, or two.
const SENTENCES_MAX: usize = 4;

/// The routine errors stand above the bits of what else a call says (RFC 2744, 3.9.1).
const ERRORS: u32 = 0xffff << 16;
const CONTINUE_NEEDED: u32 = 1;
const INITIATE: c_int = 1;
/// The broker proves itself too, and what follows is signed.
const MUTUAL: u32 = 2;
const INTEGRITY: u32 = 32;
const OF_CALL: c_int = 1;
const OF_MECHANISM: c_int = 2;

/// A name, a credential or a context of the library.
type Handle = *mut c_void;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const u8,
}

// SAFETY: it points to bytes that live as long as the program and that nobody changes.
unsafe impl Sync for Oid {}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct Pair {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Pairs {
    count: u32,
    elements: *const Pair,
}

const fn oid(bytes: &'static [u8]) -> Oid {
    Oid { length: bytes.len() as u32, elements: bytes.as_ptr() }
}

/// 1.2.840.113554.1.2.2
static KERBEROS: Oid = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
/// `service@host`: 1.2.840.113554.1.2.1.4
static HOST_SERVICE: Oid = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04]);
/// `name@REALM`: 1.2.840.113554.1.2.2.1
static PRINCIPAL: Oid = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01]);

macro_rules! calls {
    ($($name:ident: $symbol:literal ($($argument:ty),+);)+) => {
        /// Functions of the library.
        #[derive(Debug)]
        struct Calls {
            $($name: unsafe extern "C" fn($($argument),+) -> u32,)+
        }

        impl Calls {
            /// # Safety
            /// The library has to be one of GSS-API, whose functions have these arguments.
            unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the caller says that the functions of these names have these arguments.
                unsafe { Ok(Self { $($name: *library.get($symbol)?,)+ }) }
            }
        }
    };
}

calls! {
    import_name: b"gss_import_name\0" (*mut u32, *const Buffer, *const Oid, *mut Handle);
    display_name: b"gss_display_name\0" (*mut u32, Handle, *mut Buffer, *mut *const Oid);
    release_name: b"gss_release_name\0" (*mut u32, *mut Handle);
    release_buffer: b"gss_release_buffer\0" (*mut u32, *mut Buffer);
    acquire: b"gss_acquire_cred\0" (
        *mut u32, Handle, u32, *const OidSet, c_int, *mut Handle, *mut *mut OidSet, *mut u32
    );
    release_credential: b"gss_release_cred\0" (*mut u32, *mut Handle);
    init: b"gss_init_sec_context\0" (
        *mut u32, Handle, *mut Handle, Handle, *const Oid, u32, u32, *const c_void, *const Buffer, *mut *const Oid,
        *mut Buffer, *mut u32, *mut u32
    );
    inquire: b"gss_inquire_context\0" (
        *mut u32, Handle, *mut Handle, *mut Handle, *mut u32, *mut *const Oid, *mut u32, *mut c_int, *mut c_int
    );
    wrap: b"gss_wrap\0" (*mut u32, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer);
    unwrap: b"gss_unwrap\0" (*mut u32, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32);
    delete: b"gss_delete_sec_context\0" (*mut u32, *mut Handle, *mut Buffer);
    display_status: b"gss_display_status\0" (*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer);
}

type AcquireFrom = unsafe extern "C" fn(
    *mut u32,
    Handle,
    u32,
    *const OidSet,
    c_int,
    *const Pairs,
    *mut Handle,
    *mut *mut OidSet,
    *mut u32,
) -> u32;

/// What wipes a cache of tickets, of the library below GSS-API.
#[derive(Debug)]
struct Caches {
    begin: unsafe extern "C" fn(*mut Handle) -> i32,
    end: unsafe extern "C" fn(Handle),
    resolve: unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> i32,
    destroy: unsafe extern "C" fn(Handle, Handle) -> i32,
}

/// The library.
#[derive(Debug)]
pub(super) struct Gss {
    calls: Calls,
    /// MIT's since 1.11; Heimdal's releases have none.
    acquire_from: Option<AcquireFrom>,
    caches: Option<Caches>,
    /// The functions live as long as it is open.
    _library: Library,
}

/// What the library says was wrong.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The error of GSS-API.
    pub major: u32,
    /// The error of Kerberos; 0 where it says none.
    pub minor: u32,
    /// Its words.
    pub words: String,
}

/// What is to be sent next.
pub(super) struct Turn {
    pub token: Vec<u8>,
    /// The broker's answer is not needed to know who it is.
    pub done: bool,
    /// The broker has proved who it is.
    pub mutual: bool,
}

impl Gss {
    /// The library of this system, opened once.
    ///
    /// # Errors
    /// Why it could not be opened, in the system's words.
    pub(super) fn system() -> Result<&'static Self, String> {
        static SYSTEM: OnceLock<Result<Gss, String>> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::open(LIBRARIES)).as_ref().map_err(Clone::clone)
    }

    fn open(names: &[&str]) -> Result<Self, String> {
        let mut last = String::new();
        for name in names {
            // SAFETY: these are the Kerberos libraries; what they do when they are opened is sound.
            let opened = unsafe { Library::new(*name).and_then(|library| Self::of(library)) };
            match opened {
                Ok(gss) => return Ok(gss),
                // The first one is the one to be installed.
                Err(error) if last.is_empty() => {
                    let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                    last = clean(&clip(said.as_bytes(), WORD_MAX));
                }
                Err(_) => {}
            }
        }
        Err(last)
    }

    /// # Safety
    /// The library has to be one of GSS-API.
    unsafe fn of(library: Library) -> Result<Self, libloading::Error> {
        // SAFETY: the functions have these arguments in MIT's and in Heimdal's headers, and those of `krb5_…` too, which
        // are found in the library that this one stands on.
        unsafe {
            let calls = Calls::of(&library)?;
            let acquire_from = library.get(b"gss_acquire_cred_from\0").ok().map(|found| *found);
            let caches = || -> Result<Caches, libloading::Error> {
                Ok(Caches {
                    begin: *library.get(b"krb5_init_context\0")?,
                    end: *library.get(b"krb5_free_context\0")?,
                    resolve: *library.get(b"krb5_cc_resolve\0")?,
                    destroy: *library.get(b"krb5_cc_destroy\0")?,
                })
            };
            let caches = caches().ok();
            Ok(Self { calls, acquire_from, caches, _library: library })
        }
    }

    /// Whether credentials can be taken from a place that is named.
    pub(super) fn has_stores(&self) -> bool {
        self.acquire_from.is_some()
    }

    /// Tickets of `principal`, or of whoever stands first; from `store`, or where the environment says.
    pub(super) fn credential(
        &self,
        principal: Option<&str>,
        store: &[(&CStr, &CStr)],
    ) -> Result<Credential<'_>, Refusal> {
        let name = principal.map(|principal| self.name(principal, &PRINCIPAL)).transpose()?;
        let name = name.as_ref().map_or(null_mut(), |name| name.handle);
        let mechanisms = OidSet { count: 1, elements: &raw const KERBEROS };
        let pairs: Vec<Pair> =
            store.iter().map(|(key, value)| Pair { key: key.as_ptr(), value: value.as_ptr() }).collect();
        let pairs = Pairs { count: pairs.len() as u32, elements: pairs.as_ptr() };
        let mut credential = Credential { gss: self, handle: null_mut() };
        let mut minor = 0;
        // SAFETY: all that is pointed to lives until the call is over; the library copies what it keeps.
        let major = unsafe {
            match self.acquire_from.filter(|_| pairs.count > 0) {
                Some(acquire) => acquire(
                    &mut minor,
                    name,
                    0,
                    &mechanisms,
                    INITIATE,
                    &pairs,
                    &mut credential.handle,
                    null_mut(),
                    null_mut(),
                ),
                None => (self.calls.acquire)(
                    &mut minor,
                    name,
                    0,
                    &mechanisms,
                    INITIATE,
                    &mut credential.handle,
                    null_mut(),
                    null_mut(),
                ),
            }
        };
        self.check(major, minor)?;
        Ok(credential)
    }

    /// A login at `service` on `host` that has not begun.
    pub(super) fn context(&self, service: &str, host: &str) -> Result<Context<'_>, Refusal> {
        let target = self.name(&format!("{service}@{host}"), &HOST_SERVICE)?;
        Ok(Context { gss: self, handle: null_mut(), target })
    }

    /// Wipes the tickets of a cache that nobody uses at this moment.
    pub(super) fn wipe(&self, cache: &CStr) {
        let Some(caches) = &self.caches else { return };
        let (mut library, mut handle) = (null_mut(), null_mut());
        // SAFETY: each handle was given by the call before, and `destroy` is the last to see the cache's.
        unsafe {
            if (caches.begin)(&mut library) == 0 {
                if (caches.resolve)(library, cache.as_ptr(), &mut handle) == 0 {
                    (caches.destroy)(library, handle);
                }
                (caches.end)(library);
            }
        }
    }

    fn name(&self, text: &str, kind: &Oid) -> Result<Name<'_>, Refusal> {
        let mut name = Name { gss: self, handle: null_mut() };
        let mut minor = 0;
        // SAFETY: the library copies the text and the kind.
        let major = unsafe { (self.calls.import_name)(&mut minor, &given(text.as_bytes()), kind, &mut name.handle) };
        self.check(major, minor)?;
        Ok(name)
    }

    fn check(&self, major: u32, minor: u32) -> Result<(), Refusal> {
        if major & ERRORS == 0 {
            return Ok(());
        }
        let mut words = self.words(minor, OF_MECHANISM);
        // MIT's library has more than one code for "the mechanism says nothing".
        if words.is_empty() || words == self.words(0, OF_MECHANISM) {
            words = self.words(major, OF_CALL);
        }
        Err(Refusal { major: major & ERRORS, minor, words })
    }

    fn words(&self, status: u32, kind: c_int) -> String {
        let (mut more, mut sentences) = (0, Vec::new());
        while sentences.len() < SENTENCES_MAX {
            let (mut minor, mut said) = (0, Buffer { length: 0, value: null_mut() });
            // SAFETY: the library allocates what it says, and `taken` gives it back.
            let major = unsafe {
                (self.calls.display_status)(&mut minor, status, kind, &raw const KERBEROS, &mut more, &mut said)
            };
            sentences.push(clean(&clip(self.taken(said).trim_ascii(), WORD_MAX)));
            if major & ERRORS != 0 || more == 0 {
                break;
            }
        }
        sentences.join("; ")
    }

    /// What the library wrote into a buffer of its own, which is given back.
    fn taken(&self, mut buffer: Buffer) -> Vec<u8> {
        if buffer.value.is_null() {
            return Vec::new();
        }
        let mut minor = 0;
        // SAFETY: the library says how long the buffer is that it allocated, and nobody else knows it.
        unsafe {
            let bytes = std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length).to_vec();
            (self.calls.release_buffer)(&mut minor, &mut buffer);
            bytes
        }
    }
}

fn given(bytes: &[u8]) -> Buffer {
    Buffer { length: bytes.len(), value: ptr::from_ref(bytes).cast_mut().cast() }
}

/// A name in the library's form.
struct Name<'a> {
    gss: &'a Gss,
    handle: Handle,
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library gave the handle, and takes an empty one too.
        unsafe { (self.gss.calls.release_name)(&mut minor, &mut self.handle) };
    }
}

/// Tickets, or what they are got with.
pub(super) struct Credential<'a> {
    gss: &'a Gss,
    handle: Handle,
}

impl Drop for Credential<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library gave the handle, and takes an empty one too.
        unsafe { (self.gss.calls.release_credential)(&mut minor, &mut self.handle) };
    }
}

/// One login on its way.
pub(super) struct Context<'a> {
    gss: &'a Gss,
    handle: Handle,
    target: Name<'a>,
}

impl Context<'_> {
    /// Takes in what the broker said, nothing at first. The credential is for the first turn, which gets the ticket.
    pub(super) fn turn(&mut self, credential: Option<&Credential<'_>>, said: &[u8]) -> Result<Turn, Refusal> {
        let credential = credential.map_or(null_mut(), |credential| credential.handle);
        let (mut minor, mut flags, mut token) = (0, 0, Buffer { length: 0, value: null_mut() });
        // SAFETY: all that is pointed to lives until the call is over, and the handle is null before the first turn, as
        // the library wants it.
        let major = unsafe {
            (self.gss.calls.init)(
                &mut minor,
                credential,
                &mut self.handle,
                self.target.handle,
                &raw const KERBEROS,
                MUTUAL | INTEGRITY,
                0,
                null(),
                &given(said),
                null_mut(),
                &mut token,
                &mut flags,
                null_mut(),
            )
        };
        let token = self.gss.taken(token);
        self.gss.check(major, minor)?;
        Ok(Turn { token, done: major & CONTINUE_NEEDED == 0, mutual: flags & MUTUAL != 0 })
    }

    /// What the broker signed.
    pub(super) fn unwrap(&self, said: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (mut minor, mut plain) = (0, Buffer { length: 0, value: null_mut() });
        // SAFETY: all that is pointed to lives until the call is over.
        let major = unsafe {
            (self.gss.calls.unwrap)(&mut minor, self.handle, &given(said), &mut plain, null_mut(), null_mut())
        };
        let plain = self.gss.taken(plain);
        self.gss.check(major, minor)?;
        Ok(plain)
    }

    /// `plain`, signed.
    pub(super) fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (mut minor, mut wrapped) = (0, Buffer { length: 0, value: null_mut() });
        // SAFETY: all that is pointed to lives until the call is over.
        let major =
            unsafe { (self.gss.calls.wrap)(&mut minor, self.handle, 0, 0, &given(plain), null_mut(), &mut wrapped) };
        let wrapped = self.gss.taken(wrapped);
        self.gss.check(major, minor)?;
        Ok(wrapped)
    }

    /// Whose ticket it was, `name@REALM`.
    pub(super) fn own_name(&self) -> Result<Vec<u8>, Refusal> {
        let mut name = Name { gss: self.gss, handle: null_mut() };
        let (mut minor, mut text) = (0, Buffer { length: 0, value: null_mut() });
        // SAFETY: what is not asked for is null, and the name is given back when it is dropped.
        let major = unsafe {
            (self.gss.calls.inquire)(
                &mut minor,
                self.handle,
                &mut name.handle,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        self.gss.check(major, minor)?;
        // SAFETY: the library gave the name.
        let major = unsafe { (self.gss.calls.display_name)(&mut minor, name.handle, &mut text, null_mut()) };
        let text = self.gss.taken(text);
        self.gss.check(major, minor)?;
        Ok(text)
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library gave the handle, and takes an empty one too; nobody waits for a last token.
        unsafe { (self.gss.calls.delete)(&mut minor, &mut self.handle, null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_or_another_one_is_an_error_in_words() {
        let said = Gss::open(&["libno-such-kerberos.so.1", "libno-other.so"]).unwrap_err();
        assert!(said.contains("libno-such-kerberos.so.1"), "{said}");
        // There, and no Kerberos.
        let said = Gss::open(&["libc.so.6"]).unwrap_err();
        assert!(said.contains("gss_import_name"), "{said}");
    }
}
