//! `doorward whois`, by the real program; its membership against Python's `ipaddress`.

use crate::mmdb::{Value, database};
use crate::needs;
use crate::program::{doorward, err, fed, out};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TAGS: &str = "policies/service-tags.sample.json";
const SAMPLE: &str = "policies/geo.sample.mmdb";

fn lines(output: &Output) -> Vec<Json> {
    let text = out(output);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ask(arguments: &[&str]) -> Vec<Json> {
    let output = doorward(&[&["whois", "--output", "json"], arguments].concat());
    assert!(output.status.success(), "{}", err(&output));
    lines(&output)
}

#[test]
fn an_address_is_told_without_any_configuration() {
    let told = ask(&[
        "51.140.7.9",
        "10.1.2.3",
        "168.63.129.16",
        "2603:1030::1",
        "192.31.196.1",
        "ff02::1",
    ]);
    let known = |ip: &str, global: bool, special: Option<&str>| json!({"ip": ip, "global": global, "special": special, "service_tags": [], "sets": [], "country": null, "asn": null, "not_looked_at": ["service_tags", "sets", "geo"]});
    assert_eq!(
        told,
        [
            known("51.140.7.9", true, None),
            known("10.1.2.3", false, Some("private use")),
            known(
                "168.63.129.16",
                false,
                Some("Azure's virtual public address")
            ),
            known("2603:1030::1", true, None),
            known("192.31.196.1", true, Some("AS112-v4")),
            known("ff02::1", false, Some("multicast")),
        ]
    );
}

#[test]
fn what_was_not_given_is_not_said_to_hold_nothing() {
    let told = out(&doorward(&["whois", "51.140.7.9"]));
    for line in [
        "service tags  not looked at (give `--service-tags`)",
        "sets          not looked at (give `--policies`)",
        "country       not looked at (give `--geo`)",
        "asn           not looked at (give `--geo`)",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let told = out(&doorward(&["whois", "51.140.7.9", "--service-tags", TAGS]));
    assert!(told.contains("service tags  none"), "{told}");
}

#[test]
fn tags_sets_and_country_come_from_files() {
    let told = ask(&[
        "20.70.16.9",
        "198.51.100.7",
        "20.80.1.7",
        "--service-tags",
        TAGS,
        "--policies",
        "policies",
        "--geo",
        SAMPLE,
    ]);
    assert_eq!(
        told[0]["service_tags"],
        json!([
            "AzureContainerRegistry",
            "AzureContainerRegistry.WestEurope",
            "AzureCloud.westeurope"
        ])
    );
    assert_eq!(told[0]["sets"], json!(["acr-tasks"]));
    assert_eq!(told[1]["sets"], json!(["cidrs_file blocked.txt"]));
    assert_eq!(
        (&told[2]["country"], &told[2]["asn"], &told[2]["sets"]),
        (&json!("CH"), &json!(64_500), &json!(["office-countries"]))
    );
}

#[test]
fn people_read_the_same_in_words() {
    let output = doorward(&[
        "whois",
        "20.70.16.9",
        "192.31.196.1",
        "--service-tags",
        TAGS,
        "--policies",
        "policies",
    ]);
    insta::assert_snapshot!(out(&output));
}

#[test]
fn a_line_that_is_no_address_costs_only_itself() {
    let output = fed(
        &["whois", "-", "--output", "json"],
        "20.1.2.3\r\n\nfoo\u{1b}[2J\n 2603:1030::1 \n",
    );
    assert_eq!(output.status.code(), Some(2));
    let ips: Vec<Json> = lines(&output)
        .into_iter()
        .map(|line| line["ip"].clone())
        .collect();
    assert_eq!(ips, [json!("20.1.2.3"), json!("2603:1030::1")]);
    insta::assert_snapshot!(err(&output));
}

#[test]
fn files_that_are_wrong_are_named() {
    for option in ["--service-tags", "--geo"] {
        for file in ["no-such-file", "Cargo.toml"] {
            let output = doorward(&["whois", "20.1.2.3", option, file]);
            assert_eq!(output.status.code(), Some(2), "{option} {file}");
            assert!(
                err(&output).contains(&format!("`{file}`")),
                "{}",
                err(&output)
            );
        }
    }
}

fn layouts() -> [(&'static str, Value, Value); 2] {
    let nested = Value::Map(vec![(
        "country",
        Value::Map(vec![("iso_code", Value::Text("CH"))]),
    )]);
    let system = Value::Map(vec![("autonomous_system_number", Value::Number(64_500))]);
    let flat = Value::Map(vec![("country_code", Value::Text("CH"))]);
    let text = Value::Map(vec![("asn", Value::Text("AS64500"))]);
    [("nested", nested, system), ("flat", flat, text)]
}

#[test]
fn both_layouts_of_databases_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for (layout, country, system) in layouts() {
        for six in [true, false] {
            let path = |name: &str| folder.path().join(format!("{layout}-{six}-{name}.mmdb"));
            fs::write(
                path("country"),
                database(&[("20.80.0.0/16", country.clone())], six),
            )
            .unwrap();
            fs::write(
                path("asn"),
                database(&[("20.80.0.0/17", system.clone())], six),
            )
            .unwrap();
            let (countries, systems) = (path("country"), path("asn"));
            let told = ask(&[
                "20.80.1.1",
                "20.80.200.1",
                "20.81.0.1",
                "2603:1030::1",
                "--geo",
                countries.to_str().unwrap(),
                "--geo",
                systems.to_str().unwrap(),
            ]);
            let found: Vec<(&Json, &Json)> = told
                .iter()
                .map(|line| (&line["country"], &line["asn"]))
                .collect();
            let (ch, number, none) = (json!("CH"), json!(64_500), Json::Null);
            assert_eq!(
                found,
                [(&ch, &number), (&ch, &none), (&none, &none), (&none, &none)],
                "{layout} {six}"
            );
        }
    }
}

/// What stands in the sample among the policies; every address is made up.
fn sample() -> Vec<u8> {
    let place = |code, asn| {
        Value::Map(vec![
            ("country_code", Value::Text(code)),
            ("asn", Value::Number(asn)),
        ])
    };
    database(
        &[
            ("20.80.1.0/24", place("CH", 64_500)),
            ("20.80.2.0/24", place("DE", 64_501)),
            ("20.80.3.0/24", place("NO", 64_502)),
        ],
        true,
    )
}

#[test]
fn the_sample_database_is_what_it_says() {
    assert_eq!(fs::read(SAMPLE).unwrap(), sample());
}

#[test]
#[ignore = "writes the sample database among the policies anew"]
fn write_the_sample_database() {
    fs::write(SAMPLE, sample()).unwrap();
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn wide(&mut self) -> u128 {
        (u128::from(self.roll()) << 64) | u128::from(self.roll())
    }
}

/// Half of them in or beside the prefixes of the file, half anywhere.
fn addresses(prefixes: &[ipnet::IpNet], count: usize) -> Vec<String> {
    let mut dice = Dice(7);
    let mut addresses = Vec::new();
    while addresses.len() < count {
        let index = usize::try_from(dice.roll() % prefixes.len() as u64).unwrap();
        let text = match (prefixes[index], dice.roll() % 4) {
            (ipnet::IpNet::V4(net), 0 | 1) => {
                let size = u64::from(u32::from(net.broadcast()) - u32::from(net.network())) + 3;
                let offset = u32::try_from(dice.roll() % size).unwrap();
                std::net::Ipv4Addr::from(
                    u32::from(net.network())
                        .wrapping_sub(1)
                        .wrapping_add(offset),
                )
                .to_string()
            }
            (ipnet::IpNet::V6(net), 0 | 1) => {
                let size = u128::from(net.broadcast()) - u128::from(net.network()) + 3;
                let offset = dice.wide() % size;
                std::net::Ipv6Addr::from(
                    u128::from(net.network())
                        .wrapping_sub(1)
                        .wrapping_add(offset),
                )
                .to_string()
            }
            (_, 2) => {
                std::net::Ipv4Addr::from(u32::try_from(dice.roll() >> 32).unwrap()).to_string()
            }
            _ => std::net::Ipv6Addr::from(0x2000_u128 << 112 | dice.wide() >> 3).to_string(),
        };
        addresses.push(text);
    }
    addresses
}

const PYTHON: &str = r#"
import gzip, ipaddress, json, sys
opened = gzip.open if sys.argv[1].endswith(".gz") else open
nets = {}
for tag in json.load(opened(sys.argv[1], "rt", encoding="utf-8-sig"))["values"]:
    for prefix in tag["properties"]["addressPrefixes"]:
        nets.setdefault(ipaddress.ip_network(prefix), set()).add(tag["name"])
lengths = {4: set(), 6: set()}
for net in nets:
    lengths[net.version].add(net.prefixlen)
for line in sys.stdin:
    ip = ipaddress.ip_address(line.strip())
    held = set()
    for length in lengths[ip.version]:
        held |= nets.get(ipaddress.ip_network((ip, length), strict=False), set())
    print(json.dumps([str(ip), sorted(held)]))
"#;

/// Asks both about the same addresses.
fn agrees_with_python(file: &Path, count: usize) {
    let text = doorward::config::read_text(file).unwrap();
    let tags = doorward_core::sets::sources::service_tags::ServiceTags::parse(&text).unwrap();
    let prefixes = tags
        .values
        .iter()
        .flat_map(|tag| &tag.properties.address_prefixes);
    let prefixes: Vec<ipnet::IpNet> = prefixes.map(|prefix| prefix.parse().unwrap()).collect();
    let addresses = addresses(&prefixes, count);
    let input = addresses.join("\n");

    let file = file.to_str().unwrap();
    let output = fed(
        &["whois", "-", "--output", "json", "--service-tags", file],
        &input,
    );
    assert!(output.status.success(), "{}", err(&output));
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(script.path(), PYTHON).unwrap();
    let asked = tempfile::NamedTempFile::new().unwrap();
    fs::write(asked.path(), &input).unwrap();
    let python = Command::new("python3")
        .arg(script.path())
        .arg(file)
        .stdin(fs::File::open(asked.path()).unwrap())
        .output();
    let Ok(python) = python else {
        needs::skip("there is no python3 to compare with");
        return;
    };
    assert!(
        python.status.success(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
    let ours = lines(&output);
    let theirs = lines(&python);
    assert_eq!((ours.len(), theirs.len()), (count, count));
    let mut held = 0;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let mut tags: Vec<&str> = ours["service_tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag.as_str().unwrap())
            .collect();
        tags.sort_unstable();
        assert_eq!(json!([ours["ip"], tags]), *theirs);
        held += usize::from(!tags.is_empty());
    }
    assert!(
        held > count / 8,
        "only {held} of {count} addresses are in any tag"
    );
}

#[test]
fn a_small_file_agrees_with_python() {
    agrees_with_python(&Path::new(env!("CARGO_MANIFEST_DIR")).join(TAGS), 300);
}

/// The newest of Microsoft's files, beside the repository or where `DOORWARD_DATA` says.
fn real_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOORWARD_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let files = fs::read_dir(&folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    files
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("ServiceTags_"))
        })
        .max()
}

#[test]
fn the_real_file_agrees_with_python() {
    match real_file() {
        Some(file) => agrees_with_python(&file, 1_000),
        None => {
            needs::skip("no ServiceTags_*.json in ../shared/data; set DOORWARD_DATA to its folder");
        }
    }
}
