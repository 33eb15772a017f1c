//! Azure Resource Graph, as far as this: `Resources | where id in~ ('..', ..) | project id, type,
//! properties | order by id asc`, in pages. Any other query is refused, and says so.

use super::super::wire::lock;
use super::error::ArmError;
use super::{Asked, ok};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const START: &str = "Resources | where id in~ (";
const END: &str = ") | project id, type, properties | order by id asc";

/// The most rows of a page.
const A_PAGE: usize = 1000;

/// POST of a query.
pub(super) fn answer(asked: &Asked) -> Result<Response, ArmError> {
    asked.authorize("Microsoft.ResourceGraph/resources/read", "/")?;
    let body: Value = serde_json::from_slice(&asked.request.body)
        .map_err(|_| ArmError::bad("BadRequest", "The request body is not valid JSON."))?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let wanted = ids(text("/query").unwrap_or_default())?;
    let subscriptions = body.pointer("/subscriptions").and_then(Value::as_array);
    let subscriptions: Option<BTreeSet<String>> = subscriptions.map(|list| {
        let names = list.iter().filter_map(Value::as_str);
        names.map(str::to_ascii_lowercase).collect()
    });
    let model = asked.shared.settled();
    let shown = |id: &str, resource: &Value| {
        let of = id.split('/').nth(2).unwrap_or_default();
        let kind = resource.get("type").and_then(Value::as_str);
        wanted.contains(id)
            && subscriptions.as_ref().is_none_or(|asked| asked.contains(of))
            // What the caller may not read is left out, without a word.
            && asked.authorize(&format!("{}/read", kind.unwrap_or_default()), id).is_ok()
    };
    let rows = model.graph().filter(|(id, resource)| shown(id, resource));
    let rows: Vec<Value> = rows
        .map(|(_, resource)| {
            let field = |name: &str| resource.get(name).cloned().unwrap_or_default();
            let kind = field("type")
                .as_str()
                .unwrap_or_default()
                .to_ascii_lowercase();
            json!({ "id": field("id"), "type": kind, "properties": field("properties") })
        })
        .collect();
    let from = text("/options/$skipToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0_usize);
    let top = body.pointer("/options/$top").and_then(Value::as_u64);
    let top = top
        .and_then(|top| usize::try_from(top).ok())
        .unwrap_or(A_PAGE);
    let size = top.min(A_PAGE).min(lock(&asked.shared.knobs).page_size);
    let page: Vec<&Value> = rows.iter().skip(from).take(size).collect();
    let next = from.saturating_add(page.len());
    let more = next < rows.len();
    let mut answer = json!({
        "totalRecords": rows.len(), "count": page.len(), "data": page, "facets": [],
        "resultTruncated": if more { "true" } else { "false" },
    });
    if let (true, Some(answer)) = (more, answer.as_object_mut()) {
        answer.insert("$skipToken".to_owned(), next.to_string().into());
    }
    Ok(ok(&answer))
}

/// The ids that a query asks for, lower-case.
fn ids(query: &str) -> Result<BTreeSet<String>, ArmError> {
    let list = query
        .strip_prefix(START)
        .and_then(|rest| rest.strip_suffix(END));
    let ids = list.map(|list| {
        let ids = list
            .split(", ")
            .map(|id| id.strip_prefix('\'')?.strip_suffix('\''));
        ids.map(|id| Some(id?.to_ascii_lowercase()))
            .collect::<Option<BTreeSet<_>>>()
    });
    ids.flatten().ok_or_else(|| {
        ArmError::bad(
            "BadRequest",
            "Please provide below info when asking for support: the simulated Resource Graph knows one query, which lists resources by their ids.",
        )
    })
}
