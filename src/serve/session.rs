//! One connection: its start, its messages in order, its end.

use super::gate::Gate;
use super::query::{Prepared, Session};
use super::settings::Reported;
use super::{SESSION_LIMIT, Shared};
use async_trait::async_trait;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::auth::{
    StartupHandler, finish_authentication, protocol_negotiation, save_startup_parameters_to_metadata,
};
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, DefaultClient, NoopHandler, PgWireConnectionState,
    PidSecretKeyGenerator, RandomPidSecretKeyGenerator,
};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::response::{GssEncResponse, SslResponse};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, SslNegotiationMetaMessage};
use pgwire::tokio::server::{PgWireMessageServerCodec, process_error, process_message};
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::Framed;

/// How long a client may take to say who it is.
const START_TIME: Duration = Duration::from_secs(10);

/// Requests for TLS and GSS before the start message: a client asks for each once.
const NEGOTIATION_LIMIT: usize = 2;

static KEYS: LazyLock<RandomPidSecretKeyGenerator> = LazyLock::new(RandomPidSecretKeyGenerator::default);

type Socket = Framed<Gate<TcpStream>, PgWireMessageServerCodec<Arc<Prepared>>>;

/// Serves one connection until the client leaves or breaks the protocol.
///
/// # Errors
/// The connection broke.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let watch = TcpStream::from_std(stream.try_clone()?)?;
    let stream = TcpStream::from_std(stream)?;
    let client = DefaultClient::new(peer, false);
    let mut socket: Socket = Framed::new(Gate::new(stream), PgWireMessageServerCodec::new(client));
    let session = Arc::new(Session::new(shared, watch));
    let deadline = Instant::now() + START_TIME;
    let mut negotiations = 0;
    loop {
        let next = match socket.state() {
            PgWireConnectionState::AwaitingSslRequest
            | PgWireConnectionState::AwaitingStartup
            | PgWireConnectionState::AuthenticationInProgress => {
                timeout_at(deadline, socket.next()).await.map_err(|_| io::ErrorKind::TimedOut)?
            }
            _ => socket.next().await,
        };
        match next {
            None | Some(Ok(PgWireFrontendMessage::Terminate(_))) => return Ok(()),
            Some(Ok(PgWireFrontendMessage::SslNegotiation(request))) => {
                negotiations += 1;
                if negotiations > NEGOTIATION_LIMIT + 1 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                decline(&mut socket, &request).await?;
            }
            Some(Ok(message)) => {
                if !take(&mut socket, &session, message).await? {
                    return Ok(());
                }
            }
            Some(Err(broken)) => {
                let reason = ErrorInfo::new("FATAL".to_owned(), "08P01".to_owned(), broken.to_string());
                return process_error(&mut socket, PgWireError::UserError(Box::new(reason)), false).await;
            }
        }
    }
}

/// Neither TLS nor GSS: loopback only.
async fn decline(socket: &mut Socket, request: &SslNegotiationMetaMessage) -> io::Result<()> {
    match request {
        SslNegotiationMetaMessage::PostgresSsl(_) => {
            socket.send(PgWireBackendMessage::SslResponse(SslResponse::Refuse)).await
        }
        SslNegotiationMetaMessage::PostgresGss(_) => {
            socket.send(PgWireBackendMessage::GssEncResponse(GssEncResponse::Refuse)).await
        }
        SslNegotiationMetaMessage::None => {
            socket.set_state(PgWireConnectionState::AwaitingStartup);
            Ok(())
        }
    }
}

/// Answers one message; false when the session is over.
async fn take(socket: &mut Socket, session: &Arc<Session>, message: PgWireFrontendMessage) -> io::Result<bool> {
    let extended = message.is_extended_query();
    let cancels = matches!(message, PgWireFrontendMessage::CancelRequest(_));
    let cancel = Arc::new(DefaultCancelHandler::new(session.shared.cancels.clone()));
    let (start, simple, prepared) = (session.clone(), session.clone(), session.clone());
    let answered = process_message(message, socket, start, simple, prepared, Arc::new(NoopHandler), cancel).await;
    match answered {
        Ok(()) => Ok(!cancels),
        Err(error) => {
            let fatal = error.is_fatal();
            process_error(socket, error, extended).await?;
            Ok(!fatal)
        }
    }
}

#[async_trait]
impl StartupHandler for Session {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let PgWireFrontendMessage::Startup(startup) = message else { return Ok(()) };
        let Ok(place) = self.shared.sessions.clone().try_acquire_owned() else {
            let reason = format!("too many connections: this door takes {SESSION_LIMIT}; close one and try again");
            let info = ErrorInfo::new("FATAL".to_owned(), "53300".to_owned(), reason);
            return Err(PgWireError::UserError(Box::new(info)));
        };
        protocol_negotiation(client, &startup).await?;
        save_startup_parameters_to_metadata(client, &startup);
        let (pid, key) = KEYS.generate(client);
        client.set_pid_and_secret_key(pid, key.clone());
        let (handle, guard) = self.shared.cancels.register(pid, key);
        client.session_extensions().insert::<Arc<ConnectionHandle>>(handle);
        client.session_extensions().insert::<ConnectionGuard>(guard);
        client.session_extensions().insert(place);
        finish_authentication(client, &Reported).await
    }
}
