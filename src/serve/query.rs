//! The simple and the extended query protocol of one session.

use super::ask::Held;
use super::response::{answer, notice, send, shown};
use super::statement::{Statement, parse, split};
use super::{Shared, ask, backup, catalogue, encode, live, parameter, refusal, settings};
use crate::report::{Cell, Column};
use async_trait::async_trait;
use futures::future::{Either, select};
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_ready_for_query};
use pgwire::api::results::{DescribePortalResponse, DescribeStatementResponse, FieldInfo, Response, Tag};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, ConnectionHandle, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Execute, Parse, ParseComplete, Sync as SyncRequest,
    TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, ReadyForQuery, TransactionStatus};
use pgwire::messages::simplequery::Query;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::net::TcpStream;

/// Prepared statements of one session. Drivers keep a few hundred at most; each holds its text.
const STATEMENT_LIMIT: usize = 1_000;

/// Portals of one session. Each can hold an answer, and no driver reads many at once.
const PORTAL_LIMIT: usize = 8;

/// Most parameters of one statement: what the protocol can count.
const PARAMETER_LIMIT: usize = u16::MAX as usize;

/// SQLSTATE of the notice that rows were left out: a warning of our own.
const CUT: &str = "01R01";

/// SQLSTATE of the notice that a setting was not changed.
const IGNORED: &str = "01000";

/// What one connection knows.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    /// The same socket once more: while a question runs, nobody else looks whether the client is still there.
    watch: TcpStream,
    /// The client is on this machine.
    pub(super) is_near: bool,
    /// It has shown the password of the owner's own tools.
    pub(super) is_owner: AtomicBool,
    statements: Names<STATEMENT_LIMIT>,
    portals: Names<PORTAL_LIMIT>,
}

/// Names in use, at most `N`.
#[derive(Default)]
struct Names<const N: usize>(Mutex<BTreeSet<String>>);

impl<const N: usize> Names<N> {
    fn set(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, name: &str, what: &str) -> PgWireResult<()> {
        let mut names = self.set();
        if names.len() >= N && !names.contains(name) {
            return Err(refusal("53000", format!("more than {N} {what}")));
        }
        names.insert(name.to_owned());
        Ok(())
    }
}

/// A statement as `Parse` keeps it.
#[derive(Debug)]
pub(super) struct Prepared {
    statement: Statement,
    /// What the client was told about the answer. Rows are sent in these types.
    columns: OnceLock<Vec<Column>>,
    /// Types of the parameters, as the question says them: what the client is told where it says nothing.
    told: OnceLock<Vec<Type>>,
}

impl Prepared {
    fn new(statement: Statement) -> Self {
        Self { statement, columns: OnceLock::new(), told: OnceLock::new() }
    }
}

impl Session {
    /// A session that has not begun, on the socket that `watch` is.
    pub(super) fn new(shared: Arc<Shared>, watch: TcpStream, is_near: bool) -> Self {
        Self {
            shared,
            watch,
            is_near,
            is_owner: AtomicBool::new(false),
            statements: Names::default(),
            portals: Names::default(),
        }
    }

    /// Ends when the client has hung up. What it sent ahead hides that; then this never ends.
    async fn hung_up(&self) {
        let mut byte = [0];
        if matches!(self.watch.peek(&mut byte).await, Ok(1..)) {
            std::future::pending::<()>().await;
        }
    }

    fn forget(&self, store: &impl PortalStore, name: Option<&str>) {
        let mut names = self.statements.set();
        match name {
            Some(name) => {
                names.remove(name);
                store.rm_statement(name);
            }
            None => std::mem::take(&mut *names).iter().for_each(|name| store.rm_statement(name)),
        }
    }

    /// Runs one statement.
    async fn run<C>(&self, client: &mut C, prepared: &Prepared, bound: Bound<'_>) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Ok(match &prepared.statement {
            Statement::Ask { sql, .. } => {
                let sql = bound.sql.unwrap_or_else(|| sql.clone());
                let asking = pin!(ask::ask(&self.shared, sql, bound.parameters));
                let Held { answer: answered, share } = match select(asking, pin!(self.hung_up())).await {
                    Either::Left((answered, _)) => answered?,
                    Either::Right(_) => return Err(PgWireError::QueryCanceled),
                };
                if answered.truncated {
                    let rows = answered.table.rows.len();
                    notice(client, CUT, format!("the answer was cut after {rows} rows; ask for less")).await?;
                }
                answer(answered.table, prepared.columns.get(), bound.formats, Some(share))
            }
            Statement::Show(setting) => answer(shown(setting), None, bound.formats, None),
            Statement::Live(question) => answer(live::ask(self, question).await?, None, bound.formats, None),
            Statement::Backup(to) => answer(backup::make(self, to).await?, None, bound.formats, None),
            Statement::Begin => Response::TransactionStart(Tag::new("BEGIN")),
            Statement::Commit if client.transaction_status() == TransactionStatus::Error => {
                Response::TransactionEnd(Tag::new("ROLLBACK"))
            }
            Statement::Commit => Response::TransactionEnd(Tag::new("COMMIT")),
            Statement::Rollback => Response::TransactionEnd(Tag::new("ROLLBACK")),
            Statement::Deallocate(name) => {
                self.forget(client.portal_store(), name.as_deref());
                Response::Execution(Tag::new(if name.is_some() { "DEALLOCATE" } else { "DEALLOCATE ALL" }))
            }
            Statement::Set(name) => {
                if !settings::is_usual(name) {
                    notice(
                        client,
                        IGNORED,
                        format!("{name} was not changed: this door is read-only, its settings too"),
                    )
                    .await?;
                }
                Response::Execution(Tag::new("SET"))
            }
            Statement::Ignored(tag) => Response::Execution(Tag::new(tag)),
        })
    }
}

/// How a statement was bound.
struct Bound<'a> {
    /// The question where binding changed it.
    sql: Option<String>,
    parameters: Vec<Cell>,
    formats: &'a Format,
}

#[async_trait]
impl SimpleQueryHandler for Session {
    /// Runs the statements of a query string one by one and sends each answer before the next is asked, so that a
    /// session never holds two.
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let pieces = split(&query.query);
        if pieces.is_empty() {
            client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
        }
        let handle = client.session_extensions().get::<Arc<ConnectionHandle>>().ok_or(PgWireError::NotReadyForQuery)?;
        for piece in pieces {
            let cancelled = handle.start_query().await;
            let responses = match select(SimpleQueryHandler::do_query(self, client, piece), cancelled).await {
                Either::Left((responses, _)) => responses?,
                Either::Right(_) => return Err(PgWireError::QueryCanceled),
            };
            for response in responses {
                send(client, response).await?;
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        send_ready_for_query(client, client.transaction_status()).await
    }

    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let (sql, parameters) = catalogue::translate(query).unwrap_or((query, Vec::new()));
        let prepared = Prepared::new(parse(sql));
        let bound = Bound { sql: None, parameters, formats: &Format::UnifiedText };
        self.run(client, &prepared, bound).await.map(|response| vec![response])
    }
}

/// Keeps statements as they are; what they answer with is asked when a client wants it described.
pub(super) struct Parser;

#[async_trait]
impl QueryParser for Parser {
    type Statement = Arc<Prepared>;

    async fn parse_sql<C>(&self, _: &C, sql: &str, _: &[Option<Type>]) -> PgWireResult<Option<Arc<Prepared>>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let pieces = split(sql);
        if pieces.len() > 1 {
            return Err(refusal("42601", "cannot insert multiple commands into a prepared statement"));
        }
        let Some(piece) = pieces.first() else { return Ok(None) };
        let statement = parse(piece);
        if matches!(statement, Statement::Ask { parameters, .. } if parameters > PARAMETER_LIMIT) {
            return Err(refusal("54023", format!("more than {PARAMETER_LIMIT} parameters")));
        }
        Ok(Some(Arc::new(Prepared::new(statement))))
    }

    fn get_parameter_types(&self, prepared: &Arc<Prepared>) -> PgWireResult<Vec<Type>> {
        Ok(match prepared.statement {
            Statement::Ask { parameters, .. } => {
                let told = prepared.told.get().map(Vec::as_slice).unwrap_or_default();
                (0..parameters).map(|n| told.get(n).cloned().unwrap_or(parameter::OPEN)).collect()
            }
            _ => Vec::new(),
        })
    }

    fn get_result_schema(&self, prepared: &Arc<Prepared>, formats: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        let columns = prepared.columns.get().map(Vec::as_slice).unwrap_or_default();
        Ok(encode::fields(columns, formats.unwrap_or(&Format::UnifiedText)))
    }
}

impl Session {
    /// Learns what the parameters of `prepared` are, once. A question that does not say it leaves them open.
    async fn learn_parameters(&self, prepared: &Prepared) {
        if let Statement::Ask { sql, parameters: parameters @ 1.. } = &prepared.statement
            && prepared.told.get().is_none()
        {
            let objections = ask::objections(&self.shared, parameter::probes(sql, *parameters)).await;
            prepared.told.get_or_init(|| parameter::told(sql, &objections.unwrap_or_default()));
        }
    }

    /// Learns what `prepared` answers with, once.
    async fn learn(&self, target: &StoredStatement<Arc<Prepared>>) -> PgWireResult<()> {
        let prepared = &target.statement;
        if prepared.columns.get().is_some() {
            return Ok(());
        }
        let columns = match &prepared.statement {
            Statement::Ask { sql, parameters } => {
                let described = ask::describe(&self.shared, parameter::unbound(sql, target, "NULL::VARCHAR")).await;
                match described {
                    // Text is right for `SELECT $1`, and wrong for `n < $1`, where anything will do.
                    Err(_) if *parameters > 0 => {
                        ask::describe(&self.shared, parameter::unbound(sql, target, "NULL")).await?
                    }
                    described => described?,
                }
            }
            Statement::Show(setting) => shown(setting).columns,
            Statement::Backup(_) => backup::columns(),
            Statement::Live(question) => question.columns(),
            _ => return Ok(()),
        };
        // A second Describe at the same time cannot be: a session takes its messages in order.
        prepared.columns.get_or_init(|| columns);
        Ok(())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Session {
    type Statement = Arc<Prepared>;
    type QueryParser = Parser;

    fn query_parser(&self) -> Arc<Parser> {
        Arc::new(Parser)
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        self.statements.admit(&name, "prepared statements; deallocate some")?;
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        client.feed(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statement = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
        let found = client.portal_store().get_statement(statement);
        let store = client.portal_store();
        self.portals.admit(portal, "portals; end the transaction")?;
        match found.ok_or_else(|| PgWireError::StatementNotFound(statement.to_owned()))? {
            Entry::Value(statement) => store.put_portal(Arc::new(Portal::try_new(&message, statement)?)),
            Entry::Empty => store.put_empty_portal(portal),
        }
        client.feed(PgWireBackendMessage::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    /// An answer has at most as many rows as the door lets through: a greater number, or a negative one, is no limit.
    async fn on_execute<C>(&self, client: &mut C, mut message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if usize::try_from(message.max_rows).map_or(true, |rows| rows > ask::ROW_LIMIT) {
            message.max_rows = 0;
        }
        self._on_execute(client, message).await
    }

    /// Ends the implicit transaction: portals, and the answers that they hold, do not outlive it.
    async fn on_sync<C>(&self, client: &mut C, _: SyncRequest) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        if status == TransactionStatus::Idle {
            client.portal_store().clear_portals();
            self.portals.set().clear();
        } else {
            client.portal_store().rm_portal(DEFAULT_NAME);
            self.portals.set().remove(DEFAULT_NAME);
        }
        client.send(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status))).await?;
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        if message.target_type == TARGET_TYPE_BYTE_STATEMENT {
            self.forget(client.portal_store(), Some(name));
        } else {
            client.portal_store().rm_portal(name);
            self.portals.set().remove(name);
        }
        client.feed(PgWireBackendMessage::CloseComplete(CloseComplete::new())).await?;
        Ok(())
    }

    async fn do_describe_statement<C>(
        &self,
        _: &mut C,
        target: &StoredStatement<Arc<Prepared>>,
    ) -> PgWireResult<DescribeStatementResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.learn(target).await?;
        self.learn_parameters(&target.statement).await;
        let mut types = Parser.get_parameter_types(&target.statement)?;
        types.resize(types.len().max(target.parameter_types.len()), parameter::OPEN);
        for (n, kind) in types.iter_mut().enumerate() {
            if let Some(given) = parameter::given(target, n) {
                *kind = given.clone();
            }
        }
        Ok(DescribeStatementResponse::new(types, Parser.get_result_schema(&target.statement, None)?))
    }

    async fn do_describe_portal<C>(
        &self,
        _: &mut C,
        target: &Portal<Arc<Prepared>>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.learn(&target.statement).await?;
        let formats = Some(&target.result_column_format);
        Ok(DescribePortalResponse::new(Parser.get_result_schema(&target.statement.statement, formats)?))
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Arc<Prepared>>, _: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        if parameter::is_open_binary(portal) {
            self.learn_parameters(prepared).await;
        }
        let told = prepared.told.get().map(Vec::as_slice).unwrap_or_default();
        let mut parameters = parameter::cells(portal, told)?;
        let mut sql = None;
        if let Statement::Ask { sql: text, .. } = &prepared.statement {
            let (filled, kept) = parameter::bound(text, &portal.statement, parameters)?;
            (sql, parameters) = (Some(filled), kept);
        }
        let bound = Bound { sql, parameters, formats: &portal.result_column_format };
        self.run(client, prepared, bound).await
    }
}
