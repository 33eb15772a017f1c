//! What the shell is given: every collaborator, once, with public fields.

use crate::auth::{SenderAuth, SignIn};
use crate::azure::Arm;
use crate::azure::http::Http;
use crate::config::{ChannelKind, Drift, Options, Registry};
use crate::flow::decide::shadow::ShadowPolicy;
use crate::flow::memory::Memory;
use crate::metrics::Metrics;
use crate::store::Ledger;
use crate::traces::Traces;
use arc_swap::ArcSwap;
use clock::Clock;
use doorward_core::approvals::{Approvals, Approvers};
use doorward_core::auth::link::{LinkKeys, NotSigned};
use doorward_core::auth::signature::Key;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::firewall::raw_json::RawJson;
use doorward_core::firewall::{Live, Malformed};
use doorward_core::intake::admission::MAX_UNKNOWN_ADDRESSES;
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::intake::denial::Attribution;
use doorward_core::intake::report::Report;
use doorward_core::intake::routing;
use doorward_core::intake::routing::{Hosts, NoRegistry, Scope};
use doorward_core::ledger::alert::{About, Alert};
use doorward_core::ledger::details::Details;
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::id::AlertId;
use doorward_core::ledger::request::Request;
use doorward_core::messages::routing::{Routes, Subject};
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::Policy;
use doorward_core::sets::Sets;
use ipnet::IpNet;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

/// The running program's parts.
pub struct App {
    /// Where the time comes from.
    pub clock: Clock,
    /// What happened, and what stands.
    pub ledger: Ledger,
    /// Azure Resource Manager.
    pub arm: Arm,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The senders that are heard, by name.
    pub sources: BTreeMap<String, Source>,
    /// The enrolled registries.
    pub registries: BTreeMap<ResourceId, Enrolled>,
    /// Where messages go, by name.
    pub channels: BTreeMap<String, Channel>,
    /// Which of them hear of which messages.
    pub routes: Routes,
    /// The policy in force.
    pub policy: ArcSwap<Policy>,
    /// Where the policy's files are.
    pub policies: PathBuf,
    /// The candidate policy that is asked beside it, if there is one.
    pub shadow: Option<ShadowPolicy>,
    /// The address sets as they were last loaded.
    pub sets: ArcSwap<Sets>,
    /// Whether entries may be added: not in observe mode.
    pub may_add: bool,
    /// The longest that anything is opened for.
    pub max_ttl: Duration,
    /// How long what stands for a denial stands for those like it.
    pub windows: DedupPolicy,
    /// Sign and check approval links.
    pub link_keys: LinkKeys,
    /// The people who may approve.
    pub approvers: Approvers,
    /// How long a request can be answered.
    pub links_valid_for: Duration,
    /// Where people reach doorward: `https://doorward.contoso.com`, without a slash at its end.
    pub public_url: String,
    /// Whether there is a listener for senders and links; else links lead to the operators'.
    pub listens: bool,
    /// Signs and checks ownership tags.
    pub ownership_tag_key: OwnershipTagKey,
    /// What whoever uses the admin listener must know, where it has a token.
    pub admin_token: Option<SecretString>,
    /// How people sign in, if they can.
    pub sign_in: Option<SignIn>,
    /// For channels.
    pub http: Http,
    /// Counters for Prometheus.
    pub metrics: Metrics,
    /// Where spans go, if anywhere.
    pub traces: Option<Traces>,
    /// What is known for now and is learnt again after a restart.
    pub memory: Memory,
}

/// A registry that doorward may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Custom domains that lead to it, beside what Azure reports.
    pub hosts: Vec<String>,
    /// How many entries its list may have, where Azure does not say.
    pub max_entries: u32,
    /// How many of these places are kept for people.
    pub reserve: u32,
    /// Whether its tags say which entries are ours.
    pub ownership_tags: bool,
    /// What is asked of answers to requests about it.
    pub approvals: Approvals,
    /// How many questions about it are sent within an hour.
    pub questions_per_hour: usize,
    /// How many grants may be decided within an hour.
    pub grants_per_hour: usize,
    /// How many addresses that nobody owns may be refused within ten minutes before they are only
    /// counted.
    pub max_unknown_addresses: usize,
    /// What is done about changes of others.
    pub drift: Drift,
}

impl Enrolled {
    /// As it is configured, by its id.
    pub fn configured(registry: &Registry) -> (ResourceId, Self) {
        let enrolled = Self {
            hosts: registry.hosts.clone(),
            max_entries: registry.max_entries,
            reserve: registry.reserve,
            ownership_tags: registry.ownership_tags,
            approvals: registry.approvals.clone(),
            questions_per_hour: registry.questions_per_hour,
            grants_per_hour: registry.grants_per_hour,
            max_unknown_addresses: registry.max_unknown_addresses,
            drift: registry.drift.clone(),
        };
        (registry.id.clone(), enrolled)
    }
}

/// Where messages go.
pub struct Channel {
    /// What it is.
    pub kind: ChannelKind,
    /// Its secrets, by the field that names each.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// What its deliveries are signed with, if they are.
    pub sign: Option<Key>,
    /// How many questions it is sent within an hour.
    pub questions_per_hour: usize,
    /// The channel that takes its messages once it has failed for so long.
    pub fallback: Option<(String, Duration)>,
}

/// A configured sender.
pub struct Source {
    /// Its name, as in the path `/events/{source}`.
    pub name: String,
    /// How its sender proves itself.
    pub auth: SenderAuth,
    /// Which registries it may speak of.
    pub scope: Scope,
    /// Whether its status-403 rows count as denials.
    pub trust_status_403: bool,
    /// How many deliveries a second it may make, and how many at once after a pause.
    pub limiter: governor::DefaultDirectRateLimiter,
    /// The limiter's lasting rate, for senders that ask before they deliver.
    pub per_second: std::num::NonZeroU32,
    /// The largest body it may send, in bytes.
    pub max_body: usize,
    /// What its sender does in its own way.
    pub options: Options,
}

impl App {
    /// The link that shows a request, and answers it where links may.
    pub fn link_to(&self, request: &Request) -> Result<String, NotSigned> {
        let token = self.link_keys.sign(request.id, request.until)?;
        Ok(format!("{}/requests/{token}", self.public_url))
    }

    /// A message to the channel that is named for it, else to those that its route names.
    pub fn alert(&self, code: &str, text: String, about: &About) -> LedgerEvent {
        let named = about
            .channel
            .as_ref()
            .filter(|name| self.channels.contains_key(*name));
        let text = match wording::in_one_line(&text) {
            line if line == text => text,
            line => line,
        };
        let of_rule = |rule: &String| {
            Box::new(Details {
                rule: Some(rule.clone()),
                ..Details::default()
            })
        };
        let details = about.details.clone();
        let mut alert = Alert {
            id: AlertId(self.clock.id()),
            code: code.to_owned(),
            text,
            channels: Vec::new(),
            registry: about.registry.clone(),
            address: about.address,
            denial: about.denial,
            grant: about.grant,
            grants: about.grants.clone(),
            request: about.request,
            details: details.or_else(|| about.rule.as_ref().map(of_rule)),
            resends: None,
        };
        alert.channels = named.map_or_else(
            || self.routes.channels(Subject::of(&alert)),
            |name| vec![name.clone()],
        );
        LedgerEvent::Alerted(alert)
    }

    /// The enrolled registry that a denial is about.
    pub fn registry_of(&self, denied: &Denied) -> Result<ResourceId, NoRegistry> {
        let everything = Scope::default();
        let scope = self
            .sources
            .get(&denied.source)
            .map_or(&everything, |source| &source.scope);
        let hosts = self
            .memory
            .hosts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        hosts.resolve(&denied.report, scope).cloned()
    }

    /// The same as [`App::registry_of`], where a registry that Azure has not described yet goes by its
    /// name: good enough for what opens nothing.
    pub fn presumed_registry_of(&self, denied: &Denied) -> Result<ResourceId, NoRegistry> {
        let everything = Scope::default();
        let source = self.sources.get(&denied.source);
        let scope = source.map_or(&everything, |source| &source.scope);
        let hosts = self.presumed_hosts();
        hosts.resolve(&denied.report, scope).cloned()
    }

    /// The hosts of registries, where one that Azure has not described yet goes by its name.
    pub fn presumed_hosts(&self) -> Hosts {
        let hosts = self.memory.hosts.read();
        hosts.unwrap_or_else(PoisonError::into_inner).presumed()
    }

    /// Whether Azure says that `host` leads to the registry.
    pub fn leads_to(&self, host: &str, registry: &ResourceId) -> bool {
        let hosts = self.memory.hosts.read();
        let hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        hosts.leads_to(host, registry)
    }

    /// How it is known which registry a report of a source is about.
    pub fn attribution(&self, source: &str, report: &Report) -> Option<Attribution> {
        let everything = Scope::default();
        let source = self.sources.get(source);
        routing::attribution(report, source.map_or(&everything, |source| &source.scope))
    }

    /// Whether what `source` tells of a registry by its id is heard.
    pub fn may_speak_of(&self, source: &Source, registry: &ResourceId) -> bool {
        let hosts = self
            .memory
            .hosts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        hosts.may_speak_of(registry, &source.scope)
    }

    /// Whether a set of the policy in force that somebody owns holds `address`.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.policy.load().owns(address, &self.sets.load())
    }

    /// How many addresses that nobody owns may be refused by a registry before they are only counted.
    pub fn max_unknown_addresses(&self, registry: Option<&ResourceId>) -> usize {
        let enrolled = registry.and_then(|id| self.registries.get(id));
        enrolled.map_or(MAX_UNKNOWN_ADDRESSES, |enrolled| {
            enrolled.max_unknown_addresses
        })
    }

    /// A registry as Azure describes it, with what is known of it beside that.
    pub fn live(&self, id: &ResourceId, registry: &RawJson) -> Result<Live, Malformed> {
        let mut live = Live::read(registry)?;
        live.loses_subnets = self.ledger.read(|state| {
            let known = state.registries.get(id);
            known.is_some_and(|known| known.networks.is_some())
        });
        Ok(live)
    }

    /// Takes in the hosts that Azure reports for a registry.
    pub fn learn(&self, id: &ResourceId, live: &Live) {
        let mut hosts = self
            .memory
            .hosts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let failed = self.postures(|postures| postures.learn(id, live, self.clock.now()));
        if let Some(failed) = failed {
            let name = id.name();
            tracing::info!(registry = name, "the registry can be read again");
            let health = &self.metrics.health;
            health.azure_unreadable(name, Some(failed.why.reason.name()), None);
        }
        self.found(id);
        hosts.learn(id, live.data_endpoints.iter().chain([&live.login_server]));
        let mut names = self
            .memory
            .login_servers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        names.insert(id.clone(), live.login_server.clone());
    }

    /// The registry's login server, once Azure has told it.
    pub fn login_server(&self, id: &ResourceId) -> Option<String> {
        self.memory
            .login_servers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// The registries that Azure has not described yet.
    pub fn unread_registries(&self) -> Vec<ResourceId> {
        self.memory
            .hosts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .unread()
            .cloned()
            .collect()
    }
}
