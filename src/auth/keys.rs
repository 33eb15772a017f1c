//! The keys that an issuer publishes: fetched once for all who wait, kept while the issuer is down.

use crate::azure::http::{Http, SendError, keeps_secrets};
use arc_swap::ArcSwapOption;
use clock::{self, Clock};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use reqwest::{Method, Request, StatusCode, Url};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long keys are used before they are looked at again, so that withdrawn ones go.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The least time between two looks that unknown keys cause: anybody can invent one.
const FLOOR: Duration = Duration::from_mins(1);

/// The same after a look that failed.
const FLOOR_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long each of the two exchanges may take, well within the time for an answer.
const EXCHANGE: Duration = Duration::from_secs(5);

/// The most keys of one issuer.
const MOST_KEYS: usize = 128;

/// The least length of an RSA modulus, in base64 characters: 2048 bits.
const SHORTEST_MODULUS: usize = 342;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The issuer publishes none of this name.
    Unknown,
    /// The issuer cannot be asked.
    Unavailable {
        /// When it is worth trying again.
        retry: Duration,
    },
}

/// Keys that cannot be had.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("its {0} cannot be fetched: {1}")]
    Send(&'static str, SendError),
    #[error("its {0} is answered with {1}")]
    Status(&'static str, StatusCode),
    #[error("its {0} cannot be read: {1}")]
    Unreadable(&'static str, serde_json::Error),
    #[error("its OpenID configuration names another issuer, `{0}`")]
    OtherIssuer(String),
    #[error("its OpenID configuration leads to a key set elsewhere, at `{0}`")]
    Elsewhere(String),
    #[error("its key set holds no RSA key for signatures")]
    NoKeys,
}

/// An issuer's `OpenID` configuration, as far as it matters
/// (<https://openid.net/specs/openid-connect-discovery-1_0.html>, section 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Jwk>,
}

/// A key as it is published (RFC 7517). Entra's name no `alg`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// Keys as they were read.
struct Known {
    at: Timestamp,
    keys: HashMap<String, DecodingKey>,
}

/// The latest look, the first successful one aside: whether it failed, and until when there is no other.
#[derive(Clone, Copy)]
struct Look {
    failed: bool,
    until: Timestamp,
}

/// The keys of one issuer.
pub struct KeySet {
    issuer: Url,
    /// Whether its keys may be on another host, as its configuration says.
    elsewhere: bool,
    http: Http,
    clock: Clock,
    known: ArcSwapOption<Known>,
    look: Mutex<Look>,
    one_at_a_time: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
}

impl KeySet {
    /// The keys of `issuer`, which is also where its `OpenID` configuration is found.
    pub fn new(issuer: Url, http: Http, clock: Clock) -> Arc<Self> {
        Self::of(issuer, false, (http, clock))
    }

    /// The same of a provider at which people sign in. Some publish their keys on a host of their own
    /// (Google does), which the configuration document names.
    pub fn of_provider(issuer: Url, http: Http, clock: Clock) -> Arc<Self> {
        Self::of(issuer, true, (http, clock))
    }

    fn of(issuer: Url, elsewhere: bool, (http, clock): (Http, Clock)) -> Arc<Self> {
        Arc::new(Self {
            issuer,
            elsewhere,
            http,
            clock,
            known: ArcSwapOption::empty(),
            look: Mutex::new(Look {
                failed: false,
                until: Timestamp::MIN,
            }),
            one_at_a_time: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// The key of this name. Asks the issuer where the keys at hand do not tell, not too often.
    pub async fn key(self: &Arc<Self>, id: &str) -> Result<DecodingKey, KeyError> {
        let known = self.known.load_full();
        let at_hand = known.as_ref().and_then(|known| known.keys.get(id));
        let now = self.clock.now();
        let fresh = known
            .as_ref()
            .is_some_and(|known| now.duration_since(known.at) < FRESH_FOR);
        match (at_hand, fresh) {
            (Some(key), true) => return Ok(key.clone()),
            (Some(key), false) if self.one_at_a_time.try_lock().is_err() => return Ok(key.clone()),
            (Some(_) | None, _) => {}
        }
        // A task of its own: a sender who hangs up does not end the look for those who wait.
        let this = Arc::clone(self);
        let look = self.tasks.spawn(async move { this.look(known).await });
        if let Err(error) = look.await {
            tracing::error!(%error, "a look for keys ended early");
        }
        let Look { failed, until } = *self.latest();
        let wait = until.duration_since(self.clock.now());
        let retry = Duration::try_from(wait).unwrap_or_default();
        match self.known.load_full() {
            None => Err(KeyError::Unavailable { retry }),
            Some(known) => match known.keys.get(id) {
                Some(key) => Ok(key.clone()),
                None if failed => Err(KeyError::Unavailable { retry }),
                None => Err(KeyError::Unknown),
            },
        }
    }

    fn latest(&self) -> MutexGuard<'_, Look> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks, unless the last look is too young, or somebody else has looked since these keys were `seen`.
    async fn look(&self, seen: Option<Arc<Known>>) {
        let _turn = self.one_at_a_time.lock().await;
        let now_known = self.known.load_full();
        let looked_since = seen.as_ref().map(Arc::as_ptr) != now_known.as_ref().map(Arc::as_ptr);
        if looked_since || self.clock.now() < self.latest().until {
            return;
        }
        let fetched = self.fetch().await;
        let now = self.clock.now();
        let floor = match fetched {
            Ok(keys) => {
                // A first look is no repetition: the first unknown key may cause another at once.
                let first = self.known.load().is_none();
                self.known.store(Some(Arc::new(Known { at: now, keys })));
                *self.latest() = Look {
                    failed: false,
                    until: if first { now } else { clock::add(now, FLOOR) },
                };
                return;
            }
            Err(error) => {
                let kept = self.known.load().is_some();
                tracing::warn!(issuer = %self.issuer, %error, kept, "the keys of an issuer of tokens cannot be had");
                FLOOR_AFTER_FAILURE
            }
        };
        *self.latest() = Look {
            failed: true,
            until: clock::add(now, floor),
        };
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, FetchError> {
        let name = "OpenID configuration";
        let issuer = self.issuer.as_str().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url = url.parse().unwrap_or_else(|_| self.issuer.clone());
        let discovery: Discovery = self.get(name, url).await?;
        if discovery.issuer.trim_end_matches('/') != issuer {
            return Err(FetchError::OtherIssuer(discovery.issuer));
        }
        let url = Url::parse(&discovery.jwks_uri).ok();
        let own = |url: &Url| url.origin() == self.issuer.origin();
        let url = url.filter(|url| own(url) || self.elsewhere && keeps_secrets(url));
        let url = url.ok_or(FetchError::Elsewhere(discovery.jwks_uri))?;
        let published: Published = self.get("key set", url).await?;
        let keys: HashMap<String, DecodingKey> = published
            .keys
            .iter()
            .filter_map(usable)
            .take(MOST_KEYS)
            .collect();
        if keys.is_empty() {
            return Err(FetchError::NoKeys);
        }
        Ok(keys)
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        name: &'static str,
        url: Url,
    ) -> Result<T, FetchError> {
        let mut request = Request::new(Method::GET, url);
        *request.timeout_mut() = Some(EXCHANGE);
        let reply = self.http.send(request).await;
        let reply = reply.map_err(|error| FetchError::Send(name, error))?;
        if reply.status != StatusCode::OK {
            return Err(FetchError::Status(name, reply.status));
        }
        serde_json::from_slice(&reply.body).map_err(|error| FetchError::Unreadable(name, error))
    }
}

/// An RSA key of at least 2048 bits that is not for another purpose.
fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let may = |value: &Option<String>, wanted| value.as_deref().is_none_or(|value| value == wanted);
    let (n, e) = (jwk.n.as_deref()?, jwk.e.as_deref()?);
    let good = jwk.kty == "RSA"
        && may(&jwk.purpose, "sig")
        && may(&jwk.alg, "RS256")
        && n.trim_end_matches('=').len() >= SHORTEST_MODULUS;
    let key = DecodingKey::from_rsa_components(n, e).ok()?;
    good.then(|| (jwk.kid.clone().unwrap_or_default(), key))
}
