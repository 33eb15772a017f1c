//! `doorward policy explain`: what a policy answers to a denial, and why.

use super::{load, print, with_literals};
use crate::cli::Failure;
use crate::cli::whois::{Output, read_tags};
use clap::ValueEnum;
use clock::Clock;
use doorward_core::auth::proof::Proof;
use doorward_core::firewall::Live;
use doorward_core::intake::denial::{Attribution, Denial, Kind, Service};
use doorward_core::messages::invisible::escaped_lines;
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::policy::advice::Advice;
use doorward_core::policy::testing::suppose::{Ago, posture};
use doorward_core::policy::verdict::Note;
use doorward_core::policy::{
    Explanation, Facts, Near, Policy, Posture, SetExplained, explain, nearest, sets_around,
};
use doorward_core::sets::{Owners, Sets};
use doorward_core::state::history::By;
use doorward_core::yaml::duration;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What `doorward policy explain` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The refused address
    #[arg(long, value_name = "ADDRESS")]
    ip: IpAddr,
    /// The registry's login server; it counts as enrolled
    #[arg(long, value_name = "HOST")]
    registry: String,
    /// The repository asked for
    #[arg(long)]
    repository: Option<String>,
    /// The tag or digest asked for
    #[arg(long)]
    reference: Option<String>,
    /// The configured source that reports it
    #[arg(long, default_value = "")]
    source: String,
    /// Whether the firewall's own message was seen, or only a 403
    #[arg(long, value_enum, default_value_t = Seen::Denied)]
    kind: Seen,
    /// How it is known which registry refused: stated, or inferred from what stands nearby
    #[arg(long, value_enum, default_value_t = Grade::Stated)]
    attribution: Grade,
    /// Who the caller claims to be
    #[arg(long)]
    identity: Option<String>,
    /// What the caller calls itself
    #[arg(long)]
    user_agent: Option<String>,
    /// What the sender's CI token says, for its own address: repository=contoso/api; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// The source is trusted with status-403 records, and this is one
    #[arg(long)]
    trusted_status_403: bool,
    /// Nothing says when the denial happened
    #[arg(long)]
    age_unknown: bool,
    /// The longest that anything may be open
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    max_ttl: Duration,
    /// When it happens, with a zone: 2026-11-20T09:00:00+01:00; now unless said
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The folder with the policies
    #[arg(long, value_name = "DIR", default_value = "policies")]
    policies: PathBuf,
    /// Addresses of a set that comes from elsewhere: build-egress=20.50.1.0/30,20.50.2.1
    #[arg(long = "set", value_name = "NAME=CIDRS")]
    sets: Vec<String>,
    /// That a person (or the policy) granted it before, so long ago: person=3d; may be repeated
    #[arg(long = "seen", value_name = "WHO=AGO", value_parser = granted)]
    granted: Vec<(By, Duration)>,
    /// How the registry stands: `sku=Standard`, `public_access=disabled`, `default_action=allow`,
    /// `virtual_network_rules=1`, `entries=20.1.0.0/16`; may be repeated
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    posture: Vec<(String, String)>,
    /// It was an import between registries that was refused
    #[arg(long)]
    import: bool,
    /// Microsoft's weekly service-tag file, for advice
    #[arg(long, value_name = "FILE")]
    service_tags: Option<PathBuf>,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Seen {
    Denied,
    Suspected,
}

impl From<Seen> for Kind {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Denied => Self::Denied,
            Seen::Suspected => Self::Suspected,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grade {
    Stated,
    Inferred,
}

impl From<Grade> for Attribution {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Stated => Self::Stated,
            Grade::Inferred => Self::Inferred,
        }
    }
}

/// The whole answer.
#[derive(Serialize)]
struct Answer {
    ip: IpAddr,
    registry: String,
    at: Timestamp,
    #[serde(flatten)]
    explanation: Explanation,
    sets: Vec<SetExplained>,
    nearest: Option<Near>,
    /// Why the address may never be opened.
    never: Option<String>,
    /// Why no firewall entry can help.
    blocking: Vec<Remark>,
    /// Better ways in than an entry.
    advice: Vec<Remark>,
}

/// A diagnosis or a piece of advice.
#[derive(Serialize)]
struct Remark {
    code: &'static str,
    text: String,
    link: &'static str,
}

impl Remark {
    fn of_note(note: &Note) -> Option<Self> {
        Some(Self {
            code: note.code.name(),
            text: note.text.clone(),
            link: note.code.link()?,
        })
    }

    fn of_advice(advice: Advice) -> Self {
        Self {
            code: advice.code(),
            text: advice.text().to_owned(),
            link: advice.link(),
        }
    }
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write a claim as NAME=VALUE, such as repository=contoso/api")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn granted(text: &str) -> Result<(By, Duration), String> {
    let wrong = "write who granted it and how long ago, such as person=3d or policy=2h";
    let (who, ago) = text.split_once('=').ok_or(wrong)?;
    let by = match who {
        "person" => By::Person,
        "policy" => By::Policy,
        _ => return Err(wrong.to_owned()),
    };
    let ago = duration::parse(ago).map_err(|error| format!("{error}: {}", duration::HINT))?;
    Ok((by, ago))
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write FIELD=VALUE, such as public_access=disabled")?;
    let told = |(what, help)| format!("{what}; {help}");
    posture([(name, value)]).map_err(told)?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (policy, sets) = load(&self.policies)?;
        let at = self.at.unwrap_or_else(|| Clock::system().now());
        let sets = with_literals(&self.sets, &policy, sets, at)?;
        let tags = self.service_tags.as_deref().map(read_tags).transpose()?;
        let output = self.output;
        let answer = self.answer(&policy, &sets, tags.as_ref(), at);
        match output {
            Output::Text => print(format_args!("{}", answer.text().trim_end())),
            Output::Json => {
                let json = serde_json::to_string_pretty(&answer).map_err(anyhow::Error::new)?;
                print(format_args!("{}", escaped_lines(&json)))
            }
        }
    }

    /// How the registry stands, if anything is said of that. Each field was looked at when it was read.
    fn live(&self) -> Option<Live> {
        let said = self.posture.iter();
        let said = said.map(|(name, value)| (name.as_str(), value.as_str()));
        posture(said).ok().filter(|_| !self.posture.is_empty())
    }

    /// How long ago the address was granted.
    fn ago(&self) -> Ago {
        let mut ago = Ago::default();
        for (by, when) in &self.granted {
            match by {
                By::Person => ago.person = Some(*when),
                By::Policy | By::Any => ago.policy = Some(*when),
            }
        }
        ago
    }

    fn answer(self, policy: &Policy, sets: &Sets, tags: Option<&Owners>, at: Timestamp) -> Answer {
        let (live, before) = (self.live(), self.ago().as_of(at));
        let registry = login_server(&self.registry);
        let denial = Denial {
            kind: self.kind.into(),
            service: Service::Acr,
            ip: Some(self.ip),
            registry: Some(registry.clone()),
            repository: self.repository,
            reference: self.reference,
            resource: None,
            attribution: Some(self.attribution.into()),
        };
        let proof = (!self.claims.is_empty()).then(|| Proof {
            claims: self.claims.into_iter().collect(),
            peer: Some(self.ip),
        });
        let ours = BTreeSet::new();
        let holders = tags.map_or_else(Vec::new, |tags| {
            tags.holding(self.ip).map(str::to_owned).collect()
        });
        let facts = Facts {
            before,
            posture: live.as_ref().map(|live| Posture { live, ours: &ours }),
            holders: &holders,
            import: self.import,
            denial: &denial,
            registry: Some(&registry),
            source: &self.source,
            identity: self.identity.as_deref(),
            user_agent: self.user_agent.as_deref(),
            proof: proof.as_ref(),
            age_unknown: self.age_unknown,
            trusted_status_403: self.trusted_status_403,
            max_ttl: self.max_ttl,
        };
        let explanation = explain(policy, sets, &facts, at);
        let never = GlobalIpv4::try_from(self.ip).err();
        let (notes, advice) = (&explanation.verdict.notes, &explanation.verdict.advice);
        Answer {
            ip: self.ip,
            registry,
            at,
            sets: sets_around(policy, sets, self.ip),
            nearest: nearest(policy, sets, self.ip),
            never: never.map(|never| never.to_string()),
            blocking: notes.iter().filter_map(Remark::of_note).collect(),
            advice: advice.iter().copied().map(Remark::of_advice).collect(),
            explanation,
        }
    }
}

/// The login server that is meant: a registry may be given by its name, as `az acr` takes it.
fn login_server(registry: &str) -> String {
    let host = registry.to_lowercase();
    if host.contains('.') {
        host
    } else {
        format!("{host}.azurecr.io")
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let verdict = &self.explanation.verdict;
        write!(
            to,
            "{} for {} at {}",
            verdict.action, self.ip, self.registry
        )?;
        if let Some(ttl) = verdict.ttl {
            write!(to, ", for {}", duration::Show(ttl))?;
        }
        match &verdict.rule {
            Some(rule) => writeln!(to, ", by rule `{rule}`")?,
            None => writeln!(to, ", by the default: no rule matches")?,
        }
        if let Some(because) = &verdict.because {
            writeln!(to, "  {because}")?;
        }
        for note in &verdict.notes {
            writeln!(to, "  {}: {}", note.code.name(), note.text)?;
            if let Some(link) = note.code.link() {
                writeln!(to, "    {link}")?;
            }
        }
        writeln!(to, "  asked as of {}\n\nrules", wording::time(self.at))?;
        self.rules(to)?;
        writeln!(to, "\nsets")?;
        if self.sets.is_empty() {
            writeln!(to, "  the policy has none")?;
        }
        for set in &self.sets {
            let edition = set.change_number;
            let edition =
                edition.map_or_else(String::new, |number| format!(" (changeNumber {number})"));
            match set.holds {
                Some(true) => writeln!(to, "  `{}` holds it{edition}", set.name)?,
                Some(false) => writeln!(to, "  `{}` does not{edition}", set.name)?,
                None => writeln!(
                    to,
                    "  `{}` is not known: {} was never loaded",
                    set.name,
                    set.missing.join(", ")
                )?,
            }
        }
        if let Some(Near { set, outside_by }) = &self.nearest {
            let plural = if *outside_by == 1 { "" } else { "es" };
            writeln!(
                to,
                "  nearest miss: {outside_by} address{plural} outside `{set}`"
            )?;
        }
        if let Some(never) = &self.never {
            writeln!(to, "\nnever opened: {never}")?;
        }
        for Remark { code, text, link } in &self.advice {
            writeln!(to, "\nadvice {code}\n  {text}\n  {link}")?;
        }
        Ok(())
    }

    fn rules(&self, to: &mut String) -> std::fmt::Result {
        for rule in &self.explanation.rules {
            let matched = match (rule.matched, rule.decided) {
                (Some(true), true) => "matches and decides",
                (Some(true), false) => "matches, but another rule decides",
                (Some(false), _) => "does not match",
                (None, _) => "cannot be decided",
            };
            let observe = if rule.observe { " (only observed)" } else { "" };
            writeln!(to, "  `{}` {matched}{observe}", rule.rule)?;
            for condition in &rule.conditions {
                let held = match condition.held {
                    Some(true) => "yes",
                    Some(false) => "no ",
                    None => "?  ",
                };
                writeln!(to, "    {held} {}: {}", condition.field, condition.why)?;
            }
            if rule.conditions.is_empty() {
                writeln!(to, "    yes it has no conditions")?;
            }
        }
        Ok(())
    }
}
