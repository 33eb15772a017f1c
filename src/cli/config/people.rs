//! How people come in, as it is in effect.

use super::effective::{lasts, secret};
use super::emit::Value;
use crate::config::{SignIn, SignInWay};
use doorward_core::auth::sign_in::Subject;

/// `sign_in`.
pub(super) fn sign_in(sign_in: &SignIn) -> Value {
    let way = match &sign_in.way {
        SignInWay::Provider {
            issuer,
            client_id,
            client_secret,
        } => Value::map([
            ("issuer", Value::text(issuer)),
            ("client_id", Value::text(client_id)),
        ])
        .with("client_secret", client_secret.as_ref().map(secret))
        .with("easy_auth", None),
        SignInWay::EasyAuth { tenant_id } => Value::map([(
            "easy_auth",
            Value::map([("tenant_id", Value::text(tenant_id))]),
        )]),
    };
    let subject = match sign_in.admission.subject {
        Subject::Sub => "sub",
        Subject::Oid => "oid",
    };
    way.with("roles", Some(Value::texts(&sign_in.admission.roles)))
        .with("groups", Some(Value::texts(&sign_in.admission.groups)))
        .with("subject", Some(Value::text(subject)))
        .with(
            "session",
            Some(Value::map([
                ("idle", lasts(sign_in.idle)),
                ("max", lasts(sign_in.longest)),
            ])),
        )
}
