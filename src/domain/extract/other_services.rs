//! The firewalls of other Azure services: doorward does not write to them, and says whose they are.

use super::address;
use super::phrase::Phrase;
use super::window;
use super::wrap::Cursor;
use crate::domain::denial::{Denial, Kind, Service};
use regex::Regex;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::LazyLock;

/// What a service's firewall says.
struct Saying {
    service: Service,
    /// The words that this firewall says, lower-case; whatever gap stands between them.
    words: &'static str,
    /// The part of them that no wrap may break: the sieve looks for it.
    key: &'static str,
    /// Whether the address follows directly.
    address: bool,
}

const fn names(service: Service, words: &'static str, key: &'static str) -> Saying {
    Saying {
        service,
        words,
        key,
        address: true,
    }
}

const fn says(service: Service, words: &'static str, key: &'static str) -> Saying {
    Saying {
        service,
        words,
        key,
        address: false,
    }
}

const SAYINGS: &[Saying] = &[
    names(Service::KeyVault, "client address:", "client"),
    names(Service::KeyVault, "client address", "client"),
    says(
        Service::KeyVault,
        "client address is not authorized and caller",
        "client",
    ),
    says(Service::KeyVault, "forbiddenbyfirewall", "forbidden"),
    names(
        Service::CosmosDb,
        "request originated from ip",
        "originated",
    ),
    names(
        Service::CosmosDb,
        "request originated from client ip",
        "originated",
    ),
    says(
        Service::CosmosDb,
        "blocked by your cosmos db account firewall",
        "cosmos",
    ),
    names(
        Service::Postgresql,
        "no pg_hba.conf entry for host",
        "pg_hba",
    ),
    names(Service::Databricks, "source ip address:", ""),
    says(
        Service::Databricks,
        "blocked by databricks ip acl",
        "databricks",
    ),
    names(Service::Synapse, "client ip address :", "client"),
    names(Service::Synapse, "client ip address:", "client"),
    says(Service::Synapse, "clientipaddressnotauthorized", "clientip"),
    says(
        Service::EventHubs,
        "ip has been prevented to connect to the endpoint",
        "prevented",
    ),
    says(Service::AppConfiguration, "ip-address-rejected", "rejected"),
    says(Service::AppService, "ip forbidden", "forbidden"),
    says(
        Service::CognitiveServices,
        "access denied due to virtual network/firewall rules",
        "firewall",
    ),
    says(
        Service::Storage,
        "this request is not authorized to perform this operation",
        "authorized",
    ),
    says(Service::Storage, "ipauthorizationerror", "ipauth"),
];

/// What must stand near an address for the saying to be that service's.
fn confirmed(service: Service, text: &str, start: usize, end: usize) -> bool {
    let pattern = match service {
        Service::KeyVault => &KEY_VAULT,
        Service::CosmosDb => &COSMOS,
        Service::Databricks => &DATABRICKS,
        Service::Synapse => &SYNAPSE,
        Service::Storage => &STORAGE,
        Service::Acr
        | Service::AzureSql
        | Service::Mysql
        | Service::Postgresql
        | Service::CognitiveServices
        | Service::EventHubs
        | Service::AppConfiguration
        | Service::AppService => return true,
    };
    let before = window::between(text, 0, start, 400);
    let after = window::first(
        text.get(start..).unwrap_or_default(),
        end.saturating_sub(start).saturating_add(400),
    );
    pattern
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(before) || pattern.is_match(after))
}

/// The denials that other services' firewalls speak of in a cleaned text.
pub(super) fn all(text: &str, phrases: &[Phrase]) -> Vec<Denial> {
    let mut found: Vec<Denial> = Vec::new();
    for phrase in phrases
        .iter()
        .filter(|phrase| phrase.service != Service::Acr)
    {
        let resource = resource(phrase.service, text, phrase.start, phrase.end);
        let address = phrase.address.seen();
        if address.is_some() || resource.is_some() {
            found.push(denial(phrase.service, address, resource));
        }
    }
    let Some(anchors) = ANCHORS.as_ref() else {
        return found;
    };
    for anchor in anchors.find_iter(text) {
        for saying in SAYINGS {
            if let Some(denial) = said(saying, text, anchor.start()) {
                found.push(denial);
            }
        }
    }
    settle(found)
}

/// What is said at `start`, if it is this saying.
fn said(saying: &Saying, text: &str, start: usize) -> Option<Denial> {
    let mut cursor = Cursor::new(text, start);
    for word in saying.words.split(' ') {
        if !cursor.word(word) {
            return None;
        }
    }
    let said = text.get(start..cursor.at())?.to_ascii_lowercase();
    if !said.contains(saying.key) {
        return None;
    }
    let ip = if saying.address {
        let mut ahead = cursor;
        let address = address::read(&mut ahead)?;
        cursor = ahead;
        Some(address.seen()?)
    } else {
        None
    };
    let end = cursor.at();
    confirmed(saying.service, text, start, end).then(|| {
        let resource = resource(saying.service, text, start, end);
        denial(saying.service, ip, resource)
    })
}

fn denial(service: Service, ip: Option<IpAddr>, resource: Option<String>) -> Denial {
    Denial {
        kind: if ip.is_some() {
            Kind::Denied
        } else {
            Kind::Suspected
        },
        service,
        ip,
        registry: None,
        repository: None,
        reference: None,
        resource,
    }
}

/// Each denial once; one without its address or resource only where no other has it.
fn settle(found: Vec<Denial>) -> Vec<Denial> {
    let with_address: HashSet<Service> = found
        .iter()
        .filter(|denial| denial.ip.is_some())
        .map(|denial| denial.service)
        .collect();
    let with_resource: HashSet<(Service, Option<IpAddr>)> = found
        .iter()
        .filter(|denial| denial.resource.is_some())
        .map(|denial| (denial.service, denial.ip))
        .collect();
    let mut seen = HashSet::new();
    found
        .into_iter()
        .filter(|denial| denial.ip.is_some() || !with_address.contains(&denial.service))
        .filter(|denial| {
            denial.resource.is_some() || !with_resource.contains(&(denial.service, denial.ip))
        })
        .filter(|denial| seen.insert(denial.clone()))
        .collect()
}

/// The resource that refused, as the text around it names it.
fn resource(service: Service, text: &str, start: usize, end: usize) -> Option<String> {
    let patterns: &[&LazyLock<Option<Regex>>] = match service {
        Service::KeyVault => &[&VAULT, &VAULT_HOST],
        Service::AzureSql | Service::Mysql => &[&SQL_SERVER, &SQL_HOST],
        Service::Postgresql => &[&POSTGRES_HOST],
        Service::CosmosDb => &[&COSMOS_HOST],
        Service::Storage => &[&STORAGE_HOST],
        Service::EventHubs => &[&BUS_HOST],
        Service::Databricks => &[&WORKSPACE, &DATABRICKS_HOST],
        Service::Synapse => &[&SYNAPSE_HOST],
        Service::AppConfiguration => &[&CONFIG_HOST],
        Service::AppService => &[&SITE_HOST],
        Service::CognitiveServices => &[&COGNITIVE_HOST],
        Service::Acr => &[],
    };
    let after = window::first(text.get(end..).unwrap_or_default(), 600);
    let before = window::between(text, 0, start, 600);
    patterns.iter().find_map(|pattern| {
        let pattern = pattern.as_ref()?;
        let name = |text: &str, last: bool| {
            let mut names = pattern
                .captures_iter(text)
                .filter_map(|found| found.get(1).map(|name| name.as_str().to_owned()));
            if last { names.last() } else { names.next() }
        };
        match service {
            Service::KeyVault | Service::Databricks => {
                name(after, false).or_else(|| name(before, true))
            }
            Service::Acr
            | Service::Storage
            | Service::AzureSql
            | Service::Mysql
            | Service::Postgresql
            | Service::CosmosDb
            | Service::CognitiveServices
            | Service::EventHubs
            | Service::Synapse
            | Service::AppConfiguration
            | Service::AppService => name(before, true).or_else(|| name(after, false)),
        }
    })
}

macro_rules! pattern {
    ($name:ident, $pattern:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
    };
}

pattern!(
    ANCHORS,
    r"(?i)\b(?:client\s|client\+|client$|forbiddenby|request\s|blocked\s|no\s|source\s|clientip|ip\s|ip-|access\s|this\s|ipauth)"
);
pattern!(
    KEY_VAULT,
    r"(?i)not\W+authorized|key ?vault|vault:|forbiddenbyfirewall|trusted\W+service|\.vault\."
);
pattern!(COSMOS, r"(?i)cosmos|public\W+internet|documents\.azure");
pattern!(DATABRICKS, r"(?i)databricks");
pattern!(
    SYNAPSE,
    r"(?i)ClientIpAddressNotAuthorized|azuresynapse|synapse"
);
pattern!(
    STORAGE,
    r"(?i)AuthorizationFailure|\.core\.windows\.net|IpAuthorizationError|storage"
);
pattern!(
    VAULT,
    r"(?i)\bVault:\s*([a-z][a-z0-9-]{1,22}[a-z0-9])\b(?:;|\s|$)"
);
pattern!(
    VAULT_HOST,
    r"(?i)\b([a-z][a-z0-9-]{1,22}[a-z0-9])\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)"
);
pattern!(
    SQL_SERVER,
    r#"(?i)cannot\s+open\s+server\s*['"]([a-z0-9][a-z0-9.-]{0,120})['"]"#
);
pattern!(
    SQL_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.(?:mysql\.)?database\.(?:windows\.net|azure\.com|chinacloudapi\.cn|usgovcloudapi\.net))"
);
pattern!(
    POSTGRES_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.postgres\.(?:database|cosmos)\.(?:azure\.com|chinacloudapi\.cn|usgovcloudapi\.net))"
);
pattern!(
    COSMOS_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.(?:documents|mongo\.cosmos|table\.cosmos|gremlin\.cosmos|cassandra\.cosmos)\.azure\.(?:com|cn|us))"
);
pattern!(
    STORAGE_HOST,
    r"(?i)\b([a-z0-9]{3,24}\.(?:blob|file|queue|table|dfs)\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))"
);
pattern!(
    BUS_HOST,
    r"(?i)\b([a-z][a-z0-9-]{0,62}\.servicebus\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))"
);
pattern!(WORKSPACE, r"(?i)ip acl for workspace:?\s*(\d{4,20})");
pattern!(
    DATABRICKS_HOST,
    r"(?i)\b(adb-[0-9.]+\.(?:azuredatabricks\.net|databricks\.azure\.(?:cn|us)))"
);
pattern!(
    SYNAPSE_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.(?:dev|sql)\.azuresynapse\.(?:net|azure\.cn|usgovcloudapi\.net))"
);
pattern!(
    CONFIG_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.azconfig\.(?:io|azure\.cn|azure\.us))"
);
pattern!(
    SITE_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.(?:scm\.)?azurewebsites\.(?:net|us))"
);
pattern!(
    COGNITIVE_HOST,
    r"(?i)\b([a-z0-9][a-z0-9-]{0,62}\.(?:cognitiveservices|openai|services\.ai)\.azure\.(?:com|cn|us))"
);
