//! Sessions of people who signed in.

use super::super::{Ledger, StoreError};
use super::{Columns, Database, unreadable};
use doorward_core::auth::person::Person;
use doorward_core::ledger::event::Hash;
use jiff::Timestamp;
use std::str::FromStr;
use uuid::Uuid;

/// How many sessions one person has; the oldest gives way.
const MOST_OF_ONE: i64 = 10;

/// A person who signed in, in one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: not a secret, and no way in.
    pub id: Uuid,
    /// Who signed in, as the provider described them then.
    pub person: Person,
    /// When they did.
    pub begun: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When it is over at the latest.
    pub ends: Timestamp,
}

const FOUND: &str = "select id, person, begun, seen, ends from session where secret = $1";
const ALL: &str = "select id, person, begun, seen, ends from session order by begun, id";
const BEGIN: &str = "insert into session (id, secret, issuer, subject, person, begun, seen, ends)
                     values ($1, $2, $3, $4, $5, $6, $7, $8)";
const SWEEP: &str = "delete from session where ends <= $1 or seen <= $2";
const KEEP_FEW: &str = "delete from session where issuer = $1 and subject = $2 and id not in (
                            select id from session where issuer = $1 and subject = $2
                            order by begun desc, id desc limit $3)";
const SEEN: &str = "update session set seen = $2 where id = $1";
const END: &str = "delete from session where id = $1";

impl Ledger {
    /// Writes a session down that whoever shows `secret` has; sessions that are over, and those not used since
    /// `idle_since`, are removed.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it: then there is no session.
    pub async fn begin_session(
        &self,
        session: &Session,
        secret: Hash,
        idle_since: Timestamp,
    ) -> Result<(), StoreError> {
        let database = &self.inner.database;
        let micros = |at: Timestamp| at.as_microsecond();
        let begun = micros(session.begun);
        change!(database, SWEEP, begun, micros(idle_since))?;
        let person = serde_json::to_string(&session.person).map_err(unreadable)?;
        let id = &session.person.id;
        change!(
            database,
            BEGIN,
            session.id.to_string(),
            secret.as_bytes().to_vec(),
            id.issuer.clone(),
            id.subject.clone(),
            person,
            begun,
            micros(session.seen),
            micros(session.ends),
        )?;
        let (issuer, subject) = (id.issuer.clone(), id.subject.clone());
        change!(database, KEEP_FEW, issuer, subject, MOST_OF_ONE)?;
        Ok(())
    }

    /// The session that whoever shows `secret` has, whether it is over or not.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn session(&self, secret: Hash) -> Result<Option<Session>, StoreError> {
        let secret = secret.as_bytes().to_vec();
        let found = find!(&self.inner.database, read, FOUND, secret)?;
        Ok(found.into_iter().next())
    }

    /// Every session, the oldest first, whether it is over or not.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        find!(&self.inner.database, read, ALL)
    }

    /// Writes down that a session was used.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it.
    pub async fn session_seen(&self, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
        let database = &self.inner.database;
        change!(database, SEEN, id.to_string(), at.as_microsecond())?;
        Ok(())
    }

    /// Ends a session; whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not take it: then it goes on.
    pub async fn end_session(&self, id: Uuid) -> Result<bool, StoreError> {
        let ended = change!(&self.inner.database, END, id.to_string())?;
        Ok(ended > 0)
    }
}

fn read(row: &impl Columns) -> Result<Session, StoreError> {
    let person = row.text("person")?;
    Ok(Session {
        id: Uuid::from_str(&row.text("id")?).map_err(unreadable)?,
        person: serde_json::from_str(&person).map_err(unreadable)?,
        begun: row.time("begun")?,
        seen: row.time("seen")?,
        ends: row.time("ends")?,
    })
}
