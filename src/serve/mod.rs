//! The read-only doors of a running tap: `/metrics` and `/healthz` ([`Metrics`]), and PostgreSQL's wire ([`Door`]): psql, Grafana, the command line and every PostgreSQL driver ask
//! here while the tap holds the database.
//!
//! The door has a small tokio runtime of its own. Blocking questions run on its blocking threads against
//! [`store::Readers`](crate::store::Readers), which bound their number and refuse whatever is not one read. Without
//! users the door opens on loopback only and asks nobody who they are; with users everybody logs in (SCRAM-SHA-256),
//! and the door may open elsewhere, with or without TLS.

mod ask;
mod backup;
mod catalogue;
mod encode;
mod gate;
mod grafana;
mod http;
mod live;
mod login;
mod metrics;
mod parameter;
mod query;
mod response;
mod session;
mod settings;
mod sqlstate;
mod statement;
mod tls;
mod users;

pub use http::{Metrics, MetricsError};
pub use live::{Explained, Live};
pub use tls::{Tls, TlsError};
pub use users::{Users, UsersError, make_password};

use crate::store::Readers;
use crate::telemetry::Counters;
use login::Access;
use pgwire::api::ConnectionManager;
use pgwire::error::{ErrorInfo, PgWireError};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// Sessions at one time. Grafana opens eight connections a data source; the rest is for people and scripts. Each
/// session can hold one answer in memory.
const SESSION_LIMIT: usize = 32;

/// Sockets at one time: room beside the sessions for cancel requests and for saying "too many connections".
const SOCKET_LIMIT: usize = SESSION_LIMIT + 8;

/// Threads that move bytes. Encoding answers is their only work, and the tap needs the other cores.
const IO_THREADS: usize = 2;

/// How long a stop waits for questions that were interrupted. DuckDB looks at its interrupt flag every few
/// milliseconds.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Pause after the system refused a connection, as it does when it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a door did not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from other machines, and the door knows no users.
    #[error(
        "door not opened on {0}: it has no users, so it listens on this machine only; add one with `headwater user add \
         NAME`, or use 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("door cannot listen on {address}: {source}; choose another address with `--serve`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The list of users cannot be used.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The system gave no threads.
    #[error("door cannot start its threads: {0}; raise the limit of processes")]
    Start(std::io::Error),
}

/// Who may come in at which address, and how.
#[derive(Debug)]
pub struct DoorSettings {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Who may come in; without a single user everybody on this machine may.
    pub users: Option<Users>,
    /// Encrypts connections that ask for it, and asks it of other machines.
    pub tls: Option<Tls>,
    /// Reads records where they lie; without it the door answers from the database alone.
    pub live: Option<Arc<dyn Live>>,
}

/// An open door. It closes when it is stopped or dropped.
pub struct Door {
    address: SocketAddr,
    own_password: String,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What all sessions share.
struct Shared {
    readers: Readers,
    counters: Arc<Counters>,
    cancels: Arc<ConnectionManager>,
    sessions: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    access: Arc<Access>,
    tls: Option<Tls>,
    live: Option<Arc<dyn Live>>,
}

impl Door {
    /// Opens a door without users on `address` (port 0 takes a free one) that answers from `readers` and counts in
    /// `counters`.
    ///
    /// # Errors
    /// An address that is not loopback, is taken, or a system without threads.
    pub fn start(address: SocketAddr, readers: Readers, counters: Arc<Counters>) -> Result<Self, Error> {
        Self::open(DoorSettings { address, users: None, tls: None, live: None }, readers, counters)
    }

    /// Opens a door that answers from `readers` and counts in `counters`.
    ///
    /// # Errors
    /// An address of other machines without users, one that is taken, a list of users that cannot be read, or a system
    /// without threads.
    pub fn open(settings: DoorSettings, readers: Readers, counters: Arc<Counters>) -> Result<Self, Error> {
        let DoorSettings { address, users, tls, live } = settings;
        let elsewhere = !address.ip().is_loopback();
        if elsewhere && !users.as_ref().is_some_and(|users| users.names().is_ok_and(|names| !names.is_empty())) {
            // What is wrong with the list, if there is one, says more.
            users.map(|users| users.names()).transpose()?;
            return Err(Error::NotLoopback(address));
        }
        let own_password = make_password()?;
        let certificates = tls.as_ref().map(|tls| tls.certificates.clone());
        let access = Arc::new(Access::new(users, &own_password, elsewhere, certificates)?);
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .max_blocking_threads(SESSION_LIMIT)
            .thread_name("door")
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Start)?;
        let listen = |source| Error::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Arc::new(Shared {
            readers,
            counters,
            cancels: Arc::new(ConnectionManager::new()),
            sessions: Arc::new(Semaphore::new(SESSION_LIMIT)),
            answers: Arc::new(Semaphore::new(ask::ANSWER_UNITS)),
            access,
            tls,
            live,
        });
        runtime.spawn(accept(listener, shared));
        Ok(Self { address, own_password, runtime: Some(runtime) })
    }

    /// Where the door listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that PostgreSQL clients on this machine connect to.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("postgres://{address}/headwater")
    }

    /// The password of the owner's own tools, which come in as `headwater`. It changes with every start.
    pub fn own_password(&self) -> &str {
        &self.own_password
    }

    /// Closes every session, interrupts what is being asked, and waits for it to end.
    pub fn stop(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_GRACE);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let sockets = Arc::new(Semaphore::new(SOCKET_LIMIT));
    // Further clients wait in the system's queue until a socket is free.
    while let Ok(place) = sockets.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    if let Err(error) = session::run(stream, peer, shared).await {
                        tracing::debug!(%peer, %error, "session ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "door cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// An error for the client with its SQLSTATE.
fn refusal(code: &str, reason: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".to_owned(), code.to_owned(), reason.into())))
}

/// An error that ends the session, with its SQLSTATE.
fn fatal(code: &str, reason: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), code.to_owned(), reason.into())))
}
