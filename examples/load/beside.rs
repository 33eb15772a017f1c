//! The servers that doorward is measured beside.

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use std::io::Write;
use tokio::net::TcpListener;

/// Serves until it is killed; says on standard output where. Whether it parses what it is sent, whole.
pub(crate) async fn serve(parses: bool) -> anyhow::Result<()> {
    let reads = post(async |_: Bytes| StatusCode::ACCEPTED);
    let parsing = post(async |body: Bytes| {
        if serde_json::from_slice::<serde_json::Value>(&body).is_ok() {
            StatusCode::ACCEPTED
        } else {
            StatusCode::BAD_REQUEST
        }
    });
    let routes = Router::new().route("/", if parses { parsing } else { reads });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    axum::serve(listener, routes)
        .await
        .context("the server ended")
}

/// The same in Python: orjson, the sentence by a pattern, and nothing kept.
pub(crate) const FASTAPI: &str = r#"
import re, sys, orjson, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()
said = re.compile(r"client with IP '(\d+\.\d+\.\d+\.\d+)' is not allowed access")
@app.post("/")
async def take(request: Request):
    found = 0
    try:
        records = orjson.loads(await request.body())["records"]
    except (ValueError, KeyError, TypeError):
        return Response(status_code=400)
    for record in records:
        text = record.get("resultDescription") or ""
        inside = record.get("properties") or {}
        for value in (text, *(inside.values() if isinstance(inside, dict) else ())):
            if isinstance(value, str) and said.search(value):
                found += 1
                break
    return Response(status_code=202, content=orjson.dumps({"denials": found}))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", access_log=False)
"#;
