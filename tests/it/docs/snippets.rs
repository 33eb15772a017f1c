//! Every piece of configuration that a page shows is one that `doorward config check` takes.

use super::{files, read, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What stands around a piece that shows only some keys.
const REST: &[(&str, &str)] = &[
    ("links", "links: { key: { env: DOORWARD_LINK_KEY } }"),
    ("public_url", "public_url: https://doorward.contoso.com"),
    (
        "registries",
        "registries:\n  - id: /subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/platform/providers/Microsoft.ContainerRegistry/registries/contosoprod",
    ),
    (
        "sources",
        "sources: [{ name: ci, auth: { kind: shared_key, keys: [{ env: CI_KEY }] }, trust_status_403: false }]",
    ),
    (
        "channels",
        "channels: [{ name: ops, kind: log }, { name: oncall, kind: log }, { name: sec, kind: log }]",
    ),
];

/// An enrolled registry.
const REGISTRY: &str = "id: /subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/platform/providers/Microsoft.ContainerRegistry/registries/contosoprod";

/// A value for every placeholder and every variable.
const ANY_ID: &str = "11111111-2222-3333-4444-555555555555";
const ANY_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// The configuration's keys.
fn keys() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&read("src/config/schema.json")).unwrap();
    let keys = schema["properties"].as_object().unwrap().keys();
    keys.cloned().collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"), ".md");
    pages.extend(files(&root().join("deploy"), ".md"));
    pages.push(root().join("README.md"));
    pages
}

/// The blocks of YAML on a page, without the indent of a list.
fn blocks(page: &Path) -> Vec<String> {
    let text = read(page);
    let mut blocks = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let Some(yaml) = block.strip_prefix("yaml\n") else {
            continue;
        };
        let indents = yaml.lines().filter(|line| !line.trim().is_empty());
        let indent = indents.map(|line| line.len() - line.trim_start().len());
        let indent = indent.min().unwrap_or_default();
        let lines = yaml.lines().map(|line| line.get(indent..).unwrap_or(""));
        blocks.push(lines.collect::<Vec<_>>().join("\n"));
    }
    blocks
}

fn top_keys(yaml: &str) -> Vec<String> {
    let lines = yaml
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '-']));
    let keys = lines.filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    keys.collect()
}

/// `id: <…>` becomes a registry's id, `<tenant>` an id, and a secret in a file one in a variable.
fn filled(yaml: &str) -> String {
    let mut out = String::new();
    let yaml = replaced(yaml, " id: <", '>', &format!(" {REGISTRY}"));
    let yaml = replaced(&yaml, "file: /run/credentials/", ' ', "env: SECRET ");
    let mut rest = yaml.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        let Some((_, after)) = after.split_once('>') else {
            break;
        };
        out.push_str(before);
        out.push_str(ANY_ID);
        rest = after;
    }
    out + rest
}

/// The text with every part from `begin` to `end` replaced.
fn replaced(text: &str, begin: &str, end: char, by: &str) -> String {
    let mut parts = text.split(begin);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + by + part.split_once(end).map_or("", |(_, after)| after)
    })
}

/// The names in `{ env: NAME }`.
fn variables(yaml: &str) -> Vec<String> {
    let parts = yaml.split("env: ").skip(1);
    let names = parts.map(|part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        part[..end.unwrap_or(part.len())].to_owned()
    });
    names.collect()
}

/// What `config check` says against it, if anything.
fn refusal(yaml: &str) -> Option<String> {
    let folder = TempDir::new().unwrap();
    let shown = top_keys(yaml);
    let mut whole = filled(yaml) + "\n";
    for (key, text) in REST {
        if !shown.iter().any(|one| one == key) {
            whole = whole + text + "\n";
        }
    }
    if !shown.iter().any(|one| one == "state") {
        whole = format!(
            "{whole}state: sqlite://{}/ledger.db\n",
            folder.path().display()
        );
    }
    for name in ["policies", "candidate"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(
            folder.path().join(name).join("policy.yaml"),
            "version: 1\nrules: []\n",
        )
        .unwrap();
    }
    let file = folder.path().join("doorward.yaml");
    fs::write(&file, &whole).unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "a token").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["config", "check", "--config"])
        .envs([("AZURE_TENANT_ID", ANY_ID), ("AZURE_CLIENT_ID", ANY_ID)])
        .env("AZURE_FEDERATED_TOKEN_FILE", &token)
        .arg(&file)
        .envs(variables(&whole).into_iter().map(|name| {
            let value = if name.contains("URL") {
                "https://hooks.contoso.com/x"
            } else {
                ANY_SECRET
            };
            (name, value)
        }))
        .output()
        .unwrap();
    (!output.status.success()).then(|| {
        let said = [output.stdout, output.stderr].concat();
        format!("{whole}\n{}", String::from_utf8_lossy(&said))
    })
}

#[test]
fn refusal_names_an_unknown_key() {
    assert_eq!(refusal("mode: observe"), None);
    assert!(refusal("mode: obsevre").unwrap().contains("obsevre"));
}

#[test]
fn every_piece_of_configuration_on_a_page_is_taken_by_config_check() {
    let known = keys();
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        for block in blocks(&page) {
            let shown = top_keys(&block);
            if shown.is_empty() || !shown.iter().all(|key| known.contains(key)) {
                continue;
            }
            count += 1;
            if let Some(why) = refusal(&block) {
                wrong.push(format!("{}:\n{why}", page.display()));
            }
        }
    }
    assert!(count >= 8, "only {count} pieces were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
