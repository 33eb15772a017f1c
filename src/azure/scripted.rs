//! A server for the tests of the client: it says what it is told to, hostile things included.

use super::{Accepted, Arm, ArmError, Call, Credential, PatchError, Settings};
use crate::secret::SecretRef;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use clock::Clock;
use doorward_core::firewall::raw_json::{RawJson, RawObject};
use doorward_core::net::resource_id::ResourceId;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(super) const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contosoprod";

type Answer = (u16, Vec<(&'static str, String)>, String);

/// A server that gives its answers in order, and remembers what it was asked.
pub(super) struct Scripted {
    pub(super) arm: Arm,
    pub(super) clock: Clock,
    pub(super) origin: String,
    script: Arc<Mutex<Script>>,
    pub(super) token: tempfile::NamedTempFile,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    asked: Vec<(String, HeaderMap)>,
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let mut script = script.lock().unwrap();
    let asked = format!("{} {}", request.method(), request.uri());
    script.asked.push((asked, request.headers().clone()));
    let Some((status, headers, body)) = script.answers.pop_front() else {
        return (StatusCode::IM_A_TEAPOT, "the script is over").into_response();
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Scripted {
    pub(super) async fn new() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(script.clone());
        tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "first\n").unwrap();
        let settings = Settings {
            resource_manager: Some(origin.clone()),
            credential: Credential::StaticToken(SecretRef::File(token.path().to_owned())),
            ..Settings::default()
        };
        let clock = Clock::set_to("2026-03-01T12:00:00Z".parse().unwrap());
        Self {
            arm: Arm::new(&settings, clock.clone()).unwrap(),
            clock,
            origin,
            script,
            token,
        }
    }

    pub(super) fn will_say(&self, status: u16, headers: &[(&'static str, &str)], body: &Value) {
        self.will_write(status, headers, body.to_string());
    }

    pub(super) fn will_write(&self, status: u16, headers: &[(&'static str, &str)], body: String) {
        let own = |value: &str| value.replace("{origin}", &self.origin);
        let headers = headers.iter().map(|(name, value)| (*name, own(value)));
        let answer = (status, headers.collect(), body);
        self.script.lock().unwrap().answers.push_back(answer);
    }

    /// Method, path and query of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        let script = self.script.lock().unwrap();
        script
            .asked
            .iter()
            .map(|(asked, _)| asked.clone())
            .collect()
    }

    pub(super) fn header(&self, index: usize, name: &str) -> String {
        let script = self.script.lock().unwrap();
        script.asked[index].1[name].to_str().unwrap().to_owned()
    }

    /// A PATCH, and what it set going to its end.
    pub(super) async fn followed(&self) -> Result<(), PatchError> {
        match self.patch().await? {
            Accepted::Done => Ok(()),
            Accepted::Running(operation) => self.arm.follow(operation, &Call::random()).await,
        }
    }

    pub(super) async fn patch(&self) -> Result<Accepted, PatchError> {
        let body = RawObject::default();
        self.arm
            .patch_registry(&id(), &body, &Call::random(), || true)
            .await
    }

    pub(super) async fn get(&self) -> Result<RawJson, ArmError> {
        self.arm
            .registry(&id(), "2025-11-01", &Call::random())
            .await
    }
}

pub(super) fn id() -> ResourceId {
    ID.parse().unwrap()
}
