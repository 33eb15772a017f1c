//! Channels as the configuration names them.

use crate::config::{self, Config};
use crate::flow::app::Channel;
use doorward_core::auth::signature::Key;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// Channels with their secrets; what was wrong with these has been told.
pub fn channels(
    config: &Config,
    mut secrets: BTreeMap<String, BTreeMap<&'static str, SecretString>>,
) -> BTreeMap<String, Channel> {
    let channel = |channel: &config::Channel| {
        let secrets = secrets.remove(&channel.name).unwrap_or_default();
        let sign = secrets.get("sign");
        let sign = sign.and_then(|key| Key::new(key.expose_secret()).ok());
        let it = Channel {
            kind: channel.kind.clone(),
            secrets,
            sign,
            questions_per_hour: channel.questions_per_hour,
            fallback: channel.fallback.clone(),
        };
        (channel.name.clone(), it)
    };
    config.channels.iter().map(channel).collect()
}
