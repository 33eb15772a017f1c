//! `doorward config`: check, show and the schema, each against the program's own reader.

mod whole;

use super::{REGISTRY, sound, written};
use crate::program::{doorward, err, out};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;
use whole::whole;

fn check(file: &Path) -> Output {
    doorward(&["config", "check", "--config", file.to_str().unwrap()])
}

type Breaking = fn(&mut Value, &Path);

/// Ways to break a configuration, each with what is said of it.
const BROKEN: [(&str, Breaking); 12] = [
    ("there is no field `registrys`", |config, _| {
        config["registrys"] = json!([]);
    }),
    ("is not set or empty", |config, _| {
        config["links"]["key"] = json!({ "env": "DOORWARD_TEST_NO_SUCH" });
    }),
    ("the key is shorter than 16 bytes", |_, folder| {
        fs::write(folder.join("key"), "short").unwrap();
    }),
    ("at least", |_, folder| {
        fs::write(folder.join("link"), "short-link-key").unwrap();
    }),
    ("names the channel `ops`", |config, _| {
        config["channels"] = json!([]);
    }),
    ("then", |_, folder| {
        fs::write(
            folder.join("policies/20.yaml"),
            "version: 1\nrules: [{ name: b }]",
        )
        .unwrap();
    }),
    ("cannot be read", |_, folder| {
        fs::remove_dir_all(folder.join("policies")).unwrap();
    }),
    ("no-such.txt", |_, folder| {
        let policy = "version: 1\nrules: [{ name: c, when: { address: { cidrs_file: no-such.txt } }, then: ask }]";
        fs::write(folder.join("policies/20.yaml"), policy).unwrap();
    }),
    ("no-such-ca.pem", |config, _| {
        config["azure"]["ca_file"] = json!("no-such-ca.pem");
    }),
    ("the secret file", |_, folder| {
        fs::remove_file(folder.join("token")).unwrap();
    }),
    ("clear text", |_, folder| {
        fs::write(folder.join("ops"), "http://chat.contoso.com/").unwrap();
    }),
    (
        "a key of the source `alerts` cannot be used",
        |config, folder| {
            fs::write(folder.join("key"), "whsec_not-base64!").unwrap();
            config["sources"][0]["auth"]["kind"] = json!("signature");
        },
    ),
];

#[test]
fn check_finds_what_serve_refuses() {
    for (said, broken) in BROKEN {
        let folder = tempfile::tempdir().unwrap();
        let mut config = sound(folder.path());
        broken(&mut config, folder.path());
        let file = written(folder.path(), &config);
        let served = doorward(&[
            "serve",
            "--config",
            file.to_str().unwrap(),
            "--log-format",
            "text",
        ]);
        assert_eq!(served.status.code(), Some(2), "{said}: {}", err(&served));
        assert!(err(&served).contains(said), "{said}: {}", err(&served));
        let checked = check(&file);
        assert_eq!(checked.status.code(), Some(2), "{said}: {}", err(&checked));
        assert!(err(&checked).contains(said), "{said}: {}", err(&checked));
        assert!(out(&checked).is_empty(), "{said}");
    }
}

#[test]
fn check_reports_all_problems_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = sound(folder.path());
    // What cannot be read at all hides the rest, and without a channel its URL is not read.
    let together = [1, 2, 5, 7, 8, 9];
    for (_, broken) in together.map(|index| BROKEN[index]) {
        broken(&mut config, folder.path());
    }
    let checked = check(&written(folder.path(), &config));
    let told = err(&checked);
    for (said, _) in together.map(|index| BROKEN[index]) {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(checked.status.code(), Some(2));
    assert!(!told.contains("chat.contoso.com"), "{told}");
}

#[test]
fn check_passes_what_serve_takes_and_tells_of_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = sound(folder.path());
    let file = written(folder.path(), &config);
    let checked = check(&file);
    assert!(checked.status.success(), "{}", err(&checked));
    assert!(
        out(&checked)
            .ends_with("OK: 1 registry, 1 source, 1 channel, 1 rule; 0 errors, 0 warnings\n"),
        "{}",
        out(&checked)
    );
    config["sources"][0]
        .as_object_mut()
        .unwrap()
        .remove("trust_status_403");
    let file = written(folder.path(), &config);
    let checked = doorward(&[
        "config",
        "check",
        "--config",
        file.to_str().unwrap(),
        "-o",
        "json",
    ]);
    let told: Value = serde_json::from_str(&out(&checked)).unwrap();
    assert!(checked.status.success());
    assert_eq!((&told["ok"], &told["errors"]), (&json!(true), &json!([])));
    assert_eq!(told["warnings"][0]["field"], "sources[0].name");
    // Other policies can be tried.
    fs::create_dir(folder.path().join("other")).unwrap();
    fs::write(folder.path().join("other/1.yaml"), "version: 2").unwrap();
    let other = folder.path().join("other");
    let line = [
        "config",
        "check",
        "--config",
        file.to_str().unwrap(),
        "--policies",
        other.to_str().unwrap(),
    ];
    assert_eq!(doorward(&line).status.code(), Some(2));
}

fn schema() -> Value {
    serde_json::from_str(&out(&doorward(&["config", "schema"]))).unwrap()
}

/// Every property that the schema knows, wherever it is.
fn properties(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().cloned());
            }
            for value in members.values() {
                properties(value, found);
            }
        }
        Value::Array(items) => {
            for value in items {
                properties(value, found);
            }
        }
        _ => {}
    }
}

#[test]
fn show_says_all_that_the_schema_knows_and_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &whole(folder.path()));
    let show = |file: &Path| doorward(&["config", "show", "--config", file.to_str().unwrap()]);
    let shown = show(&file);
    let text = out(&shown);
    assert!(shown.status.success(), "{}", err(&shown));
    let mut known = BTreeSet::new();
    properties(&schema(), &mut known);
    // Of other kinds of credentials.
    for other in ["token_file", "env"] {
        known.remove(other);
    }
    for name in &known {
        let fields = [format!("{name}:"), format!("{name} :")];
        assert!(
            fields.iter().any(|field| text.contains(field)),
            "`{name}` is not shown: {text}"
        );
    }
    assert!(!text.contains("# default"), "{text}");
    for secret in ["0123456789abcdef", "5ecret", "a-key-that"] {
        assert!(!text.contains(secret), "{text}");
    }
    // What is shown reads the same.
    let again = folder.path().join("again.yaml");
    fs::write(&again, &text).unwrap();
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1);
        lines
            .map(|line| line.split("  #").next().unwrap().to_owned())
            .collect()
    };
    let twice = show(&again);
    assert!(twice.status.success(), "{}\n{text}", err(&twice));
    assert_eq!(bare(&out(&twice)), bare(&text));
}

#[test]
fn show_says_where_each_value_is_set() {
    let folder = tempfile::tempdir().unwrap();
    sound(folder.path());
    let text = format!(
        "max_ttl: 2h\nlinks: {{ key: {{ file: link }} }}\nregistries:\n  - id: {REGISTRY}\nsources:\n  - name: alerts\n    trust_status_403: false\n    auth: {{ kind: shared_key, keys: [{{ env: DOORWARD_TEST_NO_SUCH }}] }}\n"
    );
    let file = folder.path().join("doorward.yaml");
    fs::write(&file, text).unwrap();
    let shown = out(&doorward(&[
        "config",
        "show",
        "--config",
        file.to_str().unwrap(),
    ]));
    for line in [
        "max_ttl: 2h  # line 1",
        "mode: enforce  # default",
        "# admin_token: not set",
        "  - id: ",
        "keys: [{ env: \"DOORWARD_TEST_NO_SUCH\" }]  # line 8; THE SECRET IS MISSING",
        "# line 2; the secret is there",
    ] {
        assert!(
            shown.contains(line) || shown.contains(&line.replace('"', "")),
            "{line}: {shown}"
        );
    }
    let json = out(&doorward(&[
        "config",
        "show",
        "--config",
        file.to_str().unwrap(),
        "-o",
        "json",
    ]));
    let json: Value = serde_json::from_str(&json).unwrap();
    let values = json["values"].as_array().unwrap();
    let of = |field: &str| values.iter().find(|it| it["field"] == field).unwrap();
    assert_eq!(
        of("max_ttl"),
        &json!({ "field": "max_ttl", "value": "2h", "line": 1 })
    );
    assert_eq!(of("mode")["line"], json!(null));
    assert_eq!(of("sources[0].auth.keys[0]")["readable"], json!(false));
}

/// The names that the reader knows where `unknown` was put, as its own message lists them.
fn known(config: &Value) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let told = err(&check(&written(folder.path(), config)));
    let lists = ["the fields here are ", "help: write "];
    let at = told.split("there is no field `qqqqqqqqqqqqqqqq`").nth(1);
    let at = at.unwrap_or_else(|| panic!("{told}"));
    let list = lists
        .iter()
        .find_map(|list| at.split(list).nth(1))
        .unwrap_or_else(|| panic!("{told}"));
    let names = list.lines().next().unwrap().split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn schema_has_the_fields_that_the_reader_knows() {
    let folder = tempfile::tempdir().unwrap();
    let (schema, whole) = (schema(), whole(folder.path()));
    let fields = |place: &str| -> BTreeSet<String> {
        let place = schema.pointer(place).unwrap_or_else(|| panic!("{place}"));
        place["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let places = [
        ("", ""),
        ("/policies", "/properties/policies/oneOf/1"),
        ("/connections", "/properties/connections"),
        ("/links", "/properties/links"),
        ("/sign_in", "/properties/sign_in"),
        ("/sign_in/session", "/properties/sign_in/properties/session"),
        ("/azure", "/properties/azure"),
        ("/registries/0", "/properties/registries/items"),
        (
            "/registries/0/drift",
            "/properties/registries/items/properties/drift",
        ),
        ("/sources/0", "/properties/sources/items/oneOf/0"),
        ("/sources/0/auth", "/$defs/auth/oneOf/0"),
        ("/sources/1/auth", "/$defs/auth/oneOf/1"),
        ("/sources/2/auth", "/$defs/auth/oneOf/2"),
        ("/sources/3/auth", "/$defs/auth/oneOf/3"),
        (
            "/sources/0/dimensions",
            "/properties/sources/items/oneOf/0/properties/dimensions",
        ),
        (
            "/sources/0/event_grid",
            "/properties/sources/items/oneOf/0/properties/event_grid",
        ),
        (
            "/sources/0/cloud_events",
            "/properties/sources/items/oneOf/0/properties/cloud_events",
        ),
        ("/channels/0", "/properties/channels/items/oneOf/0"),
        ("/channels/1", "/properties/channels/items/oneOf/1"),
    ];
    for (place, of_schema) in places {
        let mut config = whole.clone();
        config.pointer_mut(place).unwrap()["qqqqqqqqqqqqqqqq"] = json!(1);
        assert_eq!(known(&config), fields(of_schema), "at {place}");
    }
    let mut config = whole;
    config["azure"]["credential"]["qqqqqqqqqqqqqqqq"] = json!(1);
    let mut of_schema = BTreeSet::new();
    properties(
        &schema["properties"]["azure"]["properties"]["credential"],
        &mut of_schema,
    );
    // A secret has fields of its own, two of which a static token has too.
    assert_eq!(known(&config), of_schema);
}

#[test]
fn schema_has_the_words_that_the_reader_knows() {
    let folder = tempfile::tempdir().unwrap();
    let (schema, whole) = (schema(), whole(folder.path()));
    let registry = "/properties/registries/items/properties";
    let places = [
        ("/mode".to_owned(), "/properties/mode".to_owned()),
        (
            "/sign_in/subject".to_owned(),
            "/properties/sign_in/properties/subject".to_owned(),
        ),
        (
            "/azure/cloud".to_owned(),
            "/properties/azure/properties/cloud".to_owned(),
        ),
        (
            "/registries/0/ownership_tags".to_owned(),
            format!("{registry}/ownership_tags"),
        ),
        (
            "/registries/0/approvals".to_owned(),
            format!("{registry}/approvals/oneOf/0"),
        ),
        (
            "/registries/0/drift/ours_missing".to_owned(),
            format!("{registry}/drift/properties/ours_missing"),
        ),
        (
            "/sources/2/auth/provider".to_owned(),
            "/$defs/auth/oneOf/2/properties/provider".to_owned(),
        ),
    ];
    for (place, of_schema) in places {
        let mut config = whole.clone();
        *config.pointer_mut(&place).unwrap() = json!("qqqqqqqqqqqqqqqq");
        let folder = tempfile::tempdir().unwrap();
        let told = err(&check(&written(folder.path(), &config)));
        let words = schema.pointer(&of_schema).unwrap()["enum"]
            .as_array()
            .unwrap();
        let help = told.lines().find(|line| line.contains("help: write `"));
        let help = help.unwrap_or_else(|| panic!("{place}: {told}"));
        let known: BTreeSet<&str> = help.split('`').skip(1).step_by(2).collect();
        let words: BTreeSet<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(known, words, "{place}");
    }
}
