//! Orders as operators' commands send them, for the stories about them.

use crate::world::{Reply, World};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use doorward::http::admin_router;
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

impl World {
    /// Asks the admin listener.
    pub(crate) async fn ask(&self, path: &str) -> Reply {
        self.admin(Method::GET, path, &[], String::new()).await
    }

    /// Gives an order as a command does.
    pub(crate) async fn order(&self, path: &str, order: Value) -> Reply {
        let headers = [
            ("content-type", "application/json"),
            ("x-doorward-command", "1"),
        ];
        self.admin(Method::POST, path, &headers, order.to_string())
            .await
    }

    /// Any request to the admin listener.
    pub(crate) async fn admin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Reply {
        let address = "127.0.0.1:8081".parse().unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "127.0.0.1:8081");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = admin_router(Arc::clone(&self.app), address);
        let reply = router
            .oneshot(request.body(Body::from(body)).unwrap())
            .await;
        let (head, body) = reply.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// The ids of the grants that stand, soonest end first.
    pub(crate) async fn grants(&self) -> Vec<String> {
        let reply = self.ask("/api/v1/grants").await.json();
        let grants = reply["items"].as_array().unwrap();
        let ids = grants.iter().map(|grant| grant["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }
}
