//! Kerberos on a real KDC and a real broker, through the program: every way to a ticket, every way to have none, and
//! brokers that are not who they say.

use crate::reader::{produce, producer};
use crate::support::kafka::RealKafka;
use crate::support::kerberos::{Realm, SERVICE};
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, poll_until, produce as admin};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "tickets";

/// Settings beside `security.protocol`, as a file of librdkafka has them; or variables of the environment.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

struct Site {
    realm: Realm,
    kafka: RealKafka,
    /// Of the principal `tap`.
    keytab: String,
}

impl Site {
    fn start() -> Option<Self> {
        let realm = Realm::start()?;
        let kafka = realm.kafka()?;
        let keytab = realm.add("tap", "tap.keytab").display().to_string();
        admin::create_topic(&kafka.bootstrap, TOPIC, 1);
        Some(Self { realm, kafka, keytab })
    }

    fn at(&self, listener: &str) -> &str {
        &self.kafka.listeners[listener]
    }

    fn keytab<'a>(&'a self, principal: &'a str) -> Pairs<'a> {
        by(&self.keytab, principal)
    }

    /// Exit code and words of a check, with these settings and variables.
    fn check(&self, address: &str, pairs: &[(&str, &str)], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        self.check_with(address, &file(pairs), variables, &[])
    }

    fn check_with(
        &self,
        address: &str,
        file: &str,
        variables: &[(&str, &str)],
        more: &[&str],
    ) -> (Option<i32>, String) {
        let folder = Folder::new("kerberos-check");
        std::fs::write(folder.file("client.properties"), file).unwrap();
        let arguments = ["check", "--brokers", address, "--topics", TOPIC, "--client-properties", "client.properties"];
        let (status, said) = self.program(folder.path(), &[&arguments[..], more].concat(), variables).wait();
        println!("{said}");
        (status.code(), said)
    }

    fn program(&self, folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let [config, none] = ["krb5.conf", "no-cache"].map(|name| self.realm.file(name).display().to_string());
        // What comes later wins.
        let own = [("KRB5_CONFIG", config.as_str()), ("KRB5CCNAME", &none)];
        Program::start_with(folder, arguments, &[&own[..], variables].concat())
    }
}

fn by<'a>(keytab: &'a str, principal: &'a str) -> Pairs<'a> {
    vec![("sasl.kerberos.keytab", keytab), ("sasl.kerberos.principal", principal)]
}

fn file(pairs: &[(&str, &str)]) -> String {
    let own = [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "GSSAPI")];
    let service = [("sasl.kerberos.service.name", "kafka")];
    let service = service.iter().filter(|(name, _)| pairs.iter().all(|(given, _)| given != name));
    own.iter().chain(service).chain(pairs).map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[test]
fn kerberos_in_and_out() {
    let Some(site) = Site::start() else { return };
    for part in [every_way_to_a_ticket, refusals_say_what_to_do, brokers_that_lie_are_left] {
        let begun = Instant::now();
        part(&site);
        println!("this part took {:.1} s", begun.elapsed().as_secs_f64());
    }
    sessions_and_tickets_are_renewed_while_records_flow(site);
}

fn every_way_to_a_ticket(site: &Site) {
    let fine = |(code, said): (Option<i32>, String)| assert!(code == Some(0) && said.contains("fine:"), "{said}");
    // By keytab, its principal named or not. A ticket is kept for all connections.
    fine(site.check(site.at("KERBEROS"), &site.keytab("tap"), &[]));
    assert_eq!(["AS_REQ", "TGS_REQ"].map(|kind| site.realm.issued(kind, "tap@")), [1, 1]);
    fine(site.check(site.at("KERBEROS"), &site.keytab("tap")[..1], &[]));
    // By tickets of kinit: where the environment says, and where a login of Java says. Java takes Kerberos unasked.
    let cache = site.realm.kinit(site.keytab.as_ref(), "tap", "cache", "1h").display().to_string();
    fine(site.check(site.at("KERBEROS"), &[], &[("KRB5CCNAME", &cache)]));
    let java = format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.kerberos.service.name=kafka\nsasl.jaas.config=\
         com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true ticketCache=\"{cache}\";\n"
    );
    fine(site.check_with(site.at("KERBEROS"), &java, &[], &[]));
    // By the environment alone.
    let variables = [
        ("HEADWATER_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("HEADWATER_KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("HEADWATER_KAFKA_SASL_KERBEROS_SERVICE_NAME", "kafka"),
        ("HEADWATER_KAFKA_SASL_KERBEROS_KEYTAB", &site.keytab),
        ("HEADWATER_KAFKA_SASL_KERBEROS_PRINCIPAL", "tap@HEADWATER.TEST"),
    ];
    fine(site.check_with(site.at("KERBEROS"), "", &variables, &[]));
}

fn refusals_say_what_to_do(site: &Site) {
    let realm = &site.realm;
    let path = |path: std::path::PathBuf| path.display().to_string();
    let [stranger, ghost, stale] =
        ["stranger", "ghost", "stale"].map(|name| path(realm.add(name, &format!("{name}.keytab"))));
    realm.administer("delprinc -force ghost\ncpw -randkey stale\n");
    let expired = path(realm.kinit(site.keytab.as_ref(), "tap", "expired", "1s"));
    let begun = Instant::now();
    let away = path(realm.configure("away.conf", 1, "1h"));
    let kerberos = site.at("KERBEROS");
    let localhost = kerberos.replace("127.0.0.1", "localhost");
    // Tickets end after the last of their seconds.
    poll_until("the end of the ticket", PATIENCE, || (begun.elapsed() > Duration::from_secs(3)).then_some(()));
    let tap = || site.keytab("tap");
    let cases: Vec<(&str, Pairs<'_>, Pairs<'_>, &[&str])> = vec![
        (kerberos, vec![], vec![], &["no-cache", "; run kinit as the user who runs the tap"]),
        (kerberos, vec![], vec![("KRB5CCNAME", &expired)], &["Ticket expired; run kinit"]),
        (kerberos, by(&site.keytab, "other"), vec![], &["tap.keytab holds no key of other", "klist -k"]),
        (kerberos, by(&ghost, "ghost"), vec![], &["ghost@HEADWATER.TEST", "check sasl.kerberos.principal"]),
        (kerberos, by(&stale, "stale"), vec![], &["write the keytab anew (ktadd)"]),
        (kerberos, tap(), vec![("KRB5_CONFIG", &away)], &["Cannot contact any KDC", "check the kdc of this realm"]),
        (
            kerberos,
            by(&site.keytab, "tap@ELSEWHERE.TEST"),
            vec![],
            &["tap.keytab holds no key of tap@ELSEWHERE.TEST", "klist -k"],
        ),
        (
            &localhost,
            tap(),
            vec![],
            &["for kafka/localhost: ", "kafka/localhost@HEADWATER.TEST", "advertised.listeners"],
        ),
        (site.at("OUTDATED"), tap(), vec![], &["with GSSAPI: ", "newest key of its service"]),
        // It is let in, and may see nothing.
        (kerberos, by(&stranger, "stranger"), vec![], &["no topic shows", "--allow-principal User:stranger"]),
    ];
    let mut wanting = Vec::new();
    for (address, pairs, variables, wanted) in cases {
        let (code, said) = site.check(address, &pairs, &variables);
        if code != Some(1) || !wanted.iter().all(|words| said.contains(words)) {
            wanting.push(format!("wanted {wanted:?}: {code:?} {said}"));
        }
    }
    let (code, said) = site.check_with(kerberos, &file(&tap()), &[], &["--client", "librdkafka"]);
    if code != Some(1) || !said.contains("leave --client librdkafka out") {
        wanting.push(format!("{code:?} {said}"));
    }
    assert!(wanting.is_empty(), "\n{}", wanting.join("\n"));
}

/// What somebody between the tap and the broker makes of one answer of the login.
type Lie = fn(&[u8]) -> Vec<u8>;

fn brokers_that_lie_are_left(site: &Site) {
    let flipped: Lie = |said| said.iter().enumerate().map(|(n, byte)| byte ^ u8::from(n + 1 == said.len())).collect();
    let cases: Vec<(usize, Lie, &str)> = vec![
        (1, |_| Vec::new(), "it does not prove who it is"),
        (1, flipped, "it does not prove that it is the service that the ticket is for"),
        (1, |_| vec![0x60; 300], "it does not prove that it is the service that the ticket is for"),
        (1, |_| vec![0x60; (64 << 10) + 1], "its Kerberos token has 65537 bytes, and 65536 are the most"),
        (2, |_| Vec::new(), "its offer of security layers is not sound"),
        (2, flipped, "its offer of security layers is not sound"),
        (2, |_| vec![1, 0, 0, 0], "its offer of security layers is not sound"),
        (3, |_| vec![0], "it goes on talking after the end of the login"),
    ];
    for (turn, lie, wanted) in cases {
        let liar = lying(site.at("KERBEROS"), turn, lie);
        let (code, said) = site.check(&liar, &site.keytab("tap"), &[]);
        assert!(code == Some(1) && said.contains(wanted), "wanted {wanted:?} of turn {turn}: {code:?} {said}");
    }
    // The control: one who only listens.
    let (code, said) = site.check(&lying(site.at("KERBEROS"), 0, <[u8]>::to_vec), &site.keytab("tap"), &[]);
    assert!(code == Some(0), "{said}");
}

/// The address of a broker that is another one but for its answer to `turn` of a login; it ends with the process.
fn lying(broker: &str, turn: usize, lie: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, broker) = (listener.local_addr().unwrap().to_string(), broker.to_owned());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // A client that had enough hangs up.
            let _ = between(client, TcpStream::connect(&broker).unwrap(), turn, lie);
        }
    });
    address
}

fn between(mut client: TcpStream, mut broker: TcpStream, turn: usize, lie: Lie) -> std::io::Result<()> {
    const AUTHENTICATE: [u8; 2] = [0, 36];
    let mut turns = 0;
    loop {
        let request = frame(&mut client)?;
        send(&mut broker, &request)?;
        let mut answer = frame(&mut broker)?;
        if request[..2] == AUTHENTICATE {
            turns += 1;
            if turns == turn {
                answer = told_otherwise(&answer, lie);
            }
        }
        send(&mut client, &answer)?;
    }
}

/// The same answer of SaslAuthenticate, version 2, with other words: correlation id, tags, error code, its text, the
/// words behind their length + 1, the life of the session, tags.
fn told_otherwise(answer: &[u8], lie: Lie) -> Vec<u8> {
    let (head, mut rest) = answer.split_at(8);
    assert!(matches!(head[4..], [0, 0, 0, 0 | 1]), "no error and no text: {answer:?}");
    let (mut length, mut shift) = (0, 0);
    while let Some((byte, after)) = rest.split_first() {
        (length, shift, rest) = (length | usize::from(byte & 0x7f) << shift, shift + 7, after);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (said, tail) = rest.split_at(length - 1);
    let told = lie(said);
    let mut lying = head.to_vec();
    let mut length = told.len() + 1;
    while length > 0x7f {
        lying.push(length as u8 & 0x7f | 0x80);
        length >>= 7;
    }
    lying.push(length as u8);
    lying.extend(told);
    lying.extend(tail);
    lying
}

fn frame(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut frame)?;
    Ok(frame)
}

fn send(socket: &mut TcpStream, frame: &[u8]) -> std::io::Result<()> {
    socket.write_all(&[&(frame.len() as u32).to_be_bytes(), frame].concat())
}

fn sessions_and_tickets_are_renewed_while_records_flow(mut site: Site) {
    let folder = Folder::new("kerberos-tap");
    std::fs::write(folder.file("client.properties"), file(&site.keytab("tap"))).unwrap();
    let config = site.realm.configure("brief.conf", site.realm.port(), "4s").display().to_string();
    let before = site.realm.issued("AS_REQ", "tap@");
    let brokers = site.at("BRIEF").to_owned();
    let arguments = ["tap", "--brokers", &brokers, "--client-properties", "client.properties", "--from", "earliest"];
    let more = ["--topics", TOPIC, "--db", "tap.duckdb", "--serve", "127.0.0.1:0", "--metrics", "off"];
    let tap = site.program(folder.path(), &[&arguments[..], &more].concat(), &[("KRB5_CONFIG", &config)]);
    let url = tap.url();
    let mut written = 0;
    let mut write = |site: &Site| {
        produce(&producer(&site.kafka.bootstrap, &[]), TOPIC, written..written + 50, 1);
        written += 50;
        written as i64
    };
    let seen = |wanted: i64| {
        poll_until("all records", PATIENCE, || {
            (number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event") == wanted).then_some(())
        });
    };
    // Three sessions of two seconds, over more than one ticket.
    let end = Instant::now() + Duration::from_secs(7);
    while Instant::now() < end {
        seen(write(&site));
    }
    let asked = site.realm.issued("AS_REQ", "tap@") - before;
    assert!(asked > 1, "tickets of 4 s were asked for once");
    assert!(!tap.said().contains("trying again"), "a session ended: {}", tap.said());
    // Nobody gives tickets: sessions end, which is said. Then somebody does again.
    site.realm.close();
    let ended = format!("no ticket for {SERVICE}: Cannot contact any KDC for realm 'HEADWATER.TEST'; check the kdc");
    poll_until("the end of the session", PATIENCE, || tap.said().contains(&ended).then_some(()));
    let wanted = write(&site);
    site.realm.open();
    seen(wanted);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}
