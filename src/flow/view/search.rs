//! Looking things up in the ledger, newest first: for people to read. A search reads so many entries at
//! most and says where it stopped.

use crate::flow::app::App;
use crate::store::{self, StoreError};
use doorward_core::ledger::event::{Entry, LedgerEvent};
use jiff::Timestamp;

/// How many entries one search reads at most.
const MOST_READ: i64 = 20_000;

/// How many are read at once.
const AT_ONCE: i64 = 500;

/// What is looked for: whatever is given must hold.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Any of these texts stands in the entry, on its own: not within a longer number or word.
    pub any_of: Vec<String>,
    /// All of these, likewise.
    pub all_of: Vec<String>,
    /// The entry's kind.
    pub kind: Option<String>,
    /// It was written then or later.
    pub from: Option<Timestamp>,
    /// It was written before that.
    pub until: Option<Timestamp>,
    /// It stands before this place.
    pub before: Option<i64>,
    /// How many are wanted.
    pub limit: usize,
}

/// What was found, newest first.
#[derive(Debug, Default)]
pub struct Found {
    /// The entries, with what they say.
    pub entries: Vec<(Entry, LedgerEvent)>,
    /// Where to go on, if there may be more.
    pub older: Option<i64>,
}

/// Searches the ledger.
pub async fn run(app: &App, query: &Query) -> Result<Found, StoreError> {
    let head = app.ledger.as_of();
    let mut end = query.before.map_or(head, |before| before.saturating_sub(1));
    end = end.min(head);
    if let Some(until) = query.until {
        end = end.min(last_before(app, until, head).await?);
    }
    let lowest = end.saturating_sub(MOST_READ);
    let mut found = Found::default();
    while end > lowest.max(0) {
        let begin = end.saturating_sub(AT_ONCE).max(lowest).max(0);
        let some = app.ledger.entries(begin, end.saturating_sub(begin)).await?;
        for entry in some.into_iter().rev() {
            if query.from.is_some_and(|from| entry.at < from) {
                return Ok(found);
            }
            let Some(what) = fits(query, &entry) else {
                continue;
            };
            let seq = entry.seq;
            found.entries.push((entry, what));
            if found.entries.len() >= query.limit {
                found.older = (seq > 1).then_some(seq);
                return Ok(found);
            }
        }
        end = begin;
    }
    found.older = (end > 0).then(|| end.saturating_add(1));
    Ok(found)
}

/// The place of the last entry that was written before `until`, by halving.
async fn last_before(app: &App, until: Timestamp, head: i64) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low
            .midpoint(high)
            .saturating_add(i64::from(low.midpoint(high) == low));
        let entry = app.ledger.entries(middle.saturating_sub(1), 1).await?;
        if entry.first().is_some_and(|entry| entry.at < until) {
            low = middle;
        } else {
            high = middle.saturating_sub(1);
        }
    }
    Ok(low)
}

fn fits(query: &Query, entry: &Entry) -> Option<LedgerEvent> {
    let body = entry.body.to_lowercase();
    let has = |needle: &String| stands_in(&body, &needle.to_lowercase());
    let any = query.any_of.is_empty() || query.any_of.iter().any(has);
    if !any || !query.all_of.iter().all(has) {
        return None;
    }
    let what = store::what(entry).ok()?;
    let kind = query.kind.as_deref();
    kind.is_none_or(|kind| kind == what.kind()).then_some(what)
}

/// Whether `needle` stands in `body`, and what is around it does not carry it on: `20.1.2.3` is not in
/// `120.1.2.34`.
fn stands_in(body: &str, needle: &str) -> bool {
    let carries_on = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    !needle.is_empty()
        && body.match_indices(needle).any(|(at, _)| {
            let before = body.get(..at).and_then(|text| text.chars().next_back());
            let rest = body
                .get(at.saturating_add(needle.len())..)
                .unwrap_or_default();
            let mut after = rest.chars();
            let next = after.next();
            // A registry's host begins with its name.
            let ends = next.is_none_or(|next| {
                !carries_on(next) || next == '.' && after.next().is_some_and(char::is_alphabetic)
            });
            before.is_none_or(|letter| !carries_on(letter)) && ends
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needle_stands_alone() {
        for (body, needle, found) in [
            (r#""ip":"20.1.2.3""#, "20.1.2.3", true),
            (r#""ip":"20.1.2.3/32""#, "20.1.2.3", true),
            (r#""ip":"120.1.2.3""#, "20.1.2.3", false),
            (r#""ip":"20.1.2.34""#, "20.1.2.3", false),
            (r#""ip":"20.1.2.3.4""#, "20.1.2.3", false),
            (r#""registries/contosoprod""#, "contosoprod", true),
            (r#""contosoprod.azurecr.io""#, "contosoprod", true),
            (r#""contosoprod2""#, "contosoprod", false),
            (r#""é contosoprod é""#, "contosoprod", true),
            ("x", "", false),
        ] {
            assert_eq!(stands_in(body, needle), found, "{needle} in {body}");
        }
    }
}
