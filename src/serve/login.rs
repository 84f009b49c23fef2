//! How a session begins: the start message, the login where one is asked for, and what a client is told then.

use super::query::Session;
use super::settings::Reported;
use super::users::{OWN_NAME, Roll, Users, UsersError, Verifier};
use super::{SESSION_LIMIT, fatal};
use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::auth::mechanism::AuthMechanismFactory;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret};
use pgwire::api::auth::{
    AuthDriver, AuthOutcome, AuthSource, LoginInfo, Password, StartupHandler, finish_authentication,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, METADATA_USER, PidSecretKeyGenerator, RandomPidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Pause before a login is refused. Each connection has one try, so this is what a guess costs.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

static KEYS: LazyLock<RandomPidSecretKeyGenerator> = LazyLock::new(RandomPidSecretKeyGenerator::default);

static DRIVER: LazyLock<AuthDriver<Reported>> = LazyLock::new(|| AuthDriver::new(Reported));

/// Who may come in.
#[derive(Debug)]
pub(super) struct Access {
    users: Option<Users>,
    /// For the owner's own tools, which find the password in the run file.
    own: Verifier,
    /// A login was asked for once. From then on it always is: a list of users that vanishes opens nothing.
    asked: AtomicBool,
    /// First certificate of the door, in PEM: binds a login to this connection.
    certificate: Option<Vec<u8>>,
}

impl Access {
    /// The users in `users`, if there is such a list, and whoever knows `own_password`. Without a single user
    /// everybody may come in, unless `always` asks for a login.
    ///
    /// # Errors
    /// A list of users that cannot be read.
    pub(super) fn new(
        users: Option<Users>,
        own_password: &str,
        always: bool,
        certificate: Option<Vec<u8>>,
    ) -> Result<Self, UsersError> {
        let own = Verifier::of(own_password)?;
        let roll = users.as_ref().map(Users::roll).transpose()?;
        let asked = AtomicBool::new(always || roll.is_some_and(|roll| !roll.is_empty()));
        Ok(Self { users, own, asked, certificate })
    }

    /// Whether a client that comes now has to log in. The list is read again every time, so that it holds at once.
    pub(super) fn asks(&self) -> bool {
        if self.asked.load(Relaxed) {
            return true;
        }
        let Some(users) = &self.users else { return false };
        let asks = users.roll().map_or(true, |roll| !roll.is_empty());
        self.asked.fetch_or(asks, Relaxed);
        asks
    }

    fn verifier(&self, name: &str) -> Result<Verifier, UsersError> {
        if name == OWN_NAME {
            return Ok(self.own.clone());
        }
        match &self.users {
            Some(users) => users.roll()?.verifier(name),
            None => Roll::default().verifier(name),
        }
    }
}

#[async_trait]
impl AuthSource for Access {
    /// There are no passwords here, only what proves one.
    async fn get_password(&self, _: &LoginInfo) -> PgWireResult<Password> {
        Err(PgWireError::UserNameRequired)
    }

    async fn get_scram_secret(&self, login: &LoginInfo) -> PgWireResult<(ScramSecret, Option<()>)> {
        let name = login.user().ok_or(PgWireError::UserNameRequired)?;
        match self.verifier(name) {
            Ok(verifier) => Ok((verifier.secret(), None)),
            Err(error) => {
                tracing::warn!(%error, "nobody can log in");
                Err(PgWireError::InvalidPassword(name.to_owned()))
            }
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
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if self.shared.tls.is_some() && !self.is_near && !client.is_secure() {
                    return Err(fatal("28000", "from other machines this door is encrypted; use sslmode=require"));
                }
                if !self.shared.access.asks() {
                    return self.let_in(client).await;
                }
                let mut scram = ScramAuth::new(self.shared.access.clone());
                if let Some(certificate) = self.shared.access.certificate.as_ref().filter(|_| client.is_secure()) {
                    // A kind of certificate that cannot be bound to is still good for encryption.
                    let _ = scram.configure_certificate(certificate);
                }
                DRIVER.begin_authentication(client, scram.create()).await.map(drop)
            }
            PgWireFrontendMessage::PasswordMessageFamily(password) => {
                match DRIVER.advance_authentication(client, password).await {
                    Ok(AuthOutcome::InProgress) => Ok(()),
                    Ok(AuthOutcome::Authenticated { final_message, .. }) => {
                        if let Some(proof) = final_message {
                            client.feed(PgWireBackendMessage::Authentication(proof)).await?;
                        }
                        let name = client.metadata().get(METADATA_USER).map(String::as_str);
                        self.is_owner.store(name == Some(OWN_NAME), Relaxed);
                        self.let_in(client).await
                    }
                    Err(_) => {
                        tokio::time::sleep(REFUSAL_PAUSE).await;
                        let name = client.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                        Err(fatal(
                            "28P01",
                            format!(
                                "password authentication failed for user \"{name}\"; users are made by the owner of the \
                                 tap with `headwater user add`"
                            ),
                        ))
                    }
                }
            }
            _ => Err(fatal("08P01", "the login is not over")),
        }
    }
}

impl Session {
    /// Gives the session its place and its cancel key, and tells the client that it may ask.
    async fn let_in<C>(&self, client: &mut C) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let Ok(place) = self.shared.sessions.clone().try_acquire_owned() else {
            let reason = format!("too many connections: this door takes {SESSION_LIMIT}; close one and try again");
            return Err(fatal("53300", reason));
        };
        let (pid, key) = KEYS.generate(client);
        client.set_pid_and_secret_key(pid, key.clone());
        let (handle, guard) = self.shared.cancels.register(pid, key);
        client.session_extensions().insert::<Arc<ConnectionHandle>>(handle);
        client.session_extensions().insert::<ConnectionGuard>(guard);
        client.session_extensions().insert(place);
        finish_authentication(client, &Reported).await
    }
}
