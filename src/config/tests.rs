use super::file::from_file;
use super::*;
use crate::event::Secret;

fn typed() -> Words {
    Words { brokers: Some(vec!["a:9092".into()]), ..Words::default() }
}

fn file(text: &str, cluster: Option<&str>) -> Result<Words, ConfigError> {
    from_file(Path::new("headwater.toml"), text, cluster)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn what_is_typed_wins_over_the_file_and_the_file_over_the_defaults() {
    let written = file(
        "db = 'x.duckdb'\nsample-interval = '2s'\n[[cluster]]\nname = 'prod'\nbrokers = ['f:1']\nfrom = 'latest'\n",
        None,
    )
    .unwrap();
    assert_eq!(reach(&typed(), &written).unwrap().brokers, ["a:9092"]);
    assert_eq!(reach(&Words::default(), &written).unwrap().brokers, ["f:1"]);
    let words = over(Words { from: Some("15m".into()), ..typed() }, written);
    assert_eq!(words.from.as_deref(), Some("15m"));
    assert_eq!(words.cluster.as_deref(), Some("prod"));
    assert_eq!(words.db, Some(PathBuf::from("x.duckdb")));
    assert_eq!(words.sample_interval.as_deref(), Some("2s"));
    assert_eq!(words.commit_interval, None);
}

#[test]
fn every_default_that_was_used_is_named() {
    let dir = std::env::temp_dir().join(format!("headwater-config-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("c.toml");
    std::fs::write(&path, "[[cluster]]\nname = 'prod'\nbrokers = ['b:9092', 'c:9092']\n").unwrap();
    let resolved = tap(Words { from: Some("latest".into()), ..Words::default() }, Some(&path)).unwrap();
    let names: Vec<_> = resolved.defaults.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[..5], ["db", "serve", "metrics", "sample-interval", "commit-interval"]);
    let rest = |name: &&str| name.starts_with("retention.") || *name == "memory";
    assert!(names.len() > 6 && names[5..].iter().all(rest), "{names:?}");
    assert_eq!(resolved.config.brokers, ["b:9092", "c:9092"]);
    assert_eq!(resolved.config.sample_interval, Duration::from_secs(5));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(refusal(tap(typed(), Some(&path))).contains("name another file with --config"));
}

#[test]
fn a_file_is_refused_with_its_line() {
    let reason = refusal(file("db = 'x'\n\nbroker = 'a:1'\n", None));
    assert!(reason.contains("line 3") && reason.contains("unknown field `broker`"), "{reason}");
}

#[test]
fn one_of_several_clusters_has_to_be_chosen() {
    let two = "[[cluster]]\nname = 'eu'\nbrokers = ['e:1']\n[[cluster]]\nname = 'us'\nbrokers = ['u:1']\n";
    assert!(refusal(file(two, None)).contains("eu, us; choose one with --cluster"));
    assert!(refusal(file(two, Some("asia"))).contains("eu, us"));
    assert_eq!(file(two, Some("us")).unwrap().brokers, Some(vec!["u:1".to_owned()]));
    let unnamed = file("[[cluster]]\nbrokers = ['e:1']\n", Some("eu")).unwrap();
    assert_eq!(unnamed.brokers, Some(vec!["e:1".to_owned()]));
}

#[test]
fn a_file_with_several_clusters_is_one_tap_on_all_of_them() {
    let dir = std::env::temp_dir().join(format!("headwater-clusters-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("c.toml");
    let write = |text: &str| std::fs::write(&path, format!("db = 'x'\n{text}")).unwrap();
    write("[[cluster]]\nname='eu'\nbrokers=['e:1']\n[[cluster]]\nname='us'\nbrokers=['u:1']\nclient='librdkafka'\n");
    let both = tap(Words::default(), Some(&path)).unwrap().config;
    assert_eq!((both.cluster.as_str(), both.client, both.also.len()), ("eu", Client::Native, 1));
    let us = &both.also[0];
    assert_eq!((us.cluster.as_str(), us.client, &us.db), ("us", Client::Librdkafka, &both.db));
    assert_eq!(us.brokers, ["u:1"]);
    let one = tap(Words { cluster: Some("us".into()), ..Words::default() }, Some(&path)).unwrap().config;
    assert_eq!((one.cluster.as_str(), one.also.len()), ("us", 0));
    write("[[cluster]]\nname='eu'\nbrokers=['e:1']\n[[cluster]]\nname='eu'\nbrokers=['u:1']\n");
    assert!(refusal(tap(Words::default(), Some(&path))).contains("the same name"));
    write("[[cluster]]\nname='eu'\nbrokers=['e:1']\n[[cluster]]\nbrokers=['u:1']\n");
    assert!(refusal(tap(Words::default(), Some(&path))).contains("has no name"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn brokers_are_hosts_with_ports() {
    let list = |text: &str| brokers(vec![text.to_owned()]);
    assert_eq!(list("a:1, b:2,[::1]:9092").unwrap(), ["a:1", "b:2", "[::1]:9092"]);
    for bad in ["a", "a:0", "a:70000", ":9092", "::1:9092", "a:x"] {
        assert!(list(bad).is_err(), "{bad}");
    }
    assert!(matches!(list(" , "), Err(ConfigError::NoBrokers)));
}

#[test]
fn from_is_a_word_a_duration_or_a_time() {
    assert_eq!(from("earliest").unwrap(), From::Earliest);
    assert_eq!(from("latest").unwrap(), From::Latest);
    assert_eq!(from("1h30m").unwrap(), From::Ago(Duration::from_secs(5400)));
    assert_eq!(from("1970-01-01T00:00:01Z").unwrap(), From::Time(Timestamp(1_000_000)));
    assert_eq!(from("1970-01-01T01:00:00+01:00").unwrap(), From::Time(Timestamp(0)));
    for bad in ["", "yesterday", "1", "1w", "-1h", "2026-13-01T00:00:00Z"] {
        assert!(from(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_pattern_matches_whole_names() {
    let orders = pattern("topics", "orders|pay.*").unwrap();
    assert!(orders.is_match("orders") && orders.is_match("payments"));
    assert!(!orders.is_match("orders-retry"));
    let reason = refusal(pattern("topics", "orders("));
    assert!(reason.contains("unclosed group"), "{reason}");
}

#[test]
fn a_read_rate_carries_a_unit() {
    assert_eq!(max_read("500k").unwrap(), 500_000);
    assert_eq!(max_read("20M").unwrap(), 20_000_000);
    assert_eq!(max_read("20 MB/s").unwrap(), 20_000_000);
    assert_eq!(max_read("1000000").unwrap(), 1_000_000);
    for bad in ["", "fast", "1k", "-5M", "99999999999999999999G", "18446744073709551615k"] {
        assert!(max_read(bad).is_err(), "{bad}");
    }
}

#[test]
fn addresses_have_a_port_or_are_off() {
    assert_eq!(listen("serve", "localhost:0").unwrap(), Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(listen("serve", "0.0.0.0:5439").unwrap(), Some("0.0.0.0:5439".parse().unwrap()));
    assert_eq!(listen("metrics", "off").unwrap(), None);
    assert!(refusal(listen("metrics", "9439")).contains("metrics `9439`"));
}

#[test]
fn certificate_and_key_come_together() {
    let (one, other) = (Some(PathBuf::from("a.pem")), Some(PathBuf::from("b.pem")));
    assert_eq!(serve_tls(None, None).unwrap(), None);
    assert!(serve_tls(one.clone(), other.clone()).unwrap().is_some());
    assert!(refusal(serve_tls(one, None)).contains("serve-tls-cert `a.pem`"));
    assert!(refusal(serve_tls(None, other)).contains("belong together"));
}

#[test]
fn intervals_are_bounded() {
    assert_eq!(sample_interval("500ms").unwrap(), Duration::from_millis(500));
    assert!(refusal(sample_interval("1ms")).contains("shorter than 100ms"));
    assert!(refusal(commit_interval("1h")).contains("longer than 60s"));
    assert!(commit_interval("soon").is_err());
}

#[test]
fn names_of_clusters_are_plain() {
    assert!(cluster_name("prod-eu_1.a".into()).is_ok());
    for bad in ["", "a/b", "a b", "a\u{1b}[31m", &"x".repeat(250)] {
        assert!(cluster_name(bad.into()).is_err(), "{bad:?}");
    }
}

#[test]
fn durations_never_overflow() {
    assert_eq!(duration("99999999999999999999d"), None);
    assert_eq!(duration("18446744073709551615d"), None);
    assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
    assert_eq!(duration("1 h"), None);
}

#[test]
fn since_is_a_duration_back_or_a_time() {
    let now = Timestamp(10_000_000_000);
    assert_eq!(since("1h", now).unwrap(), Timestamp(10_000_000_000 - 3_600_000_000));
    assert_eq!(since("1970-01-01T00:00:02Z", now).unwrap(), Timestamp(2_000_000));
    assert_eq!(since("1970-01-02", now).unwrap(), Timestamp(86_400_000_000));
    assert_eq!(since("1970-01-02T00:01", now).unwrap(), Timestamp(86_460_000_000));
    assert!(refusal(since("earliest", now)).contains("since `earliest`"));
    assert!(refusal(when("until", "1970-02-30", now)).contains("until `1970-02-30`"));
}

#[test]
fn business_flows_are_read_and_their_mistakes_are_named() {
    let flow = |name: &str, within: &str| {
        format!("[[business_flow]]\nname = '{name}'\nstarted_by = 'a'\ncompleted_by = 'b'\nwithin = '{within}'\n")
    };
    let read = |text: &str| business_flows(file(text, None)?.business_flows);
    let flows = read(&format!("{}{}", flow("orders", "30m"), flow("parcels", "1d"))).unwrap();
    let expected = |name: &str, within_ms| BusinessFlow {
        name: name.into(),
        started_by: "a".into(),
        completed_by: "b".into(),
        within_ms,
    };
    assert_eq!(flows, [expected("orders", 1_800_000), expected("parcels", 86_400_000)]);
    for (text, reason) in [
        (flow("orders", "soon"), "within `soon` is not understood: it is not a duration"),
        (flow("orders", "0s"), "everything would be stuck at once"),
        (flow("orders", "1000d"), "it is longer than a year"),
        (flow(" ", "1h"), "business_flow name ` ` is not understood: it is empty"),
        (flow("orders", "1h").repeat(2), "it stands twice"),
        (flow("orders", "1h").replace("'a'", "''"), "started_by `` is not understood: it is empty"),
        (flow("orders", "1h").replace("within", "inside"), "line 5: unknown field `inside`"),
        (flow("orders", "1h").repeat(101), "there are too many; give at most 100"),
    ] {
        let refused = refusal(read(&text));
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn the_file_of_a_client_gives_what_nobody_said_closer_by() {
    let dir = std::env::temp_dir().join(format!("headwater-client-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("client.properties");
    std::fs::write(&path, "bootstrap.servers=c:1\nsasl.username=u\nsasl.password=old\nsasl.paswd=x\n").unwrap();
    let written = file("[[cluster]]\nbrokers = ['f:1']\n[cluster.kafka]\nsecurity.protocol = 'SSL'\n", None).unwrap();
    let kafka = vec![("sasl.password".to_owned(), Secret::new("new"))];
    let named = Words { client_properties: Some(path.clone()), kafka, ..Words::default() };
    let all = reach(&named, &written).unwrap();
    assert_eq!(all.brokers, ["c:1"]);
    let told = |name: &str| all.properties.get(name);
    assert_eq!(
        [told("sasl.username"), told("sasl.password"), told("security.protocol")],
        [Some("u"), Some("new"), Some("SSL")]
    );
    assert!(all.remarks.len() == 1 && all.remarks[0].contains("\"sasl.paswd\""), "{:?}", all.remarks);
    let weaker = format!("[[cluster]]\nbrokers = ['f:1']\nclient-properties = '{}'\n", path.display());
    assert_eq!(reach(&Words::default(), &file(&weaker, None).unwrap()).unwrap().brokers, ["f:1"]);
    std::fs::write(&path, "a=\\u12").unwrap();
    let reason = refusal(reach(&named, &written));
    assert!(reason.contains("line 1") && reason.contains("name another with --client-properties"), "{reason}");
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(refusal(reach(&named, &written)).contains("cannot be read"));
}

#[test]
fn payloads_stay_in_kafka_unless_the_file_says_otherwise() {
    let payloads = |text: &str| {
        let written = file(text, None).unwrap();
        cluster(typed(), written).unwrap().config.payloads
    };
    assert!(!payloads(""));
    assert!(!payloads("[privacy]\n"));
    assert!(payloads("[privacy]\npayloads = true\n"));
    assert!(refusal(file("[privacy]\npayload = true\n", None)).contains("unknown field `payload`"));
}

#[test]
fn the_log_of_commits_is_read_unless_somebody_says_never() {
    let log = |text: &str| {
        let words = file(text, None).map(|written| over(typed(), written).groups_log)?;
        super::groups::commit_log(words)
    };
    assert_eq!(log("db = 'x'").unwrap(), CommitLog::Auto);
    assert_eq!(log("[groups]\nlog = 'never'").unwrap(), CommitLog::Never);
    assert!(refusal(log("[groups]\nlog = 'yes'")).contains("auto or never"));
    assert!(refusal(log("[groups]\nlogs = 'auto'")).contains("unknown field `logs`"));
}

#[test]
fn groups_that_only_look_are_named_by_patterns() {
    let patterns = |text: &str| {
        let words = file(text, None).map(|written| over(typed(), written).not_attending)?;
        super::groups::not_attending(words)
    };
    assert!(patterns("db = 'x'").unwrap().is_empty());
    assert_eq!(patterns("[groups]\nnot-attending = ['kafka-ui', 'archiver-.*']").unwrap(), ["kafka-ui", "archiver-.*"]);
    assert!(refusal(patterns("[groups]\nnot-attending = ['(']")).contains("not-attending"));
    let many = format!("[groups]\nnot-attending = [{}]", "'x', ".repeat(101));
    assert!(refusal(patterns(&many)).contains("at most 100"));
}
