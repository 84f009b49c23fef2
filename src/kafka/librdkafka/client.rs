//! The calls of librdkafka that read without a group, wrapped so that none of them can be misused from outside.
//!
//! Its safe wrapper asks for a group, and on a cluster without groups the broker then creates a topic for them.

#![expect(unsafe_code, reason = "librdkafka offers reading without a group, and in batches, through C only")]

use crate::event::{Header, Record, Secret};
use crate::kafka::batch::HEADERS_MAX;
use rdkafka::ClientConfig;
use rdkafka::bindings as rd;
use rdkafka::client::{Client as Native, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr, RDKafkaType};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// A token that says nothing of its end is asked for anew after this.
const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// Room for the reason of a refusal.
const REASON_BYTES: usize = 512;

/// One partition of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    topic: usize,
    partition: i32,
}

/// What the client itself has to say.
pub(super) enum News {
    /// It cannot do what it shall, for this reason.
    Trouble(String),
    /// It wants a new token to log in with.
    TokenWanted,
}

/// One client of librdkafka that knows no group.
pub(super) struct Client {
    /// Where records come: one queue for all partitions.
    queue: NonNull<rd::rd_kafka_queue_t>,
    main: NonNull<rd::rd_kafka_queue_t>,
    topics: HashMap<Arc<str>, NonNull<rd::rd_kafka_topic_t>>,
    reading: Vec<Key>,
    native: Native<DefaultClientContext>,
}

// SAFETY: librdkafka's handles may be used from any thread; nothing here is tied to the one that made it.
unsafe impl Send for Client {}

impl Client {
    /// A client with these settings, which connects to nobody yet.
    pub(super) fn new(settings: &[(String, Secret)]) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        for (name, value) in settings {
            config.set(name, value.expose());
        }
        let native = config.create_native_config()?;
        let events = rd::RD_KAFKA_EVENT_LOG | rd::RD_KAFKA_EVENT_ERROR | rd::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
        // SAFETY: the configuration is alive, and its owner is the only one who knows it.
        unsafe { rd::rd_kafka_conf_set_events(native.ptr(), events) };
        let native = Native::new(&config, native, RDKafkaType::RD_KAFKA_CONSUMER, DefaultClientContext)?;
        let client = native.native_ptr();
        // SAFETY: the client is alive. Both calls give a reference that `drop` gives back.
        let (queue, main) = unsafe { (rd::rd_kafka_queue_new(client), rd::rd_kafka_queue_get_main(client)) };
        let none = || KafkaError::ClientCreation("there is no memory for a queue".to_owned());
        let queue = NonNull::new(queue).ok_or_else(none)?;
        let main = NonNull::new(main).ok_or_else(none)?;
        Ok(Self { queue, main, topics: HashMap::new(), reading: Vec::new(), native })
    }

    /// Topics that it has heard of: librdkafka forgets none as long as it lives.
    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// The key of a partition of a topic that was read before.
    pub(super) fn key(&self, topic: &str, partition: i32) -> Option<Key> {
        self.topics.get(topic).map(|handle| Key { topic: handle.as_ptr() as usize, partition })
    }

    /// Reads a partition from `offset` on.
    pub(super) fn start(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Result<Key, KafkaError> {
        let handle = self.topic(topic)?;
        // SAFETY: topic and queue belong to this client and live as long as it.
        let done = unsafe { rd::rd_kafka_consume_start_queue(handle.as_ptr(), partition, offset, self.queue.as_ptr()) };
        if done != 0 {
            return Err(KafkaError::MessageConsumption(last_error()));
        }
        let key = Key { topic: handle.as_ptr() as usize, partition };
        self.reading.push(key);
        Ok(key)
    }

    fn topic(&mut self, topic: &Arc<str>) -> Result<NonNull<rd::rd_kafka_topic_t>, KafkaError> {
        if let Some(handle) = self.topics.get(topic) {
            return Ok(*handle);
        }
        let name = CString::new(&**topic).map_err(KafkaError::Nul)?;
        // SAFETY: the client is alive and the name is copied; a null configuration means the client's own.
        let handle = unsafe { rd::rd_kafka_topic_new(self.native.native_ptr(), name.as_ptr(), ptr::null_mut()) };
        let handle = NonNull::new(handle).ok_or_else(|| KafkaError::MessageConsumption(last_error()))?;
        self.topics.insert(Arc::clone(topic), handle);
        Ok(handle)
    }

    /// Reads a partition no more. What lies in the queue of it does not come out any more.
    pub(super) fn stop(&mut self, key: Key) {
        let Some(at) = self.reading.iter().position(|reading| *reading == key) else { return };
        self.reading.swap_remove(at);
        Self::stop_reading(key);
    }

    fn stop_reading(key: Key) {
        // SAFETY: a key is made of a topic handle of this client, which lives as long as it.
        unsafe { rd::rd_kafka_consume_stop(key.topic as *mut rd::rd_kafka_topic_t, key.partition) };
    }

    /// What comes within `wait`, at most `most` messages.
    pub(super) fn take(&mut self, wait: Duration, most: usize) -> Messages<'_> {
        let mut list: Vec<*mut rd::rd_kafka_message_t> = Vec::with_capacity(most);
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the list has room for `most` pointers, and as many as the call says are set when it returns.
        unsafe {
            let came = rd::rd_kafka_consume_batch_queue(self.queue.as_ptr(), wait, list.as_mut_ptr(), most);
            list.set_len(usize::try_from(came).unwrap_or(0).min(most));
        }
        // SAFETY: each is a message that is now ours alone, until it is destroyed when this is dropped.
        let list = list.into_iter().map(|message| Message(unsafe { &mut *message })).collect();
        Messages { list }
    }

    /// Takes in what the client says of itself.
    pub(super) fn news(&self) -> Option<News> {
        loop {
            // SAFETY: the queue is alive; an event that is not null is ours until it is destroyed below.
            let event = NonNull::new(unsafe { rd::rd_kafka_queue_poll(self.main.as_ptr(), 0) })?;
            // SAFETY: as above; the texts of an event live as long as it, and are copied.
            let news = unsafe {
                let news = read_event(event.as_ptr());
                rd::rd_kafka_event_destroy(event.as_ptr());
                news
            };
            if news.is_some() {
                return news;
            }
        }
    }

    /// Answers [`News::TokenWanted`].
    pub(super) fn give_token(&self, token: Result<Secret, String>, now: Duration) {
        let client = self.native.native_ptr();
        let until = i64::try_from((now + TOKEN_LIFE).as_millis()).unwrap_or(i64::MAX);
        let mut reason: [c_char; REASON_BYTES] = [0; REASON_BYTES];
        let refused = match token.map(|token| CString::new(token.expose())) {
            // SAFETY: both texts end with a null and are copied; the reason has the room that is named.
            Ok(Ok(token)) => unsafe {
                let (name, none) = (c"headwater".as_ptr(), ptr::null_mut());
                let room = reason.len();
                let code = rd::rd_kafka_oauthbearer_set_token(
                    client,
                    token.as_ptr(),
                    until,
                    name,
                    none,
                    0,
                    reason.as_mut_ptr(),
                    room,
                );
                (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| "the token is none".to_owned())
            },
            Ok(Err(_)) => Some("the token holds a null byte".to_owned()),
            Err(reason) => Some(reason),
        };
        if let Some(reason) = refused.and_then(|reason| CString::new(reason).ok()) {
            // SAFETY: the text ends with a null and is copied.
            unsafe { rd::rd_kafka_oauthbearer_set_token_failure(client, reason.as_ptr()) };
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reading.drain(..).for_each(Self::stop_reading);
        for handle in self.topics.values() {
            // SAFETY: nothing reads the topic any more, and nobody else knows the handle.
            unsafe { rd::rd_kafka_topic_destroy(handle.as_ptr()) };
        }
        // SAFETY: each reference was taken once, in `new`. The client itself goes last.
        unsafe {
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
            rd::rd_kafka_queue_destroy(self.main.as_ptr());
        }
    }
}

/// What `event` says; `None` for what only goes to the log.
///
/// # Safety
/// `event` has to be alive.
unsafe fn read_event(event: *mut rd::rd_kafka_event_t) -> Option<News> {
    // SAFETY: the caller's promise; librdkafka's texts end with a null.
    unsafe {
        match rd::rd_kafka_event_type(event) {
            rd::RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
                if rd::rd_kafka_event_log(event, &mut facility, &mut text, &mut level) == 0 {
                    let text = CStr::from_ptr(text).to_string_lossy();
                    tracing::debug!(level, %text, "librdkafka says");
                }
                None
            }
            rd::RD_KAFKA_EVENT_ERROR => {
                let text = CStr::from_ptr(rd::rd_kafka_event_error_string(event));
                Some(News::Trouble(text.to_string_lossy().into_owned()))
            }
            rd::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH => Some(News::TokenWanted),
            _ => None,
        }
    }
}

fn last_error() -> RDKafkaErrorCode {
    // SAFETY: it only reads a number of this thread.
    unsafe { rd::rd_kafka_last_error() }.into()
}

/// What one call took from the queue. The client may not go while they are there: it would wait for them for ever.
pub(super) struct Messages<'a> {
    list: Vec<Message<'a>>,
}

impl<'a> std::ops::Deref for Messages<'a> {
    type Target = [Message<'a>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

/// One record, or what befell a partition.
pub(super) struct Message<'a>(&'a mut rd::rd_kafka_message_t);

impl Message<'_> {
    pub(super) fn key(&self) -> Key {
        Key { topic: self.0.rkt as usize, partition: self.0.partition }
    }

    pub(super) fn offset(&self) -> i64 {
        self.0.offset
    }

    /// Why it is no record.
    pub(super) fn fault(&self) -> Option<RDKafkaErrorCode> {
        (self.0.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| self.0.err.into())
    }

    /// Bytes of key and value.
    pub(super) fn bytes(&self) -> usize {
        self.0.key_len + self.0.len
    }

    /// Passes the record on; gives the headers beyond [`HEADERS_MAX`].
    pub(super) fn pass(&self, each: &mut dyn FnMut(&Record<'_>)) -> u64 {
        let mut headers = Vec::new();
        let cut = self.headers(&mut headers);
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let timestamp_ms = unsafe { rd::rd_kafka_message_timestamp(self.0, &mut kind) };
        // SAFETY: key and value live as long as the message.
        let (key, value) = unsafe { (bytes(self.0.key, self.0.key_len), bytes(self.0.payload, self.0.len)) };
        each(&Record { offset: self.0.offset, timestamp_ms, key, value, headers: &headers });
        cut
    }

    fn headers<'b>(&'b self, into: &mut Vec<Header<'b>>) -> u64 {
        let mut list = ptr::null_mut();
        // SAFETY: the message is alive; the list is its own.
        let found = unsafe { rd::rd_kafka_message_headers(ptr::from_ref(&*self.0), &mut list) };
        if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return 0;
        }
        for at in 0..HEADERS_MAX {
            let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the list is alive; name and value live as long as the message, and the name ends with a null.
            unsafe {
                let got = rd::rd_kafka_header_get_all(list, at, &mut name, &mut value, &mut length);
                if got != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return 0;
                }
                into.push(Header { name: CStr::from_ptr(name).to_bytes(), value: bytes(value, length) });
            }
        }
        // SAFETY: as above.
        unsafe { rd::rd_kafka_header_cnt(list) }.saturating_sub(HEADERS_MAX) as u64
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: it was taken from the queue once, and nothing points to it any more.
        unsafe { rd::rd_kafka_message_destroy(self.0) };
    }
}

/// # Safety
/// `start` is null, or `length` bytes lie there for `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) })
}
