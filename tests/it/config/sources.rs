//! Sources: how each proves itself, and what it may say.

use super::{REGISTRY, broken, least, read};
use doorward::config::Auth;
use std::time::Duration;

#[test]
fn a_source_s_options_are_read_and_checked() {
    let wrong = broken(&least(
        "    dimensions: { address: [], nobody: [x] }\n    event_grid: {}\n    cloud_events: { allowed_rate: 0 }\n",
    ));
    for told in [
        "this list is empty",
        "nobody",
        "subscription",
        "allowed_rate",
    ] {
        assert!(wrong.contains(told), "{told}: {wrong}");
    }
}

#[test]
fn whoever_leaves_out_whether_a_bare_403_counts_is_told_what_that_means() {
    let warnings = |more: &str| read(&least(more)).warnings.to_string();
    let told = warnings("");
    for text in [
        "sources[0].name",
        "not that it was the firewall",
        "open nothing",
        "write `trust_status_403: true`",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    assert_eq!(warnings("    trust_status_403: true\n"), "");
    assert_eq!(warnings("    trust_status_403: false\n"), "");
    // A job sends what a client printed, never a resource log.
    let job = "  - name: jobs
    auth: { kind: ci_token, provider: github, audience: a, claims: { repository: contoso/api } }
    registries: [contosoprod.azurecr.io]
";
    assert_eq!(read(&least(job)).warnings.0.len(), 1);
}

/// A configuration with one source, `auth` and all.
fn with_source(source: &str) -> String {
    format!(
        "
links: {{ key: {{ env: K }} }}
registries: [{{ id: {REGISTRY} }}]
sources:
  - {source}
"
    )
}

const TENANT: &str = "22222222-0000-4000-8000-00000000000A";

#[test]
fn the_ways_to_prove_a_sender() {
    let auth = |source: &str| read(&with_source(source)).sources[0].auth.clone();
    let entra = auth(&format!(
        "{{ name: grid, auth: {{ kind: entra_token, tenant_id: {TENANT}, audience: [{TENANT}, api://doorward], app_id: event_grid, role: Sender }} }}"
    ));
    let Auth::EntraToken {
        tenant_id,
        audiences,
        app_id,
        role,
    } = entra
    else {
        panic!("{entra:?}")
    };
    assert_eq!(tenant_id, TENANT.to_lowercase());
    assert_eq!(
        audiences,
        [TENANT, &format!("api://{TENANT}"), "api://doorward"]
    );
    assert_eq!(
        app_id.as_deref(),
        Some("4962773b-9cdb-44cf-a8bf-237846a00ab7")
    );
    assert_eq!(role.as_deref(), Some("Sender"));
    let job = auth(
        "{ name: jobs, registries: [contosoprod.azurecr.io], auth: { kind: ci_token, provider: gitlab, audience: us, claims: { project_path: contoso/api, ref: [main, 'v*'] } } }",
    );
    let Auth::CiToken {
        issuer,
        audiences,
        claims,
    } = job
    else {
        panic!("{job:?}")
    };
    assert_eq!(
        (issuer.as_str(), audiences),
        ("https://gitlab.com", vec!["us".to_owned()])
    );
    assert!(claims[1].holds("v1") && !claims[1].holds("topic"));
    let signature =
        auth("{ name: s, auth: { kind: signature, keys: [{ env: NEW }, { env: OLD }] } }");
    assert!(matches!(signature, Auth::Signature { keys } if keys.len() == 2));
    let any = format!(
        "{{ name: g, auth: {{ kind: entra_token, tenant_id: {TENANT}, audience: {TENANT}, app_id: any }} }}"
    );
    let warnings = read(&with_source(&any)).warnings.to_string();
    assert!(
        warnings.contains("everybody in the tenant") && warnings.contains("`role`"),
        "{warnings}"
    );
}

#[test]
fn a_way_that_would_prove_nothing_is_refused() {
    let job = |rest: &str| {
        format!(
            "{{ name: j, registries: [contosoprod.azurecr.io], auth: {{ kind: ci_token, audience: us, {rest} }} }}"
        )
    };
    let entra = |rest: &str| {
        format!("{{ name: g, auth: {{ kind: entra_token, tenant_id: {TENANT}, {rest} }} }}")
    };
    for (source, what) in [
        (
            "{ name: j, auth: { kind: ci_token, provider: github, audience: us, claims: { repository: contoso/api } } }".to_owned(),
            "names the registries that they may speak of",
        ),
        (job("provider: github"), "the field `claims` is missing"),
        (job("provider: jenkins, claims: { sub: a }"), "`jenkins` is not known here"),
        (job("provider: github, claims: { ref: main }"), "do not say whose jobs are heard"),
        (job("provider: github, claims: { repository: '*/api' }"), "do not say whose jobs are heard"),
        (job("provider: github, claims: { sub: 'repo:**' }"), "they name no owner"),
        (job("provider: github, claims: { repository: 'c*' }"), "they name no owner"),
        (job("provider: github, claims: { repository: [contoso/api, '**'], ref: refs/heads/main }"), "they name no owner"),
        (job("provider: github, claims: { job_workflow_ref: 'contoso/w/**' }"), "they name no owner"),
        (job("provider: gitlab, claims: { sub: 'project_path:**' }"), "they name no owner"),
        (job("provider: azure_devops, issuer: 'https://vstoken.dev.azure.com/1', claims: { sub: 'p://c*/**' }"), "they name no owner"),
        (job("provider: github, claims: { repositry: contoso/api }"), "did you mean `repository`?"),
        (job("provider: github, claims: { repository: 'a[b]' }"), "has no meaning in a pattern"),
        (job("provider: azure_devops, claims: { sub: a }"), "the field `issuer` is missing"),
        (job("provider: github, issuer: 'http://issuer.example', claims: { sub: a }"), "no https URL of an issuer"),
        (entra("audience: us, app_id: event_grid"), "no audience of an application"),
        (entra(&format!("audience: {TENANT}, app_id: grid")), "this is not a GUID"),
        (entra(&format!("audience: {TENANT}")), "the field `app_id` is missing"),
        (entra("app_id: any"), "the field `audience` is missing"),
        ("{ name: g, auth: { kind: entra_token, tenant_id: contoso, audience: a, app_id: any } }".to_owned(), "this is not a GUID"),
        ("{ name: s, auth: { kind: signature } }".to_owned(), "the field `keys` is missing"),
        ("{ name: s, auth: { kind: signature, keys: [whsec_hunter2] } }".to_owned(), "a secret is named here, never written"),
    ] {
        let problems = broken(&with_source(&source));
        assert!(problems.contains(what), "{source}: {problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_feed_names_its_registries_and_has_no_auth() {
    let feed = "name: log\n    feed: { kind: azure_logs }\n";
    let good = read(&with_source(&format!(
        "{feed}    registries: [contosoprod.azurecr.io]\n    trust_status_403: true\n    expect_every: 1h"
    )));
    let Auth::Feed(read) = &good.sources[0].auth else {
        panic!("{good:?}")
    };
    assert_eq!(read.every, Duration::from_mins(1));
    assert_eq!(read.expect_every, Some(Duration::from_hours(1)));
    assert_eq!(read.registries, [good.registries[0].id.clone()]);
    assert_eq!(good.warnings.to_string(), "");
    for (more, told) in [
        (
            "    trust_status_403: true",
            "name the registries whose logs are read",
        ),
        (
            "    registries: [contosoprod.azurecr.io]\n    auth: { kind: shared_key, keys: [{ env: K }] }",
            "take `auth` out",
        ),
        (
            "    registries: [other.azurecr.io]",
            "leads to no enrolled registry",
        ),
        ("    registries: []", "this list is empty"),
        (
            "    registries: [contosoprod.azurecr.io]\n    rate_per_second: 3",
            "rate_per_second",
        ),
    ] {
        let told_of = broken(&with_source(&format!("{feed}{more}")));
        assert!(told_of.contains(told), "{told}: {told_of}");
    }
    for (kind, told) in [
        ("{ kind: kinesis }", "`azure_logs`"),
        ("{ every: 1m }", "write `kind: azure_logs`"),
        ("{ kind: azure_logs, every: 10s }", "write 1m to 15m"),
        ("{ kind: azure_logs, every: 1h }", "write 1m to 15m"),
    ] {
        let source =
            format!("name: log\n    feed: {kind}\n    registries: [contosoprod.azurecr.io]");
        let told_of = broken(&with_source(&source));
        assert!(told_of.contains(told), "{told}: {told_of}");
    }
}

#[test]
fn whoever_leaves_out_whether_rows_of_a_feed_count_is_told_what_that_means() {
    let source =
        "name: log\n    feed: { kind: azure_logs }\n    registries: [contosoprod.azurecr.io]";
    let told = read(&with_source(source)).warnings.to_string();
    assert!(
        told.contains("docs/feeds.md") && told.contains("open nothing"),
        "{told}"
    );
}

#[test]
fn without_a_listener_every_source_is_a_feed() {
    let feed = "name: log\n    feed: { kind: azure_logs }\n    registries: [contosoprod.azurecr.io]\n    trust_status_403: true";
    let config = read(&format!("listen: none\n{}", with_source(feed)));
    assert_eq!(
        (config.listen, config.public_url.as_str()),
        (None, "http://127.0.0.1:8081")
    );
    let told = broken(&format!("listen: none\n{}", least("")));
    assert!(told.contains("the source `alerts` is a sender"), "{told}");
}
