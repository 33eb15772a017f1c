//! Tells the log, once for each source, what its deliveries show of how it is set up.

use crate::flow::app::{App, Source};
use doorward_core::intake::delivery::{FILE_EVENTS, IMAGE_EVENTS, INACCESSIBLE_IMAGE};
use doorward_core::intake::denial::Service;
use doorward_core::intake::report::{Delivery, Evidence};

const IMAGES: &str = "this source's events tell of pushed and deleted images; no such event ever reports a denial. Denials come \
     by a log alert or a diagnostic setting of the registry, or from whoever was refused: see docs/azure.md";
const FILES: &str = "this source's events tell of files, which doorward does not fetch, so they never report a denial: have \
     what is in the files posted, see docs/azure.md";
const INACCESSIBLE: &str = "this source reports `InaccessibleImage` of Azure Container Instances, which is no denial: the registry's \
     firewall may be the cause, as may a wrong image name, a wrong password or a missing role, and no address is \
     named. Container groups reach a registry with a firewall as a trusted service: allow trusted services on the registry, and \
     let the group pull with a managed identity that has `AcrPull` \
     (https://learn.microsoft.com/azure/container-instances/using-azure-container-registry-mi)";
const STATUS_403: &str = "this source's records say 403 and an address, but not that it was the firewall: they are reported and open \
     nothing. Set `trust_status_403: true` on the source if they should; read docs/azure.md first";

/// Tells what a delivery shows, unless this was told before.
pub fn of(app: &App, source: &Source, delivery: &Delivery) {
    let tell = |what: &'static str, text: &str| {
        if app.notice(&source.name, what) {
            tracing::warn!(source = source.name, "{text}");
        }
    };
    for &(what, _) in &delivery.passed_over {
        if IMAGE_EVENTS.contains(&what) {
            tell(what, IMAGES);
        } else if FILE_EVENTS.contains(&what) {
            tell(what, FILES);
        } else if what == INACCESSIBLE_IMAGE {
            tell(what, INACCESSIBLE);
        }
    }
    let untrusted = delivery.reports.iter().any(|report| {
        report.evidence == Evidence::Status403
            && report.denial.service == Service::Acr
            && report.denial.ip.is_some()
    });
    if untrusted && !source.trust_status_403 {
        tell("status 403", STATUS_403);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_groups_are_told_the_way_that_microsoft_documents() {
        assert!(INACCESSIBLE.contains("trusted service"), "{INACCESSIBLE}");
        assert!(INACCESSIBLE.contains("managed identity"), "{INACCESSIBLE}");
        assert!(!INACCESSIBLE.contains("private endpoint"), "{INACCESSIBLE}");
    }
}
