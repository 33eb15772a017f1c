//! `doorward init`: a first configuration, a starter policy with cases, and the commands for the role.

mod commands;
mod compose;
mod files;

use super::Failure;
use super::policy::print;
use anyhow::{Context, anyhow};
use clap::ValueEnum;
use doorward_core::net::resource_id::{REGISTRY, ResourceId};
use reqwest::Url;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// What `doorward init` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is not given is asked for where standard input is a terminal. Nothing is overwritten.\nAn example: doorward init --registry \"$(az acr show --name contosoprod --query id -o tsv)\" --from github --owner contoso"
)]
pub(crate) struct Init {
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A registry's resource id (`az acr show --query id`); may be repeated
    #[arg(long = "registry", value_name = "ID")]
    registries: Vec<String>,
    /// How denials come
    #[arg(long, value_enum)]
    from: Option<Route>,
    /// Whose CI jobs are heard: contoso, contoso/api; for Azure DevOps organisation/project/pipeline
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// The branch whose jobs are let in; those of other branches are asked about
    #[arg(long, value_name = "NAME", default_value = "main")]
    branch: String,
    /// The issuer of the CI jobs' tokens; for Azure DevOps `https://vstoken.dev.azure.com/<organisation id>`
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Who approves requests
    #[arg(long, value_enum)]
    approvals: Option<Approvals>,
    /// A NAT gateway of your own, by its resource id: callers behind it are let in
    #[arg(long, value_name = "ID", conflicts_with = "cidr")]
    nat_gateway: Option<String>,
    /// A network of your own: callers in it are let in
    #[arg(long, value_name = "CIDR")]
    cidr: Option<String>,
    /// How people and senders reach doorward
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    public_url: Url,
    /// The ledger
    #[arg(long, value_name = "URL", default_value = "sqlite://doorward.db")]
    state: String,
    /// As whom doorward speaks to Azure
    #[arg(long, value_enum, default_value_t = Credential::ManagedIdentity)]
    credential: Credential,
}

/// How denials come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Route {
    /// doorward reads the registry's own log: nothing else to set up, minutes late
    Logs,
    /// A log alert of Azure Monitor through an action group: nothing to change in pipelines, minutes late
    Alert,
    /// Jobs of GitHub Actions report their own denials
    Github,
    /// Jobs of GitLab CI report their own denials
    Gitlab,
    /// Jobs of Azure DevOps report their own denials
    AzureDevops,
    /// A forwarder of logs or events posts them, with a shared key
    Forwarder,
}

/// Who approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Approvals {
    /// Whoever holds a request's link, which goes to the channels
    Link,
    /// Nobody: requests only inform
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Credential {
    /// The identity that Azure gives to where doorward runs
    ManagedIdentity,
    /// A Kubernetes service account that Entra trusts
    WorkloadIdentity,
    /// Whoever is signed in with `az login`: for trying it out
    AzureCli,
}

/// Whose addresses are ours.
#[derive(Clone, Debug)]
enum Ours {
    NatGateway(ResourceId),
    Cidr(String),
}

/// Everything that is written is made of this.
#[derive(Clone, Debug)]
struct Answers {
    registries: Vec<ResourceId>,
    from: Route,
    owner: String,
    branch: String,
    issuer: Option<String>,
    approvals: Approvals,
    ours: Option<Ours>,
    public_url: String,
    state: String,
    credential: Credential,
}

impl Route {
    /// Whether CI jobs report, with a token.
    fn is_job(self) -> bool {
        matches!(self, Self::Github | Self::Gitlab | Self::AzureDevops)
    }

    /// Whether its sender shows a key of ours.
    fn has_key(self) -> bool {
        matches!(self, Self::Alert | Self::Forwarder)
    }

    /// The name of the source.
    fn source(self) -> &'static str {
        match self {
            Self::Logs => "registry-log",
            Self::Alert => "alerts",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::AzureDevops => "azure-devops",
            Self::Forwarder => "forwarder",
        }
    }
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let dir = self.dir.clone();
        let answers = self.answers()?;
        let files = compose::files(&answers);
        files::check(&dir, &files)?;
        files::write(&dir, &answers, &files)?;
        for (name, _) in &files {
            print(format_args!("wrote {}", dir.join(name).display()))?;
        }
        print(format_args!(
            "wrote {}: keys, readable by you alone; keep them out of version control\n\n{}",
            dir.join("secrets").display(),
            commands::next(&answers, &dir)
        ))
    }

    /// What was given, and what is asked for.
    fn answers(self) -> Result<Answers, Failure> {
        let registries = registries(self.registries)?;
        let from = match self.from {
            Some(from) => from,
            None => choose(
                "--from",
                "How do denials come? logs, alert, github, gitlab, azure-devops, forwarder",
                "logs",
            )?,
        };
        let owner = match (self.owner, from.is_job()) {
            (Some(owner), _) => owner,
            (None, true) => ask(
                "--owner",
                "Whose jobs are heard? contoso, contoso/api, organisation/project/pipeline",
                None,
            )?,
            (None, false) => String::new(),
        };
        let issuer = match (self.issuer, from) {
            (None, Route::AzureDevops) => {
                let question = "The issuer: https://vstoken.dev.azure.com/<organisation id>";
                Some(ask("--issuer", question, None)?)
            }
            (issuer, _) => issuer,
        };
        let approvals = match self.approvals {
            Some(approvals) => approvals,
            None => choose("--approvals", "Who approves requests? link, none", "link")?,
        };
        let gateway = self.nat_gateway.map(|id| resource(&id, "--nat-gateway"));
        let gateway = gateway.transpose()?.map(Ours::NatGateway);
        Ok(Answers {
            registries,
            from,
            owner,
            branch: self.branch,
            issuer,
            approvals,
            ours: gateway.or(self.cidr.map(Ours::Cidr)),
            public_url: self.public_url.as_str().trim_end_matches('/').to_owned(),
            state: self.state,
            credential: self.credential,
        })
    }
}

/// The registries that were given, or are asked for.
fn registries(mut given: Vec<String>) -> Result<Vec<ResourceId>, Failure> {
    if given.is_empty() {
        let question = "Resource ids of the registries, separated by spaces";
        let answer = ask("--registry", question, None)?;
        given = answer.split_whitespace().map(str::to_owned).collect();
    }
    let registry = |text: &String| {
        let id = resource(text, "--registry")?.of_type(REGISTRY);
        id.map_err(|error| wrong(&format!("`--registry`: {error}")))
    };
    given.iter().map(registry).collect()
}

fn wrong(what: &str) -> Failure {
    Failure::wrong_input(anyhow!("{what}"))
}

fn resource(text: &str, option: &str) -> Result<ResourceId, Failure> {
    text.parse()
        .map_err(|error| wrong(&format!("`{option} {text}`: {error}")))
}

/// One of an option's words.
fn choose<T: ValueEnum>(option: &str, question: &str, usual: &str) -> Result<T, Failure> {
    let word = ask(option, question, Some(usual))?;
    T::from_str(&word, true).map_err(|error| wrong(&format!("`{option}`: {error}")))
}

/// Asks whoever sits at the terminal.
fn ask(option: &str, question: &str, usual: Option<&str>) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return match usual {
            Some(usual) => Ok(usual.to_owned()),
            None => Err(wrong(&format!(
                "`{option}` is missing, and standard input is not a terminal: give it"
            ))),
        };
    }
    let mut stderr = std::io::stderr();
    let hint = usual.map_or_else(String::new, |usual| format!(" [{usual}]"));
    let asked = write!(stderr, "{question}{hint}: ").and_then(|()| stderr.flush());
    asked.context("the question cannot be shown")?;
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .context("the answer cannot be read")?;
    match (answer.trim(), usual) {
        ("", Some(usual)) => Ok(usual.to_owned()),
        ("", None) => Err(wrong(&format!("`{option}` has no answer"))),
        (answer, _) => Ok(answer.to_owned()),
    }
}
