//! `routes`: which channels hear of which messages, and when.

use super::channels::Channel;
use doorward_core::intake::denial::Kind;
use doorward_core::messages::message::Severity;
use doorward_core::messages::routing::{Route, Routes, When};
use doorward_core::policy::{GLOB_HINT, Glob, Hours, Style};
use doorward_core::yaml::problem::{Sink, did_you_mean};
use doorward_core::yaml::{Fields, Item};
use std::time::Duration;

/// `routes`; without them, every message goes to every channel.
pub(super) fn routes(fields: &mut Fields<'_>, channels: &[Channel], sink: &mut Sink<'_>) -> Routes {
    let listed = fields.take("routes").and_then(|at| at.list(sink));
    let listed = listed.unwrap_or_default();
    let mut routes: Vec<Route> = Vec::new();
    let mut all_taken = false;
    for item in &listed {
        if all_taken {
            let what = "no message comes here: an earlier route without `when` takes all";
            item.warn(what, "put the route without `when` last", sink);
        }
        let route = route(item, channels, sink);
        all_taken |= route.as_ref().is_some_and(|it| it.when == When::default());
        routes.extend(route);
    }
    Routes {
        routes,
        all: channels
            .iter()
            .map(|channel| channel.name.clone())
            .collect(),
    }
}

fn route(item: &Item<'_>, channels: &[Channel], sink: &mut Sink<'_>) -> Option<Route> {
    let mut fields = item.fields(sink)?;
    let when = fields.take("when");
    let when = when.map_or_else(|| Some(When::default()), |at| when_of(&at, sink));
    let to = fields.need("to", "list the channels: `to: [ops]`", sink);
    let to = to.map(|at| named(&at, channels, sink));
    let digest = fields.take("digest");
    let digest = digest.map(|at| rate(&at, sink));
    let quiet_hours = fields.take("quiet_hours");
    let quiet_hours = quiet_hours.map(|at| hours(&at, sink));
    let remind = fields.take("remind").and_then(|at| at.duration(sink));
    let escalate = fields.take("escalate");
    let escalate = escalate.map(|at| escalation(&at, channels, sink));
    fields.finish(sink);
    Some(Route {
        when: when?,
        to: to?,
        digest: digest.flatten(),
        quiet_hours: quiet_hours.flatten(),
        remind,
        escalate: escalate.flatten(),
    })
}

fn when_of(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<When> {
    const KINDS: [(&str, Kind); 2] = [("denied", Kind::Denied), ("suspected", Kind::Suspected)];
    let mut fields = item.fields(sink)?;
    let mut each = |name| fields.take(name).map_or_else(Vec::new, |at| at.each());
    let (code, severity) = (each("code"), each("severity"));
    let (registry, rule, kind) = (each("registry"), each("rule"), each("kind"));
    fields.finish(sink);
    let code = code.iter().filter_map(|at| at.text(sink));
    let code = code.map(str::to_owned).collect();
    let severity = severity.iter();
    let severity = severity.filter_map(|at| at.word(&Severity::NAMES, sink));
    let severity = severity.collect();
    let registry = registry.iter();
    let registry = registry.filter_map(|at| glob(at, sink)).collect();
    let rule = rule.iter().filter_map(|at| glob(at, sink)).collect();
    let kind = kind.iter().filter_map(|at| at.word(&KINDS, sink)).collect();
    Some(When {
        code,
        severity,
        registry,
        rule,
        kind,
    })
}

fn glob(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Glob> {
    match Glob::parse(item.text(sink)?, Style::Host) {
        Ok(glob) => Some(glob),
        Err(error) => {
            item.error(error.to_string(), GLOB_HINT, sink);
            None
        }
    }
}

/// Channels that are there.
fn named(item: &Item<'_>, channels: &[Channel], sink: &mut Sink<'_>) -> Vec<String> {
    let known = || channels.iter().map(|channel| channel.name.as_str());
    let mut names: Vec<String> = Vec::new();
    for at in item.each() {
        let Some(name) = at.text(sink) else {
            continue;
        };
        if !known().any(|known| known == name) {
            let help = did_you_mean(name, known());
            let help = help.unwrap_or_else(|| "add it under `channels`".to_owned());
            at.error(format!("there is no channel `{name}`"), help, sink);
        } else if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// `20/h`.
fn rate(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<u32> {
    let text = item.text(sink)?;
    let number = text.strip_suffix("/h").and_then(|it| it.parse().ok());
    let number = number.filter(|number| (1..=1_000).contains(number));
    if number.is_none() {
        let what = format!("`{text}` is not a rate");
        item.error(what, "write how many an hour, from 1 to 1000: `20/h`", sink);
    }
    number
}

/// `{ from: "20:00", to: "07:00", zone: Europe/Zurich }`.
fn hours(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Hours> {
    let mut fields = item.fields(sink)?;
    let help = "write `{ from: \"20:00\", to: \"07:00\", zone: Europe/Zurich }`";
    let mut text = |name| {
        let at = fields.need(name, help, sink)?;
        at.text(sink)
    };
    let (from, to, zone) = (text("from"), text("to"), text("zone"));
    fields.finish(sink);
    match Hours::daily(from?, to?, zone?) {
        Ok(hours) => Some(hours),
        Err(error) => {
            item.error(error.to_string(), help, sink);
            None
        }
    }
}

/// `{ after: 20m, to: [oncall] }`.
fn escalation(
    item: &Item<'_>,
    channels: &[Channel],
    sink: &mut Sink<'_>,
) -> Option<(Duration, Vec<String>)> {
    let mut fields = item.fields(sink)?;
    let after = fields.need("after", "after how long: `20m`", sink);
    let after = after.and_then(|at| at.duration(sink));
    let to = fields.need("to", "list the channels: `to: [oncall]`", sink);
    let to = to.map(|at| named(&at, channels, sink));
    fields.finish(sink);
    after.zip(to)
}
