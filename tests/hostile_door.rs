//! People and programs that mean harm at the door, while the tap writes: refused or bounded, and nothing is lost.

use crate::support::door::{
    ENDLESS, Fixture, PATIENCE, connect, loopback, message, open, raw, runtime, simple, start, state,
};
use headwater::serve::{Door, Metrics};
use headwater::telemetry::Pulse;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// What must not get through, beside what `tests/serve.rs` tries.
fn refused(database: &str) -> Vec<String> {
    let mut statements: Vec<String> = [
        "COPY event TO '/tmp/headwater-hostile.parquet'",
        "COPY event FROM '/etc/passwd'",
        "EXPORT DATABASE '/tmp/headwater-hostile'",
        "IMPORT DATABASE '/tmp/headwater-hostile'",
        "ATTACH '/tmp/headwater-hostile.duckdb'",
        "INSTALL httpfs; LOAD httpfs",
        "LOAD '/tmp/evil.duckdb_extension'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/shadow')",
        "SELECT * FROM read_json('/etc/hostname')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM '/proc/self/environ'",
        "SELECT content FROM read_text('/proc/self/environ')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "CREATE SECRET s (TYPE S3, KEY_ID 'a', SECRET 'b')",
        "CREATE MACRO evil() AS 1",
        "CREATE TEMP MACRO evil() AS 1",
        "CREATE OR REPLACE VIEW event AS SELECT 1",
        "CREATE SCHEMA evil",
        "CREATE SEQUENCE evil",
        "CREATE TYPE evil AS ENUM ('a')",
        "CALL pragma_version()",
        "CALL force_checkpoint()",
        "PRAGMA database_size",
        "PRAGMA disable_checkpoint_on_shutdown",
        "PRAGMA enable_profiling",
        "CHECKPOINT",
        "SELECT * FROM checkpoint()",
        "FROM force_checkpoint()",
        "SELECT * FROM enable_logging()",
        "SELECT write_log('x')",
        "SELECT * FROM query('DROP VIEW event')",
        "SELECT * FROM query_table(['event'])",
        "SELECT json_execute_serialized_sql('x')",
        "TRUNCATE event_row",
        "DELETE FROM event_row",
        "MERGE INTO event_row USING event_row e ON false WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "WITH x AS (INSERT INTO event_row VALUES (1) RETURNING *) SELECT * FROM x",
        "WITH x AS (UPDATE failure_row SET state = 'healed' RETURNING *) SELECT * FROM x",
        "SELECT 1; DROP TABLE event_row",
        "SELECT 1;;; DELETE FROM event_row; SELECT 2",
        "/* */ DROP TABLE event_row --",
        "EXPLAIN ANALYZE INSERT INTO event_row VALUES (1)",
        "VACUUM FULL",
        "ALTER DATABASE headwater SET x = 1",
        "COMMENT ON VIEW event IS 'evil'",
        "SELECT nextval('evil')",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT * FROM glob('/etc/*')",
    ]
    .map(str::to_owned)
    .into();
    statements.push(format!("ATTACH '{database}' AS again"));
    statements.push(format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)));
    statements.push(format!("SELECT {}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    statements.push(format!("SELECT {}", "-".repeat(1_000).replace('-', "- ") + &"NOT ".repeat(100_000) + "true"));
    statements.push(format!("SELECT '{}'", "x".repeat((1 << 20) - 5)));
    statements.push("SELECT CASE ".to_owned() + &"WHEN (SELECT (SELECT ".repeat(20_000));
    statements
}

#[test]
fn hostile_statements_change_nothing_while_the_tap_writes() {
    let opened = open();
    let database = opened.fixture.path().display().to_string();
    opened.fixture.while_writing(|| {
        runtime().block_on(async {
            for sql in refused(&database) {
                let shown: String = sql.chars().take(80).collect();
                // A connection of its own each: some may end it, none may end the door.
                let client = connect(&opened.door).await;
                let asked = Instant::now();
                let answer = simple(&client, &sql).await;
                assert!(answer.is_err(), "let through: {shown}: {answer:?}");
                let client = connect(&opened.door).await;
                assert!(client.query(sql.as_str(), &[]).await.is_err(), "let through, prepared: {shown}");
                assert!(asked.elapsed() < PATIENCE, "took too long: {shown}");
            }
        });
    });
    assert_whole(&opened.fixture, &opened.door);
    for path in ["/tmp/headwater-hostile", "/tmp/headwater-hostile.duckdb", "/tmp/headwater-hostile.parquet"] {
        assert!(!std::path::Path::new(path).exists(), "{path} was written");
    }
}

/// Everything that was written is there, and the contract stands.
fn assert_whole(fixture: &Fixture, door: &Door) {
    runtime().block_on(async {
        let client = connect(door).await;
        let count = simple(&client, "SELECT count(*), count(DISTINCT ref) FROM event").await.unwrap();
        assert_eq!(count[0], format!("{0}|{0}", fixture.events()), "nothing lost, nothing doubled");
        assert_eq!(simple(&client, "SELECT received FROM totals()").await.unwrap()[0], fixture.events().to_string());
    });
}

/// Questions that are allowed and eat time or memory. None may take the tap along.
const GREEDY: [&str; 7] = [
    ENDLESS,
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "SELECT count(DISTINCT a.range * 1000003 + b.range) FROM range(1000000) a, range(1000000) b",
    "SELECT list(range) FROM range(10000000000)",
    "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)",
    "SELECT * FROM range(100000000000) ORDER BY hash(range) DESC",
    "SELECT repeat(repeat('x', 10000000), 1000)",
];

#[test]
fn greedy_questions_are_bounded_while_the_tap_writes() {
    let opened = open();
    let begun = Instant::now();
    opened.fixture.while_writing(|| {
        runtime().block_on(async {
            let mut asking = Vec::new();
            for sql in GREEDY {
                let client = connect(&opened.door).await;
                asking.push(async move {
                    // Hanging up is how a person or a dashboard gives up.
                    let _ = tokio::time::timeout(Duration::from_secs(3), simple(&client, sql)).await;
                });
            }
            futures::future::join_all(asking).await;
            // All of them are gone, or going, and their memory with them: whoever comes now is served, or soon.
            let client = connect(&opened.door).await;
            let mut answer = simple(&client, "SELECT 42").await;
            while answer.is_err() && begun.elapsed() < PATIENCE * 2 {
                answer = simple(&client, "SELECT 42").await;
            }
            assert_eq!(answer.unwrap()[0], "42");
        });
    });
    assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
    assert_whole(&opened.fixture, &opened.door);
}

#[test]
fn a_question_ends_at_its_deadline() {
    let opened = open();
    let begun = Instant::now();
    let error = runtime().block_on(async {
        let client = connect(&opened.door).await;
        let error = simple(&client, ENDLESS).await.unwrap_err();
        assert_eq!(simple(&client, "SELECT 42").await.unwrap()[0], "42", "the session goes on");
        error
    });
    assert_eq!(state(&error), "57014");
    assert!(error.as_db_error().unwrap().message().contains("stopped after 30 s"), "{error}");
    assert!((29..45).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let opened = open();
    // Each would fill 200 MB, and none is ever read.
    let mut silent = Vec::new();
    for _ in 0..6 {
        let mut socket = TcpStream::connect(opened.door.address()).unwrap();
        let question = message(b'Q', b"SELECT repeat('x', 200000) FROM range(1000)\0");
        socket.write_all(&[start(), question].concat()).unwrap();
        silent.push(socket);
    }
    let refused = crate::support::poll_until("a session that is refused its answer", 3 * PATIENCE, || {
        silent.iter().filter(|socket| said(socket, b"53200")).count().checked_sub(1)
    });
    println!("{} of 6 were refused", refused + 1);
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        assert_eq!(simple(&client, "SELECT 42").await.unwrap()[0], "42", "small answers go on");
    });
    drop(silent);
    crate::support::poll_until("room again", 3 * PATIENCE, || {
        runtime().block_on(async {
            let client = connect(&opened.door).await;
            simple(&client, "SELECT repeat('x', 200000) FROM range(500)").await.ok()
        })
    });
}

/// True when `words` are among what waits to be read.
fn said(socket: &TcpStream, words: &[u8]) -> bool {
    let mut seen = [0; 4096];
    socket.set_nonblocking(true).unwrap();
    let length = socket.peek(&mut seen).unwrap_or_default();
    seen[..length].windows(words.len()).any(|window| window == words)
}

#[test]
fn garbage_and_half_messages_on_every_socket_do_no_harm() {
    let opened = open();
    let metrics = Metrics::start(loopback(0), opened.fixture.readers(), Arc::new(Pulse::new(Instant::now()))).unwrap();
    let seed = crate::support::seed("garbage_and_half_messages_on_every_socket_do_no_harm");
    let mut random = fastrand::Rng::with_seed(seed);
    opened.fixture.while_writing(|| {
        let mut held = Vec::new();
        for round in 0..300 {
            let length = random.usize(..2_000);
            let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            let bytes = match round % 6 {
                0 => noise,
                // Half of a start, a request for encryption and then silence, lengths that cannot be.
                1 => start()[..random.usize(..start().len())].to_vec(),
                2 => b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec(),
                3 => [&random.u32(..).to_be_bytes()[..], &noise].concat(),
                4 => {
                    [start(), vec![b"QPBDECHSFpdcf"[random.usize(..13)]], random.u32(..).to_be_bytes().to_vec(), noise]
                        .concat()
                }
                _ => [start(), message(b"QPBDECHSFpdcf"[random.usize(..13)], &noise)].concat(),
            };
            for address in [opened.door.address(), metrics.address()] {
                let Ok(mut socket) = TcpStream::connect(address) else { continue };
                let _ = socket.write_all(&bytes);
                if round % 50 == 7 {
                    held.push(socket);
                }
            }
        }
        let answer = raw(&opened.door, &[start(), message(b'Q', b"SELECT 42\0"), message(b'X', b"")].concat());
        assert!(answer.windows(2).any(|bytes| bytes == b"42"), "{answer:?}");
        let mut socket = TcpStream::connect(metrics.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut health = String::new();
        socket.read_to_string(&mut health).unwrap();
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        drop(held);
    });
    assert_whole(&opened.fixture, &opened.door);
}

#[test]
fn a_cancel_request_needs_the_key() {
    let opened = open();
    runtime().block_on(async {
        let url = format!("{}?user=test", opened.door.url());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let slow = "SELECT count(*) FROM range(30000000) t(n) WHERE hash(n) % 7 = 3";
        let (answer, ()) = tokio::join!(simple(&client, slow), async {
            for guess in 0..200_u32 {
                let request = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &guess.to_be_bytes(), &[0; 4]];
                let mut socket = TcpStream::connect(opened.door.address()).unwrap();
                let _ = socket.write_all(&request.concat());
            }
        });
        assert!(answer.is_ok(), "{answer:?}");
    });
}
