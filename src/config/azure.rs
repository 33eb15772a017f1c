//! The `azure` section: its own type says what it takes, this says where a mistake in it stands.

use super::SecretRef;
use crate::azure::{Credential, Settings};
use doorward_core::yaml::problem::{Sink, did_you_mean};
use doorward_core::yaml::{self, Item, one_of};
use serde::Deserialize;
use serde_saphyr::Error;
use std::path::Path;

/// The document, as far as this section is concerned.
#[derive(Deserialize)]
struct Document {
    azure: Settings,
}

/// Fields of a credential that are no secret.
const PLAIN: [&str; 4] = ["kind", "tenant_id", "client_id", "env"];

/// Reads the section from the document that holds it, `item` in `text`.
pub(super) fn read(
    text: &str,
    item: &Item<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> Option<Settings> {
    if !item.is_mapping() {
        item.hide(sink);
        item.fields(sink)?;
    }
    if let Some(credential) = item.field("credential") {
        hide(&credential, sink);
    }
    match serde_saphyr::from_str_with_options::<Document>(text, yaml::options()) {
        Ok(Document { azure }) => {
            if let Err(error) = azure.validate() {
                let at = item.field(error.field).unwrap_or_else(|| item.clone());
                at.error(error.problem, "", sink);
            }
            Some(within(azure, folder))
        }
        Err(error) => {
            report(error.without_snippet(), item, sink);
            None
        }
    }
}

/// What may be a secret in the wrong place is not shown.
fn hide(credential: &Item<'_>, sink: &mut Sink<'_>) {
    if !credential.is_mapping() {
        credential.hide(sink);
    }
    for (key, value) in credential.pairs() {
        if !PLAIN.contains(&key) {
            value.hide(sink);
        }
    }
}

/// Paths relative to the configuration's folder.
fn within(mut settings: Settings, folder: &Path) -> Settings {
    let join = |reference: &mut SecretRef| {
        if let SecretRef::File(path) = reference {
            *path = folder.join(&*path);
        }
    };
    settings.ca_file = settings.ca_file.map(|path| folder.join(path));
    match &mut settings.credential {
        Credential::ClientSecret { secret, .. } => join(secret),
        Credential::StaticToken(token) => join(token),
        Credential::WorkloadIdentity { token_file, .. } => {
            *token_file = token_file.take().map(|path| folder.join(path));
        }
        Credential::ManagedIdentity { .. } | Credential::AzureCli => {}
    }
    settings
}

/// Says what serde says in our words, at the value or field that it is about. What was written is not
/// repeated: it may be a secret.
fn report(error: &Error, item: &Item<'_>, sink: &mut Sink<'_>) {
    let location = error.location();
    let position = location.map(|at| (at.line(), at.column()));
    let at = position
        .and_then(|at| item.at(at))
        .unwrap_or_else(|| item.clone());
    let known = |wrong: &str, expected: &[&'static str]| {
        did_you_mean(wrong, expected.iter().copied())
            .unwrap_or_else(|| format!("write {}", one_of(expected)))
    };
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            // Nobody knows what it holds; it may be a secret.
            at.hide(sink);
            let what = format!("there is no field `{field}`");
            let key = at.key.unwrap_or(at.place());
            sink.error(key, &at.path, what, known(field, expected));
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => at.error("this is not known here", known(variant, expected), sink),
        Error::SerdeMissingField { field, .. } => {
            at.error(format!("the field `{field}` is missing"), "", sink);
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            at.error(format!("{expected} is expected here"), "", sink);
        }
        Error::Message { msg, .. } => at.error(msg.clone(), "", sink),
        _ => at.error(
            "this cannot be read",
            "compare it with the sample configuration",
            sink,
        ),
    }
}
