//! The read-only PostgreSQL wire door of a running tap: psql, Grafana, the command line and every PostgreSQL driver ask
//! here while the tap holds the database.
//!
//! The door has a small tokio runtime of its own. Blocking questions run on its blocking threads against
//! [`store::Readers`](crate::store::Readers), which bound their number and refuse whatever is not one read. There is no
//! authentication and no TLS yet, so the door opens on loopback only.

mod ask;
mod catalogue;
mod encode;
mod gate;
mod parameter;
mod query;
mod session;
mod settings;
mod sqlstate;
mod statement;

use crate::store::Readers;
use crate::telemetry::Counters;
use pgwire::api::ConnectionManager;
use pgwire::error::{ErrorInfo, PgWireError};
use std::net::SocketAddr;
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
    /// The address can be reached from other machines, and the door knows no users yet.
    #[error("door not opened on {0}: it has no users yet, so it listens on this machine only; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("door cannot listen on {address}: {source}; choose another address with `--serve`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no threads.
    #[error("door cannot start its threads: {0}; raise the limit of processes")]
    Start(std::io::Error),
}

/// An open door. It closes when it is stopped or dropped.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What all sessions share.
struct Shared {
    readers: Readers,
    counters: Arc<Counters>,
    cancels: Arc<ConnectionManager>,
    sessions: Arc<Semaphore>,
}

impl Door {
    /// Opens a door on `address` (port 0 takes a free one) that answers from `readers` and counts in `counters`.
    ///
    /// # Errors
    /// An address that is not loopback, is taken, or a system without threads.
    pub fn start(address: SocketAddr, readers: Readers, counters: Arc<Counters>) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
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
        });
        runtime.spawn(accept(listener, shared));
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// Where the door listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that PostgreSQL clients connect to.
    pub fn url(&self) -> String {
        format!("postgres://{}/headwater", self.address)
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
