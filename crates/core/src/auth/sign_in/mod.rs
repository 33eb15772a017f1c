//! Sign-in by `OpenID` Connect: whether an ID token is the answer to our question, who it says somebody
//! is, and whether they may sign in. Its signature is checked elsewhere; nothing is believed before.
//!
//! Sources: `OpenID` Connect Core 1.0, section 3.1.3.7; for Microsoft Entra ID
//! <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>.

use super::person::{Person, PersonId, display_name};
use super::token::{BadToken, Expected};
use crate::ledger::event::Hash;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How many roles, and how many groups, of a person are kept; Entra's tokens have at most 200 groups.
const MOST: usize = 250;

/// The longest name of a role or group that is kept, and the longest subject, in bytes.
const LONGEST: usize = 256;

/// The longest path that somebody comes back to, in bytes.
const LONGEST_PATH: usize = 2048;

/// Which claim says who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `sub`, as every provider has it.
    Sub,
    /// `oid` of Microsoft Entra ID: the same for every application of the tenant, which `tid` names. (Its `sub`
    /// is another for each application.)
    Oid,
}

/// Who may sign in, and by which claim they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Which claim says who somebody is.
    pub subject: Subject,
    /// The application's roles of which one is enough.
    pub roles: BTreeSet<String>,
    /// The groups of which one is enough, as the provider names them: object ids with Entra.
    pub groups: BTreeSet<String>,
}

/// What an ID token must answer.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The provider, as its configuration document names it.
    pub issuer: &'a str,
    /// We.
    pub client_id: &'a str,
    /// What was sent along, and comes back.
    pub nonce: &'a str,
}

/// Why nobody is signed in. For the log, but for the last two, which are for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// The token itself is not good.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// It answers another question.
    #[error("the token's `nonce` is not the one that was sent")]
    Nonce,
    /// It was issued to another application.
    #[error("the token was issued to another application (`azp`)")]
    AuthorizedParty,
    /// Nobody can tell who it is.
    #[error("the token does not say who it is about (`{0}`)")]
    Nobody(&'static str),
    /// The person is in more groups than a token holds.
    #[error(
        "your account is in more groups than a sign-in can carry, so doorward cannot tell whether you may approve. Ask \
         for one of the application roles instead"
    )]
    TooManyGroups,
    /// The person has none of the roles and groups.
    #[error("your account has none of the application roles or groups that may sign in here")]
    NotAuthorised,
}

impl Question<'_> {
    /// Whether the claims of a token whose signature is good answer this question, now.
    ///
    /// # Errors
    /// The first claim that does not.
    pub fn is_answered_by(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), NotSignedIn> {
        let expected = Expected {
            issuers: vec![self.issuer.to_owned()],
            audiences: vec![self.client_id.to_owned()],
            ..Expected::default()
        };
        expected.check(claims, now)?;
        self.audience(claims)?;
        // RFC 7519 does not ask for it, OpenID Connect does.
        if !claims.contains_key("iat") {
            return Err(BadToken::NoClaim("iat").into());
        }
        let nonce = claims.get("nonce").and_then(Value::as_str);
        if nonce.is_none_or(|nonce| nonce.is_empty() || nonce != self.nonce) {
            return Err(NotSignedIn::Nonce);
        }
        Ok(())
    }

    /// We, exactly; among others only if it was issued to us.
    fn audience(&self, claims: &Map<String, Value>) -> Result<(), NotSignedIn> {
        let (named, alone) = match claims.get("aud") {
            Some(Value::Array(all)) => {
                (all.iter().any(|one| one == self.client_id), all.len() == 1)
            }
            Some(one) => (one == self.client_id, true),
            None => (false, true),
        };
        if !named {
            return Err(BadToken::Other("aud".to_owned()).into());
        }
        match claims.get("azp") {
            Some(party) if party != self.client_id => Err(NotSignedIn::AuthorizedParty),
            None if !alone => Err(NotSignedIn::AuthorizedParty),
            _ => Ok(()),
        }
    }
}

impl Admission {
    /// The person that the claims of an answered question are about, if they may sign in.
    ///
    /// # Errors
    /// Why nobody is signed in.
    pub fn person(&self, claims: &Map<String, Value>) -> Result<Person, NotSignedIn> {
        let id = self.id(claims)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let name = text("name").or_else(|| text("preferred_username"));
        let person = Person {
            name: display_name(name.unwrap_or_default(), &id.subject),
            id,
            roles: texts(claims.get("roles")),
            groups: texts(claims.get("groups")),
        };
        if self.admits(&person) {
            return Ok(person);
        }
        Err(if !self.groups.is_empty() && has_more_groups(claims) {
            NotSignedIn::TooManyGroups
        } else {
            NotSignedIn::NotAuthorised
        })
    }

    /// Whether a person has one of the roles or groups. No name or mail address says anything: their owners
    /// can change these.
    pub fn admits(&self, person: &Person) -> bool {
        !self.roles.is_disjoint(&person.roles) || !self.groups.is_disjoint(&person.groups)
    }

    fn id(&self, claims: &Map<String, Value>) -> Result<PersonId, NotSignedIn> {
        let text = |name: &'static str| {
            let value = claims.get(name).and_then(Value::as_str);
            let good = |value: &&str| !value.is_empty() && value.len() <= LONGEST;
            value.filter(good).ok_or(NotSignedIn::Nobody(name))
        };
        let (issuer, sub) = (text("iss")?, text("sub")?);
        let subject = match self.subject {
            Subject::Sub => sub,
            Subject::Oid => {
                let (tenant, oid) = (text("tid")?, text("oid")?);
                // The issuer carries the tenant, so that both parts of the id are there.
                let in_issuer = issuer.split('/').any(|part| part == tenant);
                in_issuer.then_some(oid).ok_or(NotSignedIn::Nobody("tid"))?
            }
        };
        Ok(PersonId {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        })
    }
}

/// A claim's texts of a bearable length.
fn texts(claim: Option<&Value>) -> BTreeSet<String> {
    let all = claim.and_then(Value::as_array).into_iter().flatten();
    let texts = all.filter_map(Value::as_str);
    let texts = texts.filter(|text| !text.is_empty() && text.len() <= LONGEST);
    texts.take(MOST).map(str::to_owned).collect()
}

/// Whether Entra left the groups out, since there are more than 200 (`_claim_names`, `hasgroups`).
fn has_more_groups(claims: &Map<String, Value>) -> bool {
    let named = claims.get("_claim_names");
    let elsewhere = named.is_some_and(|names| names.get("groups").is_some());
    let flag = claims.get("hasgroups");
    elsewhere || flag.is_some_and(|flag| *flag == Value::Bool(true) || flag == "true")
}

/// The challenge for a verifier of PKCE (RFC 7636, section 4.2, `S256`).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Hash::of(verifier.as_bytes()).as_bytes())
}

/// The path that somebody comes back to after signing in, if it is one of our own: never another site.
pub fn own_path(path: &str) -> Option<&str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/-._~%?=&".contains(letter);
    let good = path.len() <= LONGEST_PATH
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.split(['/', '?']).any(|part| part == "..")
        && path.chars().all(plain);
    good.then_some(path)
}

#[cfg(test)]
mod tests;
