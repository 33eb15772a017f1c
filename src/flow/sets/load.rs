//! Asks the sources of addresses: files, Azure, the web. What several sets need is asked for once.

use super::web;
use crate::azure::{ArmError, Call, Egress};
use crate::config;
use crate::flow::app::App;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::sets::sources::github_meta;
use doorward_core::sets::sources::service_tags::ServiceTags;
use doorward_core::sets::{Answer, AzureKind, External, MetaFrom, RefreshPolicy, TagsFrom, WebUrl};
use futures_util::future::{join, join_all};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;

/// A source without addresses.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// It answered that there are none to be known: what it said before does not hold any more.
    Gone(String),
    /// It did not answer, or with nothing that can be used.
    Failed {
        /// Why.
        why: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
}

impl Failure {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            wait: None,
        }
    }
}

impl From<ArmError> for Failure {
    fn from(error: ArmError) -> Self {
        match error {
            ArmError::NotFound { .. } => Self::Gone(error.to_string()),
            _ => Self::Failed {
                wait: error.retry_after(),
                why: error.to_string(),
            },
        }
    }
}

/// A failure in the words of an error.
fn said(error: impl std::error::Error) -> Failure {
    Failure::because(error.to_string())
}

/// What each source said.
type Answers = Vec<(External, Result<Answer, Failure>)>;

/// Asks all of these.
pub(super) async fn all(
    app: &App,
    due: &[External],
    wants: &BTreeMap<External, RefreshPolicy>,
) -> Answers {
    let call = Call::new(app.clock.id());
    let (mut answers, of_web) = join(resources(app, due, &call), web_lists(app, due, wants)).await;
    answers.extend(of_web);
    let mut lists = Lists::default();
    for external in due {
        let answer = match external {
            External::Azure(..) | External::Http(_) => continue,
            External::ServiceTag {
                from:
                    TagsFrom::Arm {
                        subscription,
                        location,
                    },
                tag,
            } => lists.tag(app, (subscription, location), tag, &call).await,
            External::GithubMeta {
                from: MetaFrom::Web(url),
                key,
            } => lists.github(app, url, key).await,
            External::CidrsFile(_)
            | External::ServiceTag { .. }
            | External::Geo { .. }
            | External::GithubMeta { .. } => {
                config::load_file(&app.policies, external).map_err(said)
            }
        };
        answers.push((external.clone(), answer));
    }
    answers
}

/// Lists from the web, all at the same time: one that is slow holds up no other.
async fn web_lists(
    app: &App,
    due: &[External],
    wants: &BTreeMap<External, RefreshPolicy>,
) -> Answers {
    let lists = due.iter().filter_map(|external| match external {
        External::Http(url) => Some((external, url)),
        _ => None,
    });
    let load = lists.map(async |(external, url)| {
        let refresh_policy = wants.get(external).copied().unwrap_or_default();
        let answer = web::list(&app.http, url, refresh_policy.most()).await;
        (external.clone(), answer)
    });
    join_all(load).await
}

/// Resources of Azure, all together.
async fn resources(app: &App, due: &[External], call: &Call) -> Answers {
    let of_azure = due.iter().filter_map(|external| match external {
        External::Azure(kind, id) => Some((*kind, id.clone())),
        _ => None,
    });
    let wanted: Vec<(AzureKind, ResourceId)> = of_azure.collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let found = app.arm.egress(&wanted, call).await;
    let answer = |egress| match egress {
        Egress::Known { networks, note } => Ok(Answer {
            networks: networks.into_iter().map(IpNet::V4).collect(),
            change_number: None,
            note,
        }),
        Egress::Unknowable(why) => Err(Failure::Gone(why)),
    };
    let each = wanted.into_iter().zip(found);
    each.map(|((kind, id), found)| {
        let answer = found.map_err(Failure::from).and_then(answer);
        (External::Azure(kind, id), answer)
    })
    .collect()
}

/// Lists that several sets take a part of.
#[derive(Default)]
struct Lists {
    tags: BTreeMap<(String, String), Result<ServiceTags, Failure>>,
    github: BTreeMap<WebUrl, Result<String, Failure>>,
}

impl Lists {
    async fn tag(
        &mut self,
        app: &App,
        (subscription, location): (&str, &str),
        tag: &str,
        call: &Call,
    ) -> Result<Answer, Failure> {
        let key = (subscription.to_owned(), location.to_owned());
        if !self.tags.contains_key(&key) {
            let tags = app.arm.service_tags(subscription, location, call).await;
            // A list that is not there is no answer about the tag.
            let tags = tags.map_err(|error| Failure::Failed {
                wait: error.retry_after(),
                why: error.to_string(),
            });
            if let Ok(tags) = &tags {
                let (number, count) = (tags.change_number, tags.values.len());
                tracing::info!(
                    "service tags of Azure ({location}): changeNumber {number}, {count} tags"
                );
            }
            self.tags.insert(key.clone(), tags);
        }
        match self.tags.get(&key) {
            Some(Ok(tags)) => tags.answer(tag).map_err(said),
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(Failure::because("it was not asked")),
        }
    }

    async fn github(&mut self, app: &App, url: &WebUrl, key: &str) -> Result<Answer, Failure> {
        if !self.github.contains_key(url) {
            let text = web::text(&app.http, url, "application/json").await;
            self.github.insert(url.clone(), text);
        }
        match self.github.get(url) {
            Some(Ok(text)) => github_meta::parse(text, key)
                .map(Answer::from)
                .map_err(|error| Failure::because(web::words(&error.to_string()))),
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(Failure::because("it was not asked")),
        }
    }
}
