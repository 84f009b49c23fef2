//! A realm of Kerberos with a KDC of MIT on loopback, and a Kafka that asks for its tickets.

use super::Folder;
use super::kafka::{Options, RealKafka};
use super::poll_until;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const REALM: &str = "HEADWATER.TEST";
const PATIENCE: Duration = Duration::from_secs(30);

/// The brokers' own name is the address at which they are.
pub const SERVICE: &str = "kafka/127.0.0.1";

/// A realm. Its KDC ends when this is dropped, and when the process ends for whatever reason.
pub struct Realm {
    folder: Folder,
    port: u16,
    kdc: Option<Child>,
}

impl Realm {
    /// A realm without principals. `None` where the programs are missing, which is said on stderr.
    ///
    /// # Panics
    /// When they are missing although they must not: as for a real Kafka.
    pub fn start() -> Option<Self> {
        let missing = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"].iter().find(|name| program(name).is_none());
        if let Some(missing) = missing {
            assert!(!super::required("HEADWATER_REQUIRE_KAFKA"), "Kerberos is required here: no {missing}");
            let _ = writeln!(
                std::io::stderr(),
                "not run: no {missing}; install krb5-kdc, krb5-admin-server and krb5-user to run tests on Kerberos"
            );
            return None;
        }
        let folder = Folder::new("realm");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut realm = Self { folder, port, kdc: None };
        realm.configure("krb5.conf", port, "1h");
        let at = realm.folder.path().display();
        let kdc = format!(
            "[kdcdefaults]\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{REALM} = {{\n\
             database_name = {at}/principals\nkey_stash_file = {at}/stash\nacl_file = {at}/acl\n\
             max_life = 1h\nsupported_enctypes = aes256-cts-hmac-sha1-96:normal\n}}\n[logging]\nkdc = FILE:{at}/kdc.log\n"
        );
        std::fs::write(realm.file("kdc.conf"), kdc).unwrap();
        realm.run("kdb5_util", &["create", "-s", "-r", REALM, "-P", "hunter2-master"], "");
        realm.open();
        Some(realm)
    }

    /// A file of this realm.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Writes a client's configuration of this name, with the KDC on `port` and tickets that live so long.
    pub fn configure(&self, name: &str, port: u16, lifetime: &str) -> PathBuf {
        let text = format!(
            "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
             dns_canonicalize_hostname = false\nudp_preference_limit = 1\nticket_lifetime = {lifetime}\n\
             [realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n"
        );
        let path = self.file(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The KDC's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the KDC and waits until it answers.
    pub fn open(&mut self) {
        // The end of its input, which the end of this process brings about too, ends the KDC.
        let script = "\"$0\" -n & kdc=$!; cat >/dev/null; kill $kdc; wait $kdc";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program("krb5kdc").unwrap());
        // What it says of itself goes to its log.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("KRB5_CONFIG", self.file("krb5.conf")).env("KRB5_KDC_PROFILE", self.file("kdc.conf"));
        self.kdc = Some(command.spawn().unwrap());
        poll_until("the KDC", PATIENCE, || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Ends the KDC and waits until it is gone.
    pub fn close(&mut self) {
        let Some(mut kdc) = self.kdc.take() else { return };
        drop(kdc.stdin.take());
        let _ = kdc.wait();
    }

    /// Orders of `kadmin.local`, one a line.
    pub fn administer(&self, orders: &str) {
        let said = self.run("kadmin.local", &["-r", REALM], orders);
        // It ends well whatever went wrong.
        assert!(!said.contains("while "), "{said}");
    }

    /// Adds a principal and writes its key to a keytab of this name.
    pub fn add(&self, principal: &str, keytab: &str) -> PathBuf {
        let path = self.file(keytab);
        self.administer(&format!("addprinc -randkey {principal}\nktadd -k {} {principal}\n", path.display()));
        path
    }

    /// Gets tickets for a principal by its keytab into a cache of this name.
    pub fn kinit(&self, keytab: &Path, principal: &str, cache: &str, lifetime: &str) -> PathBuf {
        let path = self.file(cache);
        let [keytab, to] = [keytab, &path].map(|path| path.display().to_string());
        self.run("kinit", &["-l", lifetime, "-k", "-t", &keytab, "-c", &to, principal], "");
        path
    }

    /// How often the KDC gave out tickets of this kind (`AS_REQ`, `TGS_REQ`) to this principal.
    pub fn issued(&self, kind: &str, principal: &str) -> usize {
        let log = std::fs::read_to_string(self.file("kdc.log")).unwrap();
        let given = |line: &&str| line.contains(kind) && line.contains("ISSUE") && line.contains(principal);
        log.lines().filter(given).count()
    }

    /// Runs a program of Kerberos to its good end, and gives what it said.
    pub fn run(&self, name: &str, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(program(name).unwrap());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("KRB5_CONFIG", self.file("krb5.conf")).env("KRB5_KDC_PROFILE", self.file("kdc.conf"));
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{name}: {said}");
        said
    }

    /// A Kafka with the listener `KERBEROS`, with `BRIEF`, whose sessions last 2 s, and with `OUTDATED`, whose key is not
    /// that of the KDC any more. The user `tap` may do everything, others nothing.
    pub fn kafka(&self) -> Option<RealKafka> {
        let old = self.add(SERVICE, "old.keytab");
        let new = self.file("broker.keytab");
        self.administer(&format!("ktadd -k {} {SERVICE}\n", new.display()));
        let mut arguments: Vec<String> = [
            "+KERBEROS=SASL_PLAINTEXT",
            "+BRIEF=SASL_PLAINTEXT",
            "+OUTDATED=SASL_PLAINTEXT",
            "sasl.kerberos.service.name=kafka",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS;User:tap",
            "listener.name.brief.gssapi.connections.max.reauth.ms=2000",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("-Djava.security.krb5.conf={}", self.file("krb5.conf").display()));
        for (listener, keytab) in [("kerberos", &new), ("brief", &new), ("outdated", &old)] {
            arguments.push(format!("listener.name.{listener}.sasl.enabled.mechanisms=GSSAPI"));
            arguments.push(format!(
                "listener.name.{listener}.gssapi.sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required \
                 isInitiator=false useKeyTab=true storeKey=true keyTab=\"{}\" principal=\"{SERVICE}@{REALM}\";",
                keytab.display()
            ));
        }
        RealKafka::start_with(Options::default(), &arguments)
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        self.close();
    }
}

/// Where a program is: those of administrators are not in everybody's PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    places.map(|place| place.join(name)).find(|file| file.is_file())
}
