//! `doorward policy test`: the cases beside the policies.

use super::{count, load, print};
use crate::cli::Failure;
use crate::config::load_cases;
use doorward_core::policy::testing::cases::{Case, Outcome};
use doorward_core::yaml::duration::Show;
use std::path::Path;

/// Runs every case, prints a table and what no case reaches.
pub(super) fn run(folder: &Path) -> Result<(), Failure> {
    let (policy, sets) = load(folder)?;
    let cases = load_cases(folder, &policy).map_err(Failure::wrong_input)?;
    if cases.is_empty() {
        let what = anyhow::anyhow!(
            "there are no cases in `{}`: write some in a file whose name ends in `.cases.yaml`",
            folder.display()
        );
        return Err(Failure::wrong_input(what));
    }
    let outcomes: Vec<Outcome> = cases.iter().map(|case| case.run(&policy, &sets)).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let rule = |outcome: &Outcome| {
        outcome
            .verdict
            .rule
            .clone()
            .unwrap_or_else(|| "default".to_owned())
    };
    let name_width = width(&mut cases.iter().map(|case| case.name.chars().count()));
    let rule_width = width(&mut outcomes.iter().map(|outcome| rule(outcome).chars().count()));
    let mut file = "";
    for (case, outcome) in cases.iter().zip(&outcomes) {
        if case.file != file {
            file = &case.file;
            print(format_args!("{file}"))?;
        }
        let passed = if outcome.wrong.is_empty() {
            "ok  "
        } else {
            "FAIL"
        };
        let ttl = outcome.verdict.ttl.map(|ttl| Show(ttl).to_string());
        let line = format!(
            "  {passed}  {:<name_width$}  {:<6}  {:<rule_width$}  {}",
            case.name,
            outcome.verdict.action.to_string(),
            rule(outcome),
            ttl.unwrap_or_default()
        );
        print(format_args!("{}", line.trim_end()))?;
        tell(case, outcome)?;
    }
    for rule in &policy.rules {
        if !outcomes.iter().any(|outcome| outcome.reaches(rule)) {
            print(format_args!(
                "no case reaches rule `{}` ({}:{})",
                rule.name, rule.file, rule.place.line
            ))?;
        }
    }
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.wrong.is_empty())
        .count();
    let all = count(cases.len(), "case");
    if failed == 0 {
        return print(format_args!("{all}, all as expected"));
    }
    Err(anyhow::anyhow!("{failed} of {all} not as expected").into())
}

fn tell(case: &Case, outcome: &Outcome) -> Result<(), Failure> {
    for wrong in &outcome.wrong {
        print(format_args!(
            "        {wrong} ({}:{})",
            case.file, case.place.line
        ))?;
    }
    if !outcome.wrong.is_empty() {
        for note in &outcome.verdict.notes {
            print(format_args!(
                "        note {}: {}",
                note.code.name(),
                note.text
            ))?;
        }
    }
    Ok(())
}
