//! The client's side of a tap's door: a connection with a runtime of its own behind blocking calls.

use super::Error;
use super::run_file::Secret;
use super::wire::{Received, Sent, column_type, parameter_type};
use crate::report::{Cell, Column, Table};
use crate::store::Answer;
use futures::TryStreamExt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls, Row, Statement};

/// How long a door may take to let a client in. It is on this machine.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Rows of one part of a long answer.
const PART_ROWS: usize = 2_048;

/// The user that the owner's own tools come in as.
const OWN_NAME: &str = "headwater";

/// Where a password is looked for that the URL does not name, the first first.
const PASSWORD_VARIABLES: [&str; 2] = ["HEADWATER_PASSWORD", "PGPASSWORD"];

/// Class of SQLSTATEs that say that a login is refused.
const LOGIN_REFUSED: &str = "28";

/// SQLSTATE of the notice that rows were left out.
const CUT: &str = "01R01";

/// A session at a door.
#[derive(Debug)]
pub(super) struct Session {
    url: String,
    client: tokio_postgres::Client,
    /// The door said that it left rows out.
    cut: Arc<AtomicBool>,
    runtime: Runtime,
}

impl Session {
    pub(super) fn connect(url: &str, own_password: Option<&Secret>) -> Result<Self, Error> {
        let (config, shown) = login(url, own_password)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let no_door = |reason: String| Error::NoDoor { url: shown.clone(), reason };
        let connecting = async { tokio::time::timeout(CONNECT_TIME, config.connect(NoTls)).await };
        let connected = runtime.block_on(connecting).map_err(|_| no_door("no answer".to_owned()))?;
        let (client, connection) = connected.map_err(|error| match error.as_db_error() {
            Some(said) if said.code().code().starts_with(LOGIN_REFUSED) => {
                Error::Login { url: shown.clone(), reason: said.message().to_owned() }
            }
            None if config.get_password().is_none() && cause(&error) == "password missing" => {
                Error::Login { url: shown.clone(), reason: "no password was given".to_owned() }
            }
            _ => no_door(cause(&error)),
        })?;
        let cut = Arc::new(AtomicBool::new(false));
        // It moves while a call blocks on the runtime; its end shows in the next call.
        runtime.spawn(listen(connection, cut.clone()));
        Ok(Self { url: shown, client, cut, runtime })
    }

    /// Asks without parameters, and gives the rows as they come: never more of them are here than `each` is given.
    pub(super) fn stream(&self, sql: &str, each: &mut dyn FnMut(Table) -> ControlFlow<()>) -> Result<bool, Error> {
        self.cut.store(false, Relaxed);
        let answered = self.runtime.block_on(async {
            let statement = self.client.prepare(sql).await?;
            let columns = columns(&statement);
            let none: [&(dyn ToSql + Sync); 0] = [];
            let mut rows = std::pin::pin!(self.client.query_raw(&statement, none).await?);
            let mut part = Table { columns: columns.clone(), rows: Vec::new() };
            let mut going = each(part.clone());
            while going.is_continue() {
                let row = rows.try_next().await?;
                let ended = row.is_none();
                part.rows.extend(row.as_ref().map(cells).transpose()?);
                if part.rows.len() >= PART_ROWS || (ended && !part.rows.is_empty()) {
                    going = each(std::mem::replace(&mut part, Table { columns: columns.clone(), rows: Vec::new() }));
                }
                if ended {
                    break;
                }
            }
            Ok(self.cut.load(Relaxed))
        });
        answered.map_err(|error| self.told(error))
    }

    pub(super) fn ask(&self, sql: &str, parameters: &[Cell]) -> Result<Answer, Error> {
        let types: Vec<Type> = parameters.iter().map(parameter_type).collect();
        let sent: Vec<Sent<'_>> = parameters.iter().map(Sent).collect();
        let sent: Vec<&(dyn ToSql + Sync)> = sent.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        self.cut.store(false, Relaxed);
        let answered = self.runtime.block_on(async {
            let statement = self.client.prepare_typed(sql, &types).await?;
            let rows = self.client.query(&statement, &sent).await?;
            let rows = rows.iter().map(cells).collect::<Result<_, tokio_postgres::Error>>()?;
            Ok(Answer { table: Table { columns: columns(&statement), rows }, truncated: self.cut.load(Relaxed) })
        });
        answered.map_err(|error| self.told(error))
    }

    fn told(&self, error: tokio_postgres::Error) -> Error {
        match error.as_db_error() {
            Some(said) => Error::Refused(said.message().to_owned()),
            None => Error::Broken { url: self.url.clone(), reason: cause(&error) },
        }
    }
}

fn columns(statement: &Statement) -> Vec<Column> {
    let described = statement.columns().iter();
    described.map(|column| Column { name: column.name().to_owned(), kind: column_type(column.type_()) }).collect()
}

fn cells(row: &Row) -> Result<Vec<Cell>, tokio_postgres::Error> {
    (0..row.len()).map(|n| Ok(row.try_get::<_, Received>(n)?.0)).collect()
}

/// How to come in at `url`, and the URL as it may be shown: without its password.
fn login(url: &str, own_password: Option<&Secret>) -> Result<(Config, String), Error> {
    let shown = super::shown(url);
    let wrong = |reason: String| Error::Url { url: shown.clone(), reason };
    let mut config = Config::from_str(url).map_err(|error| wrong(cause(&error)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong("it names no host".to_owned()));
    }
    if config.get_user().is_none() {
        config.user(OWN_NAME);
    }
    if config.get_password().is_none() {
        let own = own_password.filter(|_| config.get_user() == Some(OWN_NAME)).map(|own| own.0.clone());
        let set = || PASSWORD_VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|set| !set.is_empty()));
        if let Some(password) = own.or_else(set) {
            config.password(password);
        }
    }
    config.application_name("headwater").connect_timeout(CONNECT_TIME);
    Ok((config, shown))
}

/// Moves the connection, and notes when the door says that it left rows out.
async fn listen<S, T>(mut connection: Connection<S, T>, cut: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(heard)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = heard {
            cut.fetch_or(notice.code().code() == CUT, Relaxed);
        }
    }
}

/// The innermost reason: the outer ones only say "error connecting to server".
fn cause(error: &tokio_postgres::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://127.0.0.1:5439/headwater", "postgres://127.0.0.1:5439/headwater"),
            ("postgres://ann:s3cret@h:1/x?a=b@c", "postgres://ann@h:1/x?a=b@c"),
            ("postgres://ann:a@b@h:1", "postgres://ann@h:1"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(super::super::shown(url), shown);
        }
    }

    #[test]
    fn the_owners_password_is_only_for_the_owner() {
        let own = Secret("own".to_owned());
        let password = |url: &str| login(url, Some(&own)).unwrap().0.get_password().map(<[u8]>::to_vec);
        assert_eq!(password("postgres://h/x"), Some(b"own".to_vec()));
        assert_eq!(password("postgres://ann:hers@h/x"), Some(b"hers".to_vec()));
        assert_ne!(password("postgres://ann@h/x"), Some(b"own".to_vec()));
    }
}
