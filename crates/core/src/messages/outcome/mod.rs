//! What became of a request, for the people who were asked: derived from what the ledger says, and
//! true now.

#[cfg(test)]
mod tests;

use super::wording;
use crate::ledger::actor::Actor;
use crate::ledger::event::LedgerEvent;
use crate::ledger::grant::Ending;
use crate::ledger::request::Answer;
use crate::state::Asked;
use jiff::Timestamp;

/// What the ledger says of the grant that a yes has made, as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    until: Timestamp,
    last: Last,
    revoked_by: Option<Actor>,
}

/// The last thing that happened to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Last {
    /// It is to be opened, or opened again.
    Intended,
    /// Its rule is there.
    Opened,
    /// A rule that is not ours admits the address.
    Covered { entry: String },
    /// It was not opened, and will not be.
    NotOpened { code: String, reason: String },
    /// It is over.
    Ended { at: Timestamp, ending: Ending },
    /// Its rule was handed over to people.
    Kept { at: Timestamp, by: Actor },
}

impl Trail {
    /// Of a grant that has just been decided.
    pub fn new(until: Timestamp) -> Self {
        Self {
            until,
            last: Last::Intended,
            revoked_by: None,
        }
    }

    /// Takes in what happened to the grant at `at`.
    pub fn follow(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Extended { until, .. } = what {
            self.until = *until;
        } else if let LedgerEvent::Revoked { by, .. } = what {
            self.until = at;
            self.revoked_by = Some(by.clone());
        } else if let Some(last) = Last::of(at, what) {
            self.last = last;
        }
    }
}

impl Last {
    /// How far a grant has come with this.
    fn of(at: Timestamp, what: &LedgerEvent) -> Option<Self> {
        if let LedgerEvent::Opened { .. } = what {
            Some(Self::Opened)
        } else if let LedgerEvent::Restoring { .. } = what {
            Some(Self::Intended)
        } else if let LedgerEvent::CoveredByExisting { entry, .. } = what {
            let entry = entry.clone();
            Some(Self::Covered { entry })
        } else if let LedgerEvent::NotOpened { code, reason, .. } = what {
            let (code, reason) = (code.clone(), reason.clone());
            Some(Self::NotOpened { code, reason })
        } else if let LedgerEvent::Ended { ending, .. } = what {
            let ending = *ending;
            Some(Self::Ended { at, ending })
        } else if let LedgerEvent::Kept { by, .. } = what {
            let by = by.clone();
            Some(Self::Kept { at, by })
        } else {
            None
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for a response.
    Open,
    /// Nobody responded in time.
    Expired,
    /// A person said no.
    Denied {
        /// When.
        at: Timestamp,
        /// By which way it came.
        by: Actor,
    },
    /// A person said yes, and the rule is not there yet.
    Adding {
        /// What holds it up, if something does.
        held_by: Option<String>,
    },
    /// The rule is there.
    Active {
        /// Until when.
        until: Timestamp,
    },
    /// A rule that is not doorward's admits the address already.
    Covered {
        /// The rule, as Azure shows it.
        entry: String,
    },
    /// It was approved, and not opened.
    NotOpened {
        /// The cause's stable name.
        code: String,
        /// The cause, and what would help.
        reason: String,
    },
    /// Its time is over, and the rule not yet removed.
    Removing {
        /// Since when.
        since: Timestamp,
    },
    /// It is over.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        ending: Ending,
        /// Who ended it before its time, as they say of themselves.
        revoked_by: Option<Actor>,
    },
    /// An operator keeps the rule for good.
    Kept {
        /// When it was handed over.
        at: Timestamp,
        /// By whom, as they say of themselves.
        by: Actor,
    },
    /// It was approved, and the ledger does not say what became of it.
    Unknown,
}

/// What became of what was asked, at `now`. `held_by` is what keeps rules from being added at the moment.
pub fn outcome(asked: &Asked, held_by: Option<String>, now: Timestamp) -> Outcome {
    let trail = match &asked.answer {
        None if asked.request.until > now => return Outcome::Open,
        None => return Outcome::Expired,
        Some((at, Answer::Deny)) => {
            let (at, by) = (*at, asked.by.clone().unwrap_or(Actor::LINK));
            return Outcome::Denied { at, by };
        }
        Some((_, Answer::Allow)) => &asked.trail,
    };
    let Some(Trail {
        until,
        last,
        revoked_by,
    }) = trail
    else {
        return Outcome::Unknown;
    };
    let is_over = *until <= now;
    match last.clone() {
        Last::Intended if !is_over => Outcome::Adding { held_by },
        Last::Opened if !is_over => Outcome::Active { until: *until },
        Last::Covered { entry } if !is_over => Outcome::Covered { entry },
        Last::Intended | Last::Opened => Outcome::Removing { since: *until },
        // Nothing of it is doorward's.
        Last::Covered { .. } => Outcome::Ended {
            at: *until,
            ending: Ending::LeftToOthers,
            revoked_by: revoked_by.clone(),
        },
        Last::NotOpened { code, reason } => Outcome::NotOpened { code, reason },
        Last::Ended { at, ending } => Outcome::Ended {
            at,
            ending,
            revoked_by: revoked_by.clone(),
        },
        Last::Kept { at, by } => Outcome::Kept { at, by },
    }
}

impl Outcome {
    /// In a few words, as a title.
    pub fn title(&self) -> String {
        match self {
            Self::Open => "Waiting for a response".to_owned(),
            Self::Expired => "Expired".to_owned(),
            Self::Denied { .. } => "Denied".to_owned(),
            Self::Adding { held_by: None } => "Approved: adding rule…".to_owned(),
            Self::Adding { held_by: Some(_) } => "Approved: waiting to add the rule".to_owned(),
            Self::Active { until } => format!("Active until {}", wording::time(*until)),
            Self::Covered { .. } => "Approved: already allowed by another rule".to_owned(),
            Self::NotOpened { code, .. } if code == OBSERVE => {
                "Approved, but not opened: observe mode".to_owned()
            }
            Self::NotOpened { .. } => "Failed: not opened".to_owned(),
            Self::Removing { .. } => "Ended: removing rule…".to_owned(),
            Self::Ended { .. } => "Ended".to_owned(),
            Self::Kept { .. } => "Kept permanently".to_owned(),
            Self::Unknown => "Approved".to_owned(),
        }
    }

    /// In a sentence or two; `registry` and `address` are as people write them.
    pub fn text(&self, registry: &str, address: &str) -> String {
        match self {
            Self::Open => "No one has responded yet.".to_owned(),
            Self::Expired => {
                "No one responded in time, so nothing was opened. The next denial of this address raises a new request."
                    .to_owned()
            }
            Self::Denied { at, by } => format!(
                "`{registry}` stays closed for `{address}`. Denied by {} at {}.",
                by.in_words(),
                wording::time(*at)
            ),
            Self::Adding { held_by: None } => format!(
                "The firewall rule for `{address}` on `{registry}` is not active yet. This usually takes a few seconds."
            ),
            Self::Adding {
                held_by: Some(held_by),
            } => wording::sentence(&format!(
                "The firewall rule for `{address}` on `{registry}` is not active yet: {held_by}"
            )),
            Self::Active { .. } => format!(
                "A firewall rule on `{registry}` allows `{address}`. It can take a minute or two to reach every front end. The rule is removed automatically."
            ),
            Self::Covered { entry } => format!(
                "`{registry}` already allows `{address}` by the rule `{}`, which doorward did not add. Nothing was added, and nothing will be removed.",
                wording::quoted(entry)
            ),
            Self::NotOpened { reason, .. } => wording::sentence(&format!(
                "`{registry}` was not opened for `{address}`: {reason}"
            )),
            Self::Removing { since } => format!(
                "The time was over at {}, and the end is not confirmed yet: a rule for `{address}` on `{registry}` may still be there. doorward keeps trying.",
                wording::time(*since)
            ),
            Self::Ended {
                at,
                ending,
                revoked_by,
            } => ended(*at, *ending, revoked_by.as_ref()),
            Self::Kept { at, by } => format!(
                "Kept permanently by {} at {}. doorward no longer manages the rule.",
                by.in_words(),
                wording::time(*at)
            ),
            Self::Unknown => {
                "It was approved, and nothing is recorded of what became of it.".to_owned()
            }
        }
    }

    /// Whether it will soon be another.
    pub fn is_moving(&self) -> bool {
        matches!(self, Self::Adding { .. } | Self::Removing { .. })
    }

    /// Whether the address is let in.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Active { .. } | Self::Covered { .. } | Self::Kept { .. }
        )
    }
}

/// The name of what was not opened since doorward only observes.
pub const OBSERVE: &str = "observe";

/// Why nothing is opened where doorward only observes, and what to do.
pub const OBSERVES: &str = "doorward only observes: set `mode: enforce` to have entries written";

fn ended(at: Timestamp, ending: Ending, revoked_by: Option<&Actor>) -> String {
    let at = wording::time(at);
    let how = match ending {
        Ending::Expired => "the rule was removed",
        Ending::NeverOpened => "no rule was ever active",
        Ending::LeftToOthers => "a rule that is not doorward's still allows the address",
        Ending::CarriedOn => "another grant keeps the address allowed",
        Ending::Evicted => "the rule was removed early, because the list was full",
        Ending::RemovedByOthers => "somebody else had removed the rule",
        Ending::Kept => "the rule was kept permanently, and is no longer doorward's",
    };
    match revoked_by {
        Some(by) => format!("Revoked by {}, and over at {at}: {how}.", by.in_words()),
        None => format!("Over at {at}: {how}."),
    }
}
