//! `doorward doctor` against installations that are broken in one way each: it names what is wrong, and the fix.

use super::{REGISTRY as ID, sound, written};
use crate::process::Installation;
use crate::program::{doorward, err, out};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward_sim::{Call, DefaultAction, Fault, Sim, Sku, VirtualNetworkRule};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// An installation that nothing is wrong with, before its first start.
struct Patient {
    azure: Sim,
    installed: Installation,
}

impl Patient {
    async fn new() -> Self {
        let azure = furnished(&Clock::system()).await;
        azure.edit(REGISTRY, "deployment", |registry| {
            registry.logs_to = Some("/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/central".to_owned());
        });
        let installed = Installation::with(&azure, "10m", |config| {
            // Nothing answers there before the first start.
            config["public_url"] = json!("http://127.0.0.1:9");
        });
        Self { azure, installed }
    }

    fn file(&self) -> PathBuf {
        self.installed.folder.path().join("doorward.yaml")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.installed.folder.path().join(name)
    }

    fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut config = serde_json::from_str(&fs::read_to_string(self.file()).unwrap()).unwrap();
        change(&mut config);
        fs::write(self.file(), config.to_string()).unwrap();
    }

    fn examined(&self, more: &[&str]) -> (Output, Value) {
        examined(&self.file(), more)
    }
}

fn examined(file: &Path, more: &[&str]) -> (Output, Value) {
    let line = [
        &["doctor", "--config", file.to_str().unwrap(), "-o", "json"],
        more,
    ]
    .concat();
    let output = doorward(&line);
    let told = serde_json::from_str(&out(&output));
    let told = told.unwrap_or_else(|_| panic!("{}\n{}", out(&output), err(&output)));
    (output, told)
}

/// The findings of one check.
fn of<'a>(told: &'a Value, check: &str) -> Vec<&'a Value> {
    let all = told["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["check"] == check).collect()
}

fn names(told: &Value, outcome: &str) -> Vec<String> {
    let all = told["findings"].as_array().unwrap().iter();
    let those = all.filter(|it| it["outcome"] == outcome && it["left_out"] != true);
    those
        .map(|it| it["check"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_nothing_wrong_with_what_is_right_and_changes_nothing() {
    let patient = Patient::new().await;
    let before = fs::read_dir(patient.installed.folder.path())
        .unwrap()
        .count();
    let (output, told) = patient.examined(&[]);
    assert_eq!(names(&told, "wrong"), Vec::<String>::new(), "{told:#}");
    // Nothing listens yet at the public URL.
    assert_eq!(names(&told, "could_not_check"), ["public_url"], "{told:#}");
    assert_eq!(output.status.code(), Some(3));
    for check in [
        "configuration",
        "policies",
        "store.writable",
        "store.space",
        "clock",
        "credential",
        "registry.readable",
        "registry.writable",
        "registry.sku",
        "registry.default_action",
        "registry.public_access",
        "registry.bypass",
        "registry.quota",
        "registry.virtual_network_rules",
        "registry.logs",
        "set",
    ] {
        assert!(
            names(&told, "ok").iter().any(|ok| ok == check),
            "{check}: {told:#}"
        );
    }
    assert!(
        of(&told, "registry.logs")[0]["text"]
            .as_str()
            .unwrap()
            .contains("workspace central")
    );
    assert_eq!(patient.azure.requests_of(Call::PatchRegistry).len(), 0);
    assert_eq!(
        fs::read_dir(patient.installed.folder.path())
            .unwrap()
            .count(),
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_nobody_when_offline() {
    let patient = Patient::new().await;
    let file = patient.file();
    let line = ["doctor", "--offline", "--config", file.to_str().unwrap()];
    let asked = patient.azure.requests().len();
    let offline = doorward(&line);
    assert!(
        offline.status.success(),
        "{}{}",
        out(&offline),
        err(&offline)
    );
    let told = out(&offline);
    let mut lines = told.lines();
    assert!(
        lines.any(|line| line.starts_with("ok ") && line.contains("configuration: can be used")),
        "{told}"
    );
    assert_eq!(patient.azure.requests().len(), asked);
}

type Breaking = fn(&Patient);

/// Ways to break it: the check that finds it, how it comes out, and what its fix names.
const BROKEN: [(&str, &str, &str, Breaking); 22] = [
    (
        "configuration",
        "wrong",
        "did you mean `registries`",
        |it| {
            it.configure(|config| config["registrie"] = json!([]));
        },
    ),
    ("configuration", "wrong", "config check", |it| {
        fs::remove_file(it.path("link")).unwrap();
    }),
    ("policies", "wrong", "", |it| {
        fs::write(it.path("policies/policy.yaml"), "version: 9").unwrap();
    }),
    ("store.writable", "wrong", "`state`", |it| {
        fs::write(it.path("file"), "").unwrap();
        let place = format!("sqlite://{}", it.path("file/doorward.db").display());
        it.configure(|config| config["state"] = json!(place));
    }),
    ("store.ledger", "wrong", "ledger verify", |it| {
        fs::write(
            it.path("doorward.db"),
            "not a database, but long enough to be read as one",
        )
        .unwrap();
    }),
    ("credential", "wrong", "az login", |it| {
        let authority = it.azure.authority().to_owned();
        it.configure(|config| {
            config["azure"] =
                json!({ "authority": authority, "credential": { "kind": "azure_cli" } });
        });
    }),
    (
        "registry.readable",
        "wrong",
        "Microsoft.ContainerRegistry/registries/read",
        |it| deny(it, "registries/read"),
    ),
    (
        "registry.readable",
        "wrong",
        "az acr show --query id",
        |it| {
            it.configure(|config| {
                config["registries"][0]["id"] = json!(ID.replace("contosoprod", "contosoprud"));
            });
        },
    ),
    (
        "registry.readable",
        "could_not_check",
        "DNS, proxy, firewall",
        |it| {
            it.azure
                .knobs(|knobs| knobs.always(Call::GetRegistry, Fault::LostBefore));
        },
    ),
    (
        "registry.writable",
        "wrong",
        "Microsoft.ContainerRegistry/registries/write",
        |it| deny(it, "registries/write"),
    ),
    (
        "registry.writable",
        "wrong",
        "registries/operationStatuses/read",
        |it| deny(it, "registries/operationStatuses/read"),
    ),
    (
        "registry.writable",
        "could_not_check",
        "Microsoft.Authorization/permissions/read",
        |it| {
            deny_whole(it, "Microsoft.Authorization/permissions/read");
        },
    ),
    (
        "registry.sku",
        "wrong",
        "az acr update --name contosoprod --sku Premium",
        |it| {
            edit(it, |registry| registry.sku = Sku::Standard);
        },
    ),
    (
        "registry.default_action",
        "wrong",
        "--default-action Deny",
        |it| {
            edit(it, |registry| {
                registry.network_rules.default_action = DefaultAction::Allow;
            });
        },
    ),
    (
        "registry.public_access",
        "wrong",
        "--public-network-enabled true",
        |it| {
            edit(it, |registry| registry.public_network_access = false);
        },
    ),
    (
        "registry.quota",
        "wrong",
        "az acr network-rule list",
        |it| {
            edit(it, |registry| {
                (1..=195).for_each(|n| registry.allow(&format!("51.140.8.{n}")));
            });
        },
    ),
    (
        "registry.quota",
        "could_not_check",
        "registries/listUsages/read",
        |it| deny(it, "registries/listUsages/read"),
    ),
    (
        "registry.virtual_network_rules",
        "could_not_check",
        "taggedTrafficConsumers/validate/action",
        |it| {
            deny_whole(
                it,
                "Microsoft.Network/virtualNetworks/taggedTrafficConsumers/validate/action",
            );
            edit(it, |registry| {
                let subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/builds".to_owned();
                registry
                    .network_rules
                    .virtual_network_rules
                    .push(VirtualNetworkRule {
                        subnet,
                        extra: Map::new(),
                    });
            });
        },
    ),
    (
        "registry.logs",
        "wrong",
        "az monitor diagnostic-settings create",
        |it| edit(it, |registry| registry.logs_to = None),
    ),
    (
        "registry.logs",
        "could_not_check",
        "Microsoft.Insights/diagnosticSettings/read",
        |it| {
            deny_whole(it, "Microsoft.Insights/diagnosticSettings/read");
        },
    ),
    ("set", "wrong", "Microsoft.Network/natGateways/read", |it| {
        deny_whole(it, "Microsoft.Network/natGateways/read");
    }),
    ("source.issuer", "wrong", "`issuer` or `tenant_id`", |it| {
        it.configure(|config| {
            config["sources"][0]["auth"] = json!({
                "kind": "ci_token", "provider": "gitlab", "issuer": "http://127.0.0.1:9", "audience": "doorward",
                "claims": { "namespace_path": "contoso" },
            });
            config["sources"][0]["registries"] = json!(["contosoprod.azurecr.io"]);
        });
    }),
];

fn deny(patient: &Patient, action: &str) {
    deny_whole(patient, &format!("Microsoft.ContainerRegistry/{action}"));
}

fn deny_whole(patient: &Patient, action: &str) {
    patient
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
}

fn edit(patient: &Patient, edit: impl FnOnce(&mut doorward_sim::Registry)) {
    assert!(patient.azure.edit(REGISTRY, "portal", edit));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_what_is_broken_and_the_fix() {
    for (check, outcome, fix, broken) in BROKEN {
        let patient = Patient::new().await;
        broken(&patient);
        let (output, told) = patient.examined(&[]);
        let found = of(&told, check);
        let bad = found.iter().find(|finding| finding["outcome"] == outcome);
        let bad = bad.unwrap_or_else(|| panic!("{check} is not {outcome}: {told:#}"));
        let said = bad["fix"].as_str().unwrap();
        assert!(said.contains(fix), "{check}: {said}");
        let code = if outcome == "wrong" { 1 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{check}: {told:#}");
        // Nothing else is blamed for it.
        let wrong = names(&told, "wrong");
        assert!(wrong.iter().all(|it| it == check), "{check}: {wrong:?}");
        assert_eq!(patient.azure.requests_of(Call::PatchRegistry).len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_sees_a_clock_that_is_off() {
    let patient = Patient::new().await;
    drop(patient.azure);
    let now = Clock::system().now();
    let azure = furnished(&Clock::set_to(now - jiff::SignedDuration::from_mins(10))).await;
    let installed = Installation::new(&azure, "10m");
    let (output, told) = examined(&installed.folder.path().join("doorward.yaml"), &[]);
    let clock = of(&told, "clock")[0];
    assert_eq!(clock["outcome"], "wrong", "{told:#}");
    assert!(clock["fix"].as_str().unwrap().contains("NTP"));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_compares_the_list_with_the_ledger() {
    let patient = Patient::new().await;
    let process = patient.installed.serve().await;
    process.deliver(message(OURS)).await;
    crate::process::until("it is open", async || {
        patient.azure.entries(REGISTRY) == [OURS]
    })
    .await;
    crate::process::until("the ledger says so", async || {
        patient.installed.kinds().await.contains(&"opened")
    })
    .await;
    let (_, told) = patient.examined(&[]);
    assert_eq!(of(&told, "registry.drift")[0]["outcome"], "ok", "{told:#}");
    let fed: Vec<&Value> = of(&told, "source.fed");
    assert!(
        fed.iter()
            .any(|it| it["subject"] == "clusters" && it["outcome"] == "ok"),
        "{told:#}"
    );
    let silent = fed.iter().find(|it| it["subject"] == "logs").unwrap();
    assert_eq!(silent["outcome"], "could_not_check");
    process.kill().await;
    edit(&patient, |registry| registry.disallow(OURS));
    let (_, told) = patient.examined(&[]);
    let drift = of(&told, "registry.drift")[0];
    assert_eq!(drift["outcome"], "wrong", "{told:#}");
    assert!(
        drift["fix"].as_str().unwrap().contains("activity-log"),
        "{drift}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tries_channels_and_the_public_url_when_told() {
    let patient = Patient::new().await;
    // The simulated Azure takes anything at a path that it does not know with 404.
    let chat = format!("{}chat", patient.azure.resource_manager());
    fs::write(patient.path("chat"), &chat).unwrap();
    let folder = patient.installed.folder.path().to_owned();
    patient.configure(|config| {
        let url = json!({ "file": folder.join("chat") });
        config["channels"] = json!([{ "name": "ops", "kind": "webhook", "url": url }]);
    });
    let (_, told) = patient.examined(&[]);
    assert_eq!(of(&told, "channel")[0]["left_out"], true, "{told:#}");
    let (_, told) = patient.examined(&["--send"]);
    let channel = of(&told, "channel")[0];
    assert_eq!(channel["outcome"], "wrong", "{told:#}");
    assert!(!told.to_string().contains("/chat"), "{told:#}");
    let process = patient.installed.serve().await;
    let url = process.url();
    patient.configure(|config| config["public_url"] = json!(url));
    let (_, told) = patient.examined(&[]);
    assert_eq!(of(&told, "public_url")[0]["outcome"], "ok", "{told:#}");
    let other = patient
        .azure
        .resource_manager()
        .trim_end_matches('/')
        .to_owned();
    patient.configure(|config| config["public_url"] = json!(other));
    let (_, told) = patient.examined(&[]);
    assert_eq!(of(&told, "public_url")[0]["outcome"], "wrong", "{told:#}");
    let tls = patient
        .azure
        .resource_manager_tls()
        .trim_end_matches('/')
        .to_owned();
    patient.configure(|config| {
        config["public_url"] = json!(tls);
        config["azure"].as_object_mut().unwrap().remove("ca_file");
    });
    let (_, told) = patient.examined(&[]);
    let found = of(&told, "public_url")[0];
    assert!(
        found["fix"].as_str().unwrap().contains("certificate"),
        "{told:#}"
    );
    patient.configure(|config| config["public_url"] = json!("http://doorward.contoso.com"));
    let (_, told) = patient.examined(&["--offline"]);
    assert!(
        of(&told, "public_url")[0]["text"]
            .as_str()
            .unwrap()
            .contains("clear text")
    );
}

#[test]
fn doctor_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = sound(folder.path());
    config["channels"][0]["name"] = json!("chat");
    let file = written(folder.path(), &config);
    let output = doorward(&["doctor", "--offline", "--config", file.to_str().unwrap()]);
    let told = out(&output) + &err(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for secret in ["5ecret", "t0ken", "0123456789abcdef", "a-key-that"] {
        assert!(!told.contains(secret), "{told}");
    }
}
