//! A door on a database that is being written, and what asks there: a driver, and bare bytes.

use headwater::event::{
    Changes, EventRef, EventRow, Kind, Ordinal, PartitionRow, Profile, ProfileRow, Resolution, Timestamp, TopicClass,
    TopicPartition,
};
use headwater::serve::Door;
use headwater::store::{Readers, Settings, Writer};
use headwater::telemetry::Counters;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Longer than any answer here takes, shorter than the door's own deadline.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A question that does not end by itself.
pub const ENDLESS: &str = "SELECT count(*) FROM range(100000000) a, range(100000000) b";

pub struct Opened {
    pub door: Door,
    pub counters: Arc<Counters>,
    pub fixture: Fixture,
}

pub fn open() -> Opened {
    let fixture = Fixture::new();
    let counters = Arc::new(Counters::default());
    let door = Door::start(loopback(0), fixture.readers(), counters.clone()).unwrap();
    Opened { door, counters, fixture }
}

pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub async fn connect(door: &Door) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&format!("{}?user=test", door.url()), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Rows of text and tags, in order.
pub async fn simple(client: &tokio_postgres::Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|n| row.get(n).unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
            }
            SimpleQueryMessage::CommandComplete(rows) => Some(format!("= {rows}")),
            _ => None,
        })
        .collect())
}

pub fn state(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map(|said| said.code().code().to_owned()).unwrap_or_else(|| error.to_string())
}

/// Sends `bytes` as a connection of its own and returns what comes back until the door closes it or falls silent.
pub fn raw(door: &Door, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(door.address()).unwrap();
    // Whoever takes leave is sure of an end; else silence is the answer.
    let leaves = bytes.ends_with(b"X\0\0\0\x04");
    socket.set_read_timeout(Some(if leaves { PATIENCE } else { Duration::from_millis(200) })).unwrap();
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    answer
}

pub fn start() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0test\0database\0headwater\0\0";
    [&(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

/// A database with a few events that a tap has open and goes on writing.
pub struct Fixture {
    folder: PathBuf,
    /// `None` once it was closed.
    writer: Mutex<Option<Writer>>,
    next: AtomicI64,
}

impl Fixture {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("headwater-door-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (mut writer, _) = Writer::open(&folder.join("headwater.duckdb"), Settings::default()).unwrap();
        writer.append(first()).unwrap();
        let fixture = Self { folder, writer: Mutex::new(Some(writer)), next: AtomicI64::new(0) };
        (0..3).for_each(|_| fixture.append());
        fixture
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join("headwater.duckdb")
    }

    pub fn readers(&self) -> Readers {
        self.writer.lock().unwrap().as_ref().unwrap().readers()
    }

    pub fn append(&self) {
        let reference = EventRef::new(Ordinal(0), self.next.fetch_add(1, Relaxed));
        let mut changes = Changes { at: TIME, ..Changes::default() };
        changes.events.push(&event(reference));
        self.writer.lock().unwrap().as_mut().unwrap().append(changes).unwrap();
    }

    /// Appends `changes` as they are.
    pub fn write(&self, changes: Changes) {
        self.writer.lock().unwrap().as_mut().unwrap().append(changes).unwrap();
    }

    pub fn events(&self) -> i64 {
        self.next.load(Relaxed)
    }

    /// Runs `meanwhile` beside a writer that appends one event after the other.
    pub fn while_writing(&self, meanwhile: impl FnOnce()) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    self.append();
                }
            });
            // Also when a test fails: the writer must not go on for ever.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
            done.store(true, Relaxed);
            outcome.unwrap_or_else(|failed| std::panic::resume_unwind(failed));
        });
    }

    /// Ends writing; the file stays until the fixture is dropped.
    pub fn close(&mut self) -> PathBuf {
        self.writer.get_mut().unwrap().take().unwrap().close().unwrap();
        self.path()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // DuckDB ends the process when the files that a question spilled are gone before the question is.
        let writer = self.writer.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let _ = writer.map(Writer::close);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub const TIME: Timestamp = Timestamp(1_767_225_600_000_000);

pub fn event(reference: EventRef) -> EventRow {
    EventRow {
        reference,
        time: TIME,
        record_time: TIME,
        seen_time: TIME,
        kind: Kind::Event,
        resolution: Resolution::Root,
        tombstone: false,
        profile: 0,
        producer: None,
        key_hash: None,
        conversation: reference,
        key_bytes: 0,
        value_bytes: 17,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

pub fn first() -> Changes {
    let partition = TopicPartition { cluster: "test".into(), topic: "orders".into(), partition: 0, topic_id: [0; 16] };
    let content = Profile {
        kind: "OrderPlaced".to_owned(),
        source: String::new(),
        version: String::new(),
        convention: String::new(),
    };
    Changes {
        partitions: vec![PartitionRow {
            ordinal: Ordinal(0),
            partition: Arc::new(partition),
            incarnation: 0,
            base: 0,
            class: TopicClass::Business,
        }],
        profiles: vec![ProfileRow { profile: 0, content }],
        at: TIME,
        ..Changes::default()
    }
}
