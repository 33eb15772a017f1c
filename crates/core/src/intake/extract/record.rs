//! Reads an Azure diagnostic record of a registry: who was answered what, asking for what.
//! Source: <https://learn.microsoft.com/azure/container-registry/monitor-container-registry-reference>. Exported records and
//! Log Analytics rows name the same things in different cases.

use super::event_time;
use super::message::address;
use super::registry::{host_reference, requested_image};
use crate::intake::denial::{Attribution, Denial, Kind, Service};
use crate::intake::document::{Map, Value};
use jiff::Timestamp;
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

/// What a registry's record says beside who was answered what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub login_server: Option<String>,
    pub resource_id: Option<String>,
    pub identity: Option<String>,
    pub user_agent: Option<String>,
    pub at: Option<Timestamp>,
}

/// A JSON object whose fields are looked up in any case, at its top and in its `properties`.
pub(crate) struct Fields<'v> {
    top: Names<'v>,
    properties: Option<Names<'v>>,
}

/// An object's names, with their values.
enum Names<'v> {
    Map(Cow<'v, Map<'v>>),
    Flat(Vec<Named<'v>>),
}

/// A name with a value that nests nothing.
#[derive(Debug)]
pub(crate) struct Named<'v> {
    /// As it is written.
    pub name: &'v str,
    /// What it names.
    pub value: Leaf<'v>,
    /// Where the value begins in the record's text.
    pub from: usize,
    /// Where it ends there.
    pub end: usize,
}

/// A value that nests nothing.
#[derive(Debug)]
pub(crate) enum Leaf<'v> {
    /// A string, or a number as it is written.
    Said(Cow<'v, str>),
    /// `null`, `true` or `false`.
    Nothing,
}

impl Names<'_> {
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Map(map) => field(map, name).and_then(text_of),
            Self::Flat(names) => names
                .iter()
                .find(|known| known.name.eq_ignore_ascii_case(name))
                .and_then(|known| match &known.value {
                    Leaf::Said(text) => said(text).map(Cow::Borrowed),
                    Leaf::Nothing => None,
                }),
        }
    }
}

impl<'v> Fields<'v> {
    pub(crate) fn of(top: &'v Map<'v>) -> Self {
        let properties = field(top, "properties").and_then(|properties| match properties {
            Value::Object(properties) => Some(Names::Map(Cow::Borrowed(properties))),
            Value::String(text) if text.trim_start().starts_with('{') => serde_json::from_str(text)
                .ok()
                .map(|properties| Names::Map(Cow::Owned(properties))),
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_) => None,
        });
        Self {
            top: Names::Map(Cow::Borrowed(top)),
            properties,
        }
    }

    /// The same of names and values, each name there once in whatever case.
    pub(crate) fn flat(top: Vec<Named<'v>>, properties: Vec<Named<'v>>) -> Self {
        Self {
            top: Names::Flat(top),
            properties: Some(Names::Flat(properties)),
        }
    }

    /// The first of these fields that is there, as text. `<nil>` and the like are nothing.
    pub(crate) fn text(&self, names: &[&str]) -> Option<Cow<'_, str>> {
        names.iter().find_map(|name| {
            let inside = || self.properties.as_ref().and_then(|names| names.text(name));
            self.top.text(name).or_else(inside)
        })
    }

    /// Whether a status in the record is 403.
    fn refused(&self) -> bool {
        self.statuses().any(|status| is_403(&status))
    }

    /// Whether a status in the record is a number, and none is 403.
    fn ended_otherwise(&self) -> bool {
        let numbers = self.statuses().filter(|status| {
            let digits = status.trim().bytes().take_while(u8::is_ascii_digit).count();
            digits == 3
        });
        let mut numbers = numbers.peekable();
        numbers.peek().is_some() && !numbers.any(|status| is_403(&status))
    }

    /// Whether every status in the record that is a number is 200 or 201, and there is one.
    pub(crate) fn succeeded(&self) -> bool {
        let numbers = self.statuses().filter(|status| {
            let first = status.trim().bytes().next();
            first.is_some_and(|first| first.is_ascii_digit())
        });
        let numbers: Vec<Cow<'_, str>> = numbers.collect();
        let success = |status: &Cow<'_, str>| {
            let status = status.trim();
            ["200", "201"].iter().any(|good| {
                let rest = status.strip_prefix(good);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':', ';']))
            })
        };
        !numbers.is_empty() && numbers.iter().all(success)
    }

    /// Whether the record has a status at all.
    pub(crate) fn has_status(&self) -> bool {
        self.statuses().next().is_some()
    }

    fn statuses(&self) -> impl Iterator<Item = Cow<'_, str>> {
        const NAMES: &[&str] = &[
            "resultDescription",
            "resultType",
            "resultSignature",
            "statusCode",
            "httpStatusCode",
            "status",
        ];
        NAMES.iter().flat_map(|name| {
            let inside = self.properties.as_ref().and_then(|names| names.text(name));
            [self.top.text(name), inside].into_iter().flatten()
        })
    }
}

fn is_403(status: &str) -> bool {
    status
        .trim()
        .strip_prefix("403")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', ':', ';']))
}

/// A field by its name in any case.
pub(crate) fn field<'v, 't>(object: &'v Map<'t>, name: &str) -> Option<&'v Value<'t>> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::String(text) => said(text).map(Cow::Borrowed),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text that says something.
fn said(text: &str) -> Option<&str> {
    let text = text.trim();
    let nothing = ["", "<nil>", "nil", "null", "-", "n/a"];
    let says = !nothing
        .iter()
        .any(|nothing| text.eq_ignore_ascii_case(nothing));
    says.then_some(text)
}

/// What a record says about a registry, if it is a registry's record.
pub(crate) fn about(fields: &Fields<'_>) -> Option<About> {
    let about = named(fields);
    let names_registry = about.login_server.is_some() || about.resource_id.is_some();
    let begins = |category: &str, with: &str| {
        let head = category.get(..with.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(with))
    };
    let ours = match fields.text(&["category", "Type"]).as_deref() {
        Some(category) if begins(category, "ContainerRegistry") => true,
        Some(category) if category.eq_ignore_ascii_case("AzureDiagnostics") => {
            about.resource_id.is_some()
        }
        Some(_) => false,
        None => names_registry && fields.text(&["callerIpAddress"]).is_some(),
    };
    ours.then_some(about)
}

/// Whether an object is a record or a row as Azure writes them, so that its fields are known: some are the
/// service's own words, others its caller's.
pub(crate) fn is_azures(fields: &Fields<'_>) -> bool {
    let has = |names: &[&str]| fields.text(names).is_some();
    let resource = has(RESOURCE_IDS);
    has(&["category", "Type"]) && (resource || has(&["callerIpAddress"]))
        || has(&["operationName"]) && resource
        || about(fields).is_some()
}

/// Whether an object is what a registry tells of a pull or push that it served: a webhook's body, or an
/// event of a registry of the same make. Nothing in it is a denial.
///
/// Source: <https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference>.
pub(crate) fn is_notice(fields: &Map<'_>) -> bool {
    let request = field(fields, "request").and_then(Value::as_object);
    field(fields, "action").is_some_and(Value::is_string)
        && field(fields, "target").is_some_and(Value::is_object)
        && request.is_some_and(|request| {
            field(request, "useragent").is_some() || field(request, "host").is_some()
        })
}

/// Whether a registry's record bears out a message in it: its status is no other than 403, and its caller
/// is the address that the message refuses.
pub(crate) fn bears_out(fields: &Fields<'_>, denial: &Denial) -> bool {
    if denial.service != Service::Acr {
        return false;
    }
    let said = fields.text(&["callerIpAddress"]);
    let caller = said.as_deref().and_then(caller);
    let same = match (caller, denial.ip) {
        (Some(caller), Some(ip)) => caller == ip.to_canonical(),
        (None, _) | (_, None) => true,
    };
    same && !fields.ended_otherwise()
}

/// The fields that name a registry and its caller, in whatever they stand.
pub(crate) fn named(fields: &Fields<'_>) -> About {
    About {
        login_server: fields
            .text(LOGIN_SERVERS)
            .and_then(|host| login_server(&host)),
        resource_id: fields.text(RESOURCE_IDS).and_then(|id| registry_id(&id)),
        identity: fields.text(&["identity"]).map(Cow::into_owned),
        user_agent: fields
            .text(&["userAgent", "user_agent"])
            .map(Cow::into_owned),
        at: time(fields),
    }
}

/// The names that a caller's address goes by.
pub(crate) const ADDRESSES: &[&str] = &[
    "callerIpAddress",
    "CallerIP",
    "caller_ip",
    "clientIp",
    "clientIpAddress",
    "client_ip",
    "clientAddress",
    "sourceIp",
    "sourceIpAddress",
    "ipAddress",
    "ip",
];

/// The names that a registry's login server goes by.
pub(crate) const LOGIN_SERVERS: &[&str] = &["loginServer", "login_server"];

/// The names that a resource's ARM id goes by.
pub(crate) const RESOURCE_IDS: &[&str] =
    &["resourceId", "_ResourceId", "resource_id", "ResourceUri"];

/// The refusal that a record tells of, if it is a registry's record with status 403.
pub(crate) fn refusal(fields: &Fields<'_>, about: &About) -> Option<Denial> {
    fields.refused().then(|| refused(fields, about))
}

/// The refusal of the caller that these fields name.
pub(crate) fn refused(fields: &Fields<'_>, about: &About) -> Denial {
    let repository = fields
        .text(&["repository"])
        .and_then(|name| requested_image::repository_name(&name));
    let reference = fields
        .text(&["tag", "digest"])
        .and_then(|reference| requested_image::reference_name(&reference))
        .filter(|_| repository.is_some());
    Denial {
        kind: Kind::Suspected,
        service: Service::Acr,
        ip: fields.text(ADDRESSES).as_deref().and_then(caller),
        registry: about.login_server.clone(),
        repository,
        reference,
        resource: about.resource_id.clone(),
        attribution: about.login_server.as_ref().map(|_| Attribution::Stated),
    }
}

/// A caller's address as records write it, its port aside.
pub(crate) fn caller(text: &str) -> Option<IpAddr> {
    address::parse(text)
}

/// When a record says that it happened.
pub(crate) fn time(fields: &Fields<'_>) -> Option<Timestamp> {
    let names = [
        "time",
        "TimeGenerated",
        "eventTime",
        "eventTimestamp",
        "timestamp",
        "TimeGenerated [UTC]",
    ];
    fields
        .text(&names)
        .and_then(|text| event_time::of_text(&text))
}

/// A registry's ARM id, lower-case; `None` if it is another resource's. Ids of what belongs to a
/// registry count as the registry's.
pub(crate) fn registry_id(id: &str) -> Option<String> {
    const KIND: &str = "/providers/microsoft.containerregistry/registries/";
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KIND));
    let mut id = id.trim().to_ascii_lowercase();
    let before = FINDER.find(id.as_bytes())?;
    let name = id.get(before.checked_add(KIND.len())?..)?;
    let name = name.split(['/', '?']).next()?;
    let valid = id.starts_with("/subscriptions/")
        && before >= "/subscriptions/".len()
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let end = before.saturating_add(KIND.len()).saturating_add(name.len());
    id.truncate(end);
    valid.then_some(id)
}

/// A login server as a record names it, lower-case, its endpoints mapped to it.
pub(crate) fn login_server(host: &str) -> Option<String> {
    let host = host.trim().to_ascii_lowercase();
    if host_reference::is_login_server(&host) {
        return Some(host);
    }
    let bare = host
        .strip_prefix("https://")
        .unwrap_or(&host)
        .trim_end_matches('/');
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let plausible = bare.contains('.') && bare.bytes().all(of_a_host);
    if !plausible {
        return None;
    }
    match host_reference::all(bare).as_slice() {
        [] => Some(bare.to_owned()),
        [only] => only.registry.clone(),
        _ => None,
    }
}
