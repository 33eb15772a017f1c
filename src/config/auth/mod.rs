//! `auth` of a source: how its sender proves itself.

mod sign_in;

pub(super) use sign_in::sign_in;
pub use sign_in::{SignIn, SignInWay};

use super::sections::items;
use super::values::{is_loopback, secret};
use super::{Auth, Secret};
use doorward_core::auth::owner::Provider;
use doorward_core::auth::proof::{ClaimIs, read_claims};
use doorward_core::yaml::problem::{Sink, did_you_mean};
use doorward_core::yaml::{Fields, Item};
use reqwest::Url;
use std::path::Path;
use uuid::Uuid;

/// Event Grid's own application
/// (<https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery>).
const EVENT_GRID: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
/// The application of action groups' secure webhooks
/// (<https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups>).
const ACTION_GROUP: &str = "461e8683-5575-4561-ac7f-899cc907d62a";

/// The kinds of proof by their names.
#[derive(Clone, Copy)]
enum Kind {
    SharedKey,
    EntraToken,
    CiToken,
    Signature,
}

/// The issuer of a provider's tokens, where there is but one.
fn usual_issuer(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::GitHub => Some("https://token.actions.githubusercontent.com"),
        Provider::GitLab => Some("https://gitlab.com"),
        Provider::AzureDevOps => None,
    }
}

/// Reads `auth`.
pub(super) fn auth_of(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Auth> {
    let mut fields = item.fields(sink)?;
    let kinds = [
        ("shared_key", Kind::SharedKey),
        ("entra_token", Kind::EntraToken),
        ("ci_token", Kind::CiToken),
        ("signature", Kind::Signature),
    ];
    let kind = fields.need("kind", "write `kind: shared_key`", sink);
    if let Some(kind) = &kind
        && kind.text(sink)? == "none"
    {
        let help = "write `kind: shared_key`; only `doorward demo` hears unproven senders";
        kind.error("a service hears nobody who proves nothing", help, sink);
        return None;
    }
    let kind = kind.and_then(|at| at.word(&kinds, sink));
    let auth = match kind {
        Some(Kind::EntraToken) => entra_token(&mut fields, sink),
        Some(Kind::CiToken) => ci_token(&mut fields, sink),
        Some(Kind::Signature) => {
            keys(&mut fields, folder, sink).map(|keys| Auth::Signature { keys })
        }
        Some(Kind::SharedKey) | None => shared_key(&mut fields, folder, sink),
    };
    fields.finish(sink);
    kind.and(auth)
}

fn shared_key(fields: &mut Fields<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Auth> {
    let keys = keys(fields, folder, sink);
    let query = fields.take("query");
    let query = query.map_or(Some(false), |at| at.flag(sink));
    Some(Auth::SharedKey {
        keys: keys?,
        query: query?,
    })
}

fn keys(fields: &mut Fields<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Vec<Secret>> {
    let help = "name where the key is: `keys: [{ env: NAME }]`";
    let keys = items(fields, "keys", Some(help), sink);
    let read: Vec<Option<Secret>> = keys.iter().map(|key| secret(key, folder, sink)).collect();
    read.into_iter().collect()
}

fn entra_token(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Auth> {
    let help = "copy the tenant's id from `az account show --query tenantId`";
    let tenant_id = fields.need("tenant_id", help, sink);
    let tenant_id = tenant_id.and_then(|at| guid(&at, help, sink));
    let help = "name the app registration that stands for doorward, by its application id or as `api://..`";
    let audiences = fields.need("audience", help, sink);
    let audiences = audiences.and_then(|at| audiences_of(&at, sink));
    let help = "write `app_id: event_grid`, `action_group`, an application's id, or `any`";
    let named = fields.need("app_id", help, sink);
    let app_id = named.as_ref().and_then(|at| match at.text(sink)? {
        "any" => Some(None),
        "event_grid" => Some(Some(EVENT_GRID.to_owned())),
        "action_group" => Some(Some(ACTION_GROUP.to_owned())),
        _ => guid(at, help, sink).map(Some),
    });
    let role = fields.take("role");
    let read = role.as_ref().map(|at| at.text(sink).map(str::to_owned));
    if let (Some(at), Some(None), None) = (&named, &app_id, &role) {
        let what = "everybody in the tenant who gets a token for this audience is heard";
        at.warn(
            what,
            "name the application, or a `role` that it must have",
            sink,
        );
    }
    Some(Auth::EntraToken {
        tenant_id: tenant_id?,
        audiences: audiences?,
        app_id: app_id?,
        role: match read {
            None => None,
            Some(role) => Some(role?),
        },
    })
}

/// A GUID, in lower case and with its dashes.
fn guid(item: &Item<'_>, help: &str, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let parsed = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    if parsed.is_none() {
        item.error("this is not a GUID", help, sink);
    }
    parsed.map(|id| id.to_string())
}

/// An application's audiences. Its id and `api://` before it mean the same: which of them a token
/// names depends on the version of token that the application asks for.
fn audiences_of(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    let mut audiences = Vec::new();
    for item in item.each() {
        let text = item.text(sink)?;
        let bare = text.strip_prefix("api://").unwrap_or(text);
        if Uuid::try_parse(bare).is_ok() {
            audiences.extend([bare.to_owned(), format!("api://{bare}")]);
        } else if Url::parse(text).is_ok() {
            audiences.push(text.to_owned());
        } else {
            let help = "write the application's id, or its identifier URI such as `api://doorward`";
            item.error("this is no audience of an application", help, sink);
        }
    }
    (!audiences.is_empty()).then_some(audiences)
}

fn ci_token(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Auth> {
    let help = "write `provider: github`, `gitlab` or `azure_devops`";
    let provider = fields.need("provider", help, sink);
    let provider = provider.and_then(|at| at.word(&Provider::NAMES, sink));
    let issuer = match (fields.take("issuer"), provider) {
        (Some(at), _) => issuer(&at, sink),
        (None, Some(known)) if usual_issuer(known).is_none() => {
            let help = "write your organisation's: `issuer: https://vstoken.dev.azure.com/<organisation id>`";
            fields.need("issuer", help, sink);
            None
        }
        (None, provider) => provider.and_then(usual_issuer).map(str::to_owned),
    };
    let help =
        "name what the job asks its token for, such as `audience: https://doorward.contoso.com`";
    let audience = fields.need("audience", help, sink);
    let audiences = audience.and_then(|at| {
        let texts = at
            .each()
            .into_iter()
            .map(|at| at.text(sink).map(str::to_owned));
        texts.collect::<Option<Vec<String>>>()
    });
    let help = "say whose jobs are heard, as in `claims: { repository: contoso/api }`";
    let claims = fields.need("claims", help, sink);
    let claims = claims.map(|at| (read_claims(&at, sink), at));
    if let (Some((claims, at)), Some(provider)) = (&claims, provider) {
        whose(claims, at, provider, sink);
    }
    provider?;
    Some(Auth::CiToken {
        issuer: issuer?,
        audiences: audiences.filter(|all| !all.is_empty())?,
        claims: claims?.0,
    })
}

/// Every customer of a provider gets tokens of the same issuer, for any audience: a claim must say
/// whose job it is, by an owner that no pattern leaves open.
fn whose(claims: &[ClaimIs], item: &Item<'_>, provider: Provider, sink: &mut Sink<'_>) {
    if provider.names_owner(claims) || sink.failed() {
        return;
    }
    let near = claims
        .iter()
        .find_map(|claim| did_you_mean(&claim.name, provider.owner_claims()));
    let help = near.unwrap_or_else(|| {
        let example = provider.example();
        format!("name the owner without `*` or `?`, in every value of one claim: {example}")
    });
    let what = "these claims do not say whose jobs are heard: they name no owner";
    item.error(what, help, sink);
}

/// An issuer: where its `OpenID` configuration is found, too.
fn issuer(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let url = Url::parse(text).ok().filter(|url| {
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
        let bare = url.query().is_none() && url.fragment().is_none();
        safe && bare && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        let help = "write it as its tokens name it, such as `https://gitlab.contoso.com`";
        item.error("this is no https URL of an issuer", help, sink);
    }
    url.map(|_| text.to_owned())
}
