//! Loads the address sets that the policy names: the last good value stays when a source fails.

use crate::app::App;
use crate::azure::Call;
use crate::domain::sets::{External, Sets};
use ipnet::IpNet;
use std::sync::Arc;

/// Loads every set anew.
pub async fn turn(app: &App) {
    let mut needs = app.policy.load().needs();
    needs.extend(super::shadow::needs(app));
    for external in needs {
        match load(app, &external).await {
            Ok(networks) => {
                let now = app.clock.now();
                app.sets.rcu(|sets| {
                    Arc::new(Sets::clone(sets).with(
                        external.clone(),
                        networks.iter().copied(),
                        now,
                    ))
                });
            }
            Err(why) => tracing::error!(
                "the address set `{external}` could not be loaded, its last value stays: {why}"
            ),
        }
    }
}

async fn load(app: &App, external: &External) -> anyhow::Result<Vec<IpNet>> {
    let call = Call::new(app.clock.id());
    let networks = match external {
        External::NatGateway(id) => app.arm.nat_gateway_egress(id, &call).await?,
        External::PublicIp(id) => app.arm.public_ip(id, &call).await?.into_iter().collect(),
        External::PublicIpPrefix(id) => app
            .arm
            .public_ip_prefix(id, &call)
            .await?
            .into_iter()
            .collect(),
        External::CidrsFile(_)
        | External::ServiceTag { .. }
        | External::Geo { .. }
        | External::GithubMeta { .. } => {
            return Ok(crate::config::load_file(&app.policies, external)?);
        }
    };
    Ok(networks.into_iter().map(IpNet::V4).collect())
}
