//! The firewalls of other Azure services: doorward does not write to them, and says whose they are.

use super::address;
use super::phrase::Phrase;
use super::positions::{Pattern, Sights};
use crate::intake::denial::{Denial, Kind, Service};
use crate::intake::extract::text::line_breaks::Cursor;
use crate::intake::extract::text::page::Page;
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

/// Those that begin alike stand together.
const SAYINGS: &[Saying] = &[
    names(Service::KeyVault, "client address:", "client"),
    names(Service::KeyVault, "client address", "client"),
    says(
        Service::KeyVault,
        "client address is not authorized and caller",
        "client",
    ),
    names(Service::Synapse, "client ip address :", "client"),
    names(Service::Synapse, "client ip address:", "client"),
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
fn confirmed(service: Service, (start, end): (usize, usize), sights: &mut Sights<'_>) -> bool {
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
    sights.near(pattern, (start, end), (400, 400))
}

/// How many steps an anchor takes beside the words behind it, and what stands near a saying.
const ANCHOR: usize = 16;
const SAID: usize = 600;

/// The denials that other services' firewalls speak of in a cleaned text.
pub(in crate::intake::extract) fn all(
    page: &Page<'_>,
    phrases: &[Phrase],
    sights: &mut Sights<'_>,
) -> Vec<Denial> {
    let text = page.text;
    page.pass();
    let mut found: Vec<Denial> = Vec::new();
    for phrase in phrases
        .iter()
        .filter(|phrase| phrase.service != Service::Acr)
    {
        let resource = resource(phrase.service, text, (phrase.start, phrase.end), sights);
        let address = phrase.address.seen();
        if address.is_some() || resource.is_some() {
            found.push(denial(phrase.service, address, resource));
        }
    }
    let Some(anchors) = ANCHORS.as_ref() else {
        return found;
    };
    for anchor in anchors.find_iter(text) {
        if !page.work.charge(ANCHOR) {
            break;
        }
        let mut words = Words::from(Cursor::new(page, anchor.start()));
        let begins = |saying: &&Saying| {
            let first = saying.words.get(..1).zip(anchor.as_str().get(..1));
            first.is_some_and(|(known, said)| known.eq_ignore_ascii_case(said))
        };
        for saying in SAYINGS.iter().filter(begins) {
            if let Some(denial) = said(saying, text, &mut words, sights) {
                found.push(denial);
            }
        }
    }
    settle(found)
}

/// Words read from one place on. What several sayings begin with is read once.
struct Words<'t> {
    start: Cursor<'t>,
    /// Each word in turn, and what follows it; nothing if it does not stand there.
    read: Vec<(&'static str, Option<Cursor<'t>>)>,
}

impl<'t> From<Cursor<'t>> for Words<'t> {
    fn from(start: Cursor<'t>) -> Self {
        Self {
            start,
            read: Vec::new(),
        }
    }
}

impl<'t> Words<'t> {
    /// What follows these words, if they stand there.
    fn read(&mut self, words: &'static str) -> Option<Cursor<'t>> {
        let mut cursor = self.start;
        for (depth, word) in words.split(' ').enumerate() {
            let known = self.read.get(depth);
            if known.is_none_or(|(known, _)| *known != word) {
                self.read.truncate(depth);
                let mut next = cursor;
                let whole = next.word(word);
                self.read.push((word, whole.then_some(next)));
            }
            cursor = self.read.get(depth)?.1?;
        }
        Some(cursor)
    }
}

/// What is said at the words' place, if it is this saying.
fn said<'t>(
    saying: &Saying,
    text: &'t str,
    words: &mut Words<'t>,
    sights: &mut Sights<'_>,
) -> Option<Denial> {
    let mut cursor = words.read(saying.words)?;
    let start = words.start.at();
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
    sights.charge(SAID);
    let place = (start, cursor.at());
    confirmed(saying.service, place, sights).then(|| {
        let resource = resource(saying.service, text, place, sights);
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
        attribution: None,
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
fn resource(
    service: Service,
    text: &str,
    (start, end): (usize, usize),
    sights: &mut Sights<'_>,
) -> Option<String> {
    let patterns: &[&'static Pattern] = match service {
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
    let after_first = matches!(service, Service::KeyVault | Service::Databricks);
    patterns.iter().find_map(|pattern| {
        let to = end.saturating_add(AROUND);
        let after = sights.within(pattern, end, to).first().copied();
        let from = start.saturating_sub(AROUND);
        let before = sights.within(pattern, from, start).last().copied();
        let (at, _) = if after_first {
            after.or(before)?
        } else {
            before.or(after)?
        };
        let name = pattern.as_ref()?.captures_at(text, at)?.get(1)?;
        Some(name.as_str().to_owned())
    })
}

/// How far from the saying the resource may be named.
const AROUND: usize = 600;

macro_rules! pattern {
    ($name:ident, $pattern:expr) => {
        static $name: Pattern = LazyLock::new(|| Regex::new($pattern).ok());
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
