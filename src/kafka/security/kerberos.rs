//! Kerberos logins (SASL GSSAPI, RFC 4752): whose tickets, from where, and what is said.

use super::error::SecurityError;
use super::gss::{Context, Gss, Refusal};
use crate::event::ClientProperties;
use crate::kafka::clock;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The setting that names the brokers' service.
pub(super) const SERVICE: &str = "sasl.kerberos.service.name";
const PRINCIPAL: &str = "sasl.kerberos.principal";
const KEYTAB: &str = "sasl.kerberos.keytab";
const TICKET_CACHE: &str = "sasl.kerberos.ticket.cache";
/// How a keytab begins.
const KEYTAB_MAGIC: u8 = 5;
/// Largest token of a broker: its proof of who it is takes some hundred bytes, with the rights of a Windows domain some
/// thousand.
const TOKEN_MAX: usize = 64 << 10;
/// After a refusal that would be the same at every broker nobody is asked for so long: hundreds of connections that
/// return together would lock the account, or wait one after the other for servers that are away.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest name that is sent: Kerberos has no limit, and names that people use are far below.
const NAME_MAX: usize = 1024;
/// The bit of "no security layer" (RFC 4752, 3.3): TLS does that in Kafka.
const NO_LAYER: u8 = 1;

/// Who logs in, and at what.
#[derive(Debug)]
pub(in crate::kafka) struct Kerberos {
    gss: &'static Gss,
    service: String,
    principal: Option<String>,
    tickets: Tickets,
    /// One login at a time gets its ticket, and what nobody got a moment ago is not asked for again.
    refused: Mutex<Option<Refused>>,
}

/// Where tickets come from.
#[derive(Debug)]
enum Tickets {
    /// Got with a key from a file, and kept by the library in memory until they end.
    Keytab { keytab: CString, kept: CString },
    /// Got by somebody else (`kinit`).
    Cache(CString),
    /// The same, where the environment says.
    Default,
}

#[derive(Debug)]
struct Refused {
    until: Instant,
    reason: String,
    advice: String,
}

/// One login on its way.
pub(in crate::kafka) struct Talk<'a> {
    context: Context<'a>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Both prove who they are.
    Proof,
    /// The broker offers layers.
    Layer,
    /// All is said.
    End,
}

impl Kerberos {
    pub(super) fn new(settings: &ClientProperties) -> Result<Self, SecurityError> {
        let given = |name| settings.get(name).map(str::trim).filter(|value| !value.is_empty());
        for name in [SERVICE, PRINCIPAL, KEYTAB, TICKET_CACHE] {
            if given(name).is_some_and(|value| value.contains('\0')) {
                return Err(SecurityError::setting(name, "it holds a zero byte", "take it out"));
            }
        }
        let service = given(SERVICE).ok_or_else(|| {
            let advice = "give the first part of the brokers' principals, mostly kafka";
            SecurityError::setting(SERVICE, "GSSAPI needs it", advice)
        })?;
        if service.contains(['/', '@']) {
            let advice = "give its first part alone, mostly kafka; the host is that of each broker";
            return Err(SecurityError::setting(SERVICE, "it is a whole principal", advice));
        }
        let keytab = given(KEYTAB).map(keytab).transpose()?;
        let gss = Gss::system().map_err(|reason| {
            let advice = "install libgssapi-krb5-2 (Debian, Ubuntu) or krb5-libs (RHEL, Fedora)";
            let reason = format!("GSSAPI needs the system's Kerberos library, which does not open ({reason})");
            SecurityError::setting("sasl.mechanism", reason, advice)
        })?;
        let named = if keytab.is_some() { KEYTAB } else { TICKET_CACHE };
        let tickets = Tickets::new(keytab, given(TICKET_CACHE));
        if !matches!(tickets, Tickets::Default) && !gss.has_stores() {
            let advice = "install MIT's (libgssapi-krb5-2, krb5-libs), or leave the setting out and run kinit";
            return Err(SecurityError::setting(named, "this system's Kerberos library cannot follow it", advice));
        }
        Ok(Self {
            gss,
            service: service.to_owned(),
            principal: given(PRINCIPAL).map(str::to_owned),
            tickets,
            refused: Mutex::new(None),
        })
    }

    /// The name that brokers make of the principal by their default rule: its first part.
    pub(super) fn user(&self) -> Option<&str> {
        self.principal.as_deref().and_then(|principal| principal.split(['/', '@']).next())
    }

    /// A broker refused the login: its next ticket shall be a new one, since it may have a new key.
    pub(super) fn forget(&self) {
        if let Tickets::Keytab { kept, .. } = &self.tickets {
            let _no_login = self.lock();
            self.gss.wipe(kept);
        }
    }

    /// Gets a ticket for the broker on `host`, unless one is kept: who goes on, and the first token.
    pub(super) fn begin(&self, host: &str) -> Result<(Talk<'_>, Vec<u8>), SecurityError> {
        let mut refused = self.lock();
        let told = |reason, advice| {
            let service = format!("{}/{host}", self.service);
            SecurityError::Ticket { service, reason, advice }
        };
        if let Some(last) = refused.as_ref().filter(|last| clock::now() < last.until) {
            return Err(told(last.reason.clone(), last.advice.clone()));
        }
        match self.first_or_anew(host) {
            Ok(begun) => {
                *refused = None;
                Ok(begun)
            }
            Err(refusal) => {
                let trouble = Trouble::of(&refusal);
                let (reason, advice) = (self.reason(trouble, refusal.words), trouble.advice(&self.tickets));
                if trouble != Trouble::Service {
                    let until = clock::now() + PAUSE;
                    *refused = Some(Refused { until, reason: reason.clone(), advice: advice.clone() });
                }
                Err(told(reason, advice))
            }
        }
    }

    /// The library keeps a ticket that ended when it could not get a new one, and does not say why: who has a key asks again.
    fn first_or_anew(&self, host: &str) -> Result<(Talk<'_>, Vec<u8>), Refusal> {
        match (self.first(host), &self.tickets) {
            (Err(refusal), Tickets::Keytab { kept, .. }) if Trouble::of(&refusal) == Trouble::Ended => {
                self.gss.wipe(kept);
                self.first(host)
            }
            (first, _) => first,
        }
    }

    fn first(&self, host: &str) -> Result<(Talk<'_>, Vec<u8>), Refusal> {
        let store: &[(&CStr, &CStr)] = match &self.tickets {
            Tickets::Keytab { keytab, kept } => &[(c"client_keytab", keytab), (c"ccache", kept)],
            Tickets::Cache(cache) => &[(c"ccache", cache)],
            Tickets::Default => &[],
        };
        let credential = self.gss.credential(self.principal.as_deref(), store)?;
        let mut context = self.gss.context(&self.service, host)?;
        let turn = context.turn(Some(&credential), &[])?;
        Ok((Talk { context, stage: Stage::Proof }, turn.token))
    }

    /// The library's words, which do not say where it looked.
    fn reason(&self, trouble: Trouble, words: String) -> String {
        match (trouble, &self.tickets) {
            (Trouble::None, Tickets::Keytab { keytab, .. }) => {
                let principal = self.principal.as_deref().unwrap_or("anybody");
                format!("{} holds no key of {principal} ({words})", keytab.to_string_lossy())
            }
            (Trouble::None, Tickets::Cache(cache)) => format!("{words} ({})", cache.to_string_lossy()),
            _ => words,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kerberos {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Tickets {
    fn new(keytab: Option<CString>, cache: Option<&str>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let text = |text: String| CString::new(text).unwrap_or_default();
        match (keytab, cache) {
            (Some(keytab), _) => {
                let kept = text(format!("MEMORY:headwater-{}", NEXT.fetch_add(1, Relaxed)));
                Self::Keytab { keytab, kept }
            }
            (None, Some(cache)) => Self::Cache(text(cache.to_owned())),
            (None, None) => Self::Default,
        }
    }
}

/// The name of a keytab for the library, once it is known to be one.
fn keytab(given: &str) -> Result<CString, SecurityError> {
    let path = given.strip_prefix("FILE:").unwrap_or(given);
    let mut first = [0];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.map_err(|source| SecurityError::File { name: KEYTAB, path: path.into(), source })?;
    match CString::new(format!("FILE:{path}")) {
        Ok(name) if first == [KEYTAB_MAGIC] => Ok(name),
        _ => {
            let advice = "give the file that ktadd or ktutil wrote for the tap's principal";
            Err(SecurityError::setting(KEYTAB, "the file is no keytab", advice))
        }
    }
}

impl Talk<'_> {
    /// Takes in what the broker said, and says what comes next, nothing at the end; fails with what is wrong with it.
    pub(super) fn answer(&mut self, said: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if said.len() > TOKEN_MAX {
            return Err(format!("its Kerberos token has {} bytes, and {TOKEN_MAX} are the most", said.len()));
        }
        match self.stage {
            Stage::Proof => self.prove(said).map(Some),
            Stage::Layer => self.choose_layer(said).map(Some),
            Stage::End if said.is_empty() => Ok(None),
            Stage::End => Err("it goes on talking after the end of the login".to_owned()),
        }
    }

    fn prove(&mut self, said: &[u8]) -> Result<Vec<u8>, String> {
        if said.is_empty() {
            return Err("it does not prove who it is".to_owned());
        }
        let turn = self.context.turn(None, said).map_err(|refusal| {
            format!("it does not prove that it is the service that the ticket is for ({})", refusal.words)
        })?;
        if turn.done {
            if !turn.mutual {
                return Err("it does not prove who it is".to_owned());
            }
            self.stage = Stage::Layer;
        }
        Ok(turn.token)
    }

    fn choose_layer(&mut self, said: &[u8]) -> Result<Vec<u8>, String> {
        let unsound = |refusal: Refusal| format!("its offer of security layers is not sound ({})", refusal.words);
        let offer = self.context.unwrap(said).map_err(unsound)?;
        // Java's clients send it, and without it the broker takes the ticket's.
        let name = self.context.own_name().unwrap_or_default();
        self.stage = Stage::End;
        let choice = choice(&offer, &name)?;
        self.context.wrap(&choice).map_err(unsound)
    }
}

/// What answers an offer of security layers: none of them, and who the tap is.
fn choice(offer: &[u8], name: &[u8]) -> Result<Vec<u8>, String> {
    match offer {
        [layers, _, _, _] if layers & NO_LAYER == 0 => Err("it insists on a security layer of Kerberos, which Kafka \
             does not have; the tap encrypts by TLS (security.protocol=SASL_SSL)"
            .to_owned()),
        [_, _, _, _] if name.len() > NAME_MAX => Err(format!("the tap's own name has more than {NAME_MAX} bytes")),
        // Without a layer the largest message is told as 0.
        [_, _, _, _] => Ok([&[NO_LAYER, 0, 0, 0], name].concat()),
        _ => Err(format!("its offer of security layers has {} bytes, and 4 are due", offer.len())),
    }
}

/// What keeps a ticket away, as far as the library's error codes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Ended,
    Skew,
    Service,
    Client,
    Key,
    Away,
    Realm,
    Other,
}

impl Trouble {
    fn of(refusal: &Refusal) -> Self {
        /// Where the codes of Kerberos begin, in MIT's library and in Heimdal's.
        const BASE: u32 = (-1_765_328_384_i32) as u32;
        const NO_CREDENTIAL: u32 = 7 << 16;
        const CREDENTIALS_EXPIRED: u32 = 11 << 16;
        match refusal.minor.wrapping_sub(BASE) {
            7 => Self::Service,
            6 | 18 => Self::Client,
            // A key that is out of date, wrong, or not in the keytab.
            23 | 24 | 31 | 181 | 210 => Self::Key,
            32 => Self::Ended,
            33 | 37 => Self::Skew,
            156 => Self::Away,
            154 | 220 | 224 => Self::Realm,
            _ => match refusal.major {
                NO_CREDENTIAL => Self::None,
                CREDENTIALS_EXPIRED => Self::Ended,
                _ => Self::Other,
            },
        }
    }

    fn advice(self, tickets: &Tickets) -> String {
        let keytab = matches!(tickets, Tickets::Keytab { .. });
        let advice = match self {
            Self::None if keytab => "check with klist -k that the keytab holds a key of sasl.kerberos.principal",
            Self::None | Self::Ended if !keytab => {
                "run kinit as the user who runs the tap, or give sasl.kerberos.keytab and sasl.kerberos.principal, which \
                 need nobody to renew tickets"
            }
            Self::None | Self::Ended => "check the clocks, and the lifetime of tickets in krb5.conf",
            Self::Skew => {
                "set the clocks of this machine and of the KDC by NTP; Kerberos allows 5 minutes between them"
            }
            Self::Service => {
                "name the brokers by the host names that their principals have (bootstrap address, advertised.listeners), \
                 and check sasl.kerberos.service.name"
            }
            Self::Client => "check sasl.kerberos.principal, and that its account is not locked",
            Self::Key => {
                "write the keytab anew (ktadd), and check sasl.kerberos.principal; klist -k shows what it holds"
            }
            Self::Away => "check the kdc of this realm in krb5.conf, and that it can be reached from here",
            Self::Realm => "check default_realm, [realms] and [domain_realm] in krb5.conf (KRB5_CONFIG)",
            Self::Other => "check krb5.conf, and whether kinit and kvno get the same ticket",
        };
        advice.to_owned()
    }
}

#[cfg(test)]
mod tests;
