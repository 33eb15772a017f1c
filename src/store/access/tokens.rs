//! API tokens of programs.

use super::super::{Ledger, StoreError};
use super::{Columns, Database, unreadable};
use doorward_core::auth::api_token::Scopes;
use doorward_core::ledger::event::Hash;
use jiff::Timestamp;
use std::str::FromStr;
use uuid::Uuid;

/// An API token, without what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: Uuid,
    /// Its name, by which the ledger names whoever used it; one token of a name at a time.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was created.
    pub created: Timestamp,
    /// By whom, as they say.
    pub created_by: String,
    /// From when on it is not taken any more; none for never.
    pub ends: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used: Option<Timestamp>,
}

/// A token that is to be written down, and the SHA-256 of what is shown.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The token.
    pub token: ApiToken,
    /// The SHA-256.
    pub secret: Hash,
}

const COLUMNS: &str =
    "select id, name, scopes, created, created_by, ends, used from api_token order by name";
const FOUND: &str =
    "select id, name, scopes, created, created_by, ends, used from api_token where secret = $1";
const CREATE: &str = "insert into api_token (id, name, secret, scopes, created, created_by, ends)
                      values ($1, $2, $3, $4, $5, $6, $7)
                      on conflict (name) do nothing";
const USED: &str = "update api_token set used = $2 where id = $1";
const REVOKE: &str = "delete from api_token where name = $1";

impl Ledger {
    /// Writes a token down; whether its name was free.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it: then there is no token.
    pub async fn create_api_token(&self, new: &NewToken) -> Result<bool, StoreError> {
        let NewToken { token, secret } = new;
        let created = change!(
            &self.inner.database,
            CREATE,
            token.id.to_string(),
            token.name.clone(),
            secret.as_bytes().to_vec(),
            token.scopes.to_string(),
            token.created.as_microsecond(),
            token.created_by.clone(),
            token.ends.map(Timestamp::as_microsecond),
        )?;
        Ok(created > 0)
    }

    /// The token with this SHA-256, whether it is over or not.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn api_token(&self, secret: Hash) -> Result<Option<ApiToken>, StoreError> {
        let secret = secret.as_bytes().to_vec();
        let found = find!(&self.inner.database, read, FOUND, secret)?;
        Ok(found.into_iter().next())
    }

    /// Every token, by name.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        find!(&self.inner.database, read, COLUMNS)
    }

    /// Writes down that a token was used.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it.
    pub async fn api_token_used(&self, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
        let database = &self.inner.database;
        change!(database, USED, id.to_string(), at.as_microsecond())?;
        Ok(())
    }

    /// Removes a token; whether there was one of this name.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it: then it is still valid.
    pub async fn revoke_api_token(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        let revoked = change!(&self.inner.database, REVOKE, name)?;
        Ok(revoked > 0)
    }
}

fn read(row: &impl Columns) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: Uuid::from_str(&row.text("id")?).map_err(unreadable)?,
        name: row.text("name")?,
        scopes: Scopes::from_str(&row.text("scopes")?).map_err(unreadable)?,
        created: row.time("created")?,
        created_by: row.text("created_by")?,
        ends: row.maybe_time("ends")?,
        used: row.maybe_time("used")?,
    })
}
