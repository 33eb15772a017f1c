//! `drift` of a registry: how often it is looked at, and what is done about others' changes.

use doorward_core::firewall::{Answer, Answers, Class};
use doorward_core::yaml::duration::Show;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use std::time::Duration;

/// How often a registry is looked at unless the file says otherwise.
const EVERY: Duration = Duration::from_mins(5);

/// As often as that at most, and at least: Azure counts reads, and what is seen late is known late.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_hours(24));

/// How drift of one registry is looked for and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// How often the registry is read when nothing else is to be done.
    pub every: Duration,
    /// What is done.
    pub answers: Answers,
    /// Whether entries of others that a late write of ours dropped are put back.
    pub restore_foreign: bool,
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            every: EVERY,
            answers: Answers::default(),
            restore_foreign: false,
        }
    }
}

/// Takes `drift` and `restore_foreign` out of a registry.
pub(super) fn drift(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Drift> {
    let mut read = Drift::default();
    let (restore, item) = (fields.take("restore_foreign"), fields.take("drift"));
    let restore = restore.map_or(Some(false), |item| item.flag(sink));
    if let Some(item) = item {
        let mut fields = item.fields(sink)?;
        let every = fields.take("every");
        let every = every.map_or(Some(EVERY), |item| often(&item, sink));
        let mut all = true;
        for class in Class::ALL {
            if let Some(item) = fields.take(class.name()) {
                let answer = answer(class, &item, sink);
                all &= answer.is_some();
                read.answers.0.extend(answer.map(|answer| (class, answer)));
            }
        }
        fields.finish(sink);
        read.every = every.filter(|_| all)?;
    }
    read.restore_foreign = restore?;
    Some(read)
}

fn often(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Duration> {
    let every = item.duration(sink)?;
    let (least, most) = BETWEEN;
    if every < least || every > most {
        let what = format!("{} is too often or too seldom", Show(every));
        let help = format!("write {} to {}", Show(least), Show(most));
        item.error(what, help, sink);
        return None;
    }
    Some(every)
}

fn answer(class: Class, item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Answer> {
    let words = [
        ("alert", Answer::Alert),
        ("accept", Answer::Accept),
        ("restore", Answer::Restore),
    ];
    let answer = item.word(&words, sink)?;
    if answer == Answer::Restore && class != Class::OursMissing {
        item.error(
            "`restore` is for entries of doorward's own, and only there",
            "write `alert` or `accept`; `ours_missing: restore` covers entries that went with a list that was replaced",
            sink,
        );
        return None;
    }
    Some(answer)
}
