//! What a session sends back: rows, tags and notices.

use super::{encode, refusal, settings};
use crate::report::{Cell, Column, ColumnType, Table};
use futures::{Sink, SinkExt, stream};
use pgwire::api::ClientInfo;
use pgwire::api::portal::Format;
use pgwire::api::query::{send_execution_response, send_query_response};
use pgwire::api::results::{QueryResponse, Response};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::NoticeResponse;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The rows keep their `share` of the memory for answers until the last one is sent.
pub(super) fn answer(
    table: Table,
    known: Option<&Vec<Column>>,
    formats: &Format,
    share: Option<OwnedSemaphorePermit>,
) -> Response {
    let columns = known.cloned().unwrap_or(table.columns);
    let formats = formats.clone();
    let described = Arc::new(encode::fields(&columns, &formats));
    let rows = table.rows.into_iter().map(move |cells| {
        let _held = &share;
        encode::row(&cells, &columns, &formats)
            .ok_or_else(|| refusal("0A000", "the answer has other types than described; prepare the statement again"))
    });
    Response::Query(QueryResponse::new(described, stream::iter(rows)))
}

pub(super) fn shown(setting: &settings::Setting) -> Table {
    Table {
        columns: vec![Column { name: setting.name.to_owned(), kind: ColumnType::Text }],
        rows: vec![vec![Cell::Text(setting.value.to_owned())]],
    }
}

pub(super) async fn notice<C>(client: &mut C, code: &str, text: String) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let info = ErrorInfo::new("NOTICE".to_owned(), code.to_owned(), text);
    Ok(client.feed(PgWireBackendMessage::NoticeResponse(NoticeResponse::from(info))).await?)
}

pub(super) async fn send<C>(client: &mut C, response: Response) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let status = client.transaction_status();
    match response {
        Response::Query(rows) => send_query_response(client, rows, true).await,
        Response::TransactionStart(tag) => {
            client.set_transaction_status(status.to_in_transaction_state());
            send_execution_response(client, tag).await
        }
        Response::TransactionEnd(tag) => {
            client.set_transaction_status(status.to_idle_state());
            send_execution_response(client, tag).await
        }
        Response::Execution(tag) => send_execution_response(client, tag).await,
        // A session answers with nothing else.
        _ => Err(PgWireError::NotReadyForQuery),
    }
}
