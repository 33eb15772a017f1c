//! Tests of `owner`.

use super::*;
use crate::policy::Style;
use proptest::prelude::*;

fn claim(name: &str, patterns: &[&str]) -> ClaimIs {
    let glob = |text: &&str| Glob::parse(text, Style::Path).unwrap();
    ClaimIs {
        name: name.to_owned(),
        any: patterns.iter().map(glob).collect(),
    }
}

#[test]
fn owner_is_named_only_where_no_pattern_leaves_it_open() {
    use Provider::{AzureDevOps, GitHub, GitLab};
    for (provider, name, value, named) in [
        (GitHub, "repository", "contoso/api", true),
        (GitHub, "repository", "contoso/**", true),
        (GitHub, "repository", "contoso/*-api", true),
        (GitHub, "repository", "c*", false),
        (GitHub, "repository", "c?", false),
        (GitHub, "repository", "contos?/api", false),
        (GitHub, "repository", "contoso*/api", false),
        (GitHub, "repository", "contoso**", false),
        (GitHub, "repository", "*/api", false),
        (GitHub, "repository", "**/api", false),
        (GitHub, "repository", "**", false),
        (GitHub, "repository", "/api", false),
        (GitHub, "repository", "contoso/../fabrikam/*", false),
        (GitHub, "repository", "../fabrikam", false),
        (GitHub, "repository_owner", "contoso", true),
        (GitHub, "repository_owner", "conto*", false),
        (GitHub, "repository_owner_id", "1234", true),
        (GitHub, "repository_owner_id", "1*", false),
        (GitHub, "repository_id", "??", false),
        (GitHub, "workflow_ref", "contoso/api/.github/**", true),
        (
            GitHub,
            "job_workflow_ref",
            "contoso/w/.github/workflows/a.yml@refs/heads/main",
            false,
        ),
        (GitHub, "ref", "refs/heads/main", false),
        (GitHub, "sub", "repo:contoso/api:ref:refs/heads/main", true),
        (GitHub, "sub", "repo:contoso/**", true),
        (GitHub, "sub", "repo:contoso@12/api@34:*", true),
        (GitHub, "sub", "repository_owner:contoso:ref:**", true),
        (GitHub, "sub", "repository_owner:contoso**", false),
        (GitHub, "sub", "repo:**", false),
        (GitHub, "sub", "repo:contoso*/api:**", false),
        (GitHub, "sub", "repo:*/api:**", false),
        (GitHub, "sub", "repo:contoso/../fabrikam/**", false),
        (GitHub, "sub", "repo:?ontoso/api", false),
        (GitHub, "sub", "re**", false),
        (GitHub, "sub", "**:contoso/api", false),
        (GitHub, "project_path", "contoso/api", false),
        (GitLab, "project_path", "contoso/team/api", true),
        (GitLab, "project_path", "contoso/**", true),
        (GitLab, "project_path", "**", false),
        (GitLab, "project_path", "con*/api", false),
        (GitLab, "namespace_path", "contoso", true),
        (GitLab, "namespace_path", "contoso/*", true),
        (GitLab, "namespace_path", "contoso*", false),
        (GitLab, "sub", "project_path:contoso/api:**", true),
        (GitLab, "sub", "project_path:**", false),
        (GitLab, "sub", "repo:contoso/api", false),
        (AzureDevOps, "sub", "p://contoso/project/*", true),
        (AzureDevOps, "sub", "sc://contoso/project/connection", true),
        (AzureDevOps, "sub", "p://*/project/pipeline", false),
        (AzureDevOps, "sub", "p://contoso*/project", false),
        (
            AzureDevOps,
            "org_id",
            "33333333-0000-4000-8000-000000000003",
            true,
        ),
        (AzureDevOps, "org_id", "3*", false),
        (
            AzureDevOps,
            "rpo_uri",
            "https://dev.azure.com/contoso/**",
            true,
        ),
        (AzureDevOps, "rpo_uri", "https://**", false),
    ] {
        let claims = [claim(name, &[value])];
        assert_eq!(
            provider.names_owner(&claims),
            named,
            "{provider:?} {name}: {value}"
        );
    }
}

#[test]
fn owner_is_named_by_one_claim_of_several_but_by_each_of_its_values() {
    let of = |claims: &[ClaimIs]| Provider::GitHub.names_owner(claims);
    let open = claim("repository", &["**"]);
    assert!(of(&[open.clone(), claim("repository_owner", &["contoso"])]));
    assert!(!of(&[open.clone(), claim("ref", &["refs/heads/main"])]));
    assert!(of(&[claim("repository", &["contoso/a", "fabrikam/*"])]));
    assert!(!of(&[claim("repository", &["contoso/a", "*/b"])]));
    assert!(!of(&[claim("repository", &[])]));
    assert!(!of(&[]));
    assert!(is_named(&[claim("namespace_id", &["7"])]));
    assert!(!is_named(&[open]));
}

proptest! {
    /// Whatever the pattern: where it names an owner, no other owner's repository matches.
    #[test]
    fn named_owner_admits_no_other(pattern in "([abc/?.]|\\*\\*/|\\*\\*|\\*){0,8}", name in "[abc]{1,3}/[abc/]{0,5}") {
        prop_assume!(!pattern.contains("***"));
        let claims = [claim("repository", &[&pattern])];
        if Provider::GitHub.names_owner(&claims) && claims[0].holds(&name) {
            let owner = |text: &str| text.split('/').next().map(str::to_owned);
            prop_assert_eq!(owner(&pattern), owner(&name));
        }
    }
}
