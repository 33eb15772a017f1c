//! Sessions of people who signed in: begun, looked at, ended.

use crate::auth::{self, NoRandomness, SignIn, Way};
use crate::flow::app::App;
use crate::store::{Session, StoreError};
use doorward_core::auth::person::Person;
use doorward_core::ledger::event::Hash;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How often it is written down that a session is in use.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The length of a session's secret, in characters.
const SECRET: usize = 43;

/// A session that did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Begins a session of `person`; what their browser shows from then on, and for how many seconds at most.
///
/// # Errors
/// [`SessionError`]: then there is no session.
pub async fn begin(
    app: &App,
    sign_in: &SignIn,
    person: Person,
) -> Result<(String, i64), SessionError> {
    let secret = auth::secret_text()?;
    let now = app.clock.now();
    let session = Session {
        id: app.clock.id(),
        person,
        begun: now,
        seen: now,
        ends: after(now, sign_in.longest),
    };
    let idle_since = now.checked_sub(sign_in.idle).unwrap_or(Timestamp::MIN);
    app.ledger
        .begin_session(&session, Hash::of(secret.as_bytes()), idle_since)
        .await?;
    tracing::info!(person = %session.person.id, session = %session.id, "Signed in");
    Ok((secret, sign_in.longest.as_secs()))
}

/// The session of whoever shows `secret`, if it lasts.
///
/// # Errors
/// [`StoreError`] where that cannot be told.
pub async fn of(app: &App, secret: &str) -> Result<Option<Session>, StoreError> {
    let Some(sign_in) = &app.sign_in else {
        return Ok(None);
    };
    if secret.len() != SECRET {
        return Ok(None);
    }
    let found = app.ledger.session(Hash::of(secret.as_bytes())).await?;
    let now = app.clock.now();
    let Some(session) = found.filter(|session| lasts(sign_in, session, now)) else {
        return Ok(None);
    };
    if now.duration_since(session.seen) >= SEEN_EVERY
        && let Err(error) = app.ledger.session_seen(session.id, now).await
    {
        // It may end too early for that, never too late.
        tracing::warn!(%error, "Cannot record the use of a session");
    }
    Ok(Some(session))
}

/// Every session that lasts, the oldest first.
///
/// # Errors
/// [`StoreError`] where that cannot be told.
pub async fn all(app: &App) -> Result<Vec<Session>, StoreError> {
    let Some(sign_in) = &app.sign_in else {
        return Ok(Vec::new());
    };
    let now = app.clock.now();
    let mut all = app.ledger.sessions().await?;
    all.retain(|session| lasts(sign_in, session, now));
    Ok(all)
}

/// Ends a session; whether there was one.
///
/// # Errors
/// [`StoreError`]: then it goes on.
pub async fn end(app: &App, id: Uuid) -> Result<bool, StoreError> {
    let ended = app.ledger.end_session(id).await?;
    if ended {
        tracing::info!(session = %id, "Signed out");
    }
    Ok(ended)
}

/// When a session is over, as things stand.
pub fn ends(sign_in: &SignIn, session: &Session) -> Timestamp {
    session.ends.min(after(session.seen, sign_in.idle))
}

/// Whether a session still counts: in time, and of somebody whom the configuration of today admits.
fn lasts(sign_in: &SignIn, session: &Session, now: Timestamp) -> bool {
    let bare = |issuer: &str| issuer.trim_end_matches('/').to_owned();
    let Way::Provider(provider) = &sign_in.way else {
        return false;
    };
    now < ends(sign_in, session)
        && bare(&session.person.id.issuer) == bare(provider.issuer())
        && sign_in.admission.admits(&session.person)
}

fn after(at: Timestamp, lasts: SignedDuration) -> Timestamp {
    at.checked_add(lasts).unwrap_or(Timestamp::MAX)
}
