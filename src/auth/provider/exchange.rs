//! A code is exchanged for an ID token.

use super::discovery::Known;
use super::{EXCHANGE, Provider, ProviderError, error_code, refused, unavailable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Provider {
    /// The ID token for a code.
    pub(super) async fn exchange(
        &self,
        known: &Known,
        code: &str,
        verifier: &str,
    ) -> Result<String, ProviderError> {
        let mut form = Url::parse("form:").map_err(|error| refused(&error))?;
        {
            let mut pairs = form.query_pairs_mut();
            pairs
                .append_pair("grant_type", "authorization_code")
                .append_pair("code", code)
                .append_pair("redirect_uri", &self.client.redirect_uri)
                .append_pair("code_verifier", verifier);
            match &self.client.secret {
                Some(_) if known.basic => {}
                Some(secret) => {
                    pairs
                        .append_pair("client_id", &self.client.id)
                        .append_pair("client_secret", secret.expose_secret());
                }
                None => {
                    pairs.append_pair("client_id", &self.client.id);
                }
            }
        }
        let mut request = Request::new(Method::POST, known.token.clone());
        let headers = request.headers_mut();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        if let (Some(secret), true) = (&self.client.secret, known.basic) {
            headers.insert(AUTHORIZATION, basic_proof(&self.client.id, secret)?);
        }
        let body = form.query().unwrap_or_default().to_owned();
        *request.body_mut() = Some(body.into());
        *request.timeout_mut() = Some(EXCHANGE);
        let reply = self.http.send(request).await;
        let reply = reply.map_err(|error| unavailable("token endpoint", &error))?;
        if reply.status == StatusCode::OK {
            let tokens: Tokens = serde_json::from_slice(&reply.body)
                .map_err(|_| refused(&"its token endpoint answered without an ID token"))?;
            return Ok(tokens.id_token);
        }
        if reply.status.is_server_error() {
            let what = format!("its token endpoint answered {}", reply.status);
            return Err(ProviderError::Unavailable(what));
        }
        // The error's code alone: descriptions may repeat what was sent.
        let denied: Option<Denied> = serde_json::from_slice(&reply.body).ok();
        let code = denied.map_or_else(String::new, |denied| error_code(&denied.error));
        Err(refused(&format!(
            "its token endpoint answered {} {code}",
            reply.status
        )))
    }
}

/// Id and secret, each form-encoded first (RFC 6749, section 2.3.1).
fn basic_proof(id: &str, secret: &SecretString) -> Result<HeaderValue, ProviderError> {
    let encoded = |text: &str| {
        let mut url = Url::parse("form:").map_err(|error| refused(&error))?;
        url.query_pairs_mut().append_pair(text, "");
        let query = url.query().unwrap_or_default();
        Ok::<String, ProviderError>(query.trim_end_matches('=').to_owned())
    };
    let pair = format!("{}:{}", encoded(id)?, encoded(secret.expose_secret())?);
    let proof = format!("Basic {}", STANDARD.encode(pair));
    let mut proof = HeaderValue::from_str(&proof).map_err(|error| refused(&error))?;
    proof.set_sensitive(true);
    Ok(proof)
}
