//! What is allowed in a policy and yet odd: rules that nothing reaches, shared addresses for long.

use super::{Rule, When};
use crate::domain::problem::Sink;
use crate::domain::ttl::Show;
use crate::domain::verdict::Action;
use std::time::Duration;

/// Longer than this, an address that others share has likely gone to somebody else.
const LONG: Duration = Duration::from_hours(4);

/// Warns of what is odd about the rules.
pub(super) fn warn(files: &[(String, String)], rules: &[Rule], sinks: &mut [Sink<'_>]) {
    let mut wall: Option<&Rule> = None;
    for rule in rules {
        let of_rule = |(name, _): &(String, String)| *name == rule.file;
        let Some(sink) = files
            .iter()
            .position(of_rule)
            .and_then(|file| sinks.get_mut(file))
        else {
            continue;
        };
        let name = &rule.name;
        if let (Some(wall), true) = (wall, rule.then != Action::Forbid) {
            let what = format!(
                "nothing reaches rule `{name}`: `{}` before it matches everything",
                wall.name
            );
            sink.warn(
                &rule.place,
                "",
                what,
                "give that rule a condition, or move it to the end",
            );
        }
        if let (Some(_), Some(ttl)) = (&rule.accept_shared, rule.ttl)
            && ttl > LONG
        {
            let what = format!(
                "rule `{name}` opens for {} on an address that others share",
                Show(ttl)
            );
            let help = format!("{} is plenty for most jobs", Show(LONG));
            sink.warn(&rule.place, "", what, help);
        }
        let narrow = ["ref", "environment", "sub", "job_workflow_ref"];
        let names = |wanted: &str| rule.when.claims.iter().any(|claim| claim.name == wanted);
        if rule.rests_on_claims() && !narrow.into_iter().any(names) {
            let what = format!(
                "rule `{name}` allows every branch and pull request of the job's repository"
            );
            let help = "add `ref` or `environment` to its claims";
            sink.warn(&rule.place, "", what, help);
        }
        if wall.is_none() && !rule.observe && is_unconditional(&rule.when) {
            wall = Some(rule);
        }
    }
}

fn is_unconditional(when: &When) -> bool {
    let When {
        address,
        registry,
        repository,
        reference,
        source,
        kind,
        identity,
        user_agent,
        hours,
        claims,
        seen,
    } = when;
    let globs = [registry, repository, reference, identity, user_agent];
    address.is_empty()
        && globs.iter().all(|globs| globs.is_empty())
        && source.is_empty()
        && kind.is_empty()
        && hours.is_empty()
        && claims.is_empty()
        && seen.is_empty()
}
