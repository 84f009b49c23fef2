use super::*;
use crate::decode::{Framed, SchemaKind};
use crate::event::Secret;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// A registry that knows what it was told, and counts what it is asked.
struct Stub {
    address: String,
    asked: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

impl Stub {
    fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, breaks) = (asked.clone(), broken.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counted, breaks) = (counted.clone(), breaks.clone());
                std::thread::spawn(move || answer(&stream, answers, (&counted, &breaks)));
            }
        });
        Self { address, asked, broken }
    }

    fn registry(&self, more: &[(&str, &str)]) -> (Registry, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let settings = settings(&[&[("schema.registry.url", self.address.as_str())], more].concat());
        (Registry::start(&settings, counters.clone()).unwrap().unwrap(), counters)
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

fn answer(stream: &TcpStream, answers: &[(&str, &str)], (asked, broken): (&AtomicUsize, &AtomicBool)) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut stream = stream;
    while let Some(request) = lines.next() {
        let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        assert!(request.starts_with("GET "), "{request}");
        asked.fetch_add(1, SeqCst);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let denied =
            path.contains("/secret") && !headers.iter().any(|h| h.eq_ignore_ascii_case("authorization: Basic dTpw"));
        let found = answers.iter().find(|(known, _)| *known == path);
        let (status, body) = match found {
            _ if broken.load(SeqCst) => ("503 Service Unavailable", ""),
            _ if denied => ("401 Unauthorized", ""),
            Some((_, body)) => ("200 OK", *body),
            None => ("404 Not Found", "{\"error_code\":40403}"),
        };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn settings(pairs: &[(&str, &str)]) -> ClientProperties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
}

const ANSWERS: &[(&str, &str)] = &[
    ("/schemas/ids/1", r#"{"schema":"\"string\"","references":[]}"#),
    ("/schemas/ids/2", r#"{"schema":"{\"type\":\"object\"}","schemaType":"JSON"}"#),
    ("/schemas/ids/3", r#"{"schema":"{\"type\":\"rec"}"#),
    (
        "/schemas/ids/4",
        r#"{"schema":"syntax=\"proto3\"; import \"a b.proto\"; message M { A a = 1; }","schemaType":"PROTOBUF",
            "references":[{"name":"a b.proto","subject":"a b/c","version":3}]}"#,
    ),
    ("/subjects/a%20b%2Fc/versions/3", r#"{"schema":"syntax=\"proto3\"; message A { string x = 1; }","id":9}"#),
    ("/schemas/ids/5", r#"{"schema":"x","schemaType":"COBOL"}"#),
    ("/schemas/guids/00000000-0000-0000-0000-0000000000ff", r#"{"schema":"\"long\""}"#),
    ("/subjects", r#"["a b/c","gone"]"#),
    ("/subjects/a%20b%2Fc/versions/latest", r#"{"schema":"\"long\"","id":9}"#),
    ("/secret/schemas/ids/1", r#"{"schema":"\"string\""}"#),
];

#[test]
fn a_schema_is_asked_for_once_with_what_it_refers_to() {
    let stub = Stub::start(ANSWERS);
    let (registry, counters) = stub.registry(&[]);
    for _ in 0..3 {
        assert_eq!(registry.get(SchemaId::Number(1)).unwrap().kind(), SchemaKind::Avro);
        assert_eq!(registry.get(SchemaId::Number(2)).unwrap().kind(), SchemaKind::Json);
        assert_eq!(registry.get(SchemaId::Guid(255_u128.to_be_bytes())).unwrap().kind(), SchemaKind::Avro);
    }
    assert_eq!(stub.asked(), 3);
    let schema = registry.get(SchemaId::Number(4)).unwrap();
    let mut text = Vec::new();
    let body = [0, 0, 0, 0, 4, 0, 0x0a, 3, 0x0a, 1, b'x'];
    assert_eq!(schema.to_json(&Framed::by_prefix(&body).unwrap(), &mut text), Ok(Some("M")));
    assert_eq!(text, br#"{"a":{"x":"x"}}"#);
    assert_eq!((stub.asked(), counters.get(Counter::SchemasFetched)), (5, 4));
}

#[test]
fn what_there_is_not_is_remembered_and_counted() {
    let stub = Stub::start(ANSWERS);
    let (registry, counters) = stub.registry(&[]);
    for _ in 0..3 {
        for id in [3, 5, 77] {
            assert!(registry.get(SchemaId::Number(id)).is_none());
        }
    }
    assert_eq!((stub.asked(), counters.get(Counter::SchemasRefused)), (3, 3));
    // A topic of random bytes: nobody is asked about each of them.
    for id in 1_000..1_000 + 2 * MAX_OPEN as u32 {
        assert!(registry.get(SchemaId::Number(id)).is_none());
    }
    assert_eq!(stub.asked(), MAX_OPEN);
    assert!(registry.get(SchemaId::Number(3)).is_none());
}

#[test]
fn a_registry_that_is_away_is_not_waited_for_and_is_found_when_it_is_back() {
    let stub = Stub::start(ANSWERS);
    let (registry, counters) = stub.registry(&[]);
    stub.broken.store(true, SeqCst);
    let begun = clock::now();
    for id in 0..100 {
        assert!(registry.get(SchemaId::Number(id)).is_none());
    }
    assert!(begun.elapsed() < WAIT, "one question, and no waiting for the others: {:?}", begun.elapsed());
    assert_eq!((stub.asked(), counters.get(Counter::RegistryFailures)), (1, 1));
    stub.broken.store(false, SeqCst);
    let back = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        registry.get(SchemaId::Number(1)).is_some()
    });
    assert!(back, "asked {} times", stub.asked());
}

#[test]
fn a_silent_registry_holds_a_reader_up_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let registry = Registry::start(&settings(&[("schema.registry.url", &url)]), Arc::default()).unwrap().unwrap();
    let begun = clock::now();
    for _ in 0..1_000 {
        assert!(registry.get(SchemaId::Number(1)).is_none());
    }
    let waited = begun.elapsed();
    assert!(waited >= WAIT && waited < 2 * WAIT, "{waited:?}");
}

#[test]
fn the_next_address_answers_where_one_does_not_and_a_login_is_sent() {
    let stub = Stub::start(ANSWERS);
    let urls = format!("http://127.0.0.1:1,{}/secret", stub.address);
    let (registry, _) = stub.registry(&[("schema.registry.url", &urls), ("basic.auth.user.info", "u:p")]);
    assert!(registry.get(SchemaId::Number(1)).is_some());
    let (registry, counters) = stub.registry(&[("schema.registry.url", &urls)]);
    assert!(registry.get(SchemaId::Number(1)).is_none());
    assert_eq!(counters.get(Counter::RegistryFailures), 1, "a closed door is as good as none");
}

#[test]
fn the_check_looks_at_the_newest_schemas() {
    let stub = Stub::start(ANSWERS);
    let answer = check(&settings(&[("schema.registry.url", &stub.address)])).unwrap().unwrap();
    assert_eq!((answer.subjects, answer.looked_at, answer.usable), (2, 2, 1));
    assert_eq!(answer.trouble.as_deref(), Some("gone: it has no version"));
    assert!(check(&ClientProperties::default()).unwrap().is_none());
    let said = check(&settings(&[("schema.registry.url", "http://127.0.0.1:1")])).unwrap_err().to_string();
    assert!(said.contains("http://127.0.0.1:1: it does not answer"), "{said}");
}
