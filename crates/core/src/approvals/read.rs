//! Reading `approvals:`: a word, or a mapping.

use super::terms::{Approvals, Strength};
use crate::yaml::problem::Sink;
use crate::yaml::{Item, Value};
use std::collections::BTreeSet;

/// The most people that may be asked for: more never come together in time.
const MOST: u32 = 10;

/// Reads `approvals:` of a registry or a rule.
pub fn approvals(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Approvals> {
    let Value::Map(_) = item.node.value else {
        return Some(item.word(&Strength::NAMES, sink)?.into());
    };
    let mut fields = item.fields(sink)?;
    let strength = fields.take("strength");
    let strength = strength.map(|at| at.word(&Strength::NAMES, sink));
    let count = fields.take("count").map(|at| at.number(1, MOST, sink));
    let by = fields.take("by");
    let by = by.map(|at| groups(&at, sink));
    let reasons = [("required", true), ("optional", false)];
    let reason = fields.take("reason").map(|at| at.word(&reasons, sink));
    let max = fields.take("max").map(|at| at.duration(sink));
    fields.finish(sink);
    let read = Approvals {
        strength: flat(strength)?,
        count: flat(count)?,
        by: flat(by)?.unwrap_or_default(),
        reason: flat(reason)?,
        max: flat(max)?,
    };
    if read.strength == Some(Strength::Link) && read.needs_a_person() {
        let what = "a link does not say who answers, so people cannot be counted or be in a group";
        let help = "write `strength: chat` or `strength: sign_in`";
        item.error(what, help, sink);
        return None;
    }
    Some(read)
}

/// What was not written is nothing; what was written and cannot be read is an error.
#[expect(
    clippy::option_option,
    reason = "written and unreadable is not the same as not written"
)]
fn flat<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

fn groups(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<BTreeSet<String>> {
    let all = item.each();
    if all.is_empty() {
        let help = "name at least one group, or leave the field out";
        item.error("this list is empty", help, sink);
        return None;
    }
    let names = all.iter().map(|at| at.text(sink).map(str::to_owned));
    let names: Vec<Option<String>> = names.collect();
    names.into_iter().collect()
}
