//! The description of the API (`OpenAPI` 3.1), made from the code that answers.

use super::idempotency::KEY;
use super::problem::{MEDIA_TYPE, Problem};
use super::read::{denials, ledger, policy, registries, requests, sources};
use super::wire::{API, COMMAND};
use crate::http::Web;
use axum::Json;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required};
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What any request may be answered with.
const REFUSALS: [(&str, &str); 12] = [
    ("400", "The request cannot be read."),
    ("401", "It does not show who asks."),
    ("403", "Whoever asks may not."),
    ("404", "There is no such thing."),
    ("405", "The path has no such method."),
    ("408", "The body did not arrive in time."),
    ("409", "It cannot be done as things stand."),
    ("413", "The body is too large."),
    ("415", "The body is not JSON."),
    ("421", "The request names another host."),
    ("422", "The body is JSON, and not an order."),
    ("503", "It cannot be done for now; try again later."),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "doorward",
        description = "What doorward knows, and what can be ordered. Errors are problem details (RFC 9457) with a stable \
                       `type`. Lists come in pages: `next` of one is the `cursor` of the following one.",
    ),
    servers((url = "http://127.0.0.1:8081", description = "The listener `admin` as it is without configuration")),
    tags(
        (name = "grants", description = "What is open, and for how long"),
        (name = "requests", description = "What people are asked"),
        (name = "denials", description = "Who was refused, and what policy said"),
        (name = "registries", description = "The enrolled registries"),
        (name = "sources", description = "Who may report denials"),
        (name = "sets", description = "Address sets"),
        (name = "policy", description = "The policy in force"),
        (name = "ledger", description = "What happened"),
        (name = "pauses", description = "What is paused"),
        (name = "messages", description = "Channels, and messages that were never delivered"),
    ),
    components(schemas(Problem)),
)]
struct Description;

/// The description with what every operation has.
fn finished(mut description: OpenApi) -> OpenApi {
    for (path, item) in &mut description.paths.paths {
        let PathItem { get, post, .. } = item;
        for (method, operation) in [("get", get), ("post", post)] {
            if let Some(operation) = operation {
                complete(method, path, operation);
            }
        }
    }
    // Whose license the program has is not said by the description of its API.
    description.info.license = None;
    let components = description.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("The listener's token, where it has one"));
    let scheme = SecurityScheme::Http(bearer.build());
    components.add_security_scheme("token", scheme);
    let none: [&str; 0] = [];
    description.security = Some(vec![
        SecurityRequirement::new("token", none),
        SecurityRequirement::default(),
    ]);
    description
}

fn complete(method: &str, path: &str, operation: &mut Operation) {
    let words = path.split(['/', '{', '}']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !["api", "v1"].contains(word)).collect();
    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
    let summary = operation.summary.clone().unwrap_or_default();
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description.clone_from(&summary);
        }
    }
    for (status, meaning) in REFUSALS {
        let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
        let response = ResponseBuilder::new()
            .description(meaning)
            .content(MEDIA_TYPE, Content::new(Some(schema)))
            .build();
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.into());
    }
    if method == "post" {
        let own = operation.parameters.get_or_insert_default();
        own.push(RefOr::T(header(
            COMMAND,
            true,
            "Any value. No page of another site can set it, so that none can give orders.",
        )));
        own.push(RefOr::T(header(
            KEY,
            false,
            "At most 128 characters. The same order with the same key is carried out once within a day.",
        )));
    }
}

fn header(name: &str, needed: bool, meaning: &str) -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(if needed {
            Required::True
        } else {
            Required::False
        })
        .description(Some(meaning))
        .schema(Some(text))
        .build()
}

/// Every route of the API, with its description.
pub(in crate::http) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(super::routes::list))
        .routes(routes!(super::routes::revoke))
        .routes(routes!(super::routes::show))
        .routes(routes!(super::routes::extend))
        .routes(routes!(super::routes::keep))
        .routes(routes!(super::routes::clear_verdicts))
        .routes(routes!(super::routes::pauses))
        .routes(routes!(super::routes::pause))
        .routes(routes!(super::routes::resume))
        .routes(routes!(requests::list))
        .routes(routes!(requests::show))
        .routes(routes!(super::answers::preview))
        .routes(routes!(super::answers::answer))
        .routes(routes!(denials::list))
        .routes(routes!(denials::show))
        .routes(routes!(registries::list))
        .routes(routes!(registries::show))
        .routes(routes!(sources::list))
        .routes(routes!(sources::show))
        .routes(routes!(super::feeds::list))
        .routes(routes!(super::sets::list))
        .routes(routes!(super::sets::show))
        .routes(routes!(super::sets::confirm))
        .routes(routes!(policy::show))
        .routes(routes!(policy::rules))
        .routes(routes!(policy::rule))
        .routes(routes!(ledger::list))
        .routes(routes!(ledger::show))
        .routes(routes!(super::notify::list))
        .routes(routes!(super::notify::test))
        .routes(routes!(super::notify::resend))
}

/// The description of the whole API.
pub(in crate::http) fn description() -> OpenApi {
    let api = OpenApiRouter::<Web>::new().nest(API, routes());
    let mut whole = Description::openapi();
    whole.merge(api.into_openapi());
    finished(whole)
}

/// `GET /api/openapi.json`.
pub(in crate::http) async fn show() -> Json<OpenApi> {
    Json(description())
}
