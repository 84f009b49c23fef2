//! One connection: its start, its messages in order, its end.

use super::gate::Gate;
use super::query::{Prepared, Session};
use super::tls::Tls;
use super::{Shared, fatal};
use futures::{SinkExt, StreamExt};
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{ClientInfo, DefaultClient, NoopHandler, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::response::{GssEncResponse, SslResponse};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, SslNegotiationMetaMessage};
use pgwire::tokio::server::{MaybeTls, PgWireMessageServerCodec, process_error, process_message};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::Framed;

/// How long a client may take to say who it is.
const START_TIME: Duration = Duration::from_secs(10);

/// Requests for TLS and GSS before the start message: a client asks for each once.
const NEGOTIATION_LIMIT: usize = 2;

type Socket = Framed<Gate<MaybeTls>, PgWireMessageServerCodec<Arc<Prepared>>>;

/// Serves one connection until the client leaves or breaks the protocol.
///
/// # Errors
/// The connection broke.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let is_near = peer.ip().is_loopback() || stream.local_addr()?.ip() == peer.ip();
    let stream = stream.into_std()?;
    let watch = TcpStream::from_std(stream.try_clone()?)?;
    let stream = MaybeTls::Plain(TcpStream::from_std(stream)?);
    let client = DefaultClient::new(peer, false);
    let mut socket: Socket = Framed::new(Gate::new(stream), PgWireMessageServerCodec::new(client));
    let session = Arc::new(Session::new(shared, watch, is_near));
    let deadline = Instant::now() + START_TIME;
    let mut negotiations = 0;
    loop {
        let next = match is_starting(&socket) {
            true => timeout_at(deadline, socket.next()).await.map_err(|_| io::ErrorKind::TimedOut)?,
            false => socket.next().await,
        };
        match next {
            None | Some(Ok(PgWireFrontendMessage::Terminate(_))) => return Ok(()),
            Some(Ok(PgWireFrontendMessage::SslNegotiation(request))) => {
                negotiations += 1;
                if negotiations > NEGOTIATION_LIMIT + 1 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let negotiated = negotiate(socket, &request, session.shared.tls.as_ref());
                socket = timeout_at(deadline, negotiated).await.map_err(|_| io::ErrorKind::TimedOut)??;
            }
            Some(Ok(message)) => {
                if !take(&mut socket, &session, message).await? {
                    return Ok(());
                }
            }
            Some(Err(broken)) => return end(&mut socket, fatal("08P01", broken.to_string())).await,
        }
    }
}

/// True until the client is let in.
fn is_starting(socket: &Socket) -> bool {
    matches!(
        socket.state(),
        PgWireConnectionState::AwaitingSslRequest
            | PgWireConnectionState::AwaitingStartup
            | PgWireConnectionState::AuthenticationInProgress
    )
}

/// Answers a request for TLS or GSS; with a certificate the connection goes on encrypted.
async fn negotiate(mut socket: Socket, request: &SslNegotiationMetaMessage, tls: Option<&Tls>) -> io::Result<Socket> {
    match (request, tls) {
        (SslNegotiationMetaMessage::PostgresSsl(_), Some(tls)) if !socket.is_secure() => {
            return encrypt(socket, tls).await;
        }
        (SslNegotiationMetaMessage::PostgresSsl(_), _) => {
            socket.send(PgWireBackendMessage::SslResponse(SslResponse::Refuse)).await?;
        }
        (SslNegotiationMetaMessage::PostgresGss(_), _) => {
            socket.send(PgWireBackendMessage::GssEncResponse(GssEncResponse::Refuse)).await?;
        }
        (SslNegotiationMetaMessage::None, _) => socket.set_state(PgWireConnectionState::AwaitingStartup),
    }
    Ok(socket)
}

async fn encrypt(mut socket: Socket, tls: &Tls) -> io::Result<Socket> {
    socket.send(PgWireBackendMessage::SslResponse(SslResponse::Accept)).await?;
    let peer = socket.socket_addr();
    let parts = socket.into_parts();
    // What somebody slipped in before the encryption must not be read as if it had come through it.
    let MaybeTls::Plain(stream) = parts.io.into_inner() else { return Err(io::ErrorKind::InvalidData.into()) };
    if !parts.read_buf.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let stream = MaybeTls::Tls(Box::new(tls.acceptor.accept(stream).await?));
    let mut socket = Framed::new(Gate::new(stream), PgWireMessageServerCodec::new(DefaultClient::new(peer, true)));
    socket.set_state(PgWireConnectionState::AwaitingStartup);
    Ok(socket)
}

/// Answers one message; false when the session is over.
async fn take(socket: &mut Socket, session: &Arc<Session>, message: PgWireFrontendMessage) -> io::Result<bool> {
    let starting = is_starting(socket);
    let extended = message.is_extended_query();
    let cancels = matches!(message, PgWireFrontendMessage::CancelRequest(_));
    let cancel = Arc::new(DefaultCancelHandler::new(session.shared.cancels.clone()));
    let (start, simple, prepared) = (session.clone(), session.clone(), session.clone());
    let answered = process_message(message, socket, start, simple, prepared, Arc::new(NoopHandler), cancel).await;
    match answered {
        Ok(()) => {
            if starting && !is_starting(socket) {
                socket.get_mut().let_in();
            }
            Ok(!cancels)
        }
        // Whatever went wrong on the way in: nobody is let in by an error.
        Err(error) if starting => {
            end(socket, error).await?;
            Ok(false)
        }
        Err(error) => {
            let fatal = error.is_fatal();
            process_error(socket, error, extended).await?;
            Ok(!fatal)
        }
    }
}

/// Says why, and closes. Nothing else is said: a client that hears "ready" would ask.
async fn end(socket: &mut Socket, error: PgWireError) -> io::Result<()> {
    socket.send(PgWireBackendMessage::ErrorResponse(ErrorInfo::from(error).into())).await?;
    socket.close().await
}
