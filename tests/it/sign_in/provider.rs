//! A small identity provider that says what a test wants: right, wrong, late, or nothing.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, OnceLock};

/// doorward's id at the provider.
pub(crate) const CLIENT: &str = "doorward";
/// Its secret there.
pub(crate) const SECRET: &str = "client:secret/with+signs";
/// The key's name.
pub(crate) const KID: &str = "k1";

/// What the provider does next.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// It answers with this ID token.
    Token(String),
    /// It answers with this status and body.
    Answers(u16, Value),
    /// It takes requests and never answers.
    Hangs,
}

/// What arrived at the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) form: String,
    pub(crate) authorization: String,
}

#[derive(Clone)]
struct Shared {
    issuer: String,
    mood: Arc<Mutex<Mood>>,
    /// Whether even its configuration document does not come.
    down: Arc<Mutex<bool>>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

pub(crate) struct Provider {
    pub(crate) issuer: String,
    shared: Shared,
}

/// Making a key takes a noticeable time.
fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// The key's modulus: in the DER of an `RSAPublicKey` of 2048 bits it is at a fixed place.
pub(crate) fn modulus() -> Vec<u8> {
    key().public_key().as_ref()[9..265].to_vec()
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/t", listener.local_addr().unwrap());
        let shared = Shared {
            issuer: issuer.clone(),
            mood: Arc::new(Mutex::new(Mood::Answers(
                400,
                json!({ "error": "no mood" }),
            ))),
            down: Arc::default(),
            exchanges: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
        Self { issuer, shared }
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    pub(crate) fn is_down(&self, down: bool) {
        *self.shared.down.lock().unwrap() = down;
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.shared.exchanges.lock().unwrap().clone()
    }
}

/// A token with this header and these claims, whose signature `sign` makes.
pub(crate) fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Signs as the provider does.
pub(crate) fn rs256(bytes: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key().public_modulus_len()];
    key()
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            bytes,
            &mut signature,
        )
        .unwrap();
    signature
}

async fn answer(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let issuer = &shared.issuer;
    if *shared.down.lock().unwrap() {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    match uri.path() {
        "/t/.well-known/openid-configuration" => Json(json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?p=1"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
        }))
        .into_response(),
        "/t/keys" => Json(json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": KID,
            "n": URL_SAFE_NO_PAD.encode(modulus()), "e": "AQAB",
        }] }))
        .into_response(),
        "/t/token" => {
            let authorization = headers.get("authorization");
            let authorization = authorization.map_or("", |value| value.to_str().unwrap());
            shared.exchanges.lock().unwrap().push(Exchange {
                form: body,
                authorization: authorization.to_owned(),
            });
            let mood = shared.mood.lock().unwrap().clone();
            match mood {
                Mood::Token(token) => {
                    Json(json!({ "id_token": token, "token_type": "Bearer" })).into_response()
                }
                Mood::Answers(status, body) => {
                    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
                }
                Mood::Hangs => std::future::pending().await,
            }
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
