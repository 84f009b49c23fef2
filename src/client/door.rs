//! The client's side of a tap's door: a connection with a runtime of its own behind blocking calls.

use super::Error;
use super::wire::{Received, Sent, column_type, parameter_type};
use crate::report::{Cell, Column, Table};
use crate::store::Answer;
use std::future::poll_fn;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls};

/// How long a door may take to let a client in. It is on this machine.
const CONNECT_TIME: Duration = Duration::from_secs(5);

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
    pub(super) fn connect(url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Url { url: url.to_owned(), reason };
        let mut config = Config::from_str(url).map_err(|error| wrong(cause(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        if config.get_user().is_none() {
            config.user("headwater");
        }
        config.application_name("headwater").connect_timeout(CONNECT_TIME);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let no_door = |reason: String| Error::NoDoor { url: url.to_owned(), reason };
        let connecting = async { tokio::time::timeout(CONNECT_TIME, config.connect(NoTls)).await };
        let connected = runtime.block_on(connecting).map_err(|_| no_door("no answer".to_owned()))?;
        let (client, connection) = connected.map_err(|error| no_door(cause(&error)))?;
        let cut = Arc::new(AtomicBool::new(false));
        // It moves while a call blocks on the runtime; its end shows in the next call.
        runtime.spawn(listen(connection, cut.clone()));
        Ok(Self { url: url.to_owned(), client, cut, runtime })
    }

    pub(super) fn ask(&self, sql: &str, parameters: &[Cell]) -> Result<Answer, Error> {
        let types: Vec<Type> = parameters.iter().map(parameter_type).collect();
        let sent: Vec<Sent<'_>> = parameters.iter().map(Sent).collect();
        let sent: Vec<&(dyn ToSql + Sync)> = sent.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        self.cut.store(false, Relaxed);
        let answered = self.runtime.block_on(async {
            let statement = self.client.prepare_typed(sql, &types).await?;
            let rows = self.client.query(&statement, &sent).await?;
            let described = statement.columns().iter();
            let columns =
                described.map(|column| Column { name: column.name().to_owned(), kind: column_type(column.type_()) });
            let columns: Vec<Column> = columns.collect();
            let cells =
                |row: tokio_postgres::Row| (0..row.len()).map(|n| Ok(row.try_get::<_, Received>(n)?.0)).collect();
            let rows = rows.into_iter().map(cells).collect::<Result<_, tokio_postgres::Error>>()?;
            Ok(Answer { table: Table { columns, rows }, truncated: self.cut.load(Relaxed) })
        });
        answered.map_err(|error: tokio_postgres::Error| match error.as_db_error() {
            Some(said) => Error::Refused(said.message().to_owned()),
            None => Error::Broken { url: self.url.clone(), reason: cause(&error) },
        })
    }
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
