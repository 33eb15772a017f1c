//! Which enrolled registry a report is about. Never a guess.

use super::denial::Attribution;
use super::report::Report;
use crate::net::resource_id::ResourceId;
use std::collections::{BTreeMap, BTreeSet};

/// The hosts that lead to each enrolled registry, and the registries whose hosts are not known yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hosts {
    by_host: BTreeMap<String, ResourceId>,
    enrolled: BTreeSet<ResourceId>,
    unread: BTreeSet<ResourceId>,
}

/// How login servers end, in every cloud
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-firewall-access-rules>).
pub const LOGIN_SERVERS: [&str; 3] = [".azurecr.io", ".azurecr.cn", ".azurecr.us"];

/// What one source may speak of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// The only registries that its events may name; empty for all that are enrolled.
    pub registries: Vec<String>,
    /// The registry that is meant where an event names none.
    pub registry: Option<String>,
}

/// Why a report leads to no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRegistry {
    /// Nothing names one.
    #[error(
        "the event names no registry: set `registry` on the source, or send records that carry the login server or resource id"
    )]
    Unnamed,
    /// It is not ours to open.
    #[error(
        "`{0}` is not enrolled: add it to `registries` in the configuration, with its custom domains under `hosts`"
    )]
    NotEnrolled(String),
    /// Text and envelope name different ones.
    #[error("the event names two registries, `{0}` and `{1}`: which one refused cannot be told")]
    Conflicting(String, String),
    /// Another source may name it.
    #[error("the source may not speak of `{0}`: add it to the source's `registries`, if it should")]
    OutOfScope(String),
    /// A registry has not been read yet whose host this may be.
    #[error("`{0}` may belong to an enrolled registry that Azure has not described yet")]
    NotYetKnown(String),
}

impl Hosts {
    /// The hosts that configuration names: custom domains, by registry.
    pub fn configured<'a>(
        registries: impl IntoIterator<Item = (&'a ResourceId, &'a [String])>,
    ) -> Self {
        let mut known = Self::default();
        for (id, hosts) in registries {
            known.enrolled.insert(id.clone());
            known.unread.insert(id.clone());
            for host in hosts {
                known.by_host.insert(host.to_ascii_lowercase(), id.clone());
            }
        }
        known
    }

    /// Takes in what Azure says of a registry: its login server and data endpoints.
    pub fn learn<'a>(&mut self, id: &ResourceId, hosts: impl IntoIterator<Item = &'a String>) {
        self.unread.remove(id);
        for host in hosts {
            self.by_host.insert(host.to_ascii_lowercase(), id.clone());
        }
    }

    /// The enrolled registries that Azure has not described yet.
    pub fn unread(&self) -> impl Iterator<Item = &ResourceId> {
        self.unread.iter()
    }

    fn by_host(&self, host: &str) -> Result<&ResourceId, NoRegistry> {
        let host = host.to_ascii_lowercase();
        match self.by_host.get(&host) {
            Some(id) => Ok(id),
            None if self.unread.iter().any(|id| is_named_for(&host, id)) => {
                Err(NoRegistry::NotYetKnown(host))
            }
            None => Err(NoRegistry::NotEnrolled(host)),
        }
    }

    /// Whether Azure, or the configuration, says that `host` leads to the registry.
    pub fn leads_to(&self, host: &str, id: &ResourceId) -> bool {
        self.by_host.get(&host.to_ascii_lowercase()) == Some(id)
    }

    /// These, where each registry that Azure has not described yet goes by its name. That may be another
    /// one's host: a registry may have a login server with more than its name in it.
    #[must_use]
    pub fn presumed(&self) -> Self {
        let mut presumed = self.clone();
        for id in &self.unread {
            for end in LOGIN_SERVERS {
                let host = format!("{}{end}", id.name().to_ascii_lowercase());
                presumed.by_host.entry(host).or_insert_with(|| id.clone());
            }
        }
        presumed
    }

    fn by_id(&self, id: &str) -> Result<&ResourceId, NoRegistry> {
        let enrolled = self
            .enrolled
            .iter()
            .find(|enrolled| enrolled.key() == id.to_ascii_lowercase());
        enrolled.ok_or_else(|| NoRegistry::NotEnrolled(id.to_owned()))
    }

    /// The registry that `report` is about, by all that it says and all that its source may say.
    pub fn resolve(&self, report: &Report, scope: &Scope) -> Result<&ResourceId, NoRegistry> {
        let by_host = |host: &String| self.by_host(host);
        let named = [
            report.denial.registry.as_ref().map(by_host),
            report.resource_id.as_deref().map(|id| self.by_id(id)),
            report.login_server.as_ref().map(by_host),
        ];
        let mut found = None;
        for id in named.into_iter().flatten() {
            let id = id?;
            match found {
                Some(other) if other != id => {
                    return Err(NoRegistry::Conflicting(
                        ResourceId::name(other).to_owned(),
                        id.name().to_owned(),
                    ));
                }
                _ => found = Some(id),
            }
        }
        let id = match (found, &scope.registry) {
            (Some(id), Some(host)) if graded(report) == Some(Attribution::Inferred) => {
                self.agreed(id, host)?
            }
            (Some(id), _) => id,
            (None, Some(host)) => self.by_host(host)?,
            (None, None) => return Err(NoRegistry::Unnamed),
        };
        self.within(id, scope)
    }

    /// The registry that a guess and the source's own `registry` both mean: two that compete are none.
    fn agreed<'a>(
        &'a self,
        guess: &'a ResourceId,
        host: &str,
    ) -> Result<&'a ResourceId, NoRegistry> {
        let configured = self.by_host(host)?;
        if configured == guess {
            return Ok(guess);
        }
        Err(NoRegistry::Conflicting(
            guess.name().to_owned(),
            configured.name().to_owned(),
        ))
    }

    /// The registry that a row of its own log names, by id or by host or by both, if a source may speak of
    /// it.
    pub fn named(
        &self,
        resource_id: Option<&str>,
        login_server: Option<&str>,
        scope: &Scope,
    ) -> Result<&ResourceId, NoRegistry> {
        let by_id = resource_id.map(|id| self.by_id(id)).transpose()?;
        let by_host = login_server.map(|host| self.by_host(host)).transpose()?;
        let id = match (by_id, by_host) {
            (Some(id), Some(other)) if id != other => {
                return Err(NoRegistry::Conflicting(
                    id.name().to_owned(),
                    other.name().to_owned(),
                ));
            }
            (found, other) => found.or(other).ok_or(NoRegistry::Unnamed)?,
        };
        self.within(id, scope)
    }

    /// Whether a source of this scope may speak of a registry by its id. While Azure has not described
    /// it, its login server is the one that begins with its name.
    pub fn may_speak_of(&self, id: &ResourceId, scope: &Scope) -> bool {
        let named = |host: &String| is_named_for(host, id);
        self.within(id, scope).is_ok()
            || self.unread.contains(id) && scope.registries.iter().any(named)
    }

    fn within<'a>(
        &'a self,
        id: &'a ResourceId,
        scope: &Scope,
    ) -> Result<&'a ResourceId, NoRegistry> {
        let allowed = |host: &String| self.by_host.get(&host.to_ascii_lowercase()) == Some(id);
        if scope.registries.is_empty() || scope.registries.iter().any(allowed) {
            Ok(id)
        } else {
            Err(NoRegistry::OutOfScope(id.name().to_owned()))
        }
    }
}

/// How it is known which registry a report is about, before its source is asked.
fn graded(report: &Report) -> Option<Attribution> {
    if report.resource_id.is_some() || report.login_server.is_some() {
        return Some(Attribution::Stated);
    }
    let named = report.denial.registry.is_some();
    // What an older ledger holds without a grade counts as a guess.
    named.then_some(report.denial.attribution.unwrap_or(Attribution::Inferred))
}

/// How it is known which registry a report is about: as its record says, or as its source's `registry`
/// does. `None` where nothing names one.
pub fn attribution(report: &Report, scope: &Scope) -> Option<Attribution> {
    if scope.registry.is_some() {
        return Some(Attribution::Stated);
    }
    graded(report)
}

/// Whether a host may be one of the registry's own names: its login server or a data endpoint. They all
/// begin with its name, and where other registries may have that name too, a hash follows.
fn is_named_for(host: &str, id: &ResourceId) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    let rest = label
        .get(..id.name().len())
        .filter(|name| name.eq_ignore_ascii_case(id.name()))
        .and_then(|name| label.get(name.len()..));
    rest.is_some_and(|hash| hash.is_empty() || hash.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contosoprod";
        Hosts::configured([(&id.parse().unwrap(), &[][..])])
    }

    #[test]
    fn a_host_that_no_unread_registry_can_go_by_is_not_enrolled() {
        let hosts = hosts();
        for (host, waits) in [
            ("contosoprod.azurecr.io", true),
            ("ContosoProd-a1b2.azurecr.io", true),
            ("contosoprod.westeurope.data.azurecr.io", true),
            ("contosoprod2.azurecr.io", false),
            ("fabrikam.azurecr.io", false),
        ] {
            let known = hosts.by_host(host).unwrap_err();
            assert_eq!(matches!(known, NoRegistry::NotYetKnown(_)), waits, "{host}");
        }
    }

    #[test]
    fn an_unread_registry_is_presumed_by_its_plain_name_only() {
        let hosts = hosts();
        assert!(hosts.presumed().by_host("contosoprod.azurecr.cn").is_ok());
        assert!(
            hosts
                .presumed()
                .by_host("contosoprod-a1b2.azurecr.io")
                .is_err()
        );
        let id = hosts.unread().next().unwrap().clone();
        assert!(!hosts.leads_to("contosoprod.azurecr.io", &id));
    }
}
