//! The door with users: who comes in, who does not, and what nobody is told.

use crate::support::Folder;
use crate::support::door::{Fixture, loopback, message, runtime, simple, state};
use crate::support::program::{self, Program};
use headwater::client::run_file::{self, Secret};
use headwater::client::{self, Client};
use headwater::serve::{Door, DoorSettings, Error, Users};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::{Config, NoTls};

const PASSWORD: &str = "correct horse";

fn users(fixture: &Fixture) -> Users {
    Users::beside(&fixture.path())
}

fn open(fixture: &Fixture, address: SocketAddr) -> Result<Door, Error> {
    let settings = DoorSettings { address, users: Some(users(fixture)), tls: None, live: None };
    Door::open(settings, fixture.readers(), Arc::default())
}

/// What `name` with `password` is told: the SQLSTATE, or the answer to a question.
fn ask(door: &Door, name: &str, password: Option<&str>) -> Result<String, String> {
    runtime().block_on(async {
        let mut config = Config::new();
        config.host("127.0.0.1").port(door.address().port()).user(name).dbname("headwater");
        if let Some(password) = password {
            config.password(password);
        }
        let (client, connection) = config.connect(NoTls).await.map_err(|error| state(&error))?;
        tokio::spawn(connection);
        Ok(simple(&client, "SELECT 42").await.unwrap()[0].clone())
    })
}

#[test]
fn with_users_everybody_logs_in() {
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, loopback(0)).unwrap();
    assert_eq!(ask(&door, "ann", Some(PASSWORD)), Ok("42".to_owned()));
    assert_eq!(ask(&door, "headwater", Some(door.own_password())), Ok("42".to_owned()), "the owner's own tools");
    let begun = Instant::now();
    for (name, password) in [("ann", "wrong horse"), ("eve", PASSWORD), ("headwater", PASSWORD), ("ann", "")] {
        assert_eq!(ask(&door, name, Some(password)), Err("28P01".to_owned()), "{name} {password}");
    }
    assert!(begun.elapsed() >= Duration::from_secs(4), "a guess costs a second");
    assert!(ask(&door, "ann", None).unwrap_err().contains("invalid configuration"), "the driver misses a password");
}

#[test]
fn a_running_door_takes_notice_of_users_and_stays_locked() {
    let fixture = Fixture::new();
    let door = open(&fixture, loopback(0)).unwrap();
    assert_eq!(ask(&door, "anybody", None), Ok("42".to_owned()), "no users: this machine may ask");
    users(&fixture).add("ann", PASSWORD).unwrap();
    assert!(ask(&door, "anybody", None).is_err());
    assert_eq!(ask(&door, "ann", Some(PASSWORD)), Ok("42".to_owned()));
    users(&fixture).remove("ann").unwrap();
    assert_eq!(ask(&door, "ann", Some(PASSWORD)), Err("28P01".to_owned()));
    assert!(ask(&door, "anybody", None).is_err(), "a list that loses its users does not open the door");
    std::fs::remove_file(users(&fixture).path()).unwrap();
    assert!(ask(&door, "anybody", None).is_err(), "nor does one that vanishes");
    users(&fixture).add("bob", PASSWORD).unwrap();
    std::fs::set_permissions(users(&fixture).path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(ask(&door, "bob", Some(PASSWORD)), Err("28P01".to_owned()), "a list that others can read holds nobody");
    assert_eq!(ask(&door, "headwater", Some(door.own_password())), Ok("42".to_owned()));
}

#[test]
fn other_machines_are_served_with_users_only() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let fixture = Fixture::new();
    let refused = open(&fixture, everywhere).unwrap_err();
    assert!(matches!(refused, Error::NotLoopback(_)), "{refused}");
    assert!(refused.to_string().contains("headwater user add"), "{refused}");
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, everywhere).unwrap();
    assert!(door.url().contains("127.0.0.1"), "the owner asks from here: {}", door.url());
    users(&fixture).remove("ann").unwrap();
    assert!(ask(&door, "anybody", None).is_err());
    std::fs::write(users(&fixture).path(), "not ours").unwrap();
    assert!(matches!(open(&fixture, everywhere), Err(Error::Users(_))));
    assert!(matches!(open(&fixture, loopback(0)), Err(Error::Users(_))), "a spoilt list opens nothing");
}

/// Reads whole messages until `kind` comes, and gives its body.
fn until(socket: &mut TcpStream, kind: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 5];
        socket.read_exact(&mut head).unwrap();
        let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        socket.read_exact(&mut body).unwrap();
        if head[0] == kind {
            return body;
        }
    }
}

/// The server's first SCRAM message to `name`: nonce, salt and rounds.
fn challenge(door: &Door, name: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(door.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = [b"\0\x03\0\0user\0", name.as_bytes(), b"\0database\0headwater\0\0"].concat();
    socket.write_all(&[&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()).unwrap();
    assert_eq!(until(&mut socket, b'R')[..4], [0, 0, 0, 10], "SASL is asked for");
    let first = b"n,,n=,r=rOprNGfwEbeRWgbNEkqO";
    let body = [b"SCRAM-SHA-256\0", &(first.len() as u32).to_be_bytes()[..], first].concat();
    socket.write_all(&message(b'p', &body)).unwrap();
    let answer = until(&mut socket, b'R');
    (socket, String::from_utf8(answer[4..].to_vec()).unwrap())
}

#[test]
fn nobody_learns_who_has_a_login() {
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, loopback(0)).unwrap();
    let salt = |name: &str| challenge(&door, name).1.split_once(",s=").unwrap().1.to_owned();
    assert_eq!(salt("eve"), salt("eve"), "a name without a user has a steady salt");
    assert_ne!(salt("eve"), salt("mallory"));
    assert_eq!(salt("eve").len(), salt("ann").len());
    drop(door);
    let again = open(&fixture, loopback(0)).unwrap();
    let later = challenge(&again, "eve").1.split_once(",s=").unwrap().1.to_owned();
    assert_eq!(later, challenge(&again, "eve").1.split_once(",s=").unwrap().1, "and keeps it over a restart");
}

#[test]
fn nothing_but_a_login_is_heard_before_the_login() {
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, loopback(0)).unwrap();
    for intruder in [
        message(b'Q', b"SELECT 42\0"),
        message(b'P', b"\0SELECT 42\0\0\0"),
        message(b'p', b"c=biws,r=x,p=AAAA"),
        message(b'p', b"\xff\xff\xff"),
        message(b'S', b""),
        b"\0\0\0\x09\0\x03\0\0\0".to_vec(),
    ] {
        let (mut socket, _) = challenge(&door, "ann");
        // A second question behind it must find nobody.
        let _ = socket.write_all(&[intruder.clone(), message(b'Q', b"SELECT 42\0")].concat());
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
        assert!(!rest.contains(&b'D') && !rest.ends_with(b"Z\0\0\0\x05I"), "{intruder:?}: {rest:?}");
    }
    // Long messages are for those who are let in.
    let (mut socket, _) = challenge(&door, "ann");
    let _ = socket.write_all(b"p\0\x0f\xff\xff");
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert!(String::from_utf8_lossy(&rest).contains("message of 1048575 bytes"), "{rest:?}");
}

#[test]
fn who_only_knocks_is_sent_away() {
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, loopback(0)).unwrap();
    let begun = Instant::now();
    let (mut in_the_login, _) = challenge(&door, "ann");
    let mut silent = TcpStream::connect(door.address()).unwrap();
    let mut after_tls = TcpStream::connect(door.address()).unwrap();
    after_tls.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f").unwrap();
    // The places of those who are let in are not touched by forty who are not.
    assert_eq!(ask(&door, "ann", Some(PASSWORD)), Ok("42".to_owned()));
    for socket in [&mut in_the_login, &mut silent, &mut after_tls] {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "within the time for a start");
}

#[test]
fn the_owners_tools_come_in_without_typing() {
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let door = open(&fixture, loopback(0)).unwrap();
    let database = fixture.path();
    let run = run_file::RunFile {
        url: door.url(),
        password: Some(Secret(door.own_password().to_owned())),
        pid: std::process::id(),
        database: database.clone(),
    };
    run_file::write(&run).unwrap();
    assert_eq!(Client::find_beside(&database).unwrap().sql("SELECT 1::INTEGER AS one").unwrap().rows.len(), 1);
    assert!(matches!(Client::connect(&door.url()), Err(client::Error::Login { .. })));
    let url = door.url().replace("postgres://", "postgres://ann:wrong-horse@");
    let said = Client::connect(&url).unwrap_err().to_string();
    assert!(said.contains("HEADWATER_PASSWORD") && !said.contains("wrong-horse"), "{said}");
}

fn psql(url: &str, password: &str) -> std::process::Output {
    Command::new("psql")
        .args(["-X", "-q", "-t", "-A", "-w", url, "-c", "SELECT 6 * 7"])
        .env("PGPASSWORD", password)
        .output()
        .unwrap()
}

fn has(program: &str, version: &str) -> bool {
    let found = Command::new(program).arg(version).output().is_ok();
    if !found {
        // Not by a macro: the test runner would keep what a passing test prints to itself.
        let _ = writeln!(std::io::stderr(), "not run: {program} is not installed");
    }
    found
}

#[test]
fn psql_logs_in_with_and_without_encryption() {
    if !has("psql", "--version") || !has("openssl", "version") {
        return;
    }
    let folder = Folder::new("door-tls");
    let (certificate, key) = (folder.file("cert.pem"), folder.file("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let fixture = Fixture::new();
    users(&fixture).add("ann", PASSWORD).unwrap();
    let tls = headwater::serve::Tls::read(&certificate, &key).unwrap();
    let settings = DoorSettings { address: loopback(0), users: Some(users(&fixture)), tls: Some(tls), live: None };
    let door = Door::open(settings, fixture.readers(), Arc::default()).unwrap();
    let url = door.url().replace("postgres://", "postgres://ann@");
    let root = certificate.display();
    for mode in [
        "sslmode=disable".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-full&sslrootcert={root}"),
        "sslmode=require&channel_binding=require".to_owned(),
    ] {
        let said = psql(&format!("{url}?{mode}"), PASSWORD);
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "42", "{mode}: {said:?}");
        let said = psql(&format!("{url}?{mode}"), "wrong horse");
        assert!(String::from_utf8_lossy(&said.stderr).contains("password authentication failed"), "{mode}: {said:?}");
    }
    // Plain bytes behind the request for encryption are not taken for encrypted ones.
    let mut socket = TcpStream::connect(door.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(&[&b"\0\0\0\x08\x04\xd2\x16\x2f"[..], &crate::support::door::start()].concat()).unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest == b"S", "{rest:?}");
    let swapped = headwater::serve::Tls::read(&key, &certificate).unwrap_err().to_string();
    assert!(swapped.contains("--serve-tls-cert"), "{swapped}");
}

#[test]
fn the_program_keeps_users_beside_its_database() {
    let folder = Folder::new("door-user");
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_headwater"))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(run(&["user", "add", "ann", "--db", "a.duckdb"], "correct horse\n").0, 0);
    let (code, made, _) = run(&["user", "add", "bob", "--generate", "--db", "a.duckdb"], "");
    assert!(code == 0 && made.trim().len() == 24, "{made}");
    assert_eq!(run(&["user", "list", "--db", "a.duckdb"], "").1, "ann\nbob\n");
    assert!(run(&["user", "list", "--json", "--db", "a.duckdb"], "").1.contains("\"name\": \"bob\""));
    let kept = std::fs::read_to_string(folder.file("a.duckdb.users")).unwrap();
    assert!(!kept.contains(made.trim()) && !kept.contains("horse"), "{kept}");
    let (code, _, said) = run(&["user", "add", "ann", "--db", "a.duckdb"], "correct horse\n");
    assert!(code == 1 && said.contains("is there already"), "{said}");
    let (code, _, said) = run(&["user", "add", "eve", "--db", "a.duckdb"], "short\n");
    assert!(code == 1 && said.contains("too short"), "{said}");
    assert_eq!(run(&["user", "remove", "ann", "--db", "a.duckdb"], "").0, 0);
    let (code, _, said) = run(&["user", "remove", "bob", "--db", "a.duckdb"], "");
    assert!(code == 0 && said.contains("no users are left"), "{said}");
    assert_eq!(run(&["user", "remove", "bob", "--db", "a.duckdb"], "").0, 1);
}

#[test]
fn a_tap_prints_no_password_and_its_tools_need_none() {
    let folder = Folder::new("door-tap");
    let kafka = crate::support::mock::MockKafka::start(1, &[("orders", 1)]);
    let made = program::answer(folder.path(), &["user", "add", "ann", "--generate", "--db", "headwater.duckdb"]);
    let arguments = ["tap", "--brokers", &kafka.bootstrap, "--serve", "127.0.0.1:0", "--metrics", "off"];
    let tap = Program::start(folder.path(), &arguments);
    let url = tap.url();
    let run = crate::support::poll_until("the run file", Duration::from_secs(10), || {
        run_file::read(&folder.file("headwater.duckdb")).ok().flatten()
    });
    let own = run.password.unwrap().0;
    let rights = std::fs::metadata(folder.file("headwater.run")).unwrap().permissions().mode();
    assert_eq!(rights & 0o777, 0o600);
    assert_eq!(run.url, url);
    // Found by the run file, and by the URL that was printed.
    for more in [&[][..], &["--connect", url.as_str()][..]] {
        let told =
            program::answer(folder.path(), &[&["sql", "SELECT 6 * 7 AS n", "--format", "csv"][..], more].concat());
        assert_eq!(told.lines().last(), Some("42"));
    }
    let elsewhere = Folder::new("door-tap-elsewhere");
    let refused = program::run(elsewhere.path(), &["sql", "SELECT 1", "--connect", &url]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("asks for a login"), "{refused:?}");
    let (status, said) = tap.stop();
    assert!(status.success() && !said.contains(&own) && !said.contains(made.trim()), "{said}");
}
