//! A real Kafka that lets nobody in unasked: TLS, client certificates, passwords, tokens and ACLs.

use super::Folder;
use super::kafka::{Options, RealKafka};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::BytesMut;
use headwater::event::{ClientProperties, Secret};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, CreateAclsRequest, DeleteAclsRequest, RequestHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What must never be seen anywhere but at a login.
pub const PASSWORD: &str = "hunter2-tap-password";
/// The same for the client of the token service.
pub const CLIENT_SECRET: &str = "hunter2-client-secret";

/// A certificate and its key, PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// One who signs certificates.
pub struct Authority {
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for `name` at `hosts`, which ended in 2021 if `expired`.
    pub fn sign(&self, name: &str, hosts: &[&str], expired: bool) -> Identity {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// Signs tokens that the brokers take, or not.
pub struct Signer(EcdsaKeyPair);

impl Signer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap())
    }

    fn key_set(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k","x":"{x}","y":"{y}"}}]}}"#)
    }

    /// A token for `subject`, good for a minute.
    pub fn token(&self, subject: &str) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims = format!(
            r#"{{"sub":"{subject}","aud":"kafka","iss":"test","scope":"kafka","iat":{now},"exp":{}}}"#,
            now + 60
        );
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The cluster, and what its clients need.
pub struct SecureKafka {
    pub kafka: RealKafka,
    pub authority: Authority,
    pub signer: Signer,
    pub client: Identity,
}

/// One for all tests. It ends with the process.
pub fn cluster() -> Option<&'static SecureKafka> {
    static CLUSTER: OnceLock<Option<SecureKafka>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

fn start() -> Option<SecureKafka> {
    // The brokers read their files when they start; then they may go.
    let files = Folder::new("secure");
    let (authority, signer) = (Authority::new("test CA"), Signer::new());
    let store = |name: &str, identity: &Identity| {
        let path = files.file(name);
        std::fs::write(&path, format!("{}{}", identity.key, identity.certificate)).unwrap();
        path.display().to_string()
    };
    let broker = store("broker.pem", &authority.sign("broker", &["localhost", "127.0.0.1"], false));
    let expired = store("expired.pem", &authority.sign("broker", &["localhost", "127.0.0.1"], true));
    let elsewhere = store("elsewhere.pem", &authority.sign("broker", &["elsewhere.example"], false));
    let trusted = files.file("ca.pem");
    std::fs::write(&trusted, &authority.certificate).unwrap();
    let (trusted, keys) = (trusted.display(), publish(signer.key_set()));
    let module = "org.apache.kafka.common.security";
    let mut arguments: Vec<String> = [
        "+SASL=SASL_SSL",
        "+BRIEF=SASL_SSL",
        "+BARE=SASL_PLAINTEXT",
        "+FORGETFUL=SASL_PLAINTEXT",
        "+MUTUAL=SSL",
        "+EXPIRED=SSL",
        "+ELSEWHERE=SSL",
        "ssl.keystore.type=PEM",
        "ssl.truststore.type=PEM",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:tap;User:CN=tap",
        "listener.name.mutual.ssl.client.auth=required",
        "listener.name.bare.sasl.enabled.mechanisms=SCRAM-SHA-512",
        "listener.name.forgetful.sasl.enabled.mechanisms=PLAIN",
        "listener.name.forgetful.plain.connections.max.reauth.ms=2000",
        "listener.name.brief.scram-sha-512.connections.max.reauth.ms=2000",
        "listener.name.brief.oauthbearer.connections.max.reauth.ms=2000",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend([
        format!("ssl.truststore.location={trusted}"),
        format!("ssl.keystore.location={broker}"),
        format!("listener.name.expired.ssl.keystore.type=PEM\nlistener.name.expired.ssl.keystore.location={expired}"),
        format!(
            "listener.name.elsewhere.ssl.keystore.type=PEM\nlistener.name.elsewhere.ssl.keystore.location={elsewhere}"
        ),
        format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"),
        format!("SCRAM-SHA-256=[name=tap,password={PASSWORD}]"),
    ]);
    arguments
        .extend(["tap", "reader", "checker"].map(|user| format!("SCRAM-SHA-512=[name={user},password={PASSWORD}]")));
    let plain = format!("{module}.plain.PlainLoginModule required user_tap=\"{PASSWORD}\";");
    for listener in ["sasl", "brief", "forgetful"] {
        arguments.push(format!("listener.name.{listener}.plain.sasl.jaas.config={plain}"));
    }
    for listener in ["sasl", "brief", "bare"] {
        let name = format!("listener.name.{listener}");
        if listener != "bare" {
            arguments.push(format!("{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"));
            let bearer = format!("{module}.oauthbearer.OAuthBearerLoginModule required;");
            arguments.push(format!("{name}.oauthbearer.sasl.jaas.config={bearer}"));
            let validator = format!("{module}.oauthbearer.OAuthBearerValidatorCallbackHandler");
            arguments.push(format!("{name}.oauthbearer.sasl.server.callback.handler.class={validator}"));
            arguments.push(format!("{name}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={keys}"));
            arguments.push(format!("{name}.oauthbearer.sasl.oauthbearer.expected.audience=kafka"));
        }
        for hash in ["256", "512"] {
            let scram = format!("{module}.scram.ScramLoginModule required;");
            arguments.push(format!("{name}.scram-sha-{hash}.sasl.jaas.config={scram}"));
        }
    }
    let kafka = RealKafka::start_with(Options::default(), &arguments)?;
    let client = authority.sign("tap", &[], false);
    Some(SecureKafka { kafka, authority, signer, client })
}

/// Answers every request with `page` as long as the process lives; gives its address.
fn publish(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/keys", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match socket.read(&mut piece) {
                    Ok(n @ 1..) => request.extend_from_slice(&piece[..n]),
                    _ => break,
                }
            }
            // Who hangs up asks again.
            let _ = socket.write_all(answer("200 OK", &page).as_bytes());
        }
    });
    url
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Settings of a client.
pub fn properties(pairs: &[(&str, &str)]) -> ClientProperties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
}

impl SecureKafka {
    /// Address of a listener.
    pub fn at(&self, listener: &str) -> &str {
        &self.kafka.listeners[listener]
    }

    /// Settings of TLS, and `more`.
    pub fn tls<'a>(&'a self, protocol: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut pairs = vec![("security.protocol", protocol), ("ssl.ca.pem", self.authority.certificate.as_str())];
        pairs.extend(more);
        pairs
    }
}

/// A right of the user `reader`.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    DescribeTopic(&'a str),
    ReadTopic(&'a str),
    DescribeGroup,
    DescribeCluster,
}

impl Right<'_> {
    /// Resource type, its name and the operation, as the protocol numbers them.
    fn wire(self) -> (i8, StrBytes, i8) {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        match self {
            Self::DescribeTopic(topic) => (2, text(topic), 8),
            Self::ReadTopic(topic) => (2, text(topic), 3),
            Self::DescribeGroup => (3, text("*"), 8),
            Self::DescribeCluster => (4, text("kafka-cluster"), 8),
        }
    }
}

impl SecureKafka {
    pub fn grant(&self, right: Right<'_>) {
        self.grant_to("reader", right);
    }

    pub fn grant_to(&self, user: &str, right: Right<'_>) {
        let (kind, name, operation) = right.wire();
        let creation = AclCreation::default()
            .with_resource_type(kind)
            .with_resource_name(name)
            .with_resource_pattern_type(3)
            .with_principal(StrBytes::from_string(format!("User:{user}")))
            .with_host(StrBytes::from_static_str("*"))
            .with_operation(operation)
            .with_permission_type(3);
        self.administer(ApiKey::CreateAcls, 3, &CreateAclsRequest::default().with_creations(vec![creation]));
    }

    pub fn revoke(&self, right: Right<'_>) {
        self.revoke_from("reader", right);
    }

    pub fn revoke_from(&self, user: &str, right: Right<'_>) {
        let (kind, name, operation) = right.wire();
        let filter = DeleteAclsFilter::default()
            .with_resource_type_filter(kind)
            .with_resource_name_filter(Some(name))
            .with_pattern_type_filter(3)
            .with_principal_filter(Some(StrBytes::from_string(format!("User:{user}"))))
            .with_host_filter(None)
            .with_operation(operation)
            .with_permission_type(3);
        self.administer(ApiKey::DeleteAcls, 3, &DeleteAclsRequest::default().with_filters(vec![filter]));
    }

    /// One request as super user, whose answer says no more than that it was done.
    fn administer(&self, key: ApiKey, version: i16, request: &impl Encodable) {
        let mut socket = TcpStream::connect(&self.kafka.bootstrap).unwrap();
        let answer = ask(&mut socket, key, version, request).unwrap();
        // Correlation id, tags, throttle time, one result and its error code.
        assert_eq!(answer[9..12], [2, 0, 0], "{answer:?}");
    }

    /// How long a client may ask that logs in once and never again, until the broker hangs up.
    pub fn session_without_renewal(&self) -> Duration {
        let mut socket = TcpStream::connect(self.at("FORGETFUL")).unwrap();
        let handshake = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("PLAIN"));
        ask(&mut socket, ApiKey::SaslHandshake, 1, &handshake).unwrap();
        let login = SaslAuthenticateRequest::default().with_auth_bytes(format!("\0tap\0{PASSWORD}").into());
        let answer = ask(&mut socket, ApiKey::SaslAuthenticate, 1, &login).unwrap();
        assert_eq!(answer[4..6], [0, 0], "{answer:?}");
        let begun = Instant::now();
        super::poll_until("the end of the session", Duration::from_secs(30), || {
            ask(&mut socket, ApiKey::ApiVersions, 0, &ApiVersionsRequest::default()).is_err().then_some(())
        });
        begun.elapsed()
    }
}

/// Sends one request and gives its answer, the header included.
pub fn ask(socket: &mut TcpStream, key: ApiKey, version: i16, request: &impl Encodable) -> std::io::Result<Vec<u8>> {
    let header = RequestHeader::default().with_request_api_key(key as i16).with_request_api_version(version);
    let mut frame = BytesMut::zeroed(4);
    header.encode(&mut frame, key.request_header_version(version)).unwrap();
    request.encode(&mut frame, version).unwrap();
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    socket.write_all(&frame)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

/// A token service over TLS that knows one client.
pub struct TokenService {
    pub url: String,
}

impl TokenService {
    /// It answers as long as the process lives.
    pub fn start(cluster: &'static SecureKafka) -> Self {
        let identity = cluster.authority.sign("tokens", &["localhost"], false);
        let der = |pem: &str| {
            let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
            STANDARD.decode(body).unwrap()
        };
        let chain = vec![CertificateDer::from(der(&identity.certificate))];
        let key = PrivateKeyDer::Pkcs8(der(&identity.key).into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/token", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                // A client that does not trust us hangs up.
                let _ = serve(&mut rustls::StreamOwned::new(session, socket), &cluster.signer);
            }
        });
        Self { url }
    }
}

fn serve(stream: &mut (impl Read + Write), signer: &Signer) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"grant_type=client_credentials&scope=read+all") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&piece[..n]),
        }
    }
    let login = STANDARD.encode(format!("tap-client:{CLIENT_SECRET}"));
    let known = String::from_utf8_lossy(&request).contains(&format!("Basic {login}"));
    let (status, body) = match known {
        true => ("200 OK", format!(r#"{{"access_token":"{}","expires_in":60}}"#, signer.token("tap"))),
        false => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned()),
    };
    stream.write_all(answer(status, &body).as_bytes())?;
    stream.flush()
}
