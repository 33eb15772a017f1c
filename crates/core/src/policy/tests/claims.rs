//! Rules that rest on what a CI job's token says.

use super::{denial, facts, monday, policy, read};
use crate::auth::proof::Proof;
use crate::policy::verdict::{Action, NoteCode, Verdict};
use crate::policy::{Facts, decide, explain};
use crate::sets::Sets;

const POLICY: &str = "
version: 1
rules:
  - name: release
    when: { claims: { repository: contoso/api, ref: [refs/heads/main, 'refs/tags/*'] }, repository: 'prod/**' }
    then: allow
    for: 30m
";

fn proof(repository: &str, reference: &str, peer: Option<&str>) -> Proof {
    let claims = [("repository", repository), ("ref", reference)];
    let claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Proof {
        claims: claims.into(),
        peer: peer.map(|peer| peer.parse().unwrap()),
    }
}

fn verdict(policy_text: &str, proof: Option<&Proof>) -> Verdict {
    let denial = denial("20.1.2.3");
    let facts = Facts {
        proof,
        ..facts(&denial)
    };
    decide(&policy(policy_text), &Sets::default(), &facts, monday())
}

#[test]
fn a_job_with_the_right_claims_opens_for_its_own_address() {
    for reference in ["refs/heads/main", "refs/tags/v1"] {
        let proof = proof("contoso/api", reference, Some("20.1.2.3"));
        assert_eq!(verdict(POLICY, Some(&proof)).action, Action::Allow);
    }
}

#[test]
fn another_address_or_an_unknown_one_is_asked_about() {
    for peer in [Some("20.1.2.4"), None] {
        let proof = proof("contoso/api", "refs/heads/main", peer);
        let verdict = verdict(POLICY, Some(&proof));
        assert_eq!(verdict.action, Action::Ask);
        assert_eq!(verdict.notes[0].code, NoteCode::NotOwnAddress);
    }
}

#[test]
fn an_owned_set_does_not_free_a_job_from_that() {
    let text = "{ version: 1, rules: [{ name: ours, when: { address: { cidrs: [20.1.2.0/24] } }, then: allow }] }";
    assert_eq!(verdict(text, None).action, Action::Allow);
    let proof = proof("contoso/api", "refs/heads/main", Some("20.9.9.9"));
    assert_eq!(verdict(text, Some(&proof)).action, Action::Ask);
}

#[test]
fn other_claims_or_no_token_do_not_match() {
    let fork = proof("fabrikam/api", "refs/heads/main", Some("20.1.2.3"));
    let branch = proof("contoso/api", "refs/heads/topic", Some("20.1.2.3"));
    for proof in [Some(&fork), Some(&branch), Some(&Proof::default()), None] {
        assert_eq!(verdict(POLICY, proof).rule, None);
    }
}

#[test]
fn the_explanation_says_which_claim_it_was() {
    let denial = denial("20.1.2.3");
    let why = |proof: Option<&Proof>| {
        let facts = Facts {
            proof,
            ..facts(&denial)
        };
        let explained = explain(&policy(POLICY), &Sets::default(), &facts, monday());
        let conditions = &explained.rules[0].conditions;
        let claims = conditions.iter().find(|one| one.field == "claims");
        claims.unwrap().why.clone()
    };
    let branch = proof("contoso/api", "refs/heads/topic", None);
    assert_eq!(
        why(Some(&branch)),
        "repository `contoso/api` is in contoso/api, ref `refs/heads/topic` is not in refs/heads/main, refs/tags/*"
    );
    assert_eq!(why(None), "the sender showed no token of a CI job");
}

#[test]
fn claims_are_evidence_unless_they_fit_everybody() {
    let rule = |when: &str| {
        format!("{{ version: 1, rules: [{{ name: job, when: {when}, then: allow }}] }}")
    };
    let claims = "claims: { repository: contoso/api, ref: refs/heads/main }";
    for good in [
        format!("{{ {claims} }}"),
        format!("{{ {claims}, address: {{ service_tag: AzureCloud, file: tags.json }} }}"),
        format!("{{ {claims}, address: {{ cidrs: [20.0.0.0/7] }} }}"),
    ] {
        let policy = policy(&rule(&good));
        assert!(policy.rules[0].rests_on_claims(), "{good}");
        assert!(policy.warnings.0.is_empty(), "{}", policy.warnings);
    }
    let wide = policy(&rule("{ claims: { repository: contoso/api } }"));
    assert!(
        wide.warnings.to_string().contains("every branch"),
        "{}",
        wide.warnings
    );
    for open in [
        "{ claims: { ref: refs/heads/main } }",
        "{ claims: { repository: 'c*', ref: refs/heads/main } }",
        "{ claims: { sub: 'repo:**' } }",
        "{ claims: { project_path: '*/api', ref: main } }",
        "{ claims: { ref: refs/heads/main }, address: { service_tag: AzureCloud, file: tags.json } }",
    ] {
        let warnings = policy(&rule(open)).warnings.to_string();
        assert!(warnings.contains("name no owner"), "{open}: {warnings}");
    }
    let own = "{ claims: { ref: refs/heads/main }, address: { cidrs: [20.1.2.0/24] } }";
    let warnings = policy(&rule(own)).warnings.to_string();
    assert!(!warnings.contains("name no owner"), "{warnings}");
    for (bad, what) in [
        (
            "{ claims: { repository: '**' } }",
            "whatever a token claims",
        ),
        ("{ claims: {} }", "names no claim"),
        ("{ claims: { repository: [] } }", "this list is empty"),
        (
            "{ claims: { repository: '[a]' } }",
            "has no meaning in a pattern",
        ),
        ("{ claims: contoso }", "a mapping of names is expected"),
    ] {
        let problems = read(&rule(bad)).unwrap_err().to_string();
        assert!(problems.contains(what), "{bad}: {problems}");
    }
}
