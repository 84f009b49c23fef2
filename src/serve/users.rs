//! Who may come in: names and SCRAM verifiers in a file beside the database.
//!
//! A verifier is what PostgreSQL itself keeps (`SCRAM-SHA-256$iterations:salt$stored key:server key`): it proves that
//! somebody knows a password and does not hold it, nor anything to log in with.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pgwire::api::auth::sasl::scram::{ScramSecret, gen_salted_password};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::fs;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most users of one door: a list for people and dashboards, not a directory service.
const USER_LIMIT: usize = 1_000;

/// Longest users file that is read, in bytes: room for all users with the longest names.
const SIZE_LIMIT: u64 = 512 * 1024;

/// Longest name, in bytes: PostgreSQL's own bound.
const NAME_LIMIT: usize = 63;

/// Shortest password that a person may choose, in characters. The wire shows nothing to guess offline with, and the
/// door lets a guess a second through.
const PASSWORD_MIN: usize = 8;

/// Longest password, in bytes: what every client can send.
const PASSWORD_MAX: usize = 256;

/// Rounds of the key derivation: four times PostgreSQL's default. A client does them at every login, and a pool of
/// dashboards logs in often.
const ITERATIONS: usize = 16_384;

/// Bytes of a salt: PostgreSQL's own.
const SALT_BYTES: usize = 16;

/// Bytes of a key: SHA-256.
const KEY_BYTES: usize = 32;

/// Random bytes of a password that is made: 144 bits.
const MADE_BYTES: usize = 18;

/// First word of the file; behind it stands the secret that salts of names without a user are made of.
const HEAD: &str = "headwater-users-1";

/// The name under which the owner's own tools come in; it cannot be given to anybody.
pub(super) const OWN_NAME: &str = "headwater";

/// Why the list of users cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The system refused.
    #[error("cannot {operation} {path}: {source}; check its owner and rights")]
    Io {
        /// What was done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner have rights on the file.
    #[error("{path} is open to other users of this machine; close it with `chmod 600 {path}`")]
    Rights {
        /// The file.
        path: PathBuf,
    },
    /// The file is not one that this program wrote.
    #[error("{path}, line {line}: {reason}; restore the file, or delete it and add the users again")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A name that cannot be one.
    #[error("`{name}` cannot be a user: {reason}; choose 1 to 63 letters, digits, `.`, `_`, `-` or `@`")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A password that cannot be one.
    #[error("this password cannot be used: {0}; choose one of 8 to 256 characters, or let --generate make one")]
    Password(&'static str),
    /// The user is there.
    #[error("user `{0}` is there already; remove it first with `headwater user remove {0}`")]
    Known(String),
    /// The user is not there.
    #[error("there is no user `{0}`; `headwater user list` shows who is")]
    Unknown(String),
    /// There are too many.
    #[error("there are {USER_LIMIT} users, and no room for more; remove one first")]
    Full,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}; try again")]
    Random(String),
}

/// What proves a password, without it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Verifier {
    iterations: usize,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Verifier {
    /// The verifier of `password`, under a new salt.
    pub(super) fn of(password: &str) -> Result<Self, UsersError> {
        let salt = random::<SALT_BYTES>()?.to_vec();
        let salted = gen_salted_password(password, &salt, ITERATIONS);
        match ScramSecret::verifier_from_salted_password(salt, salted, ITERATIONS) {
            ScramSecret::Verifier { salt, iterations, stored_key, server_key } => {
                Ok(Self { iterations, salt, stored_key, server_key })
            }
            ScramSecret::SaltedPassword { .. } => Err(UsersError::Password("no verifier came of it")),
        }
    }

    /// What the login is checked against.
    pub(super) fn secret(&self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt.clone(),
            iterations: self.iterations,
            stored_key: self.stored_key.clone(),
            server_key: self.server_key.clone(),
        }
    }

    fn text(&self) -> String {
        let Self { iterations, salt, stored_key, server_key } = self;
        let [salt, stored, server] = [salt, stored_key, server_key].map(|bytes| STANDARD.encode(bytes));
        format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("SCRAM-SHA-256$")?.split('$');
        let (iterations, salt) = parts.next()?.split_once(':')?;
        let (stored_key, server_key) = parts.next()?.split_once(':')?;
        let bytes = |text: &str| STANDARD.decode(text).ok();
        let verifier = Self {
            iterations: iterations.parse().ok().filter(|rounds| *rounds > 0)?,
            salt: bytes(salt).filter(|salt| !salt.is_empty())?,
            stored_key: bytes(stored_key).filter(|key| key.len() == KEY_BYTES)?,
            server_key: bytes(server_key).filter(|key| key.len() == KEY_BYTES)?,
        };
        parts.next().is_none().then_some(verifier)
    }
}

/// Never shows key material.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The users of one database: the file `DATABASE.users`, for its owner only.
#[derive(Debug, Clone)]
pub struct Users {
    path: PathBuf,
}

/// What the file holds.
#[derive(Default)]
pub(super) struct Roll {
    /// Makes salts for names that are nobody's: always the same one for a name, so that asking tells nothing.
    secret: [u8; 16],
    verifiers: BTreeMap<String, Verifier>,
}

impl Users {
    /// The users of the door on `database`.
    pub fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push(".users");
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all users, in order.
    ///
    /// # Errors
    /// A file that cannot be read, is open to others, or is not one of this program.
    pub fn names(&self) -> Result<Vec<String>, UsersError> {
        Ok(self.roll()?.verifiers.into_keys().collect())
    }

    /// Adds user `name`, who comes in with `password` from the next login on.
    ///
    /// # Errors
    /// A name or password that cannot be used, a user who is there already, or a file that cannot be written.
    pub fn add(&self, name: &str, password: &str) -> Result<(), UsersError> {
        check_name(name)?;
        check_password(password)?;
        let mut roll = self.roll()?;
        if roll.verifiers.contains_key(name) {
            return Err(UsersError::Known(name.to_owned()));
        }
        if roll.verifiers.len() >= USER_LIMIT {
            return Err(UsersError::Full);
        }
        roll.verifiers.insert(name.to_owned(), Verifier::of(password)?);
        self.write(&roll)
    }

    /// Removes user `name`; sessions that are open stay open. Gives the number of users left.
    ///
    /// # Errors
    /// No such user, or a file that cannot be written.
    pub fn remove(&self, name: &str) -> Result<usize, UsersError> {
        let mut roll = self.roll()?;
        if roll.verifiers.remove(name).is_none() {
            return Err(UsersError::Unknown(name.to_owned()));
        }
        self.write(&roll)?;
        Ok(roll.verifiers.len())
    }

    /// Reads the file; without one there are no users.
    pub(super) fn roll(&self) -> Result<Roll, UsersError> {
        let failed = |source| UsersError::Io { operation: "read", path: self.path.clone(), source };
        let file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Roll { secret: random()?, verifiers: BTreeMap::new() });
            }
            Err(error) => return Err(failed(error)),
        };
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(UsersError::Rights { path: self.path.clone() });
        }
        let mut text = String::new();
        file.take(SIZE_LIMIT).read_to_string(&mut text).map_err(failed)?;
        self.parse(&text)
    }

    fn parse(&self, text: &str) -> Result<Roll, UsersError> {
        let wrong = |line: usize, reason| UsersError::Line { path: self.path.clone(), line, reason };
        let mut lines = text.lines().enumerate();
        let head = lines.next().and_then(|(_, line)| line.strip_prefix(HEAD)).unwrap_or_default().trim();
        let secret = u128::from_str_radix(head, 16).map_err(|_| wrong(1, "this is no list of users"))?;
        let mut verifiers = BTreeMap::new();
        for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            if verifiers.len() >= USER_LIMIT {
                return Err(wrong(at + 1, "there are more than 1000 users"));
            }
            let (name, verifier) =
                line.split_once(':').ok_or_else(|| wrong(at + 1, "no name stands before a colon"))?;
            check_name(name).map_err(|_| wrong(at + 1, "the name cannot be one"))?;
            let verifier = Verifier::parse(verifier).ok_or_else(|| wrong(at + 1, "the verifier is not understood"))?;
            verifiers.insert(name.to_owned(), verifier);
        }
        Ok(Roll { secret: secret.to_be_bytes(), verifiers })
    }

    /// Replaces the file in one step.
    fn write(&self, roll: &Roll) -> Result<(), UsersError> {
        let mut text = format!("{HEAD} {:032x}\n", u128::from_be_bytes(roll.secret));
        for (name, verifier) in &roll.verifiers {
            text.push_str(&format!("{name}:{}\n", verifier.text()));
        }
        let mut draft = self.path.clone().into_os_string();
        draft.push(format!(".{}", std::process::id()));
        let draft = PathBuf::from(draft);
        let written = write_private(&draft, text.as_bytes()).and_then(|()| fs::rename(&draft, &self.path));
        written.map_err(|source| UsersError::Io { operation: "write", path: self.path.clone(), source })
    }
}

impl Roll {
    /// True when nobody was ever added.
    pub(super) fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// The verifier of `name`. For nobody's name it is one that no password fits, with a salt that stays the same.
    pub(super) fn verifier(&self, name: &str) -> Result<Verifier, UsersError> {
        if let Some(verifier) = self.verifiers.get(name) {
            return Ok(verifier.clone());
        }
        let mut hash = SipHasher13::new_with_key(&self.secret);
        hash.write(name.as_bytes());
        Ok(Verifier {
            iterations: ITERATIONS,
            salt: hash.finish128().as_bytes().to_vec(),
            stored_key: random::<KEY_BYTES>()?.to_vec(),
            server_key: random::<KEY_BYTES>()?.to_vec(),
        })
    }
}

/// A password that nobody can guess.
///
/// # Errors
/// A system without random bytes.
pub fn make_password() -> Result<String, UsersError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<MADE_BYTES>()?))
}

/// Writes a new file that only its owner may read. What was left behind under its name goes first, with its rights.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn random<const N: usize>() -> Result<[u8; N], UsersError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| UsersError::Random(error.to_string()))?;
    Ok(bytes)
}

fn check_name(name: &str) -> Result<(), UsersError> {
    let wrong = |reason| Err(UsersError::Name { name: name.to_owned(), reason });
    match name {
        "" => wrong("it is empty"),
        OWN_NAME => wrong("the owner's own tools have this name"),
        _ if name.len() > NAME_LIMIT => wrong("it is too long"),
        _ if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b)) => {
            wrong("a character cannot stand in it")
        }
        _ => Ok(()),
    }
}

fn check_password(password: &str) -> Result<(), UsersError> {
    match password {
        _ if password.chars().count() < PASSWORD_MIN => Err(UsersError::Password("it is too short")),
        _ if password.len() > PASSWORD_MAX => Err(UsersError::Password("it is too long")),
        _ if password.chars().any(char::is_control) => Err(UsersError::Password("a control character stands in it")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("headwater-users-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn users(&self) -> Users {
            Users::beside(&self.0.join("a.duckdb"))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn users_come_and_go_and_no_password_is_kept() {
        let scratch = Scratch::new("go");
        let users = scratch.users();
        assert_eq!(users.names().unwrap(), Vec::<String>::new());
        users.add("ann", "correct horse").unwrap();
        users.add("bob@x.org", "battery staple").unwrap();
        assert_eq!(users.names().unwrap(), ["ann", "bob@x.org"]);
        assert!(matches!(users.add("ann", "another one"), Err(UsersError::Known(_))));
        let text = fs::read_to_string(users.path()).unwrap();
        assert!(text.contains("ann:SCRAM-SHA-256$16384:") && !text.contains("horse"), "{text}");
        assert_eq!(fs::metadata(users.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let before = users.roll().unwrap().verifier("bob@x.org").unwrap();
        assert_eq!(users.remove("ann").unwrap(), 1);
        assert!(matches!(users.remove("ann"), Err(UsersError::Unknown(_))));
        assert!(users.roll().unwrap().verifier("bob@x.org").unwrap() == before);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn nobody_has_a_steady_salt_and_a_key_that_nothing_fits() {
        let scratch = Scratch::new("nobody");
        scratch.users().add("ann", "correct horse").unwrap();
        let (one, two) = (scratch.users().roll().unwrap(), scratch.users().roll().unwrap());
        let (first, second) = (one.verifier("eve").unwrap(), two.verifier("eve").unwrap());
        assert_eq!(first.salt, second.salt);
        assert_ne!(first.salt, one.verifier("mallory").unwrap().salt);
        assert_ne!(first.stored_key, second.stored_key);
        let ann = one.verifier("ann").unwrap();
        assert_eq!((first.salt.len(), first.iterations), (ann.salt.len(), ann.iterations));
    }

    #[test]
    fn names_and_passwords_are_checked() {
        let scratch = Scratch::new("checked");
        let long = "x".repeat(64);
        for name in ["", "headwater", "a:b", "a b", "é", "a\n", long.as_str()] {
            assert!(matches!(scratch.users().add(name, "correct horse"), Err(UsersError::Name { .. })), "{name:?}");
        }
        let long = "x".repeat(257);
        for password in ["", "1234567", "a\0bcdefgh", long.as_str()] {
            assert!(matches!(scratch.users().add("ann", password), Err(UsersError::Password(_))), "{password:?}");
        }
        assert!(make_password().unwrap() != make_password().unwrap());
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_not_ours_is_refused() {
        let scratch = Scratch::new("refused");
        let users = scratch.users();
        users.add("ann", "correct horse").unwrap();
        fs::set_permissions(users.path(), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(users.names(), Err(UsersError::Rights { .. })));
        let good = Verifier::of("correct horse").unwrap().text();
        for (text, line) in [
            ("ann:x".to_owned(), 1),
            (format!("{HEAD} 00\nann:x"), 2),
            (format!("{HEAD} 00\nann"), 2),
            (format!("{HEAD} 00\n\na b:{good}"), 3),
            (format!("{HEAD} 00\nann:{good}$"), 2),
        ] {
            let refused = users.parse(&text).map(|_| ()).unwrap_err();
            assert!(matches!(refused, UsersError::Line { line: at, .. } if at == line), "{text}: {refused}");
        }
        assert!(users.parse(&format!("{HEAD} 00\nann:{good}\n")).is_ok());
    }
}
