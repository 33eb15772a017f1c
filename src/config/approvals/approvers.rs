//! `approvers`: the people who may approve.

use crate::config::sections::{items, unique};
use doorward_core::approvals::Approver;
use doorward_core::auth::person::PersonId;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The issuer of a tenant's tokens (<https://learn.microsoft.com/entra/identity-platform/access-tokens>).
const ENTRA: &str = "https://login.microsoftonline.com/";

/// Reads `approvers`.
pub(in crate::config) fn approvers(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Vec<Approver> {
    let mut all: Vec<Approver> = Vec::new();
    let issuer = issuer_of_sign_in(&fields.item);
    for item in items(fields, "approvers", None, sink) {
        let Some(one) = approver(&item, issuer.as_deref(), sink) else {
            continue;
        };
        let names: Vec<&String> = all.iter().map(|other| &other.name).collect();
        let at = item.field("name").unwrap_or_else(|| item.clone());
        unique(&names, &&one.name, &at, sink);
        let known: BTreeSet<&PersonId> = all.iter().flat_map(|other| &other.ids).collect();
        if let Some(id) = one.ids.iter().find(|id| known.contains(id)) {
            let what = format!("`{}` is another approver already", id.subject);
            let help = "an account belongs to one person: what they may do is told by their groups";
            item.error(what, help, sink);
        }
        all.push(one);
    }
    all
}

/// Who vouches for those who sign in; what is wrong with it is told by whoever reads `sign_in`.
fn issuer_of_sign_in(document: &Item<'_>) -> Option<String> {
    let sign_in = document.field("sign_in")?;
    let text = |item: &Item<'_>, name| match &item.field(name)?.node.value {
        Value::Scalar(text) => Some(text.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    };
    let tenant = || text(&sign_in.field("easy_auth")?, "tenant_id");
    let by_tenant = || tenant().map(|tenant| of_tenant(&tenant));
    text(&sign_in, "issuer").or_else(by_tenant)
}

fn of_tenant(tenant: &str) -> String {
    format!("{ENTRA}{tenant}/v2.0")
}

fn approver(item: &Item<'_>, issuer: Option<&str>, sink: &mut Sink<'_>) -> Option<Approver> {
    let mut fields = item.fields(sink)?;
    let name = fields.need("name", "write what people call them", sink);
    let name = name.and_then(|at| Some(at.text(sink)?.trim().to_owned()));
    let mut ids = BTreeSet::new();
    if let Some(at) = fields.take("slack") {
        ids.extend(slack(&at, sink).map(|user| PersonId::slack(&user)));
    }
    let entra = fields.take("entra");
    let tenant = fields.take("tenant_id");
    ids.extend(account_of_entra(
        entra.as_ref(),
        tenant.as_ref(),
        issuer,
        sink,
    ));
    let (vouches, subject) = (fields.take("issuer"), fields.take("subject"));
    ids.extend(account(vouches.as_ref(), subject.as_ref(), sink));
    let mail = fields.take("mail");
    let mail = mail.and_then(|at| at.text(sink)).map(str::to_owned);
    let groups = texts(&mut fields, "groups", sink);
    let ci = texts(&mut fields, "ci", sink);
    fields.finish(sink);
    if ids.is_empty() && !sink.failed() {
        let help = "add `slack: U0123`, `entra: <object id>`, or `issuer` and `subject`";
        item.error("nothing proves who this is", help, sink);
    }
    Some(Approver {
        name: name?,
        ids,
        mail,
        groups,
        ci: ci.iter().map(|name| name.to_lowercase()).collect(),
    })
}

/// A Slack user's id: `U0123` or `W0123`
/// (<https://docs.slack.dev/reference/objects/user-object/>).
fn slack(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if text.starts_with(['U', 'W']) && text.len() <= 32 && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    let help = "write the member's id, such as `U0123ABCD`: it is in their profile, under `Copy member ID`";
    item.error(format!("`{text}` is not a Slack user's id"), help, sink);
    None
}

/// `entra`, an object id: in the tenant that people sign in at, or in that of `tenant_id`.
fn account_of_entra(
    entra: Option<&Item<'_>>,
    tenant: Option<&Item<'_>>,
    issuer: Option<&str>,
    sink: &mut Sink<'_>,
) -> Option<PersonId> {
    let help = "write the tenant's id: `az account show --query tenantId`";
    let tenant = tenant.map(|at| guid(at, help, sink));
    let at = entra?;
    let help = "write the object id: `az ad user show --id NAME --query id`";
    let subject = guid(at, help, sink);
    let issuer = if let Some(tenant) = tenant {
        of_tenant(&tenant?)
    } else {
        if issuer.is_none() {
            let help = "add `tenant_id`, or `sign_in` with the tenant's issuer";
            at.error("an object id says who it is in its tenant only", help, sink);
        }
        issuer?.to_owned()
    };
    Some(PersonId {
        issuer,
        subject: subject?,
    })
}

fn guid(item: &Item<'_>, help: &str, sink: &mut Sink<'_>) -> Option<String> {
    let id: Option<Uuid> = item.parsed(help, sink);
    id.map(|id| id.to_string())
}

fn account(
    issuer: Option<&Item<'_>>,
    subject: Option<&Item<'_>>,
    sink: &mut Sink<'_>,
) -> Option<PersonId> {
    match (issuer, subject) {
        (Some(issuer), Some(subject)) => Some(PersonId {
            issuer: issuer.text(sink)?.to_owned(),
            subject: subject.text(sink)?.to_owned(),
        }),
        (Some(one), None) | (None, Some(one)) => {
            let help = "write both: the `iss` of their ID token, and its `sub`";
            one.error("`issuer` and `subject` belong together", help, sink);
            None
        }
        (None, None) => None,
    }
}

fn texts(fields: &mut Fields<'_>, name: &'static str, sink: &mut Sink<'_>) -> BTreeSet<String> {
    let all = fields.take(name).map_or_else(Vec::new, |at| at.each());
    let texts = all.iter().filter_map(|at| at.text(sink));
    texts.map(str::to_owned).collect()
}
