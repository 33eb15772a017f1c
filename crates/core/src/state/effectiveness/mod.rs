//! Whether a grant helped: what became of the caller after its entry stood.

use crate::firewall::Seen;
use crate::intake::report::Evidence;
use crate::ledger::grant::Grant;
use crate::ledger::id::GrantId;
use crate::messages::wording;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often one grant is extended at most, and by how much it is extended all the same.
const EXTEND_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// What is known of whether a grant helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effectiveness {
    /// The registry's own log shows that the address logged in or pulled after its entry stood.
    Effective,
    /// The address was refused after the entry had had its time to reach every front end.
    StillDenied,
    /// Neither was seen until the grant ended.
    NotSeenAgain,
}

/// A verdict on one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantOutcome {
    /// The grant.
    pub grant: GrantId,
    /// What is known.
    pub help: Effectiveness,
    /// From the denial to the entry, in seconds.
    pub denial_to_entry: Option<i64>,
    /// From the entry to the first use of it, in seconds.
    pub entry_to_effect: Option<i64>,
}

impl GrantOutcome {
    /// In one line.
    pub fn summary(&self) -> String {
        let what = match self.help {
            Effectiveness::Effective => "the address logged in or pulled after its entry stood",
            Effectiveness::StillDenied => {
                "the address was refused after its entry had had its time"
            }
            Effectiveness::NotSeenAgain => "the address was not seen again while its entry stood",
        };
        let times = [
            (self.denial_to_entry, "from denial to entry"),
            (self.entry_to_effect, "from entry to effect"),
        ];
        let times = times.iter().filter_map(|(seconds, what)| {
            let span = SignedDuration::from_secs((*seconds)?);
            Some(format!(", {} {what}", wording::duration(span)))
        });
        let times: String = times.collect();
        format!("{what}{times} (grant {})", self.grant)
    }

    /// Each verdict stands once.
    pub fn idempotency_key(&self) -> String {
        let help = match self.help {
            Effectiveness::Effective => "effective",
            Effectiveness::StillDenied => "still_denied",
            Effectiveness::NotSeenAgain => "not_seen_again",
        };
        format!("grant_outcome:{}:{help}", self.grant)
    }
}

/// A refusal of an address that a grant stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When it happened, as its event says, else when it arrived.
    pub at: Timestamp,
    /// What it rests on.
    pub evidence: Evidence,
}

/// What became of the caller so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantTimeline {
    /// When the denial happened that the grant answers.
    pub denied_at: Option<Timestamp>,
    /// When the entry was first known to stand.
    pub opened_at: Option<Timestamp>,
    /// The last refusal since the grant was decided.
    pub refused: Option<Refused>,
    /// The verdict so far.
    pub help: Option<Effectiveness>,
    /// When it was first used.
    pub effect_at: Option<Timestamp>,
    /// Whether people were told that it does not work.
    pub told_of: bool,
    /// When a use last put off its end.
    pub extended_at: Option<Timestamp>,
}

impl GrantTimeline {
    /// Takes in a refusal; the latest counts.
    pub fn refuse(&mut self, refused: Refused) {
        if self.refused.is_none_or(|known| known.at <= refused.at) {
            self.refused = Some(refused);
        }
    }

    /// Takes in a verdict.
    pub fn judge(&mut self, at: Timestamp, helped: &GrantOutcome) {
        self.help = Some(helped.help);
        self.told_of |= helped.help == Effectiveness::StillDenied;
        if helped.help == Effectiveness::Effective {
            let used = self.opened_at.zip(helped.entry_to_effect);
            let used = used.and_then(|(opened, after)| {
                opened.checked_add(SignedDuration::from_secs(after)).ok()
            });
            self.effect_at = used.or(Some(at));
        }
    }

    /// Whether a refusal after the time that an entry needs to reach every front end, and after any use
    /// that was seen, is not told yet.
    pub fn is_still_denied(&self, grace: SignedDuration) -> bool {
        let refused = self.refused.zip(self.opened_at);
        let late =
            refused.is_some_and(|(refused, opened)| refused.at.duration_since(opened) > grace);
        let again = |used| self.refused.is_some_and(|refused| refused.at > used);
        late && !self.told_of && self.effect_at.is_none_or(again)
    }

    /// Whether a use at `used` would be the first sign that the grant works.
    pub fn shows_effect(&self, used: Timestamp) -> bool {
        let opened = self.opened_at.is_some_and(|opened| used >= opened);
        opened && self.effect_at.is_none()
    }

    /// The verdict, with what is known of times.
    pub fn verdict(
        &self,
        grant: GrantId,
        help: Effectiveness,
        used: Option<Timestamp>,
    ) -> GrantOutcome {
        let seconds = |from: Option<Timestamp>, to: Option<Timestamp>| {
            let (from, to) = from.zip(to)?;
            Some(to.duration_since(from).as_secs())
        };
        GrantOutcome {
            grant,
            help,
            denial_to_entry: seconds(self.denied_at, self.opened_at),
            entry_to_effect: seconds(self.opened_at, used),
        }
    }

    /// In a few words, for people who look at a grant.
    pub fn text(&self) -> Option<&'static str> {
        Some(match self.help? {
            Effectiveness::Effective => "seen in use",
            Effectiveness::StillDenied => "still refused",
            Effectiveness::NotSeenAgain => "not seen again",
        })
    }

    /// The end that a use of the address at `used`, told at `now`, gives to its grant: `renew` from the
    /// use, at most `max_ttl` after the grant was decided, and later than it is. So a use that is told
    /// twice changes nothing, and one told soon after another only if it gives a good while more.
    pub fn extended(
        &self,
        (grant, since): (&Grant, Timestamp),
        renew: Duration,
        max_ttl: Duration,
        (used, now): (Timestamp, Timestamp),
    ) -> Option<Timestamp> {
        if self.opened_at.is_none_or(|opened| used < opened) || grant.until <= now {
            return None;
        }
        let until = after(used, renew).min(after(since, max_ttl));
        let soon = |at: Timestamp| now.duration_since(at) < EXTEND_EVERY;
        let little = until.duration_since(grant.until) < EXTEND_EVERY;
        let worth = !(little && self.extended_at.is_some_and(soon));
        (until > grant.until && worth).then_some(until)
    }
}

fn after(at: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// That a grant did not work, and what may be the cause.
pub fn still_denied(grant: &Grant, course: &GrantTimeline, seen: Option<&Seen>) -> String {
    let waited = course.refused.zip(course.opened_at);
    let waited = waited.map(|(refused, opened)| refused.at.duration_since(opened));
    let only_a_status = course
        .refused
        .is_some_and(|refused| refused.evidence == Evidence::Status403);
    let stands = seen.is_none_or(|seen| seen.shows(grant.address.get().into()));
    let cause = if seen.is_some_and(|seen| !seen.public_access) {
        "public network access to the registry has been disabled meanwhile, which overrides every entry"
    } else if !stands {
        "the entry does not stand any more: others may have removed it"
    } else if only_a_status {
        "the log says 403 and not that it was the firewall: probably the identity lacks a role (`AcrPull`, `AcrPush`), which \
         no entry helps against"
    } else {
        "the entry stands, so that the caller probably comes by another way: by a proxy or gateway with several \
         addresses, to another registry, or to a data endpoint (`*.data.azurecr.io`) or replica that has not taken \
         the entry in. Compare the address in the newest message with this one"
    };
    let again = if course.effect_at.is_some() {
        "again"
    } else {
        "still"
    };
    format!(
        "`{}` is {again} refused by `{}`, {} after its entry was written: {cause}",
        grant.address,
        grant.registry.name(),
        waited.map_or_else(|| "some time".to_owned(), wording::duration)
    )
}

#[cfg(test)]
mod tests;
