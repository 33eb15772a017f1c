//! API tokens of programs: created, looked at, revoked.

use crate::auth;
use crate::auth::NoRandomness;
use crate::flow::app::App;
use crate::flow::orders::By;
use crate::store::{ApiToken, NewToken, StoreError};
use doorward_core::auth::api_token::{PREFIX, Scopes, is_name, looks_like_one};
use doorward_core::ledger::event::Hash;
use jiff::SignedDuration;
use std::time::Duration;

/// How often it is written down that a token is in use.
const USED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The longest that a token may last.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// A token that was not created, or not revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenError {
    /// Its name cannot be used.
    #[error("a token's name has 1 to 64 letters, digits, `-`, `_` and `.`")]
    Name,
    /// There is one of this name.
    #[error("there is a token `{0}` already: revoke it first, or choose another name")]
    Taken(String),
    /// There is none of this name.
    #[error("there is no token `{0}`: `doorward tokens list` shows them")]
    Unknown(String),
    /// It would last too long, or not at all.
    #[error("a token lasts at least a minute, and at most 366 days")]
    Lasts,
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Creates a token, which is shown this once.
///
/// # Errors
/// [`ApiTokenError`]: then there is none.
pub async fn create(
    app: &App,
    name: &str,
    (scopes, lasts): (Scopes, Option<Duration>),
    by: &By,
) -> Result<(String, ApiToken), ApiTokenError> {
    if !is_name(name) {
        return Err(ApiTokenError::Name);
    }
    if lasts.is_some_and(|lasts| !(Duration::from_mins(1)..=LONGEST).contains(&lasts)) {
        return Err(ApiTokenError::Lasts);
    }
    let shown = format!("{PREFIX}{}", auth::secret_text()?);
    let now = app.clock.now();
    let token = ApiToken {
        id: app.clock.id(),
        name: name.to_owned(),
        scopes,
        created: now,
        created_by: by.actor().to_string(),
        ends: lasts.map(|lasts| clock::add(now, lasts)),
        used: None,
    };
    let new = NewToken {
        token: token.clone(),
        secret: Hash::of(shown.as_bytes()),
    };
    if !app.ledger.create_api_token(&new).await? {
        return Err(ApiTokenError::Taken(name.to_owned()));
    }
    let scopes = &token.scopes;
    tracing::info!(token = name, %scopes, by = %by.actor(), "API token created");
    Ok((shown, token))
}

/// The token that is shown, if it is one of ours and lasts.
///
/// # Errors
/// [`StoreError`] where that cannot be told.
pub async fn of(app: &App, offered: &[u8]) -> Result<Option<ApiToken>, StoreError> {
    if !looks_like_one(offered) {
        return Ok(None);
    }
    let found = app.ledger.api_token(Hash::of(offered)).await?;
    let now = app.clock.now();
    let Some(token) = found.filter(|token| token.ends.is_none_or(|ends| now < ends)) else {
        return Ok(None);
    };
    let recent = |used| now.duration_since(used) < USED_EVERY;
    if !token.used.is_some_and(recent)
        && let Err(error) = app.ledger.api_token_used(token.id, now).await
    {
        tracing::warn!(%error, "Cannot record the use of an API token");
    }
    Ok(Some(token))
}

/// Every token, by name.
///
/// # Errors
/// [`StoreError`] where that cannot be told.
pub async fn all(app: &App) -> Result<Vec<ApiToken>, StoreError> {
    app.ledger.api_tokens().await
}

/// Revokes a token: from then on it is not taken any more.
///
/// # Errors
/// [`ApiTokenError`]: then it still is.
pub async fn revoke(app: &App, name: &str, by: &By) -> Result<(), ApiTokenError> {
    if !app.ledger.revoke_api_token(name).await? {
        return Err(ApiTokenError::Unknown(name.to_owned()));
    }
    tracing::info!(token = name, by = %by.actor(), "API token revoked");
    Ok(())
}
