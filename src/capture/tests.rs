//! What a capture says, line by line, and that writing and reading lose nothing.

use super::*;
use crate::event::Header;
use proptest::prelude::*;

/// All lines of a capture as they would be written again, and its summary.
fn lines(input: &[u8]) -> (Vec<String>, Summary) {
    let mut seen = Vec::new();
    let summary = read("test.ndjson", input, &mut |line| {
        let mut out = Vec::new();
        write(&mut out, &line).unwrap();
        seen.push(String::from_utf8_lossy(&out).trim_end().to_owned());
    });
    (seen, summary.unwrap())
}

fn only(input: &[u8]) -> String {
    let (mut seen, summary) = lines(input);
    assert_eq!((seen.len(), summary.unread_lines), (1, vec![]));
    seen.remove(0)
}

fn reasons(input: &[u8]) -> Vec<String> {
    let (seen, summary) = lines(input);
    assert_eq!(seen, [""; 0]);
    assert_eq!(summary.unread, summary.unread_lines.len() as u64);
    summary.unread_lines.iter().map(Unread::to_string).collect()
}

#[test]
fn a_record_as_kcat_prints_it() {
    let line = br#"{"topic":"orders","partition":2,"offset":7,"tstype":"create","ts":99,"broker":0,
        "headers":["a","1","a",null],"key":"k","payload":"{\"x\":1}","captured_ms":101}"#;
    let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
    assert_eq!(
        only(&line),
        r#"{"topic":"orders","partition":2,"offset":7,"ts":99,"headers":["a","1","a",null],"key":"k","payload":"{\"x\":1}","captured_ms":101}"#
    );
    assert_eq!(
        only(br#"{"topic":"t","partition":0,"offset":0}"#),
        r#"{"topic":"t","partition":0,"offset":0,"ts":-1,"key":null,"payload":null,"captured_ms":-1}"#
    );
}

#[test]
fn base64_wins_and_binary_comes_through() {
    let line = br#"{"topic":"t","partition":0,"offset":0,"ts":1,"headers":["n","x"],"headers_b64":["n","AAAAAg=="],
        "key":"wrong","key_b64":"/w==","payload":null,"payload_b64":""}"#;
    let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
    let mut seen = 0;
    read("t", &line[..], &mut |line| {
        let Line::Record(captured) = line else { panic!("a record") };
        assert_eq!(captured.record.headers, [Header { name: b"n", value: Some(&[0, 0, 0, 2]) }]);
        assert_eq!((captured.record.key, captured.record.value), (Some(&[0xff][..]), Some(&b""[..])));
        seen += 1;
    })
    .unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_line_with_raw_bytes_is_latin_1() {
    let mut line = br#"{"topic":"t","partition":0,"offset":0,"headers":["n","\u0000"#.to_vec();
    line.extend([0xfe, 0xc3, 0xa9]);
    line.extend(br#""],"payload":"gr"#);
    line.extend("ün".as_bytes());
    line.extend(br#""}"#);
    read("t", &line[..], &mut |line| {
        let Line::Record(captured) = line else { panic!("a record") };
        assert_eq!(captured.record.headers[0].value, Some(&[0, 0xfe, 0xc3, 0xa9][..]));
        assert_eq!(captured.record.value, Some("grün".as_bytes()));
    })
    .unwrap();
}

#[test]
fn markers_commits_and_ends() {
    for line in [
        r#"{"marker":{"producer":{"id":5,"epoch":1,"transactional":true},"topic":"t","partition":0,"offset":9,"commit":false}}"#,
        r#"{"commit":{"group":"g","topic":"t","partition":0,"offset":10,"ts":5}}"#,
        r#"{"commit":{"group":"g","topic":"t","partition":0,"offset":10,"metadata_b64":"YmdBQkFBRT0=","ts":5}}"#,
        r#"{"commit":{"group":"g","topic":"t","partition":0,"offset":null}}"#,
        r#"{"end":{"topic":"t","partition":0,"start":1,"end":12,"ts":5}}"#,
        r#"{"topic":"t","partition":0,"offset":0,"ts":1,"key":null,"payload":null,"producer":{"id":5,"epoch":0,"sequence":3,"transactional":false},"captured_ms":1,"aborted":true}"#,
    ] {
        assert_eq!(only(line.as_bytes()), line);
    }
    let by_id = br#"{"marker":{"producer":5,"topic":"t","partition":0,"offset":9,"commit":true}}"#;
    assert!(only(by_id).contains(r#""producer":{"id":5,"epoch":0,"transactional":true}"#));
}

#[test]
fn a_commit_of_numbers_that_no_log_has_is_not_read() {
    for (member, reason) in [
        (r#""offset":-1"#, "offset is out of range"),
        (r#""offset":9223372036854775807"#, "offset is out of range"),
        (r#""offset":1,"ts":-5"#, "ts is out of range"),
        (r#""offset":1,"metadata_b64":"?""#, "metadata_b64 is no base64"),
        (r#""offset":1.5"#, "invalid type"),
    ] {
        let line = format!(r#"{{"commit":{{"group":"g","topic":"t","partition":0,{member}}}}}"#);
        let (seen, summary) = lines(line.as_bytes());
        assert!(seen.is_empty() && summary.unread_lines[0].reason.to_string().contains(reason), "{summary:?}");
    }
    let negative = r#"{"commit":{"group":"g","topic":"t","partition":-1,"offset":1}}"#;
    assert_eq!(lines(negative.as_bytes()).1.unread, 1);
}

#[test]
fn a_bad_line_is_named_and_reading_goes_on() {
    let input = b"\n{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"ts\":1}\n\nnot json\n{\"commit\":{\"group\":\"g\",\"topic\":\"t\",\"partition\":0,\"offset\":1}}";
    let (seen, summary) = lines(input);
    assert_eq!(seen.len(), 2);
    assert_eq!((summary.lines, summary.records, summary.others, summary.unread), (5, 1, 1, 1));
    assert_eq!(summary.unread_lines[0].to_string(), "test.ndjson:4: expected ident, column 2");
    assert!(!summary.knows_aborts);
}

#[test]
fn every_reason_is_told() {
    for (line, expected) in [
        ("{}", "no topic"),
        (r#"{"topic":"t"}"#, "no partition"),
        (r#"{"topic":"t","partition":0}"#, "no offset"),
        (r#"{"topic":"t","partition":-1,"offset":0}"#, "partition is out of range"),
        (r#"{"topic":"t","partition":0,"offset":0,"headers":["a"]}"#, "headers are not names and values in turn"),
        (r#"{"topic":"t","partition":0,"offset":0,"headers":[null,"a"]}"#, "headers are not names and values in turn"),
        (r#"{"topic":"t","partition":0,"offset":0,"key_b64":"?"}"#, "key_b64 is no base64"),
        (r#"{"topic":"t","partition":0,"offset":0,"headers_b64":["a","?"]}"#, "headers_b64 is no base64"),
        ("[1]", "expected"),
        (r#"{"topic":"\ud800","partition":0,"offset":0}"#, "column"),
    ] {
        let reasons = reasons(line.as_bytes());
        assert!(reasons.len() == 1 && reasons[0].contains(expected), "{line}: {reasons:?}");
    }
    let hostile = format!("{{\"topic\":\"t\",\"partition\":\"\\u001b[31m{}\"}}", "x".repeat(10_000));
    let reasons = reasons(hostile.as_bytes());
    assert!(reasons[0].len() < 400 && !reasons[0].contains('\u{1b}'), "{reasons:?}");
}

#[test]
fn a_line_too_long_is_unread_and_the_next_one_is_read() {
    let mut input = vec![b'x'; MAX_LINE_BYTES + 1];
    input.extend(b"\n{\"topic\":\"t\",\"partition\":0,\"offset\":0}\n");
    let (seen, summary) = lines(&input);
    assert_eq!((seen.len(), summary.unread, summary.lines), (1, 1, 2));
    assert_eq!(summary.unread_lines[0].reason, Reason::TooLong);
}

#[test]
fn unread_lines_are_named_up_to_a_bound() {
    let (_, summary) = lines("x\n".repeat(MAX_UNREAD_NAMED + 50).as_bytes());
    assert_eq!((summary.unread, summary.unread_lines.len()), (MAX_UNREAD_NAMED as u64 + 50, MAX_UNREAD_NAMED));
}

#[test]
fn a_broken_input_says_what_to_check() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk gone"))
        }
    }
    let error = read("f.ndjson", io::BufReader::new(Broken), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("f.ndjson after line 0: disk gone; check"), "{error}");
}

#[derive(Debug, Clone)]
struct Any {
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    producer: Option<(u32, i16, bool, Option<i32>)>,
    times: (i64, i64),
    aborted: Option<bool>,
}

fn any_record() -> impl Strategy<Value = Any> {
    let bytes = || prop_oneof![any::<Vec<u8>>(), ".*".prop_map(String::into_bytes)];
    let option = move || proptest::option::of(bytes());
    let times = (-1i64..=1 << 50, 0i64..=1 << 50);
    (
        proptest::collection::vec((bytes(), option()), 0..5),
        option(),
        option(),
        any::<Option<(u32, i16, bool, Option<i32>)>>(),
        times,
        any::<Option<bool>>(),
    )
        .prop_map(|(headers, key, value, producer, times, aborted)| Any {
            headers,
            key,
            value,
            producer,
            times,
            aborted,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in any_record()) {
        let headers: Vec<Header<'_>> =
            record.headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let captured = Line::Record(CapturedRecord {
            topic: "orders",
            partition: 3,
            record: Record {
                offset: 1 << 40,
                timestamp_ms: record.times.0,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            },
            producer: record.producer.map(|(id, epoch, transactional, _)| Producer { id: id.into(), epoch, transactional }),
            sequence: record.producer.and_then(|(.., sequence)| sequence),
            seen: Timestamp::from_millis(record.times.1),
            aborted: record.aborted,
        });
        let mut out = Vec::new();
        write(&mut out, &captured).unwrap();
        let mut seen = 0;
        let summary = read("t", &out[..], &mut |line| {
            assert_eq!(line, captured);
            seen += 1;
        });
        prop_assert_eq!((seen, summary.unwrap().unread), (1, 0));
    }
}
