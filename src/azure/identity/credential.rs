//! The `azure.credential` section: as whom doorward speaks to Azure.

use crate::secret::SecretRef;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// As whom doorward speaks to Azure, and how it proves it.
///
/// In the configuration every kind is one flat mapping with `kind`, for example
/// `{ kind: managed_identity, client_id: … }` or `{ kind: static_token, env: NAME }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Flat")]
pub enum Credential {
    /// The identity Azure gives to the machine, app or container that doorward runs in.
    ManagedIdentity {
        /// The client id of a user-assigned identity; without it the system-assigned one.
        client_id: Option<String>,
    },
    /// A Kubernetes service account that Entra trusts. What is left out comes from the variables
    /// that the workload identity webhook sets.
    WorkloadIdentity {
        /// Else `AZURE_TENANT_ID`.
        tenant_id: Option<String>,
        /// Else `AZURE_CLIENT_ID`.
        client_id: Option<String>,
        /// Else `AZURE_FEDERATED_TOKEN_FILE`.
        token_file: Option<PathBuf>,
    },
    /// Whoever is signed in with `az login`; for trying things out.
    AzureCli,
    /// An app registration with a client secret.
    ClientSecret {
        /// The directory.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret, by reference.
        secret: SecretRef,
    },
    /// A token somebody else has got, by reference: `{ kind: static_token, env: NAME }` or
    /// `{ kind: static_token, file: PATH }`. It ends within hours; for a first try.
    StaticToken(SecretRef),
}

impl Default for Credential {
    fn default() -> Self {
        Self::ManagedIdentity { client_id: None }
    }
}

impl Credential {
    /// The `kind` as the configuration writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ManagedIdentity { .. } => Kind::ManagedIdentity.name(),
            Self::WorkloadIdentity { .. } => Kind::WorkloadIdentity.name(),
            Self::AzureCli => Kind::AzureCli.name(),
            Self::ClientSecret { .. } => Kind::ClientSecret.name(),
            Self::StaticToken(_) => Kind::StaticToken.name(),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    ManagedIdentity,
    WorkloadIdentity,
    AzureCli,
    ClientSecret,
    StaticToken,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::ManagedIdentity => "managed_identity",
            Self::WorkloadIdentity => "workload_identity",
            Self::AzureCli => "azure_cli",
            Self::ClientSecret => "client_secret",
            Self::StaticToken => "static_token",
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::ManagedIdentity => &["client_id"],
            Self::WorkloadIdentity => &["tenant_id", "client_id", "token_file"],
            Self::AzureCli => &[],
            Self::ClientSecret => &["tenant_id", "client_id", "secret"],
            Self::StaticToken => &["env", "file"],
        }
    }
}

/// The mapping as it is written: read flat, so that a wrong field is reported where it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    kind: Kind,
    client_id: Option<String>,
    tenant_id: Option<String>,
    token_file: Option<PathBuf>,
    secret: Option<SecretRef>,
    env: Option<String>,
    file: Option<PathBuf>,
}

impl TryFrom<Flat> for Credential {
    type Error = String;

    fn try_from(flat: Flat) -> Result<Self, String> {
        flat.refuse_foreign_fields()?;
        let name = flat.kind.name();
        let needed = |field: &str| format!("`kind: {name}` needs `{field}`: add it");
        Ok(match flat.kind {
            Kind::ManagedIdentity => Self::ManagedIdentity {
                client_id: flat.client_id,
            },
            Kind::WorkloadIdentity => Self::WorkloadIdentity {
                tenant_id: flat.tenant_id,
                client_id: flat.client_id,
                token_file: flat.token_file,
            },
            Kind::AzureCli => Self::AzureCli,
            Kind::ClientSecret => Self::ClientSecret {
                tenant_id: flat.tenant_id.ok_or_else(|| needed("tenant_id"))?,
                client_id: flat.client_id.ok_or_else(|| needed("client_id"))?,
                secret: flat.secret.ok_or_else(|| needed("secret"))?,
            },
            Kind::StaticToken => Self::StaticToken(match (flat.env, flat.file) {
                (Some(env), None) => SecretRef::Env(env),
                (None, Some(file)) => SecretRef::File(file),
                (None, None) => return Err(needed("env` or `file")),
                (Some(_), Some(_)) => {
                    return Err(format!("`kind: {name}` takes `env` or `file`, not both"));
                }
            }),
        })
    }
}

impl Flat {
    fn refuse_foreign_fields(&self) -> Result<(), String> {
        let given = [
            ("client_id", self.client_id.is_some()),
            ("tenant_id", self.tenant_id.is_some()),
            ("token_file", self.token_file.is_some()),
            ("secret", self.secret.is_some()),
            ("env", self.env.is_some()),
            ("file", self.file.is_some()),
        ];
        let takes = self.kind.fields();
        match given
            .iter()
            .find(|(field, given)| *given && !takes.contains(field))
        {
            None => Ok(()),
            Some((field, _)) => Err(format!(
                "`{field}` does not belong to `kind: {}`, which takes {}",
                self.kind.name(),
                match takes {
                    [] => "no other field".to_owned(),
                    fields => format!("`{}`", fields.join("`, `")),
                }
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Credential, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_is_one_flat_mapping() {
        assert_eq!(
            read("{ kind: managed_identity }"),
            Ok(Credential::ManagedIdentity { client_id: None })
        );
        assert_eq!(
            read("{ kind: workload_identity, token_file: /t }"),
            Ok(Credential::WorkloadIdentity {
                tenant_id: None,
                client_id: None,
                token_file: Some("/t".into())
            })
        );
        assert_eq!(read("{ kind: azure_cli }"), Ok(Credential::AzureCli));
        assert_eq!(
            read("{ kind: client_secret, tenant_id: t, client_id: c, secret: { env: S } }"),
            Ok(Credential::ClientSecret {
                tenant_id: "t".into(),
                client_id: "c".into(),
                secret: SecretRef::Env("S".into())
            })
        );
        assert_eq!(
            read("{ kind: static_token, env: NAME }"),
            Ok(Credential::StaticToken(SecretRef::Env("NAME".into())))
        );
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (yaml, what) in [
            (
                "{ kind: azure_cli, client_id: c }",
                "`client_id` does not belong to `kind: azure_cli`",
            ),
            (
                "{ kind: client_secret, tenant_id: t, client_id: c }",
                "needs `secret`",
            ),
            ("{ kind: static_token }", "needs `env` or `file`"),
            ("{ kind: static_token, env: A, file: b }", "not both"),
            ("{ kind: password }", "password"),
            ("{ kind: azure_cli, colour: red }", "colour"),
            ("{ client_id: c }", "kind"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(what), "{yaml}: {error}");
        }
    }
}
