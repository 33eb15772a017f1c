//! Reading one rule, and whether what it relies on is evidence.

use super::glob::{GLOB_HINT, Glob, Style};
use super::hours::{Hours, every_day, near_zone, parse_days, parse_time, parse_zone};
use super::set_definitions::Definitions;
use crate::approvals::read::approvals;
use crate::auth::proof::{ClaimIs, read_claims};
use crate::intake::denial::{Attribution, Kind};
use crate::policy::verdict::Action;
use crate::policy::{Rule, When};
use crate::sets::{AddressSet, WIDEST_OWNED};
use crate::state::history;
use crate::state::history::{By, Seen};
use crate::yaml::duration::Show;
use crate::yaml::problem::Sink;
use crate::yaml::{Fields, Item, Value};

/// The kinds of denials by their names.
pub(in crate::policy) const KINDS: [(&str, Kind); 2] =
    [("denied", Kind::Denied), ("suspected", Kind::Suspected)];
/// Whether a rule or file is in force.
const MODES: [(&str, bool); 2] = [("enforce", false), ("observe", true)];
/// More grants than a registry has room for.
const MANY: u32 = 10_000;

/// The name that a policy has for a kind of denial.
pub(in crate::policy) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Denied => "denied",
        Kind::Suspected => "suspected",
    }
}

/// Takes `mode` of a file or a rule.
pub(in crate::policy) fn observe(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<bool> {
    fields.take("mode")?.word(&MODES, sink)
}

/// Reads a rule of the file at `file`; what is wrong is reported there.
pub(in crate::policy) fn read_rule<'a>(
    item: &Item<'a>,
    (file, file_name): (usize, &str),
    definitions: &mut Definitions<'a, '_>,
) -> Option<Rule> {
    let sink = definitions.sinks.get_mut(file)?;
    let mut fields = item.fields(sink)?;
    let name = fields.need(
        "name",
        "every rule has a name, by which a verdict calls it",
        sink,
    );
    let when = fields.take("when");
    let then = fields.need("then", "write what happens, such as `then: ask`", sink);
    let then = then.and_then(|then| then.word(&Action::NAMES, sink));
    let mut rule = Rule {
        name: name
            .as_ref()
            .and_then(|name| name.text(sink))
            .unwrap_or_default()
            .to_owned(),
        file: file_name.to_owned(),
        place: name.as_ref().unwrap_or(item).place().clone(),
        when: When::default(),
        then: then.unwrap_or(Action::Ask),
        ttl: None,
        because: text(&mut fields, "because", sink),
        channel: text(&mut fields, "channel", sink),
        approvals: None,
        accept_shared: None,
        fresh: None,
        require_age: false,
        max_active: None,
        per_hour: None,
        renew: None,
        evictable: false,
        widen: false,
        observe: observe(&mut fields, sink).unwrap_or_default(),
    };
    consequences(&mut rule, &mut fields, sink);
    limits(&mut rule, &mut fields, sink);
    let widen = lasting(&mut rule, &mut fields, sink);
    fields.finish(sink);
    if let Some(when) = &when {
        conditions(&mut rule.when, when, file, definitions)?;
    }
    let grade = when.as_ref().and_then(|when| when.field("attribution"));
    let address = when.as_ref().and_then(|when| when.field("address"));
    let address = address.or(when).unwrap_or_else(|| item.clone());
    let sink = definitions.sinks.get_mut(file)?;
    evidence(&rule, &address, sink);
    if let Some(grade) = grade {
        opens_on_no_guess(&rule, &grade, sink);
    }
    if let Some(widen) = widen {
        widens_what_is_owned(&rule, &widen, sink);
    }
    (name.is_some() && then.is_some()).then_some(rule)
}

fn text(fields: &mut Fields<'_>, name: &'static str, sink: &mut Sink<'_>) -> Option<String> {
    Some(fields.take(name)?.text(sink)?.to_owned())
}

/// The fields that only make sense with some actions.
fn consequences(rule: &mut Rule, fields: &mut Fields<'_>, sink: &mut Sink<'_>) {
    let then = rule.then;
    if let Some(item) = fields.take("for") {
        rule.ttl = item.duration(sink);
        if !matches!(then, Action::Allow | Action::Ask) {
            let what = format!("`{then}` opens nothing, so there is nothing to last");
            item.error(what, "take `for` out", sink);
        }
    }
    if let Some(item) = fields.take("approvals") {
        rule.approvals = approvals(&item, sink);
        if then != Action::Ask {
            let what = format!("`{then}` asks nobody, so there is nothing to approve");
            item.error(what, "take `approvals` out, or write `then: ask`", sink);
        }
    }
    if let Some(item) = fields.take("accept_shared") {
        rule.accept_shared = item.text(sink).map(str::to_owned);
        if then != Action::Allow {
            let what = format!("`{then}` needs no evidence");
            item.error(what, "take `accept_shared` out", sink);
        }
    }
}

/// What its grants rest on and what becomes of them while they stand; the field `widen`, for what can be said of it later.
fn lasting<'a>(rule: &mut Rule, fields: &mut Fields<'a>, sink: &mut Sink<'_>) -> Option<Item<'a>> {
    let then = rule.then;
    let mut take = |name: &'static str, sink: &mut Sink<'_>| {
        let item = fields.take(name)?;
        if !matches!(then, Action::Allow | Action::Ask) {
            let what = format!("`{then}` opens nothing, so `{name}` has nothing to act on");
            item.error(what, format!("take `{name}` out"), sink);
        }
        Some(item)
    };
    rule.renew = take("renew", sink).and_then(|item| item.duration(sink));
    rule.evictable = take("evictable", sink).and_then(|item| item.flag(sink)) == Some(true);
    rule.require_age = take("require_age", sink).and_then(|item| item.flag(sink)) == Some(true);
    let widen = take("widen", sink);
    rule.widen = widen.as_ref().and_then(|item| item.flag(sink)) == Some(true);
    widen.filter(|_| rule.widen)
}

/// An entry may only be made wider within addresses that are one's own.
fn widens_what_is_owned(rule: &Rule, widen: &Item<'_>, sink: &mut Sink<'_>) {
    let own =
        |set: &std::sync::Arc<AddressSet>| set.is_owned() && set.wider_than(WIDEST_OWNED).is_none();
    if !rule.when.address.iter().any(own) {
        let what = format!(
            "rule `{}` names no set of your own, so there is nothing to widen within",
            rule.name
        );
        let help = "name one under `address` (`cidrs`, `public_ip_prefix`, `nat_gateway` ..), or take `widen` out";
        widen.error(what, help, sink);
    }
}

/// How much of a rule there may be, and how old what it relies on.
fn limits(rule: &mut Rule, fields: &mut Fields<'_>, sink: &mut Sink<'_>) {
    rule.fresh = fields.take("fresh").and_then(|item| item.duration(sink));
    let then = rule.then;
    let mut limit = |name: &'static str, sink: &mut Sink<'_>| {
        let item = fields.take(name)?;
        if then != Action::Allow {
            let what = format!("`{then}` grants nothing by itself, so there is nothing to limit");
            item.error(what, format!("take `{name}` out"), sink);
        }
        item.number(1, MANY, sink)
    };
    rule.max_active = limit("max_active", sink);
    rule.per_hour = limit("per_hour", sink);
}

/// The conditions under `when`.
fn conditions<'a>(
    when: &mut When,
    item: &Item<'a>,
    file: usize,
    definitions: &mut Definitions<'a, '_>,
) -> Option<()> {
    let mut fields = item.fields(definitions.sinks.get_mut(file)?)?;
    let address = fields.take("address");
    let address = match &address {
        Some(address) => definitions.all(file, address),
        None => Some(Vec::new()),
    };
    let sink = definitions.sinks.get_mut(file)?;
    when.registry = globs(&mut fields, "registry", Style::Host, sink);
    when.repository = globs(&mut fields, "repository", Style::Path, sink);
    when.reference = globs(&mut fields, "reference", Style::Path, sink);
    when.identity = globs(&mut fields, "identity", Style::Text, sink);
    when.user_agent = globs(&mut fields, "user_agent", Style::Text, sink);
    when.source = each(&mut fields, "source", sink, |item, sink| {
        item.text(sink).map(str::to_owned)
    });
    when.kind = each(&mut fields, "kind", sink, |item, sink| {
        item.word(&KINDS, sink)
    });
    when.attribution = each(&mut fields, "attribution", sink, |item, sink| {
        item.word(&Attribution::NAMES, sink)
    });
    when.hours = each(&mut fields, "hours", sink, hours);
    when.claims = claims(&mut fields, sink);
    when.seen = each(&mut fields, "seen", sink, seen);
    fields.finish(sink);
    when.address = address?;
    Some(())
}

/// Reads each value of a condition. An empty list is an error: it would hold for nothing, or for
/// everything, and nobody can tell.
fn each<'a, 's, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    sink: &mut Sink<'s>,
    read: impl Fn(&Item<'a>, &mut Sink<'s>) -> Option<T>,
) -> Vec<T> {
    let Some(item) = fields.take(name) else {
        return Vec::new();
    };
    let items = item.each();
    if items.is_empty() {
        item.error(
            "this list is empty",
            "write at least one value, or leave the field out",
            sink,
        );
    }
    items.iter().filter_map(|item| read(item, sink)).collect()
}

fn globs(
    fields: &mut Fields<'_>,
    name: &'static str,
    style: Style,
    sink: &mut Sink<'_>,
) -> Vec<Glob> {
    each(fields, name, sink, |item, sink| {
        match Glob::parse(item.text(sink)?, style) {
            Ok(glob) => Some(glob),
            Err(error) => {
                item.error(error.to_string(), GLOB_HINT, sink);
                None
            }
        }
    })
}

/// `claims`: names of claims and the patterns that they must match.
fn claims(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Vec<ClaimIs> {
    let Some(item) = fields.take("claims") else {
        return Vec::new();
    };
    let claims = read_claims(&item, sink);
    if claims.is_empty() {
        let help = "name a claim and what it must say, as in `claims: { repository: contoso/api }`";
        item.error("this names no claim", help, sink);
    }
    claims
}

/// `7d`, or `{ within: 7d, by: person }`.
fn seen(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Seen> {
    let (within, by) = if let Value::Map(_) = item.node.value {
        let mut fields = item.fields(sink)?;
        let help = "say how long ago at most, as in `within: 7d`";
        let within = fields.need("within", help, sink);
        let by = fields.take("by");
        let by = by.map_or(Some(By::Any), |by| by.word(&By::NAMES, sink));
        fields.finish(sink);
        (within?, by?)
    } else {
        (item.clone(), By::Any)
    };
    let duration = within.duration(sink)?;
    if duration > history::LONGEST {
        let longest = Show(history::LONGEST);
        let what = format!("doorward remembers grants for {longest}, not for longer");
        within.error(what, format!("write `{longest}` or less"), sink);
    }
    Some(Seen {
        within: duration,
        by,
    })
}

/// `{ days, from, to, zone }`.
fn hours(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Hours> {
    let mut fields = item.fields(sink)?;
    let mut days = Vec::new();
    let fault = |item: &Item<'_>, error: &dyn ToString, sink: &mut Sink<'_>| {
        item.error(error.to_string(), "", sink);
    };
    let written = fields.take("days");
    for item in written.iter().flat_map(Item::each) {
        for part in item.text(sink)?.split(',') {
            match parse_days(part) {
                Ok(more) => days.extend(more),
                Err(error) => fault(&item, &error, sink),
            }
        }
    }
    let mut time = |name, missing: u16, sink: &mut Sink<'_>| {
        let Some(item) = fields.take(name) else {
            return Some(missing);
        };
        parse_time(item.text(sink)?)
            .map_err(|error| fault(&item, &error, sink))
            .ok()
    };
    let (from, to) = (time("from", 0, sink), time("to", 24 * 60, sink));
    let help = "write whose clock is meant, as in `zone: Europe/Zurich` or `zone: UTC`";
    let zone = fields.need("zone", help, sink);
    fields.finish(sink);
    let zone = zone?;
    let name = zone.text(sink)?;
    let zone = parse_zone(name).map_err(|error| {
        zone.error(error.to_string(), near_zone(name).unwrap_or_default(), sink);
    });
    let days = match written {
        Some(_) => days,
        None => every_day(),
    };
    Hours::new(days, from?, to?, zone.ok()?)
        .map_err(|error| fault(item, &error, sink))
        .ok()
}

/// A rule that would allow where the registry is a guess could never open anything.
fn opens_on_no_guess(rule: &Rule, item: &Item<'_>, sink: &mut Sink<'_>) {
    if rule.then == Action::Allow && !rule.when.attribution.contains(&Attribution::Stated) {
        let what = format!(
            "rule `{}` allows where the registry is only inferred: nothing opens on a guess",
            rule.name
        );
        item.error(what, "write `then: ask`, or `attribution: stated`", sink);
    }
}

/// An allow rule needs evidence that the caller cannot choose: an address that only its owner sends
/// from. Text conditions only narrow; the registry was named by whoever was refused.
fn evidence(rule: &Rule, address: &Item<'_>, sink: &mut Sink<'_>) {
    if rule.then != Action::Allow || rule.accept_shared.is_some() {
        return;
    }
    if rule.rests_on_claims() {
        // The claims prove who speaks; that the address is the speaker's own is asked for each denial.
        if rule.when.claims.iter().all(ClaimIs::is_anything) {
            let what = format!("rule `{}` allows whatever a token claims", rule.name);
            let help = "name what only your job's token says: `repository: contoso/api`";
            address.error(what, help, sink);
        }
        return;
    }
    let help = "use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: \"..\"`";
    let sets = &rule.when.address;
    if sets.is_empty() {
        let what = format!(
            "rule `{}` allows on what the caller says of himself: that is no evidence",
            rule.name
        );
        address.error(what, help, sink);
    } else if let Some(shared) = sets.iter().find(|set| !set.is_owned()) {
        let what = format!(
            "rule `{}` allows addresses of `{}`, which many tenants share",
            rule.name, shared.name
        );
        address.error(what, help, sink);
    } else if let Some((start, end)) = sets.iter().find_map(|set| set.wider_than(WIDEST_OWNED)) {
        let what = format!(
            "rule `{}` allows {start} to {end}, more than a /{WIDEST_OWNED}: nobody owns that",
            rule.name
        );
        address.error(what, help, sink);
    }
}
