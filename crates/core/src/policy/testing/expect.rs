//! What a case expects of a verdict, and what of it is otherwise.

use crate::policy::Policy;
use crate::policy::advice::Advice;
use crate::policy::verdict::{Action, NoteCode, Verdict};
use crate::yaml::duration::Show;
use crate::yaml::problem::{Sink, did_you_mean};
use crate::yaml::{Fields, Item};
use std::time::Duration;

/// What a case calls the policy's default.
const DEFAULT: &str = "default";

/// What is expected; what is not written is not looked at.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Expect {
    verdict: Option<Action>,
    rule: Option<String>,
    ttl: Option<Duration>,
    notes: Option<Vec<String>>,
    advice: Option<Vec<String>>,
    observed: Option<Vec<String>>,
}

impl Expect {
    /// What is not as expected, a sentence each.
    pub(in crate::policy) fn compare(&self, verdict: &Verdict) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |what: &str, expected: Option<String>, got: String| {
            if let Some(expected) = expected.filter(|expected| *expected != got) {
                wrong.push(format!("{what} is {got}, expected {expected}"));
            }
        };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names.dedup();
            format!("[{}]", names.join(", "))
        };
        let notes: Vec<String> = verdict
            .notes
            .iter()
            .map(|note| note.code.name().to_owned())
            .collect();
        let observed: Vec<String> = verdict
            .observed
            .iter()
            .map(|seen| seen.rule.clone())
            .collect();
        let ttl = verdict
            .ttl
            .map_or_else(|| "none".to_owned(), |ttl| Show(ttl).to_string());
        let rule = verdict.rule.clone().unwrap_or_else(|| DEFAULT.to_owned());
        let action = |action: Action| action.to_string();
        check(
            "the verdict",
            self.verdict.map(action),
            action(verdict.action),
        );
        check("the rule", self.rule.clone(), rule);
        check("the ttl", self.ttl.map(|ttl| Show(ttl).to_string()), ttl);
        check(
            "the list of notes",
            self.notes.as_deref().map(sorted),
            sorted(&notes),
        );
        let advice: Vec<String> = verdict
            .advice
            .iter()
            .map(|advice| advice.code().to_owned())
            .collect();
        check(
            "the list of advice",
            self.advice.as_deref().map(sorted),
            sorted(&advice),
        );
        check(
            "the list of observed rules",
            self.observed.as_deref().map(sorted),
            sorted(&observed),
        );
        wrong
    }
}

/// Reads `expect` of a case.
pub(in crate::policy) fn read_expect(
    item: &Item<'_>,
    policy: &Policy,
    sink: &mut Sink<'_>,
) -> Option<Expect> {
    let mut fields = item.fields(sink)?;
    let help = "say what is to happen: `verdict: ask`";
    let verdict = fields.need("verdict", help, sink);
    let rule = fields.take("rule");
    let rule = rule.and_then(|item| Some((item.text(sink)?, item)));
    if let Some((name, item)) = &rule {
        known_rule(item, name, policy, sink);
    }
    let notes = names(&mut fields, "notes", sink, |item, note, sink| {
        if NoteCode::by_name(note).is_none() {
            let help = did_you_mean(note, NoteCode::ALL.map(NoteCode::name));
            let help =
                help.unwrap_or_else(|| "see what `doorward policy explain` notes".to_owned());
            item.error(format!("there is no note `{note}`"), help, sink);
        }
    });
    let advice = names(&mut fields, "advice", sink, |item, code, sink| {
        if Advice::by_code(code).is_none() {
            let codes = Advice::ALL.map(Advice::code);
            let help = did_you_mean(code, codes)
                .unwrap_or_else(|| format!("write one of {}", codes.join(", ")));
            item.error(format!("there is no advice `{code}`"), help, sink);
        }
    });
    let ttl = fields.take("for");
    let expect = Expect {
        verdict: verdict.and_then(|verdict| verdict.word(&Action::NAMES, sink)),
        rule: rule.map(|(name, _)| name.to_owned()),
        ttl: ttl.and_then(|ttl| ttl.duration(sink)),
        notes,
        advice,
        observed: names(&mut fields, "observed", sink, |item, rule, sink| {
            known_rule(item, rule, policy, sink);
        }),
    };
    fields.finish(sink);
    Some(expect)
}

/// A list of names, if it is there; it may be empty.
fn names(
    fields: &mut Fields<'_>,
    name: &'static str,
    sink: &mut Sink<'_>,
    check: impl Fn(&Item<'_>, &str, &mut Sink<'_>),
) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for item in fields.take(name)?.each() {
        if let Some(text) = item.text(sink) {
            check(&item, text, sink);
            names.push(text.to_owned());
        }
    }
    Some(names)
}

/// Reports a rule that the policy does not have.
fn known_rule(item: &Item<'_>, name: &str, policy: &Policy, sink: &mut Sink<'_>) {
    let names = || {
        let rules = policy.rules.iter().map(|rule| rule.name.as_str());
        rules.chain([DEFAULT])
    };
    if !names().any(|known| known == name) {
        let help = did_you_mean(name, names());
        let help = help.unwrap_or_else(|| "write a rule's name, or `default`".to_owned());
        item.error(format!("there is no rule `{name}`"), help, sink);
    }
}
