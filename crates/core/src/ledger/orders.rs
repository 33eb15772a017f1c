//! What operators order: which registries are paused, and their orders in words.

use super::actor::Actor;
use super::event::LedgerEvent;
use crate::messages::wording;
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is paused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pauses {
    all: Option<Pause>,
    registries: BTreeMap<ResourceId, Pause>,
}

/// A pause: nothing more is opened; closing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Who.
    pub by: Actor,
    /// Why, if they say so.
    pub because: Option<String>,
    /// When it ends by itself, if it does.
    pub until: Option<Timestamp>,
}

impl Pauses {
    /// When pauses end by themselves.
    pub fn ends(&self) -> Vec<Timestamp> {
        let each = self.all.iter().chain(self.registries.values());
        each.filter_map(|pause| pause.until).collect()
    }

    /// The pause that holds for a registry, if one does.
    pub fn of(&self, registry: &ResourceId) -> Option<&Pause> {
        self.all.as_ref().or_else(|| self.registries.get(registry))
    }

    /// The pause of all registries.
    pub fn all(&self) -> Option<&Pause> {
        self.all.as_ref()
    }

    /// The registries that are paused by themselves.
    pub fn registries(&self) -> impl Iterator<Item = (&ResourceId, &Pause)> {
        self.registries.iter()
    }

    /// A pause begins; one that stands stays as it is.
    pub(crate) fn begin(&mut self, registry: Option<&ResourceId>, pause: Pause) {
        match registry {
            None => _ = self.all.get_or_insert(pause),
            Some(id) => _ = self.registries.entry(id.clone()).or_insert(pause),
        }
    }

    /// A pause ends; none named ends all.
    pub(crate) fn end(&mut self, registry: Option<&ResourceId>) {
        match registry {
            None => {
                self.all = None;
                self.registries.clear();
            }
            Some(id) => _ = self.registries.remove(id),
        }
    }
}

/// An operator's order in one line; nothing for other entries.
pub(crate) fn line(order: &LedgerEvent) -> String {
    if let LedgerEvent::Revoked { grant, by, because } = order {
        let said = said("revoked", by, because.as_ref());
        format!("{said}: its end is now (grant {grant})")
    } else if let LedgerEvent::Extended {
        grant,
        until,
        by,
        because,
    } = order
    {
        let said = said("extended", by, because.as_ref());
        let until = wording::time(*until);
        format!("{said}: until {until} (grant {grant})")
    } else if let LedgerEvent::Kept { grant, by, because } = order {
        let said = said("handed over to people", by, because.as_ref());
        format!("{said}: the entry stays, and is no longer doorward's (grant {grant})")
    } else if let LedgerEvent::Paused {
        registry,
        by,
        because,
        until,
    } = order
    {
        let said = said("paused", by, because.as_ref());
        let until = until.map_or_else(String::new, |at| format!(" until {}", wording::time(at)));
        let on = on(registry.as_ref());
        format!("{said}: nothing more is opened {on}{until}")
    } else if let LedgerEvent::Resumed {
        registry,
        by,
        because,
    } = order
    {
        let said = said("resumed", by, because.as_ref());
        format!("{said}: opening goes on {}", on(registry.as_ref()))
    } else if let LedgerEvent::VerdictsCleared {
        address,
        registry,
        by,
        because,
    } = order
    {
        let said = said("cleared", by, because.as_ref());
        let on = registry.as_ref().map_or_else(
            || "about any registry".to_owned(),
            |id| format!("about `{}`", id.name()),
        );
        format!("{said}: verdicts on `{address}` {on} stand for no repeat any more")
    } else {
        String::new()
    }
}

/// `done by NAME, as they say: because`.
fn said(done: &str, by: &Actor, because: Option<&String>) -> String {
    let because = because.map_or_else(String::new, |why| {
        format!(", because `{}`", wording::quoted(why))
    });
    if *by == Actor::USE {
        return format!("{done}, because its address is in use");
    }
    format!("{done} by {}{because}", by.in_words())
}

fn on(registry: Option<&ResourceId>) -> String {
    registry.map_or_else(
        || "on any registry".to_owned(),
        |id| format!("on `{}`", id.name()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(by: &str) -> Pause {
        Pause {
            since: Timestamp::UNIX_EPOCH,
            by: Actor::Person(by.to_owned()),
            because: None,
            until: None,
        }
    }

    fn registry(name: &str) -> ResourceId {
        format!(
            "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/{name}"
        )
        .parse()
        .unwrap()
    }

    #[test]
    fn the_first_pause_stands_and_resuming_all_ends_each() {
        let (one, other) = (registry("one"), registry("other"));
        let mut pauses = Pauses::default();
        pauses.begin(Some(&one), pause("a"));
        pauses.begin(Some(&one), pause("b"));
        assert_eq!(pauses.of(&one), Some(&pause("a")));
        assert_eq!(pauses.of(&other), None);
        pauses.begin(None, pause("c"));
        assert_eq!(pauses.of(&other), Some(&pause("c")));
        pauses.end(Some(&one));
        assert_eq!(pauses.of(&one), Some(&pause("c")));
        pauses.begin(Some(&one), pause("d"));
        pauses.end(None);
        assert_eq!((pauses.of(&one), pauses.all()), (None, None));
    }
}
