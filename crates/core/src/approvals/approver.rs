//! The people who may approve, as the configuration names them.

use crate::auth::person::{Person, PersonId};
use crate::ledger::actor::{Actor, Known};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A person who may approve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Approver {
    /// What people call them; unique.
    pub name: String,
    /// Everything that proves to be them: a Slack user, an account at an identity provider.
    pub ids: BTreeSet<PersonId>,
    /// Where they get mail; nothing is decided on it.
    pub mail: Option<String>,
    /// Their groups.
    pub groups: BTreeSet<String>,
    /// What the tokens of CI jobs that they start call them, in lower case.
    pub ci: BTreeSet<String>,
}

/// Everybody who may approve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Approvers {
    /// The people that the configuration names.
    pub listed: Vec<Approver>,
    /// Roles of the identity provider whose holders may approve without being listed.
    pub roles: BTreeSet<String>,
    /// Groups of the identity provider, in the same way.
    pub groups: BTreeSet<String>,
}

/// Who asked for what a request would open, where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// A person whose identity was proven.
    Person(PersonId),
    /// Whoever started the CI job that reported the denial, as its token says.
    Ci(String),
}

impl Approvers {
    /// The listed approver that an identity belongs to.
    pub fn listed_as(&self, id: &PersonId) -> Option<&Approver> {
        self.listed.iter().find(|one| one.ids.contains(id))
    }

    /// Whether a person may approve at all: listed, or with one of the roles or groups.
    pub fn may_approve(&self, person: &Person) -> bool {
        self.listed_as(&person.id).is_some()
            || !self.roles.is_disjoint(&person.roles)
            || !self.groups.is_disjoint(&person.groups)
    }

    /// Whether a person is in one of `groups`: by the configuration, or by a group or role that their
    /// identity provider vouches for.
    pub fn is_in(&self, person: &Person, groups: &BTreeSet<String>) -> bool {
        let listed = self.listed_as(&person.id);
        let listed = listed.is_some_and(|one| !one.groups.is_disjoint(groups));
        listed || !person.groups.is_disjoint(groups) || !person.roles.is_disjoint(groups)
    }

    /// A proven person, as the ledger names them.
    pub fn known(&self, person: &Person) -> Known {
        Known {
            id: person.id.clone(),
            name: person.name.clone(),
            approver: self.listed_as(&person.id).map(|one| one.name.clone()),
        }
    }

    /// Whether a person did what the ledger says of `actor`: by the same account, or by another one of the
    /// same listed approver.
    pub fn is_same(&self, person: &Person, actor: &Actor) -> bool {
        let Actor::Known(other) = actor else {
            return false;
        };
        if other.id == person.id {
            return true;
        }
        let own = self.listed_as(&person.id);
        own.is_some_and(|own| {
            own.ids.contains(&other.id) || other.approver.as_ref() == Some(&own.name)
        })
    }

    /// Whether a person asked for what they are to approve.
    pub fn asked(&self, person: &Person, asker: &Asker) -> bool {
        let own = self.listed_as(&person.id);
        match asker {
            Asker::Person(id) => *id == person.id || own.is_some_and(|own| own.ids.contains(id)),
            Asker::Ci(name) => own.is_some_and(|own| own.ci.contains(&name.to_lowercase())),
        }
    }
}
