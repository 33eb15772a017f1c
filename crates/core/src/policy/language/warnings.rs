//! What is allowed in a policy and yet odd: rules that nothing reaches, shared addresses for long.

use super::unreachable::includes;
use crate::auth::owner;
use crate::net::address::GlobalIpv4;
use crate::policy::verdict::Action;
use crate::policy::{DEFAULT_TTL, Rule, When};
use crate::yaml::duration::Show;
use crate::yaml::problem::Sink;
use std::time::Duration;

/// Longer than this, an address that others share has likely gone to somebody else.
const LONG: Duration = Duration::from_hours(4);

/// Shorter than this, a grant is over before it is in anybody's way.
const SHORT: Duration = Duration::from_mins(15);

/// How long an entry may take to reach every front end.
const EFFECTIVE_AFTER: Duration = Duration::from_mins(2);

/// `max_ttl` where the configuration does not say.
const USUAL_MAX_TTL: Duration = Duration::from_hours(24);

/// How many written networks of a set are looked at.
const MOST_NETWORKS: usize = 10_000;

/// Warns of what is odd about the rules.
pub(in crate::policy) fn warn(files: &[(String, String)], rules: &[Rule], sinks: &mut [Sink<'_>]) {
    for (place, rule) in rules.iter().enumerate() {
        let of_rule = |(name, _): &(String, String)| *name == rule.file;
        let Some(sink) = files
            .iter()
            .position(of_rule)
            .and_then(|file| sinks.get_mut(file))
        else {
            continue;
        };
        let name = &rule.name;
        if let Some(shadowing_rule) = shadowing_rule(rules, place, rule) {
            let other = &shadowing_rule.name;
            let what = if is_unconditional(&shadowing_rule.when) {
                format!("nothing reaches rule `{name}`: `{other}` matches everything")
            } else {
                format!(
                    "nothing reaches rule `{name}`: `{other}` ({}:{}) matches wherever it does",
                    shadowing_rule.file, shadowing_rule.place.line
                )
            };
            let help = if shadowing_rule.then == Action::Forbid {
                format!("forbid wins wherever it stands: narrow `{other}`, or take this rule out")
            } else {
                format!("narrow `{other}`, or move this rule before it")
            };
            sink.warn(&rule.place, "", what, help);
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
        no_owner(rule, sink);
        let narrow = ["ref", "environment", "sub", "job_workflow_ref"];
        let names = |wanted: &str| rule.when.claims.iter().any(|claim| claim.name == wanted);
        if rule.rests_on_claims() && !narrow.into_iter().any(names) {
            let what = format!(
                "rule `{name}` allows every branch and pull request of the job's repository"
            );
            let help = "add `ref` or `environment` to its claims";
            sink.warn(&rule.place, "", what, help);
        }
        odd_grants(rule, sink);
        odd_times(rule, sink);
        never_matches(rule, sink);
    }
}

/// Warns of times that are cut, or over before anybody can use them.
fn odd_times(rule: &Rule, sink: &mut Sink<'_>) {
    let (name, Some(ttl)) = (&rule.name, rule.ttl) else {
        return;
    };
    if ttl < EFFECTIVE_AFTER {
        let what = format!(
            "rule `{name}` opens for {}: an entry may take that long to reach every front end",
            Show(ttl)
        );
        let help = format!("write `for: {}` or more", Show(SHORT));
        sink.warn(&rule.place, "", what, help);
    }
    if ttl > USUAL_MAX_TTL {
        let what = format!(
            "rule `{name}` opens for {}, and `max_ttl` is {} where the configuration does not say more: it is cut to that",
            Show(ttl),
            Show(USUAL_MAX_TTL)
        );
        sink.warn(
            &rule.place,
            "",
            what,
            "write less, or raise `max_ttl` in the configuration",
        );
    }
}

/// Warns of what a rule names and no denial can have.
fn never_matches(rule: &Rule, sink: &mut Sink<'_>) {
    let name = &rule.name;
    for glob in &rule.when.registry {
        if let Some(host) = glob.literal().filter(|host| !host.contains('.')) {
            let what =
                format!("rule `{name}` waits for the registry `{host}`, which is no login server");
            let help = format!("write the whole host, such as `{host}.azurecr.io`");
            sink.warn(&rule.place, "", what, help);
        }
    }
    if rule.then != Action::Allow {
        return;
    }
    let mut never = None;
    for set in &rule.when.address {
        set.each_written(&mut |ranges| {
            let networks = ranges.networks(MOST_NETWORKS).unwrap_or_default();
            let mut networks = networks.iter();
            let closed = networks.find(|net| GlobalIpv4::try_from(net.addr()).is_err());
            never = never.take().or_else(|| closed.map(ToString::to_string));
        });
    }
    if let Some(network) = never {
        let what = format!(
            "rule `{name}` allows `{network}`, which begins with an address that is never opened: private, reserved or IPv6"
        );
        let help =
            "take it out: private addresses come through a private endpoint, IPv6 through none";
        sink.warn(&rule.place, "", what, help);
    }
}

/// Warns of claims that a job of anybody may have, where nothing else is the rule's evidence. Whose jobs
/// a source hears, its configuration says; a policy should not depend on that alone.
fn no_owner(rule: &Rule, sink: &mut Sink<'_>) {
    let claims = &rule.when.claims;
    if rule.then != Action::Allow || claims.is_empty() || rule.has_own_addresses() {
        return;
    }
    if !owner::is_named(claims) {
        let what = format!(
            "rule `{}` allows on claims that name no owner: jobs of everybody whom a source hears get in",
            rule.name
        );
        let help = "name the owner without `*` or `?`, such as `repository: contoso/api` or `repository_owner: contoso`";
        sink.warn(&rule.place, "", what, help);
    }
}

/// The rule that decides in place of `rule` at `place`, whatever comes: one before it, or one that
/// forbids anywhere.
fn shadowing_rule<'a>(rules: &'a [Rule], place: usize, rule: &Rule) -> Option<&'a Rule> {
    let mut others = rules.iter().enumerate();
    let stands_before = |(at, other): &(usize, &Rule)| match (other.then, rule.then) {
        (Action::Forbid, Action::Forbid) => *at < place && !rule.observe,
        // What is only observed is told of as far as it stands before the rule that decides.
        (Action::Forbid, _) => *at < place || (*at != place && !rule.observe),
        (_, Action::Forbid) => false,
        (_, _) => *at < place,
    };
    others
        .find(|found| stands_before(found) && !found.1.observe && includes(found.1, rule))
        .map(|(_, other)| other)
}

/// Warns of grants that come and go otherwise than somebody may think.
fn odd_grants(rule: &Rule, sink: &mut Sink<'_>) {
    let name = &rule.name;
    let lasts = rule.ttl.unwrap_or(DEFAULT_TTL);
    if rule.evictable && lasts <= SHORT {
        let what = format!(
            "rule `{name}` makes grants of {} evictable, which end soon anyway",
            Show(lasts)
        );
        let help = "what is evictable goes soonest end first; leave it to grants that last";
        sink.warn(&rule.place, "", what, help);
    }
    if let Some(renew) = rule.renew
        && renew > LONG
        && (rule.accept_shared.is_some() || rule.when.address.iter().any(|set| !set.is_owned()))
    {
        let what = format!(
            "rule `{name}` renews by {} for an address that others share",
            Show(renew)
        );
        let help = format!(
            "{} is plenty: it is renewed again while it is used",
            Show(LONG)
        );
        sink.warn(&rule.place, "", what, help);
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
        attribution,
    } = when;
    let globs = [registry, repository, reference, identity, user_agent];
    address.is_empty()
        && globs.iter().all(|globs| globs.is_empty())
        && source.is_empty()
        && kind.is_empty()
        && hours.is_empty()
        && claims.is_empty()
        && seen.is_empty()
        && attribution.is_empty()
}
