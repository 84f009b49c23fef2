//! A network between a tap and its brokers that can fail: one relay a broker, named in metadata in the broker's place.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// API key of fetches.
pub const FETCH: i16 = 1;
/// API key of the question for committed offsets.
pub const OFFSET_FETCH: i16 = 9;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const UNSUPPORTED_VERSION: i16 = 35;
/// Metadata has compact lengths and tagged fields from this version on.
const METADATA_FLEXIBLE: i16 = 9;
/// Answers of one API that are recorded: few, small, and not empty.
const RECORDED: usize = 6;
const RECORDED_SIZES: std::ops::Range<usize> = 60..3_000;
/// A slow broker's pace: so many bytes, then a pause.
const SLOW_BYTES: usize = 2 << 10;
const SLOW_PAUSE: Duration = Duration::from_millis(10);

/// How the way to one broker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// As it should be.
    None,
    /// Connections are closed, new ones at once.
    Refused,
    /// Nothing comes through in either direction, and nobody says so.
    BlackHole,
    /// Answers trickle.
    Slow,
    /// The broker's side is closed in the middle of an answer, the other stays open.
    HalfClosed,
    /// Bytes that are no answer.
    Garbage,
    /// Everything is answered but this API.
    Mute(i16),
    /// Metadata names it by a host that does not exist, and its connections are closed.
    Nameless,
}

/// What the brokers do not offer, though they could: the key of an API, and its newest version, `None` to hide all of
/// it. Who asks for it all the same is hung up on.
pub type Limit = (i16, Option<i16>);

/// All relays. They end when this is dropped.
pub struct Proxy {
    /// Addresses of the relays, in the order of the brokers.
    pub bootstrap: String,
    shared: Arc<Shared>,
    listeners: Vec<JoinHandle<()>>,
}

struct Shared {
    brokers: Vec<Relay>,
    limits: Vec<Limit>,
    closed: AtomicBool,
}

struct Relay {
    upstream: SocketAddr,
    own: SocketAddr,
    fault: Mutex<Fault>,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Relay {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn cut(&self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            // One that is closed already needs nothing.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Proxy {
    /// Relays to the brokers at `bootstrap`, comma-separated addresses with numbers.
    pub fn start(bootstrap: &str) -> Self {
        Self::narrow(bootstrap, &[])
    }

    /// As [`Self::start`], with brokers that offer less.
    pub fn narrow(bootstrap: &str, limits: &[Limit]) -> Self {
        let listen = |upstream: &str| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let own = listener.local_addr().unwrap();
            let (fault, sockets) = (Mutex::new(Fault::None), Mutex::default());
            (listener, Relay { upstream: upstream.parse().unwrap(), own, fault, sockets })
        };
        let (listeners, brokers): (Vec<TcpListener>, Vec<Relay>) = bootstrap.split(',').map(listen).unzip();
        let addresses: Vec<String> = brokers.iter().map(|relay| relay.own.to_string()).collect();
        let shared = Arc::new(Shared { brokers, limits: limits.to_vec(), closed: AtomicBool::new(false) });
        let accept = |(at, listener): (usize, TcpListener)| {
            let shared = shared.clone();
            std::thread::spawn(move || accept(&shared, at, &listener))
        };
        let listeners = listeners.into_iter().enumerate().map(accept).collect();
        Self { bootstrap: addresses.join(","), shared, listeners }
    }

    /// From now on the way to broker `number`, counted from 1, is so.
    pub fn set(&self, number: usize, fault: Fault) {
        let relay = &self.shared.brokers[number - 1];
        let before = std::mem::replace(&mut *relay.fault.lock().unwrap(), fault);
        // A way that was closed for good in one direction does not come back.
        if matches!(fault, Fault::Refused | Fault::Nameless) || before == Fault::HalfClosed {
            relay.cut();
        }
    }

    /// [`Self::set`] for all brokers.
    pub fn set_all(&self, fault: Fault) {
        (1..=self.shared.brokers.len()).for_each(|number| self.set(number, fault));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Relaxed);
        for relay in &self.shared.brokers {
            relay.cut();
            // Wakes the listener.
            let _ = TcpStream::connect(relay.own);
        }
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
    }
}

fn accept(shared: &Arc<Shared>, at: usize, listener: &TcpListener) {
    for client in listener.incoming().map_while(Result::ok) {
        if shared.closed.load(Relaxed) {
            return;
        }
        let relay = &shared.brokers[at];
        if matches!(relay.fault(), Fault::Refused) {
            continue;
        }
        let Ok(upstream) = TcpStream::connect(relay.upstream) else { continue };
        let link = || Some((client.try_clone().ok()?, upstream.try_clone().ok()?));
        let (Some(there), Some(back), Some(kept)) = (link(), link(), link()) else { continue };
        relay.sockets.lock().unwrap().extend([kept.0, kept.1]);
        let asked = Arc::new(Mutex::new(HashMap::new()));
        let (ours, questions) = (shared.clone(), asked.clone());
        std::thread::spawn(move || relay_questions(&ours, at, there, &questions));
        let ours = shared.clone();
        std::thread::spawn(move || relay_answers(&ours, at, back, &asked));
    }
}

/// API key and version of each question that is not answered yet, by its number.
type Asked = Mutex<HashMap<[u8; 4], (i16, i16)>>;

fn frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = length.to_vec();
    frame.resize(4 + u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn relay_questions(shared: &Shared, at: usize, (mut client, mut upstream): (TcpStream, TcpStream), asked: &Asked) {
    let relay = &shared.brokers[at];
    while let Ok(question) = frame(&mut client) {
        let api = i16::from_be_bytes([question[4], question[5]]);
        let version = i16::from_be_bytes([question[6], question[7]]);
        if let Some((_, most)) =
            shared.limits.iter().find(|(key, most)| *key == api && most.is_none_or(|m| m < version))
        {
            // KIP-511: the one question whose version the client cannot know is answered in the form of version 0.
            if api != API_VERSIONS || client.write_all(&unsupported(&question[8..12], *most)).is_err() {
                break;
            }
            continue;
        }
        asked.lock().unwrap().insert(question[8..12].try_into().unwrap(), (api, version));
        let swallowed = match relay.fault() {
            Fault::BlackHole => true,
            Fault::Mute(muted) => api == muted,
            _ => false,
        };
        if !swallowed && upstream.write_all(&question).is_err() {
            break;
        }
    }
    let _ = upstream.shutdown(Shutdown::Both);
}

fn relay_answers(shared: &Shared, at: usize, (mut client, mut upstream): (TcpStream, TcpStream), asked: &Asked) {
    while let Ok(mut answer) = frame(&mut upstream) {
        let (api, version) = asked.lock().unwrap().remove(&answer[4..8]).unwrap_or((0, 0));
        record(api, version, &answer[4..]);
        if api == METADATA {
            let renamed = if version < METADATA_FLEXIBLE { renamed_plain } else { renamed };
            answer = renamed(&answer, version, shared).expect("the brokers at the front of a metadata answer");
        }
        if api == API_VERSIONS {
            answer = narrowed(&answer, version, &shared.limits).expect("the form of an ApiVersions answer");
        }
        let written = match shared.brokers[at].fault() {
            Fault::BlackHole => Ok(()),
            Fault::Mute(muted) if api == muted => Ok(()),
            Fault::Slow => answer.chunks(SLOW_BYTES).try_for_each(|chunk| {
                std::thread::sleep(SLOW_PAUSE);
                client.write_all(chunk)
            }),
            Fault::HalfClosed => {
                client.write_all(&answer[..answer.len() / 2]).and_then(|()| client.shutdown(Shutdown::Write))
            }
            Fault::Garbage => client.write_all(&garbage()),
            _ => client.write_all(&answer),
        };
        if written.is_err() {
            break;
        }
    }
    if shared.brokers[at].fault() != Fault::BlackHole {
        let _ = client.shutdown(Shutdown::Both);
    }
}

/// Keeps some answers as files in the folder that `HEADWATER_RECORD` names: what the fuzzer of the reader begins with.
fn record(api: i16, version: i16, answer: &[u8]) {
    let Ok(folder) = std::env::var("HEADWATER_RECORD") else { return };
    let number = (0..RECORDED).map(|number| format!("{folder}/{api}-{version}-{number}.bin"));
    let vacant = number.into_iter().find(|file| !std::path::Path::new(file).exists());
    if let Some(file) = vacant.filter(|_| RECORDED_SIZES.contains(&answer.len())) {
        std::fs::write(file, answer).unwrap();
    }
}

/// A web server's word, a frame of zeros, or anything.
fn garbage() -> Vec<u8> {
    match fastrand::u8(..3) {
        0 => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
        1 => [&[0, 0, 1, 0][..], &[0; 256]].concat(),
        _ => {
            let length = fastrand::usize(5..5000);
            let mut bytes = ((length - 4) as u32).to_be_bytes().to_vec();
            bytes.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(length - 4));
            bytes
        }
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn unsupported(correlation: &[u8], most: Option<i16>) -> Vec<u8> {
    let numbers = [UNSUPPORTED_VERSION, 0, 1, API_VERSIONS, 0, most.unwrap_or(0)];
    framed(&[correlation, &numbers.map(i16::to_be_bytes).concat()].concat())
}

/// An ApiVersions answer without what the limits hide.
fn narrowed(answer: &[u8], version: i16, limits: &[Limit]) -> Option<Vec<u8>> {
    // An entry is a key and two versions, and in the flexible form a byte that says "no tags".
    let (count, begin, size) = match version {
        3.. => (usize::from(*answer.get(10)?).checked_sub(1)?, 11, 7),
        _ => (u32::from_be_bytes(answer.get(10..14)?.try_into().ok()?) as usize, 14, 6),
    };
    assert!(version < 3 || count < 0x7f, "a count of one byte");
    let (entries, rest) = answer.get(begin..)?.split_at_checked(count * size)?;
    let mut kept = Vec::new();
    for entry in entries.chunks(size) {
        let key = i16::from_be_bytes([entry[0], entry[1]]);
        let mut entry = entry.to_vec();
        match limits.iter().find(|(limited, _)| *limited == key) {
            Some((_, None)) => continue,
            Some((_, Some(most))) => {
                let most = (*most).min(i16::from_be_bytes([entry[4], entry[5]]));
                entry[4..6].copy_from_slice(&most.to_be_bytes());
            }
            None => {}
        }
        kept.push(entry);
    }
    let count = match version {
        3.. => vec![kept.len() as u8 + 1],
        _ => (kept.len() as u32).to_be_bytes().to_vec(),
    };
    Some(framed(&[&answer[4..10], &count, &kept.concat(), rest].concat()))
}

/// [`renamed`] for the form without compact lengths: the hosts are numbers already, and only their ports change.
fn renamed_plain(answer: &[u8], _version: i16, shared: &Shared) -> Option<Vec<u8>> {
    let mut out = answer.to_vec();
    let mut at = 4 + 4 + 4;
    let count = u32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?);
    at += 4;
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes(answer.get(at + 4..at + 6)?.try_into().ok()?));
        at += 6 + length;
        let port = u32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?);
        let relay = shared.brokers.iter().find(|relay| u32::from(relay.upstream.port()) == port)?;
        out[at..at + 4].copy_from_slice(&u32::from(relay.own.port()).to_be_bytes());
        let rack = i16::from_be_bytes(answer.get(at + 4..at + 6)?.try_into().ok()?).max(0);
        at += 6 + rack as usize;
    }
    Some(out)
}

/// A metadata answer in which the relays stand for their brokers.
fn renamed(answer: &[u8], version: i16, shared: &Shared) -> Option<Vec<u8>> {
    assert!(version >= METADATA_FLEXIBLE, "the tap speaks the newest version");
    let mut at = 4 + 4 + 1 + 4;
    let mut out = answer[..at].to_vec();
    let count = answer[at];
    assert!(count < 0x80, "few brokers");
    out.push(count);
    at += 1;
    for _ in 1..count {
        out.extend(&answer[at..at + 4]);
        let length = usize::from(answer[at + 4]).checked_sub(1)?;
        let host = std::str::from_utf8(answer.get(at + 5..at + 5 + length)?).ok()?;
        at += 5 + length;
        let port = u32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?);
        at += 4;
        let real: SocketAddr = format!("{host}:{port}").parse().ok()?;
        let relay = shared.brokers.iter().find(|relay| relay.upstream == real)?;
        let name = if relay.fault() == Fault::Nameless { "nowhere.invalid" } else { "127.0.0.1" };
        out.push(name.len() as u8 + 1);
        out.extend(name.as_bytes());
        out.extend(u32::from(relay.own.port()).to_be_bytes());
        let rack = usize::from(answer[at]).saturating_sub(1);
        out.extend(answer.get(at..at + 1 + rack + 1)?);
        at += 1 + rack + 1;
    }
    out.extend(&answer[at..]);
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Some(out)
}
