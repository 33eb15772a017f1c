//! From the configuration of sources to what their senders are checked against.

use super::SenderAuth;
use super::{Bearer, KeySet};
use crate::azure::SettingsError;
use crate::azure::http::Http;
use crate::config::{self, Config};
use clock::Clock;
use doorward_core::auth::signature;
use doorward_core::auth::signature::Key;
use doorward_core::auth::token::Expected;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who issues v1 tokens: Entra for most clouds, and for China
/// (<https://learn.microsoft.com/entra/identity-platform/access-tokens>).
const V1_ISSUERS: [&str; 2] = ["https://sts.windows.net/", "https://sts.chinacloudapi.cn/"];

/// A source whose proof cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The authority cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A key of signatures cannot be used.
    #[error("a key of the source `{source_name}` cannot be used: {why}")]
    Key {
        /// The source.
        source_name: String,
        /// What is wrong with it.
        why: signature::KeyError,
    },
    /// The issuer is no URL.
    #[error("the issuer `{0}` is not an URL: write it as `https://host/`")]
    Issuer(String),
}

/// What each source's sender is checked against, by the source's name. Sources with the same issuer
/// share its keys.
pub fn of_sources(
    config: &Config,
    mut secrets: BTreeMap<String, Vec<SecretString>>,
    (http, clock): (&Http, &Clock),
) -> Result<BTreeMap<String, SenderAuth>, AuthError> {
    let mut key_sets: BTreeMap<String, Arc<KeySet>> = BTreeMap::new();
    let mut bearer = |issuer: String, expected: Expected, is_job: bool| {
        let url: Url = issuer
            .parse()
            .map_err(|_| AuthError::Issuer(issuer.clone()))?;
        let keys = key_sets
            .entry(issuer)
            .or_insert_with(|| KeySet::new(url, http.clone(), clock.clone()));
        let keys = Arc::clone(keys);
        Ok::<SenderAuth, AuthError>(SenderAuth::Bearer(Box::new(Bearer {
            keys,
            expected,
            is_job,
        })))
    };
    let mut auths = BTreeMap::new();
    for source in &config.sources {
        let keys = secrets.remove(&source.name).unwrap_or_default();
        let auth = match &source.auth {
            config::Auth::SharedKey { query, .. } => SenderAuth::SharedKey {
                keys,
                query: *query,
            },
            config::Auth::Signature { .. } => {
                SenderAuth::Signature(signing_keys(&source.name, &keys)?)
            }
            config::Auth::EntraToken { tenant_id, .. } => {
                let authority = config.azure.authority()?;
                let issuer = format!("{authority}{tenant_id}/v2.0");
                bearer(issuer, of_tenant(&source.auth, &authority), false)?
            }
            config::Auth::Feed(feed) => SenderAuth::Feed(Box::new(feed.clone())),
            config::Auth::CiToken {
                issuer,
                audiences,
                claims,
            } => {
                let expected = Expected {
                    issuers: vec![issuer.clone()],
                    audiences: audiences.clone(),
                    claims: claims.clone(),
                    ..Expected::default()
                };
                bearer(issuer.clone(), expected, true)?
            }
        };
        auths.insert(source.name.clone(), auth);
    }
    Ok(auths)
}

fn signing_keys(source: &str, secrets: &[SecretString]) -> Result<Vec<Key>, AuthError> {
    let key = |secret: &SecretString| {
        Key::new(secret.expose_secret()).map_err(|why| AuthError::Key {
            source_name: source.to_owned(),
            why,
        })
    };
    secrets.iter().map(key).collect()
}

/// What a token of a tenant must say. Which of the issuer's names stands in it depends on the version
/// of token that the audience asks for.
fn of_tenant(auth: &config::Auth, authority: &Url) -> Expected {
    let config::Auth::EntraToken {
        tenant_id,
        audiences,
        app_id,
        role,
    } = auth
    else {
        return Expected::default();
    };
    let v1 = V1_ISSUERS.iter().copied().chain([authority.as_str()]);
    let mut issuers: Vec<String> = v1.map(|base| format!("{base}{tenant_id}/")).collect();
    issuers.push(format!("{authority}{tenant_id}/v2.0"));
    Expected {
        issuers,
        audiences: audiences.clone(),
        tenant: Some(tenant_id.clone()),
        app: app_id.clone(),
        role: role.clone(),
        claims: Vec::new(),
    }
}
