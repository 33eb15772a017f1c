//! Kafka brokers, Event Hubs among them: a topic's partitions, and their records from an offset on. Nothing is
//! ever committed to a broker, and no consumer group is joined.

mod error;
mod topic;

pub use error::KafkaError;
pub use topic::{Position, Record, Records, Topic};

use crate::azure::Arm;
use crate::secret::SecretRef;
use error::within;
use krafka::auth::{AuthConfig, OAuthBearerToken, TlsConfig};
use krafka::{Kafka, KrafkaError};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take, and a request.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const REQUEST_WITHIN: Duration = Duration::from_secs(15);

/// The user that a connection string is sent for
/// (<https://learn.microsoft.com/azure/event-hubs/azure-event-hubs-apache-kafka-overview>).
const CONNECTION_STRING_USER: &str = "$ConnectionString";

/// A topic, and how its brokers are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brokers {
    /// `host:port` of each that is asked first.
    pub hosts: Vec<String>,
    /// How we prove ourselves, if at all.
    pub sasl: Option<Sasl>,
    /// Whether the connection is encrypted, and by whose authority the broker's certificate is signed.
    pub tls: Option<Tls>,
}

/// How a broker's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file with the authorities to trust in place of the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// How we prove ourselves to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sasl {
    /// PLAIN with an Event Hubs connection string.
    ConnectionString(SecretRef),
    /// A user and a password.
    Password {
        /// How they are sent.
        mechanism: Mechanism,
        /// The user.
        username: String,
        /// The password.
        password: SecretRef,
    },
    /// OAUTHBEARER with a token of doorward's identity for the first broker's host.
    Entra,
}

/// How a password is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is.
    Plain,
    /// SCRAM-SHA-256.
    Scram256,
    /// SCRAM-SHA-512.
    Scram512,
}

impl Brokers {
    /// Connects. What it reads of secrets it reads now.
    pub async fn connect(&self, arm: &Arm) -> Result<Connected, KafkaError> {
        let security = self.security(arm).await?;
        let builder = Kafka::builder(self.hosts.join(","))
            .client_id("doorward")
            .security(security)
            .connect_timeout(CONNECT_WITHIN)
            .request_timeout(REQUEST_WITHIN)
            .allow_auto_create_topics(false);
        Ok(Connected(within(builder.connect()).await?))
    }

    async fn security(&self, arm: &Arm) -> Result<AuthConfig, KafkaError> {
        let read = |secret: &SecretRef| -> Result<SecretString, KafkaError> {
            secret.read().map_err(|_| KafkaError::SecretUnusable)
        };
        let security = match &self.sasl {
            None => AuthConfig::plaintext(),
            Some(Sasl::ConnectionString(secret)) => {
                let text = read(secret)?;
                let text = text.expose_secret().trim();
                if !text.starts_with("Endpoint=sb://") {
                    return Err(KafkaError::SecretUnusable);
                }
                AuthConfig::sasl_plain(CONNECTION_STRING_USER, text)
            }
            Some(Sasl::Password {
                mechanism,
                username,
                password,
            }) => {
                let password = read(password)?;
                let password = password.expose_secret();
                match mechanism {
                    Mechanism::Plain => AuthConfig::sasl_plain(username, password),
                    Mechanism::Scram256 => AuthConfig::sasl_scram_sha256(username, password),
                    Mechanism::Scram512 => AuthConfig::sasl_scram_sha512(username, password),
                }
            }
            Some(Sasl::Entra) => {
                let scope = self.scope();
                // Tells what is wrong with the credential by a state of its own.
                arm.token_for(&scope).await.map_err(KafkaError::Token)?;
                let arm = arm.clone();
                AuthConfig::sasl_oauthbearer_provider(move || {
                    let (arm, scope) = (arm.clone(), scope.clone());
                    async move {
                        let token = arm.token_for(&scope).await;
                        let token =
                            token.map_err(|_| KrafkaError::auth("no token for the broker"))?;
                        Ok(OAuthBearerToken::new(token.expose_secret()))
                    }
                })
            }
        };
        let Some(tls) = &self.tls else {
            return Ok(security);
        };
        let mut config = TlsConfig::new();
        if let Some(path) = &tls.ca_file {
            let pem = std::fs::read(path).map_err(|_| KafkaError::Tls)?;
            config = config.with_ca_cert_pem(pem);
        }
        Ok(security.with_tls(config))
    }

    /// What a token for Event Hubs is asked for: the namespace.
    fn scope(&self) -> String {
        let first = self.hosts.first().map(String::as_str).unwrap_or_default();
        let host = first.rsplit_once(':').map_or(first, |(host, _)| host);
        format!("https://{host}/.default")
    }
}

/// A connection to brokers. Cheap to clone.
#[derive(Clone)]
pub struct Connected(Kafka);
