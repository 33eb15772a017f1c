//! `sign_in`: where people sign in, and who may.

use super::{guid, issuer};
use crate::config::Secret;
use crate::config::values::{is_loopback, secret};
use doorward_core::auth::sign_in::{Admission, Subject};
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use reqwest::Url;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How long a session lasts that is not used, unless the file says otherwise.
const IDLE: Duration = Duration::from_hours(1);
/// How long it lasts in any case, unless the file says otherwise.
const LONGEST: Duration = Duration::from_hours(12);
/// The longest that it may last.
const MOST: Duration = Duration::from_hours(7 * 24);

/// Where Microsoft Entra ID is, in each cloud
/// (<https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>).
const ENTRA: [&str; 3] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
];

/// Names that stand for many tenants: then anybody with any account of Microsoft could come.
const MANY_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

/// How people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Where.
    pub way: SignInWay,
    /// Who may, and by which claim they are known.
    pub admission: Admission,
    /// How long a session lasts that is not used.
    pub idle: Duration,
    /// How long it lasts in any case.
    pub longest: Duration,
}

/// Where people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInWay {
    /// At a provider of `OpenID` Connect.
    Provider {
        /// An https URL, or http on this machine.
        issuer: String,
        /// doorward's id there.
        client_id: String,
        /// Its secret there; none for a public client.
        client_secret: Option<Secret>,
    },
    /// At the authentication of the platform in front (App Service, Container Apps).
    EasyAuth {
        /// The tenant, a GUID in lower case.
        tenant_id: String,
    },
}

impl SignIn {
    /// Where doorward's own secret at the provider is.
    pub(in crate::config) fn client_secret(&self) -> Option<&Secret> {
        match &self.way {
            SignInWay::Provider { client_secret, .. } => client_secret.as_ref(),
            SignInWay::EasyAuth { .. } => None,
        }
    }
}

/// `sign_in`. `public_url` is how people reach doorward; `proxies`, whether any proxy is trusted.
pub(in crate::config) fn sign_in(
    fields: &mut Fields<'_>,
    (public_url, proxies, folder): (Option<&str>, bool, &Path),
    sink: &mut Sink<'_>,
) -> Option<SignIn> {
    let item = fields.take("sign_in")?;
    let mut fields = item.fields(sink)?;
    if public_url.is_some_and(|url| !is_safe(url)) {
        let what = "people sign in over https only, and `public_url` is another";
        let help = "put TLS in front of `listen`, and write `public_url: https://..`";
        item.error(what, help, sink);
    }
    let way = way(&item, &mut fields, (proxies, folder), sink);
    let roles = texts(fields.take("roles"), sink);
    let groups = texts(fields.take("groups"), sink);
    if roles.is_empty() && groups.is_empty() && !sink.failed() {
        let what = "this does not say who may sign in";
        let help = "name the application roles, `roles: [doorward.approver]`, or the groups, by their object ids";
        item.error(what, help, sink);
    }
    let subject = subject(&mut fields, way.as_ref(), sink);
    let (idle, longest) = lasts(&mut fields, sink);
    fields.finish(sink);
    Some(SignIn {
        way: way?,
        admission: Admission {
            subject: subject?,
            roles,
            groups,
        },
        idle: idle?,
        longest: longest?,
    })
}

/// The texts of a list.
fn texts(listed: Option<Item<'_>>, sink: &mut Sink<'_>) -> BTreeSet<String> {
    let listed = listed.map_or_else(Vec::new, |at| at.each());
    let texts = listed.iter().filter_map(|at| at.text(sink));
    texts.map(str::to_owned).collect()
}

fn is_safe(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url))
}

fn way(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    (proxies, folder): (bool, &Path),
    sink: &mut Sink<'_>,
) -> Option<SignInWay> {
    if let Some(at) = fields.take("easy_auth") {
        if !proxies {
            let what = "the platform's headers are believed from `trusted_proxies` only, and there are none";
            at.error(
                what,
                "name the platform's proxies in `trusted_proxies`",
                sink,
            );
        }
        let help = "copy the tenant's id from `az account show --query tenantId`";
        let mut inner = at.fields(sink)?;
        let tenant = inner.need("tenant_id", help, sink);
        let tenant_id = tenant.and_then(|at| guid(&at, help, sink));
        inner.finish(sink);
        return Some(SignInWay::EasyAuth {
            tenant_id: tenant_id?,
        });
    }
    let help = "write it as `https://login.microsoftonline.com/<tenant id>/v2.0`, or as your provider names itself";
    let at = fields.need("issuer", help, sink);
    let named = at.as_ref().and_then(|at| issuer(at, sink));
    if let (Some(at), Some(named)) = (&at, &named)
        && named.split('/').any(|part| MANY_TENANTS.contains(&part))
    {
        let what = "this stands for every tenant, so that anybody's account would be heard";
        at.error(what, "name one tenant by its id", sink);
    }
    let client = fields.need("client_id", "the application's id at the provider", sink);
    let client_id = client.and_then(|at| at.text(sink).map(str::to_owned));
    let client_secret = fields
        .take("client_secret")
        .map(|at| secret(&at, folder, sink));
    if client_secret.is_none() && !sink.failed() {
        let what = "without `client_secret` doorward is a public client at the provider";
        let help =
            "write `client_secret: { env: NAME }`, unless the application there is a public one";
        item.warn(what, help, sink);
    }
    Some(SignInWay::Provider {
        issuer: named?,
        client_id: client_id?,
        client_secret: client_secret.flatten(),
    })
}

/// `subject`: which claim says who somebody is.
fn subject(
    fields: &mut Fields<'_>,
    way: Option<&SignInWay>,
    sink: &mut Sink<'_>,
) -> Option<Subject> {
    let words = [("sub", Subject::Sub), ("oid", Subject::Oid)];
    if let Some(at) = fields.take("subject") {
        return at.word(&words, sink);
    }
    let entra = |issuer: &str| {
        let url = Url::parse(issuer).ok();
        url.is_some_and(|url| url.host_str().is_some_and(|host| ENTRA.contains(&host)))
    };
    Some(match way? {
        SignInWay::Provider { issuer, .. } if !entra(issuer) => Subject::Sub,
        SignInWay::Provider { .. } | SignInWay::EasyAuth { .. } => Subject::Oid,
    })
}

/// `session: { idle: 1h, max: 12h }`.
fn lasts(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> (Option<Duration>, Option<Duration>) {
    let Some(at) = fields.take("session") else {
        return (Some(IDLE), Some(LONGEST));
    };
    let Some(mut inner) = at.fields(sink) else {
        return (None, None);
    };
    let mut lasts = |name, usual: Duration| {
        let Some(at) = inner.take(name) else {
            return Some(usual);
        };
        let time = at.duration(sink)?;
        if time > MOST {
            at.error(
                "nobody stays signed in for that long",
                "write at most 7d",
                sink,
            );
            return None;
        }
        Some(time)
    };
    let both = (lasts("idle", IDLE), lasts("max", LONGEST));
    inner.finish(sink);
    both
}
