//! The bytes to and from one broker, with or without TLS.

use super::clock;
use super::error::Error;
use super::security::{Security, Tls};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// A broker that does not accept within this is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A broker that does not answer within this, beyond the wait that it was asked for, is away.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a waiting read looks whether the tap is stopping.
const STOP_CHECK: Duration = Duration::from_millis(250);

/// One open way to a broker.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to `address` (`host:port`), and agrees on TLS where `security` asks for it.
    pub(super) fn open(address: &str, security: &Security, stop: &AtomicBool) -> Result<Self, Error> {
        let socket = connect(address).map_err(|source| Error::Connect { broker: address.to_owned(), source })?;
        match &security.tls {
            None => Ok(Self::Plain(socket)),
            Some(tls) => shake_hands(address, socket, tls, stop),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// The host of `host:port`, as its certificate and its tickets name it.
pub(super) fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(STOP_CHECK))?;
                stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn shake_hands(address: &str, mut socket: TcpStream, tls: &Tls, stop: &AtomicBool) -> Result<Stream, Error> {
    let refused = |reason| Error::Tls { broker: address.to_owned(), reason };
    let name = ServerName::try_from(host(address).to_owned()).map_err(|_| {
        refused("its host is neither a name nor an address; name it as its certificate does".to_owned())
    })?;
    let mut session = ClientConnection::new(tls.config()?, name).map_err(|error| refused(reason(&error)))?;
    let deadline = clock::now() + ANSWER_TIMEOUT;
    while session.is_handshaking() {
        match session.complete_io(&mut socket) {
            Ok(_) => {}
            Err(error) if is_pause(&error) => {
                if stop.load(Relaxed) {
                    return Err(Error::Stopped);
                }
                if clock::now() > deadline {
                    return Err(refused("it does not answer; check that this port speaks TLS".to_owned()));
                }
            }
            Err(error) => {
                let closed = || {
                    format!(
                        "it broke the connection off ({error}); check that this port speaks TLS (if not, set \
                         security.protocol=PLAINTEXT or SASL_PLAINTEXT), and whether it asks for a certificate \
                         (ssl.certificate.location)"
                    )
                };
                return Err(refused(tls_reason(&error).unwrap_or_else(closed)));
            }
        }
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
}

/// Whether nothing went wrong but time.
pub(super) fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// What TLS says is wrong, if it is TLS that says so, and what to do.
pub(super) fn tls_reason(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref().map(reason)
}

fn reason(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    let what_to_do = match error {
        Tls::InvalidCertificate(flaw) => return certificate_reason(flaw),
        Tls::InvalidMessage(_) => {
            "the port answers without TLS: set security.protocol=PLAINTEXT or SASL_PLAINTEXT, or use its TLS port"
        }
        Tls::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied => {
                "the broker asks for a certificate of a CA that it trusts: give ssl.certificate.location and \
                 ssl.key.location"
            }
            AlertDescription::CertificateExpired => {
                "the certificate of the tap has expired: renew it (ssl.certificate.location)"
            }
            _ => "look into the broker's log for the reason",
        },
        Tls::PeerIncompatible(_) => {
            "tap and broker share no version or cipher: allow TLSv1.2 or TLSv1.3 on the broker, and here by \
             ssl.enabled.protocols"
        }
        _ => "check that this port speaks TLS",
    };
    format!("{error}; {what_to_do}")
}

fn certificate_reason(flaw: &CertificateError) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    match flaw {
        UnknownIssuer => {
            "its certificate is signed by a CA that is not trusted here; name the PEM file of that CA with \
                          ssl.ca.location"
                .to_owned()
        }
        Expired | ExpiredContext { .. } => {
            "its certificate has expired; renew it on the broker, or set this machine's clock right".to_owned()
        }
        NotValidYet | NotValidYetContext { .. } => {
            "its certificate is not valid yet; set this machine's clock right, or replace it on the broker".to_owned()
        }
        NotValidForName => "its certificate is for another host; name the broker as its certificate does".to_owned(),
        NotValidForNameContext { presented, .. } => format!(
            "its certificate is for another host ({}); name the broker so (brokers, advertised.listeners), or have \
             its name put into the certificate",
            match presented.len() {
                0 => "it names none".to_owned(),
                // They come as `DnsName("a")`.
                _ => presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect::<Vec<_>>().join(", "),
            }
        ),
        other => format!("its certificate is refused: {other}; replace it on the broker"),
    }
}
