//! `/api/v1/tokens` and `/api/v1/sessions`: who may come in. Operators' commands only.

use super::operator::Admitted;
use super::routes::{Answer, Body, read};
use super::wire::access::{
    CreateToken, Created, EndSession, Ended, RevokeToken, RevokedToken, SessionView, Sessions,
    TokenView, Tokens,
};
use crate::flow::access::{api_tokens, sessions};
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::State;
use std::time::Duration;
use uuid::Uuid;

/// `GET /api/v1/tokens`.
pub(in crate::http) async fn tokens(State(web): State<Web>) -> Answer<Tokens> {
    let now = web.app.clock.now();
    let all = api_tokens::all(&web.app).await?;
    let tokens = all.into_iter().map(|token| TokenView::new(token, now));
    Ok(Json(Tokens {
        tokens: tokens.collect(),
    }))
}

/// `POST /api/v1/tokens`. The answer is the only one that shows the token.
pub(in crate::http) async fn create_token(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<CreateToken>,
) -> Answer<Created> {
    let order = read(order)?;
    let by = admitted.by(&order.by, None)?;
    let lasts = order.seconds.map(Duration::from_secs);
    let wanted = (order.scopes, lasts);
    let (token, view) = api_tokens::create(&web.app, &order.name, wanted, &by).await?;
    Ok(Json(Created {
        token,
        view: TokenView::new(view, web.app.clock.now()),
    }))
}

/// `POST /api/v1/tokens/revoke`.
pub(in crate::http) async fn revoke_token(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<RevokeToken>,
) -> Answer<RevokedToken> {
    let order = read(order)?;
    let by = admitted.by(&order.by, None)?;
    api_tokens::revoke(&web.app, &order.name, &by).await?;
    Ok(Json(RevokedToken {
        revoked: order.name,
    }))
}

/// `GET /api/v1/sessions`.
pub(in crate::http) async fn list_sessions(State(web): State<Web>) -> Answer<Sessions> {
    let all = sessions::all(&web.app).await?;
    let sign_in = web.app.sign_in.as_ref();
    let views = sign_in.map(|sign_in| {
        let views = all.into_iter();
        let view = |session| {
            let ends = sessions::ends(sign_in, &session);
            SessionView::new(session, ends)
        };
        views.map(view).collect()
    });
    Ok(Json(Sessions {
        sessions: views.unwrap_or_default(),
    }))
}

/// `POST /api/v1/sessions/end`.
pub(in crate::http) async fn end_session(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<EndSession>,
) -> Answer<Ended> {
    let order = read(order)?;
    let by = admitted.by(&order.by, None)?;
    let id: Option<Uuid> = order.session.trim().parse().ok();
    let ended = match id {
        Some(id) => sessions::end(&web.app, id).await?,
        None => false,
    };
    if !ended {
        return Err(HttpError::NoSession(order.session));
    }
    tracing::info!(
        session = order.session,
        by = %by.actor(),
        "Session ended by an operator"
    );
    Ok(Json(Ended {
        ended: order.session,
    }))
}
