//! The keys of approval links.

use crate::config::{Config, LoadError, Secret, Secrets};
use doorward_core::auth::link::{LinkKey, LinkKeys};
use secrecy::SecretString;

/// The keys of links, in the order of the configuration.
///
/// # Errors
/// One that is too short to sign with.
pub fn link_keys(config: &Config, secrets: &Secrets) -> Result<LinkKeys, LoadError> {
    let key = |named: &Secret, secret: &SecretString| {
        LinkKey::new(secret).map_err(|error| named.refused(error.to_string()))
    };
    let first = key(&config.links.key, &secrets.link_key)?;
    let older = config.links.older.iter().zip(&secrets.older_link_keys);
    let older = older.map(|(named, secret)| key(named, secret));
    Ok(LinkKeys::new(first, older.collect::<Result<_, _>>()?))
}
