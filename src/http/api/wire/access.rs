//! Tokens and sessions, as operators' commands and the admin listener say them.

use crate::store::{ApiToken, Session};
use doorward_core::auth::api_token::Scopes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An API token, without what is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenView {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) created: Timestamp,
    /// By whom, as they say.
    pub(crate) created_by: String,
    /// From when on it is not taken any more.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) expired: bool,
    /// To the minute.
    pub(crate) last_used: Option<Timestamp>,
}

/// Every API token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<TokenView>,
}

/// A token to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateToken {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    /// How long it lasts; for ever if it is not said.
    #[serde(default)]
    pub(crate) seconds: Option<u64>,
    pub(crate) by: String,
}

/// A token that was created, shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Created {
    pub(crate) token: String,
    #[serde(flatten)]
    pub(crate) view: TokenView,
}

/// A token to be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeToken {
    pub(crate) name: String,
    pub(crate) by: String,
}

/// A token that was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RevokedToken {
    pub(crate) revoked: String,
}

/// A person who is signed in, in one browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) roles: Vec<String>,
    pub(crate) since: Timestamp,
    /// To the minute.
    pub(crate) last_used: Timestamp,
    /// When it ends if it is not used.
    pub(crate) until: Timestamp,
}

/// Every session that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sessions {
    pub(crate) sessions: Vec<SessionView>,
}

/// A session to be ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSession {
    pub(crate) session: String,
    pub(crate) by: String,
}

/// A session that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) ended: String,
}

impl TokenView {
    /// A token as of `now`.
    pub(crate) fn new(token: ApiToken, now: Timestamp) -> Self {
        Self {
            name: token.name,
            scopes: token.scopes,
            created: token.created,
            created_by: token.created_by,
            expired: token.ends.is_some_and(|ends| ends <= now),
            expires: token.ends,
            last_used: token.used,
        }
    }
}

impl SessionView {
    /// A session that ends at `until` if it is not used.
    pub(crate) fn new(session: Session, until: Timestamp) -> Self {
        let person = session.person;
        Self {
            id: session.id.to_string(),
            name: person.name,
            issuer: person.id.issuer,
            subject: person.id.subject,
            roles: person.roles.into_iter().collect(),
            since: session.begun,
            last_used: session.seen,
            until,
        }
    }
}
