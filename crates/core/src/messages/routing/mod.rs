//! Who hears of a message, and when: routes, quiet hours, digests, reminders.

pub mod deliveries;
pub mod follow_ups;
pub mod plan;

use super::codes;
use super::message::Severity;
use crate::intake::denial::Kind;
use crate::ledger::alert::Alert;
use crate::net::resource_id::ResourceId;
use crate::policy::{Glob, Hours};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How far ahead the end of quiet hours is looked for, in minutes.
const LONGEST_QUIET: i64 = 8 * 24 * 60;

/// Where messages go, in order: the first route that fits decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// The routes.
    pub routes: Vec<Route>,
    /// Every channel: where a message goes that no route fits.
    pub all: Vec<String>,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// What must hold.
    pub when: When,
    /// The channels.
    pub to: Vec<String>,
    /// How many messages an hour each of them takes one by one.
    pub digest: Option<u32>,
    /// When what can wait waits.
    pub quiet_hours: Option<Hours>,
    /// After how long an unanswered request is repeated.
    pub remind: Option<Duration>,
    /// After how long an unanswered request goes to others, and to whom.
    pub escalate: Option<(Duration, Vec<String>)>,
}

/// What a route asks for; each list that is not empty must hold one that fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// Codes.
    pub code: Vec<String>,
    /// Severities.
    pub severity: Vec<Severity>,
    /// Patterns over names of registries.
    pub registry: Vec<Glob>,
    /// Patterns over names of policy rules.
    pub rule: Vec<Glob>,
    /// How much the denial proves.
    pub kind: Vec<Kind>,
}

/// What routes look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The message's code.
    pub code: &'a str,
    /// The registry's name.
    pub registry: Option<&'a str>,
    /// The policy's rule.
    pub rule: Option<&'a str>,
    /// How much the denial proves.
    pub kind: Option<Kind>,
}

impl<'a> Subject<'a> {
    /// What routes look at in a message that is written already.
    pub fn of(alert: &'a Alert) -> Self {
        let details = alert.details.as_deref();
        Self {
            code: &alert.code,
            registry: alert.registry.as_ref().map(ResourceId::name),
            rule: details.and_then(|it| it.rule.as_deref()),
            kind: details.and_then(|it| it.kind),
        }
    }

    /// The question behind a reminder, an escalation, or the news of an answer.
    fn question(self) -> Self {
        Self {
            code: codes::ASK,
            ..self
        }
    }
}

impl When {
    fn fits(&self, subject: Subject<'_>) -> bool {
        fn one<T: PartialEq>(wanted: &[T], is: &T) -> bool {
            wanted.is_empty() || wanted.contains(is)
        }
        let any = |globs: &[Glob], name: Option<&str>| {
            globs.is_empty() || name.is_some_and(|name| globs.iter().any(|glob| glob.matches(name)))
        };
        let kind =
            self.kind.is_empty() || subject.kind.is_some_and(|kind| self.kind.contains(&kind));
        one(&self.code, &subject.code.to_owned())
            && one(&self.severity, &Severity::of(subject.code))
            && any(&self.registry, subject.registry)
            && any(&self.rule, subject.rule)
            && kind
    }
}

impl Routes {
    /// The first route that fits.
    pub fn pick(&self, subject: Subject<'_>) -> Option<&Route> {
        self.routes.iter().find(|route| route.when.fits(subject))
    }

    /// The channels of a message. One that no route fits goes to all: nobody hears nothing by mistake.
    pub fn channels(&self, subject: Subject<'_>) -> Vec<String> {
        self.pick(subject)
            .map_or_else(|| self.all.clone(), |route| route.to.clone())
    }

    /// The route of a message on one of its channels; none where a rule or an escalation named that.
    pub fn on(&self, alert: &Alert, channel: &str) -> Option<&Route> {
        let route = self.pick(Subject::of(alert))?;
        route.to.iter().any(|name| name == channel).then_some(route)
    }

    /// The route of the question behind a request.
    pub fn of_question(&self, subject: Subject<'_>) -> Option<&Route> {
        self.pick(subject.question())
    }
}

impl Route {
    /// Until when a message of this code waits at `now`, where it is quiet and the message can wait.
    /// Questions and what is critical never wait.
    pub fn quiet_until(&self, code: &str, now: Timestamp) -> Option<Timestamp> {
        let hours = self.quiet_hours.as_ref()?;
        if !can_wait(code) || !hours.contain(now) {
            return None;
        }
        // To the whole minute, at which hours begin and end.
        let minute = now.as_second().div_euclid(60).saturating_mul(60);
        let minute = Timestamp::from_second(minute).ok()?;
        let later = (1..=LONGEST_QUIET)
            .filter_map(|minutes| minute.checked_add(SignedDuration::from_mins(minutes)).ok());
        later.into_iter().find(|at| !hours.contain(*at))
    }
}

/// Whether a message of this code may be held back, or told together with others.
pub fn can_wait(code: &str) -> bool {
    let asks = [codes::ASK, codes::REMINDER, codes::ESCALATION].contains(&code);
    !asks && Severity::of(code) != Severity::Critical
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Style;

    fn globs(texts: &[&str]) -> Vec<Glob> {
        let globs = texts.iter().map(|text| Glob::parse(text, Style::Host));
        globs.map(Result::unwrap).collect()
    }

    fn to(name: &str, when: When) -> Route {
        Route {
            when,
            to: vec![name.to_owned()],
            ..Route::default()
        }
    }

    #[test]
    fn first_route_that_fits_decides_and_what_fits_none_goes_to_all() {
        let routes = Routes {
            routes: vec![
                to(
                    "prod",
                    When {
                        code: vec!["ask".to_owned()],
                        registry: globs(&["*prod*"]),
                        ..When::default()
                    },
                ),
                to(
                    "oncall",
                    When {
                        severity: vec![Severity::Critical],
                        ..When::default()
                    },
                ),
                to(
                    "builds",
                    When {
                        rule: globs(&["build-*"]),
                        kind: vec![Kind::Denied],
                        ..When::default()
                    },
                ),
            ],
            all: vec!["every".to_owned()],
        };
        let heard = |code, registry, rule, kind| {
            let subject = Subject {
                code,
                registry,
                rule,
                kind,
            };
            routes.channels(subject).join(" ")
        };
        let denied = Some(Kind::Denied);
        assert_eq!(heard("ask", Some("contosoPROD"), None, denied), "prod");
        assert_eq!(heard("ask", Some("contosodev"), None, denied), "every");
        assert_eq!(heard("overdue", Some("contosoprod"), None, None), "oncall");
        assert_eq!(heard("alert", None, Some("build-agents"), denied), "builds");
        assert_eq!(
            heard("alert", None, Some("build-agents"), Some(Kind::Suspected)),
            "every"
        );
        assert_eq!(heard("alert", None, None, None), "every");
    }

    #[test]
    fn quiet_hours_hold_what_can_wait_until_they_end() {
        let hours = Hours::daily("20:00", "07:00", "Europe/Zurich").unwrap();
        let route = Route {
            quiet_hours: Some(hours),
            ..Route::default()
        };
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        // Winter: Zurich is an hour ahead of UTC.
        let night = at("2026-01-10T22:30:15Z");
        assert_eq!(
            route.quiet_until("alert", night),
            Some(at("2026-01-11T06:00:00Z"))
        );
        assert_eq!(route.quiet_until("ask", night), None);
        assert_eq!(route.quiet_until("overdue", night), None);
        assert_eq!(route.quiet_until("alert", at("2026-01-10T12:00:00Z")), None);
    }
}
