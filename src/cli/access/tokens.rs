//! `doorward tokens`: the API tokens of programs.

use crate::cli::Failure;
use crate::cli::admin::{Admin, By, Output};
use crate::http::api::wire::access::{
    CreateToken, Created, RevokeToken, RevokedToken, TokenView, Tokens,
};
use clap::Subcommand;
use doorward_core::auth::api_token::{Scope, Scopes};
use doorward_core::messages::wording::time;
use doorward_core::yaml::duration;

/// What `doorward tokens` does.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Create an API token; it is shown this once
    Create(Create),
    /// List the API tokens, without what is shown
    List(List),
    /// Revoke an API token: it is not taken any more
    Revoke(Revoke),
}

/// What `doorward tokens create` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// The token's name: the ledger names by it whoever uses it
    #[arg(value_name = "NAME")]
    token: String,
    /// What it may do: `read`, `answer`, `operate`; none includes another
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        required = true,
        value_delimiter = ','
    )]
    scopes: Vec<Scope>,
    /// How long it lasts, such as `90d`; until it is revoked if left out
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward tokens list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward tokens revoke` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The token's name
    #[arg(value_name = "NAME")]
    token: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl TokensCommand {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let lasts = self.expires.as_deref().map(duration::parse).transpose();
        let lasts =
            lasts.map_err(|error| Failure::wrong_input(anyhow::anyhow!("--expires: {error}")))?;
        let scopes = Scopes::try_from(self.scopes).map_err(Failure::wrong_input)?;
        let order = CreateToken {
            name: self.token,
            scopes,
            seconds: lasts.map(|lasts| lasts.as_secs()),
            by: self.by.name,
        };
        let created: Created = self.admin.post(&["tokens"], &order).await?;
        // The token alone, so that it can go into a variable or a vault.
        self.output
            .print(&created, || format!("{}\n", created.token))
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let found: Tokens = self.admin.get(&["tokens"]).await?;
        self.output.print(&found, || {
            let lines: String = found.tokens.iter().map(line).collect();
            if lines.is_empty() {
                "No API tokens\n".to_owned()
            } else {
                lines
            }
        })
    }
}

impl Revoke {
    async fn run(self) -> Result<(), Failure> {
        let order = RevokeToken {
            name: self.token,
            by: self.by.name,
        };
        let revoked: RevokedToken = self.admin.post(&["tokens", "revoke"], &order).await?;
        self.output
            .print(&revoked, || format!("Revoked: {}\n", revoked.revoked))
    }
}

fn line(token: &TokenView) -> String {
    let expires = match token.expires {
        Some(at) if token.expired => format!("expired {}", time(at)),
        Some(at) => format!("expires {}", time(at)),
        None => "does not expire".to_owned(),
    };
    let used = token.last_used.map_or_else(
        || "never used".to_owned(),
        |at| format!("last used {}", time(at)),
    );
    let (name, scopes, by) = (&token.name, &token.scopes, &token.created_by);
    format!(
        "{name}  {scopes}  {expires}, {used}; created {} by {by}\n",
        time(token.created)
    )
}
