//! One connection to one broker: frames and version negotiation. What can be asked stands in `request.rs`.

use super::clock;
use super::error::{Error, code};
use super::login::log_in;
use super::request::ReadRequest;
use super::security::Security;
use super::shape;
use super::stream::{ANSWER_TIMEOUT, Stream, is_pause, tls_reason};
use super::wire::Cursor;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Name of this client in the brokers' logs, metrics and quotas.
pub(super) const CLIENT_ID: &str = "headwater";
/// How a TLS alert begins, which a port that wants TLS may answer with: type 21 and version 3.x, where Kafka has the
/// length of a frame.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];
/// Largest frame that is read. A fetch answer is at most 16 MiB unless one record batch alone is larger, and Kafka
/// bounds a batch by `message.max.bytes` (1 MiB by default); what claims more than this is no Kafka broker.
pub(super) const FRAME_MAX: usize = 128 << 20;
/// What is looked at of a larger one: a broker puts a batch that is over all limits first, behind nothing but the empty
/// entries of other partitions, some 40 bytes each.
const FRONT: usize = 1 << 20;
/// Least time between two rare requests on one connection, so that they never come as a burst. (librdkafka's mock
/// cluster also loses a wake-up, and then stalls for a second, when they follow each other without a gap.)
const CALL_SPACING: Duration = Duration::from_millis(2);

/// A quota asks for no longer wait than its window (`quota.window.size.seconds`, a second by default) times the number of
/// samples; what claims more would only hold the tap up.
const THROTTLE_MOST: Duration = Duration::from_secs(60);
/// How often a throttled connection looks whether the tap is stopping.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// An open connection that knows what its broker offers.
pub(super) struct Connection {
    pub(super) address: String,
    stream: Stream,
    security: Arc<Security>,
    /// When the login has to be renewed.
    renewal: Option<Instant>,
    /// The broker has answered something that it answers only to those whom it lets in.
    admitted: bool,
    stop: Arc<AtomicBool>,
    correlation: i32,
    offered: HashMap<i16, (i16, i16)>,
    last_call: Option<Instant>,
    /// The broker's quota asked for no request before this.
    resume: Option<Instant>,
}

impl Connection {
    /// Connects to `address` (`host:port`), asks which requests it knows, and logs in. Waits end early once `stop` is
    /// set.
    pub(super) fn open(address: &str, security: &Arc<Security>, stop: &Arc<AtomicBool>) -> Result<Self, Error> {
        let stream = Stream::open(address, security, stop)?;
        let mut connection = Self {
            address: address.to_owned(),
            stream,
            security: Arc::clone(security),
            renewal: None,
            admitted: false,
            stop: Arc::clone(stop),
            correlation: 0,
            offered: HashMap::new(),
            last_call: None,
            resume: None,
        };
        connection.offered = connection.ask_versions()?;
        connection.log_in()?;
        Ok(connection)
    }

    fn log_in(&mut self) -> Result<(), Error> {
        let security = Arc::clone(&self.security);
        if let Some(sasl) = &security.sasl {
            self.renewal = log_in(self, sasl)?.map(|after| clock::now() + after);
        }
        Ok(())
    }

    /// Logs in again if the session ends soon. There must be no request on its way.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        match self.renewal {
            Some(due) if clock::now() >= due => self.log_in(),
            _ => Ok(()),
        }
    }

    /// Highest version that both sides speak; `None` when the broker does not list the request.
    pub(super) fn version(&self, key: ApiKey, least: i16, most: i16) -> Option<i16> {
        let &(lowest, highest) = self.offered.get(&(key as i16))?;
        let version = highest.min(most);
        (version >= lowest.max(least)).then_some(version)
    }

    /// The version in which `Q` is sent to this broker.
    pub(super) fn version_of<Q: ReadRequest>(&self) -> Result<i16, Error> {
        self.version(Q::KEY, Q::LEAST, Q::MOST).ok_or_else(|| Error::Unsupported {
            broker: self.address.clone(),
            request: Q::NAME,
            least: Q::LEAST,
            most: Q::MOST,
        })
    }

    /// Sends a rare request in the version of [`Self::version_of`] and waits for the answer.
    pub(super) fn call<Q: ReadRequest>(&mut self, request: &Q) -> Result<Q::Answer, Error> {
        let version = self.version_of::<Q>()?;
        self.renew()?;
        let words = self.encoded(request.words(), Q::form(version), Q::NAME)?;
        let mut answer = self.converse(Q::KEY, version, &words, Q::NAME)?;
        ResponseHeader::decode(&mut answer, Q::KEY.response_header_version(version))
            .map_err(|error| self.malformed(Q::NAME, error))?;
        if !shape::is_whole(Q::KEY, version, &answer) {
            return Err(self.malformed(Q::NAME, "it claims more than it holds"));
        }
        let answer = Q::read(&mut answer, version).map_err(|reason| self.malformed(Q::NAME, reason))?;
        self.throttle(Q::throttle(&answer));
        Ok(answer)
    }

    fn ask_versions(&mut self) -> Result<HashMap<i16, (i16, i16)>, Error> {
        const NAME: &str = "ApiVersions";
        let mut code = code::UNSUPPORTED_VERSION;
        for version in [3, 2, 0] {
            let mut request = ApiVersionsRequest::default();
            if version >= 3 {
                request.client_software_name = StrBytes::from_static_str(CLIENT_ID);
                request.client_software_version = StrBytes::from_static_str(env!("CARGO_PKG_VERSION"));
            }
            let mut answer = self.exchange(ApiKey::ApiVersions, version, &request, NAME)?;
            let header = ApiKey::ApiVersions.response_header_version(version);
            ResponseHeader::decode(&mut answer, header).map_err(|error| self.malformed(NAME, error))?;
            // A broker that does not know the version answers in the form of version 0 (KIP-511), so the error code
            // comes before everything else.
            code = answer.clone().try_get_i16().map_err(|error| self.malformed(NAME, error))?;
            match code {
                code::NONE => return offered(&answer, version).ok_or_else(|| self.malformed(NAME, "not its form")),
                code::UNSUPPORTED_VERSION => {}
                _ => break,
            }
        }
        Err(Error::Refused { broker: self.address.clone(), request: NAME, code })
    }

    /// Sends one request and waits for its answer, the header included.
    pub(super) fn exchange<Q: Encodable>(
        &mut self,
        key: ApiKey,
        version: i16,
        request: &Q,
        name: &'static str,
    ) -> Result<Bytes, Error> {
        let words = self.encoded(request, version, name)?;
        self.converse(key, version, &words, name)
    }

    fn encoded<Q: Encodable>(&self, request: &Q, version: i16, name: &'static str) -> Result<BytesMut, Error> {
        let mut words = BytesMut::new();
        request.encode(&mut words, version).map_err(|error| self.malformed(name, error))?;
        Ok(words)
    }

    fn converse(&mut self, key: ApiKey, version: i16, words: &[u8], name: &'static str) -> Result<Bytes, Error> {
        self.space_calls();
        self.correlation = self.correlation.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
        let mut frame = BytesMut::zeroed(4);
        header.encode(&mut frame, key.request_header_version(version)).map_err(|error| self.malformed(name, error))?;
        frame.extend_from_slice(words);
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.send(&frame)?;
        let mut answer = Vec::new();
        let length = self.receive(&mut answer, Duration::ZERO)?;
        answer.truncate(length);
        self.admitted |= !matches!(key, ApiKey::ApiVersions | ApiKey::SaslHandshake | ApiKey::SaslAuthenticate);
        self.last_call = Some(clock::now());
        match answer.first_chunk() {
            Some(id) if i32::from_be_bytes(*id) == self.correlation => Ok(Bytes::from(answer)),
            _ => Err(self.malformed(name, "an answer to another request")),
        }
    }

    /// Notes that the broker's quota asks to wait: what is asked next waits so long.
    fn throttle(&mut self, ms: i32) {
        let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(THROTTLE_MOST);
        if !wait.is_zero() {
            tracing::warn!(
                broker = self.address,
                ms,
                "the broker's request quota slows the tap down; it waits so long"
            );
            self.resume = Some(clock::now() + wait);
        }
    }

    fn space_calls(&mut self) {
        if let Some(resume) = self.resume.take() {
            while !self.stop.load(Relaxed) && clock::now() < resume {
                std::thread::sleep(STOP_CHECK.min(resume.saturating_duration_since(clock::now())));
            }
        }
        let since = self.last_call.map_or(CALL_SPACING, |last| clock::now().saturating_duration_since(last));
        std::thread::sleep(CALL_SPACING.saturating_sub(since));
    }

    pub(super) fn malformed(&self, request: &'static str, reason: impl std::fmt::Display) -> Error {
        Error::Malformed { broker: self.address.clone(), request, reason: reason.to_string() }
    }

    fn broken(&self, source: io::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let broker = self.address.clone();
        if let Some(reason) = tls_reason(&source) {
            return Error::Tls { broker, reason };
        }
        match source.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof if !self.admitted => {
                Error::Shut { broker, protocol: self.security.protocol() }
            }
            _ => Error::Broken { broker, source },
        }
    }

    /// A number for the next request.
    pub(super) fn next_correlation(&mut self) -> i32 {
        self.correlation = self.correlation.wrapping_add(1);
        self.correlation
    }

    /// The number of the last request.
    pub(super) fn correlation(&self) -> i32 {
        self.correlation
    }

    /// Sends a whole frame, its length in front.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        let sent = self.stream.write_all(frame).and_then(|()| self.stream.flush());
        sent.map_err(|source| self.broken(source))
    }

    /// Reads one frame into the front of `buffer`, which grows as needed, and returns its length. `wait` is how long
    /// the broker was asked to hold the answer back.
    pub(super) fn receive(&mut self, buffer: &mut Vec<u8>, wait: Duration) -> Result<usize, Error> {
        let deadline = clock::now() + wait + ANSWER_TIMEOUT;
        let mut length = [0; 4];
        self.fill(&mut length, deadline)?;
        if length.starts_with(&TLS_ALERT) && !self.admitted {
            let reason = "this port speaks TLS; set security.protocol=SSL or SASL_SSL".to_owned();
            return Err(Error::Tls { broker: self.address.clone(), reason });
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_MAX {
            return Err(Error::Oversized { broker: self.address.clone(), bytes: length, most: FRAME_MAX });
        }
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        self.fill(&mut buffer[..length], deadline)?;
        Ok(length)
    }

    /// The first bytes of a frame that was refused as oversized; nothing else can be read here afterwards.
    pub(super) fn front<'a>(&mut self, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        buffer.resize(buffer.len().max(FRONT), 0);
        self.fill(&mut buffer[..FRONT], clock::now() + ANSWER_TIMEOUT)?;
        Ok(&buffer[..FRONT])
    }

    fn fill(&mut self, mut buffer: &mut [u8], mut deadline: Instant) -> Result<(), Error> {
        use io::ErrorKind::{TimedOut, UnexpectedEof};
        while !buffer.is_empty() {
            match self.stream.read(buffer) {
                Ok(0) => return Err(self.broken(io::Error::new(UnexpectedEof, "the broker closed the connection"))),
                Ok(read) => {
                    buffer = &mut buffer[read..];
                    // Bytes that flow are a broker that lives: only silence runs into the deadline.
                    deadline = deadline.max(clock::now() + ANSWER_TIMEOUT);
                }
                Err(error) if is_pause(&error) => {
                    if self.stop.load(Relaxed) {
                        return Err(Error::Stopped);
                    }
                    if clock::now() > deadline {
                        return Err(self.broken(io::Error::new(TimedOut, "no answer in time")));
                    }
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }
}

/// Lowest and highest version of each request in an ApiVersions answer behind its header. What follows is for others.
pub(super) fn offered(answer: &[u8], version: i16) -> Option<HashMap<i16, (i16, i16)>> {
    let flexible = version >= 3;
    let mut cursor = Cursor::new(answer);
    let _error = cursor.i16()?;
    let mut offered = HashMap::new();
    for _ in 0..cursor.length(flexible)? {
        offered.insert(cursor.i16()?, (cursor.i16()?, cursor.i16()?));
        cursor.skip_tags(flexible)?;
    }
    Some(offered)
}
