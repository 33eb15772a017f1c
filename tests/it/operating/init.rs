//! `doorward init`: what it writes is accepted by everything that checks it, and nothing is overwritten.

use super::REGISTRY;
use crate::program::{doorward, err, out};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

const GATEWAY: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/network/providers/Microsoft.Network/natGateways/build-egress";

fn init(dir: &Path, more: &[&str]) -> Output {
    let line = [
        &[
            "init",
            "--dir",
            dir.to_str().unwrap(),
            "--registry",
            REGISTRY,
        ],
        more,
    ]
    .concat();
    doorward(&line)
}

#[test]
fn what_is_written_passes_every_check() {
    let job = ["--owner", "contoso/api"];
    let devops = [
        "--owner",
        "contoso/project/pipeline",
        "--issuer",
        "https://vstoken.dev.azure.com/1",
    ];
    let ways: [(&str, &[&str]); 7] = [
        ("logs", &["--nat-gateway", GATEWAY]),
        ("alert", &["--nat-gateway", GATEWAY]),
        (
            "forwarder",
            &["--cidr", "20.50.1.0/29", "--approvals", "none"],
        ),
        ("github", &job),
        ("gitlab", &job),
        (
            "github",
            &["--owner", "contoso", "--credential", "azure-cli"],
        ),
        ("azure-devops", &devops),
    ];
    for (from, more) in ways {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("new");
        let written = init(&dir, &[&["--from", from], more].concat());
        assert!(written.status.success(), "{from}: {}", err(&written));
        let (config, policies) = (dir.join("doorward.yaml"), dir.join("policies"));
        let (config, policies) = (config.to_str().unwrap(), policies.to_str().unwrap());
        let checks: [&[&str]; 5] = [
            &["config", "check", "--config", config],
            &["config", "show", "--config", config],
            &["policy", "check", policies],
            &["policy", "test", "--policies", policies],
            &["doctor", "--offline", "--config", config],
        ];
        for check in checks {
            let checked = doorward(check);
            assert!(
                checked.status.success(),
                "{from}: {check:?}: {}{}",
                out(&checked),
                err(&checked)
            );
            assert!(
                !err(&checked).contains("warning"),
                "{from}: {check:?}: {}",
                err(&checked)
            );
        }
        let cases = out(&doorward(&["policy", "test", policies]));
        assert!(
            cases.contains("all as expected") && !cases.contains("no case reaches"),
            "{cases}"
        );
    }
}

#[test]
fn keys_are_for_their_owner_alone_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let written = init(folder.path(), &["--from", "alert", "--approvals", "link"]);
    let told = out(&written) + &err(&written);
    let mut keys = Vec::new();
    for name in ["link-key", "alerts-key"] {
        let path = folder.path().join("secrets").join(name);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        keys.push(fs::read_to_string(path).unwrap());
    }
    assert!(
        keys[0] != keys[1] && keys.iter().all(|key| key.len() == 64),
        "{keys:?}"
    );
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(path).unwrap_or_default();
        assert!(
            keys.iter()
                .all(|key| !told.contains(key) && !text.contains(key))
        );
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("secrets/.gitignore")).unwrap(),
        "*\n"
    );
}

#[test]
fn feed_needs_no_key_and_its_role_reads_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let written = init(folder.path(), &["--from", "logs", "--approvals", "none"]);
    let said = out(&written);
    assert!(!folder.path().join("secrets/registry-log-key").exists());
    let table = "Microsoft.Insights/logs/ContainerRegistryLoginEvents/read";
    assert!(
        said.contains(table) && said.contains("diagnostic-settings create"),
        "{said}"
    );
    let other = init(&folder.path().join("other"), &["--from", "forwarder"]);
    assert!(!out(&other).contains(table), "{}", out(&other));
}

#[test]
fn nothing_is_overwritten() {
    for there in [
        "doorward.yaml",
        "policies/10-start.yaml",
        "secrets/link-key",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(there);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let refused = init(folder.path(), &["--from", "forwarder"]);
        assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
        assert!(
            err(&refused).contains("nothing is overwritten"),
            "{}",
            err(&refused)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let others = [
            "doorward.yaml",
            "policies/10-start.yaml",
            "policies/10-start.cases.yaml",
            "secrets/link-key",
        ];
        let made = others
            .iter()
            .filter(|other| **other != there && folder.path().join(other).exists());
        assert_eq!(made.count(), 0, "{there}");
    }
}

#[test]
fn commands_give_exactly_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let told = out(&init(
        folder.path(),
        &["--from", "alert", "--nat-gateway", GATEWAY],
    ));
    let mut roles = told
        .lines()
        .filter(|line| line.starts_with("az role definition create"));
    let role = roles.next().unwrap();
    let json = role.split('\'').nth(1).unwrap();
    let role: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        role["AssignableScopes"][0],
        "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries"
    );
    let actions: Vec<&str> = role["Actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    assert!(actions.contains(&"Microsoft.ContainerRegistry/registries/write"));
    assert!(
        actions
            .iter()
            .all(|action| !action.contains('*') && !action.contains("listCredentials"))
    );
    assert!(
        roles
            .next()
            .unwrap()
            .contains("Microsoft.Network/natGateways/read")
    );
    assert!(told.contains(&format!("--scope {REGISTRY}")), "{told}");
    assert!(
        told.contains("az monitor diagnostic-settings create"),
        "{told}"
    );
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let cases: [(&[&str], &str); 6] = [
        (&["--from", "github"], "`--owner` is missing"),
        (
            &["--from", "azure-devops", "--owner", "a/b/c"],
            "`--issuer` is missing",
        ),
        (
            &["--from", "forwarder", "--cidr", "20.0.0.0/3"],
            "does not fit",
        ),
        (&["--from", "forwarder", "--cidr", "10.0.0.0/24"], ""),
        (&["--from", "github", "--owner", "*"], "does not fit"),
        (&["--from", "pigeon"], "possible values"),
    ];
    for (more, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        let refused = init(folder.path(), more);
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{more:?}: {}{}",
            out(&refused),
            err(&refused)
        );
        assert!(err(&refused).contains(said), "{more:?}: {}", err(&refused));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{more:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let nobody = doorward(&["init", "--dir", dir, "--from", "forwarder"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(
        err(&nobody).contains("`--registry` is missing"),
        "{}",
        err(&nobody)
    );
    let other = doorward(&[
        "init",
        "--dir",
        dir,
        "--from",
        "forwarder",
        "--registry",
        GATEWAY,
    ]);
    assert_eq!(other.status.code(), Some(2));
}
