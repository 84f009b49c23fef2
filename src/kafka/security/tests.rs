use super::*;
use rcgen::{CertificateParams, KeyPair};

fn settings(pairs: &[(&str, &str)]) -> ClientProperties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    Security::new(&settings(pairs)).unwrap_err().to_string()
}

fn identity() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["broker".into()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn protection_is_never_left_out_by_silence() {
    assert_eq!(Security::new(&settings(&[])).unwrap().protocol(), "PLAINTEXT");
    assert!(refusal(&[("sasl.password", "hunter2")]).contains("although sasl.password is given; give SSL or SASL_SSL"));
    assert!(refusal(&[("ssl.ca.location", "/ca")]).contains("security.protocol: it is missing"));
    assert_eq!(
        Security::new(&settings(&[("security.protocol", "plaintext"), ("ssl.ca.pem", "x")])).unwrap().protocol(),
        "PLAINTEXT"
    );
    assert!(refusal(&[("security.protocol", "TLS")]).contains("give PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"));
    let unchecked = [("security.protocol", "SSL"), ("enable.ssl.certificate.verification", "false")];
    assert!(refusal(&unchecked).contains("cannot verify"));
    assert!(refusal(&[("security.protocol", "SSL"), ("ssl.enabled.protocols", "TLSv1.1")]).contains("TLSv1.2"));
    assert!(
        refusal(&[("security.protocol", "SSL"), ("ssl.endpoint.identification.algorithm", "ldaps")]).contains("https")
    );
}

#[test]
fn certificates_and_keys_are_checked_before_anything_is_connected() {
    let (certificate, key) = identity();
    let (_, other) = identity();
    let with = |certificate: &str, key: &str| {
        let pairs = [
            ("security.protocol", "SSL"),
            ("ssl.ca.pem", certificate),
            ("ssl.certificate.pem", certificate),
            ("ssl.key.pem", key),
        ];
        Security::new(&settings(&pairs))
    };
    let security = with(&certificate, &key).unwrap();
    assert!(with(&certificate.replace('\n', " "), &key.replace('\n', " ")).is_ok());
    assert!(security.tls.as_ref().unwrap().config().unwrap().client_auth_cert_resolver.has_certs());
    let secret = key.lines().nth(1).unwrap();
    assert!(!format!("{security:?}").contains(secret));
    for (result, wanted) in [
        (with(&certificate, &other), "give the key that belongs to the first certificate"),
        (with(&certificate, &certificate), "holds no private key"),
        (with(&key, &key), "holds no certificate"),
        (with(&certificate, "-----BEGIN PRIVATE KEY-----"), "cut short"),
        (with(&certificate, &key.replace("PRIVATE", "ENCRYPTED PRIVATE")), "openssl pkey"),
    ] {
        let said = result.unwrap_err().to_string();
        assert!(said.contains(wanted) && !said.contains(secret), "{said}");
    }
    assert!(refusal(&[("security.protocol", "SSL"), ("ssl.key.pem", &key)]).contains("give ssl.certificate.location"));
    assert!(
        refusal(&[("security.protocol", "SSL"), ("ssl.ca.location", "/no/such.pem")]).contains("read /no/such.pem")
    );
}

#[test]
fn stores_of_java_are_refused_with_what_converts_them() {
    let path = std::env::temp_dir().join(format!("headwater-store-{}", std::process::id()));
    let shown = path.display().to_string();
    for (bytes, kind) in [([0xfe, 0xed, 0xfe, 0xed, 0], "JKS"), ([0x30, 0x82, 1, 2, 3], "PKCS#12")] {
        std::fs::write(&path, bytes).unwrap();
        let said = refusal(&[("security.protocol", "SSL"), ("ssl.ca.location", &shown)]);
        assert!(said.contains(kind) && said.contains("keytool -list -rfc -keystore"), "{said}");
        let (certificate, _) = identity();
        let pairs = [
            ("security.protocol", "SSL"),
            ("ssl.ca.pem", certificate.as_str()),
            ("ssl.certificate.location", &shown),
            ("ssl.key.location", &shown),
        ];
        assert!(refusal(&pairs).contains("openssl pkcs12"));
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn librdkafka_is_told_the_same() {
    let (certificate, _) = identity();
    let pairs = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", "tap"),
        ("sasl.password", "hunter2"),
        ("ssl.ca.pem", certificate.as_str()),
        ("ssl.endpoint.identification.algorithm", ""),
        ("ssl.enabled.protocols", "TLSv1.3"),
    ];
    let security = Security::new(&settings(&pairs)).unwrap();
    assert_eq!(security.remarks().len(), 1);
    let told = security.librdkafka();
    let mut config = rdkafka::ClientConfig::new();
    for (name, value) in &told {
        config.set(name, value.expose());
    }
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "security.protocol",
            "ssl.endpoint.identification.algorithm",
            "sasl.mechanism",
            "sasl.password",
            "sasl.username",
            "ssl.ca.pem"
        ]
    );
    // It takes them: a name or value that it does not know fails here.
    config.create::<rdkafka::consumer::BaseConsumer>().unwrap();
}

#[test]
fn what_goes_in_the_clear_is_said() {
    let pairs = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", "http://127.0.0.1:1/token"),
        ("sasl.oauthbearer.client.id", "tap"),
        ("sasl.oauthbearer.client.secret", "hunter2"),
    ];
    let security = Security::new(&settings(&pairs)).unwrap();
    let remarks = security.remarks();
    assert!(remarks.len() == 2 && remarks.iter().all(|remark| remark.contains("prefer")), "{remarks:?}");
    assert!(!format!("{security:?}{remarks:?}").contains("hunter2"));
    assert!(security.librdkafka().iter().any(|(name, value)| name.ends_with(".method") && value.expose() == "oidc"));
}
