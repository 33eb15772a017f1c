//! A client of the registries' data plane, as `docker pull` is one: who it is and what it is told.

use super::start::Sim;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::IpAddr;

/// A client at an address.
#[derive(Clone, Debug)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    address: IpAddr,
    login: Option<(String, String)>,
}

/// What a pull came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The status of the last reply.
    pub status: u16,
    /// Its body.
    pub body: String,
}

impl Pull {
    /// Whether the image came.
    pub fn is_served(&self) -> bool {
        self.status == 200
    }

    /// The line that a container runtime prints for a refusal.
    pub fn as_docker_says(&self, host: &str) -> String {
        format!(
            "Error response from daemon: Get \"https://{host}/v2/\": denied: {}",
            self.body
        )
    }
}

impl Sim {
    /// A client that calls from this address, without credentials.
    pub fn caller(&self, address: IpAddr) -> Caller {
        Caller {
            http: super::senders::client(),
            base: self.data_plane().to_owned(),
            address,
            login: None,
        }
    }
}

impl Caller {
    /// The same client with a registry's user name and password.
    #[must_use]
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Pulls a manifest as container runtimes do: asks for it, is referred to the token endpoint,
    /// asks again. Each refusal ends it.
    pub async fn pull(
        &self,
        host: &str,
        repository: &str,
        reference: &str,
    ) -> reqwest::Result<Pull> {
        let path = format!("v2/{repository}/manifests/{reference}");
        let first = self.get(host, &path, None).await?;
        if first.status != 401 {
            return Ok(first);
        }
        let login = self.login.as_ref();
        let basic = login.map(|(user, password)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let path_of_token =
            format!("oauth2/token?service={host}&scope=repository:{repository}:pull");
        let token = self.get(host, &path_of_token, basic).await?;
        let granted = serde_json::from_str::<Value>(&token.body).unwrap_or_default();
        match granted.get("access_token").and_then(Value::as_str) {
            Some(granted) => {
                self.get(host, &path, Some(format!("Bearer {granted}")))
                    .await
            }
            None => Ok(token),
        }
    }

    async fn get(
        &self,
        host: &str,
        path: &str,
        authorization: Option<String>,
    ) -> reqwest::Result<Pull> {
        let mut request = self
            .http
            .get(format!("{}{path}", self.base))
            .header("host", host)
            .header("user-agent", "docker/28.3.0 go/go1.24 os/linux arch/amd64")
            .header(super::data_plane::CALLER, self.address.to_string());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await?;
        Ok(Pull {
            status: response.status().as_u16(),
            body: response.text().await?,
        })
    }
}
