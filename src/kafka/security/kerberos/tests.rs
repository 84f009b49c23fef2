use super::*;
use crate::event::Secret;

fn refusal(pairs: &[(&str, &str)]) -> String {
    let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    Kerberos::new(&settings).err().map_or_else(|| "taken".to_owned(), |error| error.to_string())
}

#[test]
fn settings_that_cannot_be_followed_say_what_can() {
    let path = std::env::temp_dir().join(format!("headwater-keytab-{}", std::process::id()));
    std::fs::write(&path, "hunter2").unwrap();
    let file = path.display().to_string();
    for (pairs, wanted) in [
        (&[][..], "sasl.kerberos.service.name: GSSAPI needs it; give the first part"),
        (&[(SERVICE, "kafka/broker-1")], "it is a whole principal"),
        (&[(SERVICE, "kafka"), (PRINCIPAL, "a\0b")], "sasl.kerberos.principal: it holds a zero byte"),
        (&[(SERVICE, "kafka"), (KEYTAB, "/no/such.keytab")], "sasl.kerberos.keytab: read /no/such.keytab"),
        (&[(SERVICE, "kafka"), (KEYTAB, "FILE:/no/such.keytab")], "sasl.kerberos.keytab: read /no/such.keytab"),
        (&[(SERVICE, "kafka"), (KEYTAB, &file)], "the file is no keytab"),
    ] {
        let said = refusal(pairs);
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_keytab_is_preferred_and_each_owner_keeps_tickets_of_its_own() {
    let key = || Some(CString::from(c"FILE:/k"));
    let [one, other] = [(); 2].map(|()| match Tickets::new(key(), Some("/tmp/cache")) {
        Tickets::Keytab { kept, .. } => kept,
        _ => panic!("the keytab was passed over"),
    });
    assert_ne!(one, other);
    assert!(matches!(Tickets::new(None, Some("KCM:1")), Tickets::Cache(cache) if cache.as_c_str() == c"KCM:1"));
    assert!(matches!(Tickets::new(None, None), Tickets::Default));
}

#[test]
fn no_security_layer_is_chosen_and_one_that_is_forced_is_refused() {
    assert_eq!(choice(&[1, 0, 0, 0], b"tap@R").unwrap(), b"\x01\0\0\0tap@R");
    assert_eq!(choice(&[7, 1, 0, 0], b"").unwrap(), b"\x01\0\0\0");
    assert!(choice(&[6, 1, 0, 0], b"tap@R").unwrap_err().contains("SASL_SSL"));
    for offer in [&[][..], &[1], &[1, 0, 0, 0, 0]] {
        assert!(choice(offer, b"tap@R").unwrap_err().contains("4 are due"), "{offer:?}");
    }
    assert!(choice(&[1, 0, 0, 0], &[b'x'; NAME_MAX + 1]).is_err());
}

#[test]
fn each_trouble_has_a_next_action() {
    let refusal = |major: u32, minor: i32| Refusal { major: major << 16, minor: minor as u32, words: String::new() };
    let keytab = Tickets::new(Some(CString::from(c"FILE:/k")), None);
    for (refusal, tickets, wanted) in [
        (refusal(7, 0), &Tickets::Default, "run kinit"),
        (refusal(7, 0), &keytab, "klist -k"),
        (refusal(11, 0), &Tickets::Default, "run kinit"),
        (refusal(13, -1_765_328_352), &Tickets::Default, "run kinit"),
        (refusal(13, -1_765_328_352), &keytab, "clocks"),
        (refusal(13, -1_765_328_347), &keytab, "NTP"),
        (refusal(13, -1_765_328_377), &keytab, "advertised.listeners"),
        (refusal(7, -1_765_328_378), &keytab, "sasl.kerberos.principal"),
        (refusal(7, -1_765_328_360), &keytab, "ktadd"),
        (refusal(7, -1_765_328_228), &keytab, "kdc"),
        (refusal(13, -1_765_328_230), &keytab, "domain_realm"),
        (refusal(13, 1), &keytab, "kvno"),
    ] {
        let said = Trouble::of(&refusal).advice(tickets);
        assert!(said.contains(wanted), "{refusal:?}: {said}");
    }
}
