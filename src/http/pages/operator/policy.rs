//! The policy in force: which version, since when, what it says; and each of its rules.

use super::overview::missing;
use super::view::{Cell, Section};
use super::{encoded, framed, path, shown, story};
use crate::flow::app::App;
use crate::flow::policy::known;
use crate::http::pages::prose::Prose;
use crate::http::{HttpError, Web};
use axum::extract::{Path, State};
use axum::response::Response;
use doorward_core::messages::wording;
use doorward_core::policy::Rule;
use doorward_core::yaml::duration::Show;

/// `GET /policy`.
pub(in crate::http) async fn page(State(web): State<Web>) -> Response {
    let app = &web.app;
    let mut view = framed(app, "Policy", 0);
    let policy = app.policy.load_full();
    let files = known(app);
    let since = files
        .since
        .map_or_else(|| "the start".to_owned(), wording::time);
    view.facts = vec![
        (
            "In force",
            Cell::text(format!("`{}`", policy.hash)).small(format!("since {since}")),
        ),
        ("Files", Cell::text(app.policies.display().to_string())),
        ("No rule matches", Cell::text(policy.default.to_string())),
    ];
    if let Some(error) = files.error {
        let refused = Cell::text("The files as they are now cannot be used").small(error);
        view.facts.push(("Refused", refused));
    }
    let rows = policy.rules.iter().map(|rule| row(app, rule)).collect();
    let mut rules = Section::new("rules", "Rules", "The policy has no rules.").table(
        "Rules, in the order in which they are asked",
        &["Rule", "Verdict", "Active grants", "Why"],
        rows,
    );
    rules.count = Some(policy.rules.len());
    view.sections = vec![rules, super::senders::all_sets(app)];
    view.commands = vec![
        "doorward policy check".to_owned(),
        "doorward policy test".to_owned(),
    ];
    shown(Ok(view))
}

fn row(app: &App, rule: &Rule) -> Vec<Cell> {
    let now = app.clock.now();
    let (active, hour) = app
        .ledger
        .read(|state| state.granted_by_rule(&rule.name, now));
    let ttl = rule
        .ttl
        .map_or_else(String::new, |ttl| format!("for {}", Show(ttl)));
    vec![
        Cell::link(rule.name.as_str(), path("rules", &rule.name))
            .small(format!("{}:{}", rule.file, rule.place.line)),
        Cell::text(rule.then.to_string()).small(ttl),
        Cell::text(active.to_string()).small(format!("{hour} within the hour")),
        Cell::text(rule.because.clone().unwrap_or_default()),
    ]
}

/// `GET /rules/{name}`.
pub(in crate::http) async fn rule(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let policy = app.policy.load_full();
        let rule = policy.rule(&name);
        let needle = serde_json::to_string(&name).map_err(|_| HttpError::Internal)?;
        let found = story::found(app, vec![format!("\"rule\":{needle}")]).await?;
        if rule.is_none() && found.entries.is_empty() {
            return Err(missing());
        }
        let mut view = framed(app, name.as_str(), 1);
        match rule {
            None => view.lead = Prose::new("The policy in force has no such rule any more."),
            Some(rule) => {
                let [_, verdict, grants, why] = &row(app, rule)[..] else {
                    return Err(HttpError::Internal);
                };
                view.facts = vec![
                    ("Verdict", verdict.clone()),
                    ("Why", why.clone()),
                    ("Active grants", grants.clone()),
                    (
                        "Written in",
                        Cell::text(format!("{}:{}", rule.file, rule.place.line)),
                    ),
                ];
                let channel = rule.channel.clone().map(|it| ("Channel", Cell::text(it)));
                view.facts.extend(channel);
            }
        }
        let older = found
            .older
            .map(|_| format!("timeline?rule={}", encoded(&name)));
        view.sections = vec![story::section(&found, older)];
        view.commands = vec!["doorward policy explain".to_owned()];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}
