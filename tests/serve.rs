//! The door as its clients see it: drivers, psql, bytes that are no protocol at all, and people who would like to write.

use crate::support::door::{
    ENDLESS, Fixture, Opened, PATIENCE, TIME, connect, loopback, message, open, raw, runtime, simple, start, state,
};
use headwater::client::{self, Client, run_file};
use headwater::event::{EventRef, Ordinal};
use headwater::report::{Cell, ColumnType, Table};
use headwater::serve::{self, Door};
use headwater::store::query::{Query, ask};
use headwater::telemetry::Counter;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, NoTls};

#[test]
fn simple_queries_answer_statement_by_statement() {
    let opened = open();
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        for ping in ["", ";", " ; ; ", "-- ping", "/* ping */;", "-- ping\n"] {
            // The driver shows an empty query as a tag without rows.
            assert_eq!(simple(&client, ping).await.unwrap(), ["= 0"], "{ping:?}");
        }
        let two = simple(&client, "SET TIMEZONE TO 'UTC'; SELECT 42; SELECT 'a;b', NULL -- ; last").await.unwrap();
        assert_eq!(two, ["= 0", "42", "= 1", "a;b|NULL", "= 1"]);
        let values = "SELECT true, 1::INTEGER, 2::BIGINT, sum(3::BIGINT), 0.5::DOUBLE, \
                      TIMESTAMP '2026-01-01 00:00:00.123456', ['a', NULL], DATE '2026-01-01', 1.25::DECIMAL(9,2)";
        let row = "t|1|2|3|0.5|2026-01-01 00:00:00.123456|{a,NULL}|2026-01-01|1.25";
        assert_eq!(simple(&client, values).await.unwrap(), [row, "= 1"]);
        assert_eq!(simple(&client, "SHOW transaction_read_only").await.unwrap(), ["on", "= 1"]);
        assert_eq!(
            simple(&client, "BEGIN; SELECT 1; COMMIT; DISCARD ALL").await.unwrap(),
            ["= 0", "1", "= 1", "= 0", "= 0"]
        );
        // What came before an error is answered, what comes after is not.
        let error = simple(&client, "SELECT 1; SELECT * FROM nowhere; SELECT 2").await.unwrap_err();
        assert_eq!(state(&error), "42P01");
        assert!(error.as_db_error().unwrap().message().contains("Table with name nowhere does not exist"));
        assert_eq!(state(&simple(&client, "SELEKT 1").await.unwrap_err()), "42601");
        assert_eq!(simple(&client, "SELECT 1").await.unwrap(), ["1", "= 1"]);
    });
    assert!(opened.counters.get(Counter::Queries) >= 8);
    assert_eq!(opened.counters.get(Counter::QueriesFailed), 2);
}

#[test]
fn columns_have_real_postgres_types() {
    let opened = open();
    let golden = [
        ("true", Type::BOOL),
        ("1::TINYINT", Type::INT4),
        ("1::INTEGER", Type::INT4),
        ("1::BIGINT", Type::INT8),
        ("sum(1::BIGINT)", Type::NUMERIC),
        ("1::UBIGINT", Type::NUMERIC),
        ("1::FLOAT", Type::FLOAT8),
        ("1::DOUBLE", Type::FLOAT8),
        ("1.5::DECIMAL(9,1)", Type::FLOAT8),
        ("TIMESTAMP '2026-01-01'", Type::TIMESTAMP),
        ("'x'", Type::TEXT),
        ("['x']", Type::TEXT_ARRAY),
        ("DATE '2026-01-01'", Type::TEXT),
        ("INTERVAL 1 DAY", Type::TEXT),
        ("{'a': 1}", Type::TEXT),
        ("'x'::BLOB", Type::TEXT),
        ("uuid()", Type::TEXT),
    ];
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        for (value, kind) in golden {
            let sql = format!("SELECT {value} AS x");
            let statement = client.prepare(&sql).await.unwrap();
            assert_eq!(statement.columns()[0].type_(), &kind, "{value}");
            assert_eq!(client.query(&statement, &[]).await.unwrap().len(), 1, "{value}");
        }
    });
}

#[test]
fn prepared_statements_take_parameters_and_send_binary() {
    let opened = open();
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        let sql = "SELECT $1 + 1 AS n, upper($2) AS t, $3 AS f, $4 AS b";
        let types = [Type::INT8, Type::TEXT, Type::FLOAT8, Type::BOOL];
        let statement = client.prepare_typed(sql, &types).await.unwrap();
        assert_eq!(statement.params(), types);
        let kinds: Vec<&Type> = statement.columns().iter().map(tokio_postgres::Column::type_).collect();
        assert_eq!(kinds, [&Type::INT8, &Type::TEXT, &Type::FLOAT8, &Type::BOOL]);
        let row = client.query_one(&statement, &[&41_i64, &"a'; DROP", &0.5_f64, &true]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (42, "A'; DROP"));
        assert_eq!((row.get::<_, f64>(2), row.get::<_, bool>(3)), (0.5, true));
        // Types left open are what the question compares them with.
        let open = client.prepare("SELECT count(*) FROM range(10) t(n) WHERE n < $1").await.unwrap();
        assert_eq!(open.params(), [Type::INT8]);
        assert_eq!(client.query_one(&open, &[&7_i64]).await.unwrap().get::<_, i64>(0), 7);
        assert_eq!(client.query_one(&open, &[&None::<i64>]).await.unwrap().get::<_, i64>(0), 0);
        let sql = "SELECT count(*) FROM event WHERE seen_time >= $1 AND topic = $2 AND partition = $3 AND \
                   (resolution = 'root') = $4 AND value_bytes / 2.0::DOUBLE > $5 LIMIT $6";
        let open = client.prepare(sql).await.unwrap();
        let told = [Type::TIMESTAMP, Type::TEXT, Type::INT4, Type::BOOL, Type::FLOAT8, Type::INT8];
        assert_eq!(open.params(), told);
        let when = std::time::UNIX_EPOCH + Duration::from_micros(u64::try_from(TIME.0).unwrap());
        let answer = client.query_one(&open, &[&when, &"orders", &0_i32, &true, &1.5_f64, &10_i64]).await.unwrap();
        assert_eq!(answer.get::<_, i64>(0), 3);
        let open = client.prepare("SELECT count(*) FROM totals(since := $1::TIMESTAMP)").await.unwrap();
        assert_eq!(client.query_one(&open, &[&when]).await.unwrap().get::<_, i64>(0), 1);
        let echo = client.query_one("SELECT $1", &[&"it's; --"]).await.unwrap();
        assert_eq!(echo.get::<_, &str>(0), "it's; --");
        for empty in ["", "-- ping"] {
            assert!(client.query(empty, &[]).await.unwrap().is_empty());
        }
        let error = client.prepare("SELECT 1; SELECT 2").await.unwrap_err();
        assert_eq!(state(&error), "42601");
        let error = client.query("SELECT 'x'::INTEGER", &[]).await.unwrap_err();
        assert_eq!(state(&error), "22P02");
    });
}

#[test]
fn nothing_that_writes_gets_through_while_the_tap_writes_on() {
    let opened = open();
    let folder = std::env::temp_dir();
    let target = folder.join(format!("headwater-door-{}.csv", std::process::id()));
    let hostile = [
        "DELETE FROM partition_ordinal".to_owned(),
        "INSERT INTO event VALUES (1)".to_owned(),
        "UPDATE event SET topic = 'x'".to_owned(),
        "DROP VIEW event".to_owned(),
        "CREATE TABLE mine (a INTEGER)".to_owned(),
        "CREATE TEMP TABLE mine AS SELECT 1".to_owned(),
        "CREATE MACRO mine() AS 1".to_owned(),
        "ALTER TABLE event RENAME TO mine".to_owned(),
        format!("COPY (SELECT 1) TO '{}'", target.display()),
        format!("EXPORT DATABASE '{}'", target.display()),
        format!("ATTACH '{}' AS mine", target.display()),
        "ATTACH ':memory:' AS mine".to_owned(),
        "DETACH headwater".to_owned(),
        "USE memory".to_owned(),
        "INSTALL httpfs".to_owned(),
        "LOAD httpfs".to_owned(),
        "PRAGMA threads=1".to_owned(),
        "PRAGMA database_list".to_owned(),
        "CHECKPOINT".to_owned(),
        "FORCE CHECKPOINT".to_owned(),
        "VACUUM".to_owned(),
        "ANALYZE".to_owned(),
        "CALL pragma_version()".to_owned(),
        "EXPLAIN ANALYZE DELETE FROM event".to_owned(),
        "SELECT * FROM read_csv('/etc/passwd')".to_owned(),
        "SELECT * FROM read_text('/etc/passwd')".to_owned(),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "SELECT * FROM glob('/*')".to_owned(),
        "PREPARE mine AS DELETE FROM event".to_owned(),
        "EXECUTE mine".to_owned(),
        "WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone".to_owned(),
        "SELECT 1 /* ; */; DELETE FROM event".to_owned(),
        "SELECT $$;$$; DROP VIEW event".to_owned(),
        "SELECT 'a\\'; DROP VIEW event; --'".to_owned(),
        "BEGIN; DELETE FROM event; COMMIT".to_owned(),
        "COMMIT; BEGIN; DROP VIEW event; COMMIT".to_owned(),
        "EXPLAIN SELECT 1; DROP VIEW event".to_owned(),
    ];
    let before = opened.fixture.events();
    opened.fixture.while_writing(|| {
        runtime().block_on(async {
            let client = connect(&opened.door).await;
            let settings = "SELECT list(value ORDER BY name) FROM duckdb_settings()";
            let kept = simple(&client, settings).await.unwrap();
            for sql in &hostile {
                assert!(simple(&client, sql).await.is_err(), "let through: {sql}");
                assert!(client.query(sql.as_str(), &[]).await.is_err(), "let through, prepared: {sql}");
            }
            for set in ["SET threads = 1", "SET GLOBAL enable_external_access = true", "RESET memory_limit"] {
                simple(&client, set).await.unwrap();
            }
            assert_eq!(simple(&client, settings).await.unwrap(), kept);
            assert_eq!(
                simple(&client, "SELECT 1 FROM duckdb_views() WHERE view_name = 'event'").await.unwrap()[0],
                "1"
            );
        });
    });
    assert!(!target.exists());
    assert!(opened.fixture.events() > before, "the writer went on");
}

#[test]
fn a_ping_is_answered_byte_for_byte() {
    let opened = open();
    let answer = raw(&opened.door, &[start(), message(b'Q', b"-- ping\0"), message(b'X', b"")].concat());
    assert_eq!(answer[..9], *b"R\0\0\0\x08\0\0\0\0", "no password asked");
    assert!(answer.ends_with(b"Z\0\0\0\x05II\0\0\0\x04Z\0\0\0\x05I"), "{answer:?}");
    let tls = raw(&opened.door, b"\0\0\0\x08\x04\xd2\x16\x2f");
    assert_eq!(tls, b"N");
}

#[test]
fn bytes_that_are_no_protocol_do_no_harm() {
    let opened = open();
    let seed = 7;
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..200 {
        let length = random.usize(0..600);
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        if round % 4 != 0 {
            // Behind a proper start, messages of real kinds and lengths with nonsense in them.
            let kinds = b"QPBDECHSFpdcfX";
            let kind = kinds[random.usize(..kinds.len())];
            bytes = [start(), message(kind, &bytes), message(b'S', b"")].concat();
        }
        let mut socket = TcpStream::connect(opened.door.address()).unwrap();
        let _ = socket.write_all(&bytes);
    }
    // Counts that would be gigabytes if they were believed.
    let huge = message(b'B', b"\0\0\0\0\x7f\xff\0\0\0\0");
    let portal =
        [message(b'P', b"\0SELECT 1\0\0\0"), message(b'B', b"\0\0\0\0\0\0\0\0"), message(b'E', b"\0\x80\0\0\0")];
    let long = [&start()[..], b"Q\x40\0\0\0"].concat();
    raw(&opened.door, &[start(), huge].concat());
    let rows = raw(&opened.door, &[start(), portal.concat(), message(b'S', b""), message(b'X', b"")].concat());
    assert!(rows.windows(8).any(|bytes| bytes == b"SELECT 1"), "{rows:?}");
    let refused = String::from_utf8_lossy(&raw(&opened.door, &long)).into_owned();
    assert!(refused.contains("message of 1073741824 bytes"), "{refused}");
    runtime().block_on(async {
        assert_eq!(simple(&connect(&opened.door).await, "SELECT 1").await.unwrap(), ["1", "= 1"]);
    });
}

#[test]
fn a_cancel_request_interrupts_the_question() {
    let opened = open();
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        let cancel = client.cancel_token();
        let begun = Instant::now();
        let (answer, ()) = tokio::join!(simple(&client, ENDLESS), async {
            // Without effect until the question runs.
            while begun.elapsed() < PATIENCE && opened.counters.get(Counter::QueriesFailed) == 0 {
                cancel.cancel_query(NoTls).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!(state(&answer.unwrap_err()), "57014");
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(simple(&client, "SELECT 1").await.unwrap(), ["1", "= 1"]);
    });
}

#[test]
fn questions_of_clients_that_hung_up_make_room() {
    let opened = open();
    let begun = Instant::now();
    for _ in 0..16 {
        let mut socket = TcpStream::connect(opened.door.address()).unwrap();
        socket.write_all(&[start(), message(b'Q', format!("{ENDLESS}\0").as_bytes())].concat()).unwrap();
        // Read until the session stands, so that the question is on its way.
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b"Z\0\0\0\x05I") {
            socket.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
    }
    runtime().block_on(async {
        assert_eq!(simple(&connect(&opened.door).await, "SELECT 1").await.unwrap(), ["1", "= 1"]);
    });
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn sessions_are_bounded_and_the_refusal_says_so() {
    let opened = open();
    runtime().block_on(async {
        let mut clients = Vec::new();
        let refused = loop {
            let url = format!("{}?user=test", opened.door.url());
            match tokio_postgres::connect(&url, NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    clients.push(client);
                }
                Err(error) => break error,
            }
            assert!(clients.len() < 1_000);
        };
        assert_eq!(state(&refused), "53300");
        assert_eq!(clients.len(), 32);
        assert_eq!(simple(&clients[0], "SELECT 1").await.unwrap(), ["1", "= 1"]);
    });
}

#[test]
fn a_cut_answer_says_so() {
    let opened = open();
    runtime().block_on(async {
        let url = format!("{}?user=test", opened.door.url());
        let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        let (notices, mut heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let Ok(AsyncMessage::Notice(notice)) = message {
                    notices.send(notice.message().to_owned()).unwrap();
                }
            }
        });
        let rows = client.query("SELECT 1 FROM range(1000001)", &[]).await.unwrap();
        assert_eq!(rows.len(), 1_000_000);
        let notice = heard.recv().await.unwrap();
        assert!(notice.contains("1000000"), "{notice}");
        // 500 MB of text: cut by its bytes.
        let rows = client.query("SELECT repeat('x', 100000) FROM range(5000)", &[]).await.unwrap();
        assert!((1..5_000).contains(&rows.len()), "{} rows", rows.len());
        assert!(heard.recv().await.unwrap().contains("cut"));
    });
}

#[test]
fn the_door_opens_on_this_machine_only() {
    let fixture = Fixture::new();
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Door::start(everywhere, fixture.readers(), Arc::default()).unwrap_err();
    assert!(matches!(refused, serve::Error::NotLoopback(address) if address == everywhere));
    let taken = std::net::TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap();
    let holder = std::net::TcpListener::bind(taken).unwrap();
    let refused = Door::start(taken, fixture.readers(), Arc::default()).unwrap_err();
    assert!(refused.to_string().contains("--serve"), "{refused}");
    drop(holder);
}

#[test]
fn a_stop_ends_questions_and_sessions() {
    let opened = open();
    let address = opened.door.address();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(&[start(), message(b'Q', format!("{ENDLESS}\0").as_bytes())].concat()).unwrap();
    let mut first = [0];
    socket.read_exact(&mut first).unwrap();
    let begun = Instant::now();
    opened.door.stop();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(TcpStream::connect(address).is_err());
    let mut rest = Vec::new();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = socket.read_to_end(&mut rest);
}

/// One of every type, NULL and the ends of ranges.
const EVERY_TYPE: &str = "SELECT * FROM (VALUES \
    (true, 1::INTEGER, 2::BIGINT, 3::HUGEINT, 0.5::DOUBLE, TIMESTAMP '2026-01-01 00:00:00.000001', 'text', ['a', NULL], DATE '2026-01-01'), \
    (false, -2147483648, -9223372036854775808, -170141183460469231731687303715884105728, '-inf'::DOUBLE, TIMESTAMP '0001-01-01', 'ü''\"\\', [], DATE '0001-01-01'), \
    (NULL, NULL, 9223372036854775807, 170141183460469231731687303715884105727, 1e-300, 'infinity'::TIMESTAMP, '', NULL, NULL)) \
    t(b, i, l, h, f, t, s, a, d)";

#[test]
fn door_and_file_give_the_same_table() {
    let opened = open();
    let through_door = Client::connect(&opened.door.url()).unwrap();
    let questions = [
        EVERY_TYPE.to_owned(),
        "SELECT * FROM event ORDER BY ref".to_owned(),
        "SELECT * FROM failure".to_owned(),
        "SELECT * FROM progress".to_owned(),
        "SELECT * FROM topic ORDER BY topic".to_owned(),
        "SELECT topic, count(*) AS n, sum(value_bytes) AS bytes, avg(value_bytes) AS mean FROM event GROUP BY ALL"
            .to_owned(),
        "SELECT [1, NULL] AS numbers, [[1]] AS nested".to_owned(),
        "SELECT 1 WHERE false".to_owned(),
        "-- a comment\nSELECT 'x' AS \"strange name\";".to_owned(),
    ];
    let asked: Vec<Table> = questions.iter().map(|sql| through_door.sql(sql).unwrap()).collect();
    assert_eq!(
        asked[0].columns.iter().map(|column| column.kind).collect::<Vec<_>>(),
        [
            ColumnType::Bool,
            ColumnType::Int,
            ColumnType::BigInt,
            ColumnType::HugeInt,
            ColumnType::Float,
            ColumnType::Time,
            ColumnType::Text,
            ColumnType::TextList,
            ColumnType::Text,
        ]
    );
    assert_eq!(asked[0].rows[1][3], Cell::Wide(i128::MIN));
    assert!(!asked[1].rows.is_empty());
    let reference = Cell::Int(EventRef::new(Ordinal(0), 1).0);
    let named: [(Query, Vec<Cell>); 8] = [
        (ask::CONVERSATION_SCOPE, vec![reference.clone()]),
        (ask::EFFECTS, vec![reference]),
        (ask::FAILURES, vec![Cell::Null, Cell::Null, Cell::Bool(false), Cell::Bool(false), Cell::Null, Cell::Null]),
        (ask::FAILURES, {
            let signature = Cell::Text("x".into());
            vec![Cell::Time(TIME.0), Cell::Null, Cell::Bool(true), Cell::Bool(true), signature, Cell::Time(TIME.0)]
        }),
        (ask::BLAST_OF, vec![Cell::Text("x".into())]),
        (ask::REDRIVE, vec![Cell::Null, Cell::Time(TIME.0)]),
        (ask::PARKED, vec![]),
        (ask::FIND_COORDINATES, vec![Cell::Text("orders".to_owned()), Cell::Int(0), Cell::Int(1)]),
    ];
    let answered: Vec<Table> = named.iter().map(|(query, values)| through_door.ask(query, values).unwrap()).collect();
    assert!(!answered[7].rows.is_empty());
    drop(through_door);
    let Opened { door, mut fixture, .. } = opened;
    door.stop();
    let file = Client::open(&fixture.close()).unwrap();
    for ((query, values), table) in named.iter().zip(answered) {
        assert_eq!(file.ask(query, values).unwrap(), table, "{}", query.name);
    }
    for (sql, table) in questions.iter().zip(asked) {
        assert_eq!(file.sql(sql).unwrap(), table, "{sql}");
    }
}

#[test]
fn what_a_client_cannot_find_is_said_with_the_next_step() {
    let folder = std::env::temp_dir().join(format!("headwater-door-find-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let database = folder.join("headwater.duckdb");
    let silent = std::net::TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap();
    let url = format!("postgres://{silent}/headwater");
    let said = Client::connect(&url).unwrap_err().to_string();
    assert!(said.contains(&format!("no tap answers at {url}")) && said.ends_with("`--db FILE`"), "{said}");
    assert!(matches!(Client::connect("postgres://"), Err(client::Error::Url { .. })));
    assert!(matches!(Client::connect("http:/x"), Err(client::Error::Url { .. })));
    let said = Client::find(Some(&url), Some(&database)).unwrap_err().to_string();
    assert!(said.contains("no database at ") && said.ends_with("--db"), "the file goes first: {said}");
    // No process has this number: Linux ends at 2^22.
    let run = run_file::RunFile { url: url.clone(), password: None, pid: u32::MAX, database: database.clone() };
    run_file::write(&run).unwrap();
    let said = Client::find_beside(&database).unwrap_err().to_string();
    assert!(said.contains("headwater.run names a tap") && said.contains("has ended"), "{said}");
    std::fs::write(run_file::path(&database), b"{").unwrap();
    assert!(matches!(Client::find_beside(&database), Err(client::Error::RunFile { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_file_leads_to_the_running_tap() {
    let opened = open();
    let database = opened.fixture.path();
    let run = run_file::RunFile {
        url: opened.door.url(),
        password: None,
        pid: std::process::id(),
        database: database.clone(),
    };
    run_file::write(&run).unwrap();
    let client = Client::find_beside(&database).unwrap();
    assert_eq!(client.sql("SELECT 1::INTEGER AS one").unwrap().rows, [[Cell::Int(1)]]);
    drop(client);
    run_file::remove(&database, std::process::id()).unwrap();
}

#[test]
fn psql_lists_and_describes_the_views() {
    if Command::new("psql").arg("--version").output().is_err() {
        // Not by a macro: the test runner would keep what a passing test prints to itself.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"not run: psql is not installed\n");
        return;
    }
    let opened = open();
    let psql = |command: &str| {
        let output = Command::new("psql").args(["-X", "-q", &opened.door.url(), "-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for list in ["\\dt", "\\dv", "\\d", "\\dt ev*"] {
        assert!(psql(list).contains("main   | event"), "{list}: {}", psql(list));
    }
    assert!(!psql("\\d").contains("any_event"), "what is private is not listed");
    for (command, line) in [
        ("\\l", "headwater | headwater"),
        ("\\l+", "headwater | headwater"),
        ("\\dn", "main | headwater"),
        ("\\df", "totals"),
        ("\\df tot*", "totals"),
        ("\\du", "headwater"),
        ("\\du+", "headwater"),
        ("\\di", ""),
        ("\\ds", ""),
        ("\\dm", ""),
        ("\\dT", "(0 rows)"),
        ("\\dx", "(0 rows)"),
        ("\\dp", "(0 rows)"),
        ("\\db", "(0 rows)"),
        ("\\dD", "(0 rows)"),
    ] {
        let listed = psql(command);
        assert!(listed.contains(line), "{command}: {listed}");
    }
    assert!(!psql("\\df tot*").contains("find_key"), "the pattern counts");
    let described = psql("\\d event");
    assert!(described.contains("View \"main.event\""), "{described}");
    assert!(described.lines().any(|line| line.contains("offset") && line.contains("BIGINT")), "{described}");
    let at_length = psql("\\d+ event");
    assert!(at_length.contains("Description") && at_length.contains("View definition"), "{at_length}");
    assert!(psql("SELECT count(*) AS n FROM event").contains("(1 row)"));
    assert!(psql("\\conninfo").contains("headwater"));
}

/// What Grafana's query builder asks whether a schema is on the search path with.
const IN_SEARCH_PATH: &str = "quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )";

/// As Grafana's PostgreSQL data source writes them: save and test, the configuration page, the query builder.
#[test]
fn grafana_is_answered_what_it_asks_about_the_database() {
    let search_path = IN_SEARCH_PATH;
    let tables = format!(
        "SELECT
    CASE WHEN {search_path}
      THEN quote_ident(table_name)
      ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
    END AS \"table\"
    FROM information_schema.tables
    WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache')
    ORDER BY CASE WHEN {search_path} THEN 0 ELSE 1 END, 1"
    );
    let of_schema = |schema: &str| {
        format!(
            "SELECT quote_ident(table_name) AS \"table\"
      FROM information_schema.tables
      WHERE quote_ident(table_schema) = '{schema}'
      ORDER BY 1"
        )
    };
    let columns = |table: &str| {
        format!(
            "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('{table}'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('{table}'))[1]
          AND quote_ident(table_name) = (parse_ident('{table}'))[2]
        ELSE quote_ident(table_name) = '{table}'
          AND {search_path}
      END"
        )
    };
    let tail = " /*action='explore',datasource='headwater'*/";
    let opened = open();
    runtime().block_on(async {
        let client = connect(&opened.door).await;
        let ask = async |sql: String| simple(&client, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let version = "SELECT current_setting('server_version_num')::int/100 as version";
        assert_eq!(ask(version.to_owned()).await, ["1500", "= 1"]);
        let timescaledb = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'";
        assert_eq!(ask(timescaledb.to_owned()).await, ["= 0"]);
        let schemas = "SELECT schema_name AS \"name\"\n FROM information_schema.schemata\n WHERE schema_name NOT IN \
                       ('information_schema', 'pg_catalog', '_timescaledb_cache')\n ORDER BY schema_name";
        assert_eq!(ask(schemas.to_owned()).await, ["main", "= 1"]);
        for sql in [tables.clone(), of_schema("main"), format!("{tables}{tail}"), format!("{tables};")] {
            let listed = ask(sql).await;
            assert!(
                ["event", "minute", "failure"].iter().all(|view| listed.contains(&(*view).to_owned())),
                "{listed:?}"
            );
            assert!(!listed.iter().any(|name| name == "any_event" || name == "event_row"), "{listed:?}");
        }
        assert_eq!(ask(of_schema("other")).await, ["= 0"]);
        for table in ["event", "main.event"] {
            let described = ask(columns(table)).await;
            for column in ["seen_time|timestamp without time zone", "\"offset\"|bigint", "topic|text"] {
                assert!(described.contains(&column.to_owned()), "{described:?}");
            }
        }
        assert_eq!(ask(columns("it''s")).await, ["= 0"]);
        let both = format!("SET TIMEZONE TO 'UTC'; SELECT 42{tail};");
        assert_eq!(ask(both).await, ["= 0", "42", "= 1"]);
    });
}

/// What drivers of Java and Go send that leave types open: text and binary, described before or not.
#[test]
fn open_parameters_come_as_text_or_binary() {
    let opened = open();
    let ask = |sql: &str, binary: bool, value: &[u8]| {
        let bind =
            [&[0, 0][..], &[0, 1, 0, u8::from(binary)], &[0, 1], &(value.len() as u32).to_be_bytes(), value, &[0, 0]]
                .concat();
        let parse = [b"\0", sql.as_bytes(), b"\0\0\0"].concat();
        let messages = [
            message(b'P', &parse),
            message(b'B', &bind),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
            message(b'X', b""),
        ];
        String::from_utf8_lossy(&raw(&opened.door, &[start(), messages.concat()].concat())).into_owned()
    };
    let below = "SELECT count(*) FROM range(10) t(n) WHERE n < $1";
    let at = "SELECT count(*) FROM event WHERE seen_time >= $1";
    let micros_since_2000 = (TIME.0 - 946_684_800_000_000).to_be_bytes();
    for (sql, binary, value, count) in [
        (below, false, &b"7"[..], "7"),
        (below, true, &7_i64.to_be_bytes(), "7"),
        (at, false, b"2026-01-01 00:00:00", "3"),
        (at, false, b"2026-01-01 00:00:01", "0"),
        (at, true, &micros_since_2000, "3"),
        ("SELECT count(*) FROM event WHERE topic = $1", true, b"orders", "3"),
    ] {
        let answer = ask(sql, binary, value);
        assert!(
            answer.contains(&format!("\0\x01\0\0\0\x01{count}")) && answer.contains("SELECT 1"),
            "{sql}: {answer:?}"
        );
    }
    assert!(ask(below, false, b"7' OR true").contains("22P02"), "a value is a value");
    assert!(ask(below, true, b"7").contains("22P02"), "binary of the wrong length");
}
