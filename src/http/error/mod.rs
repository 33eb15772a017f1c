//! What a caller may know of what went wrong.

mod conversions;

use crate::flow::access::api_tokens::ApiTokenError;
use crate::flow::notify::channels::NotifyError;
use crate::flow::orders::OrderError;
use crate::flow::respond::AnswerError;
use crate::flow::respond::afterwards::AfterwardsError;
use crate::flow::sets::ConfirmError;
use crate::http::api::problem::Cause;
use crate::http::listener::boundary::Reason;
use crate::http::pages::sign_in::SignInError;
use axum::Json;
use axum::http::header::{ACCEPT_ENCODING, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use doorward_core::approvals::Refusal;
use doorward_core::auth::api_token::Scope;
use doorward_core::auth::link::LinkError;
use doorward_core::intake::report::DeliveryError;
use std::time::Duration;

/// When to try again if the ledger does not answer, in seconds.
const RETRY_SECONDS: u64 = 10;

/// Every way a request can fail. The text is for the caller; what lies behind it is in the log.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No such path.
    #[error("there is nothing here: events go to `/events/<source>`")]
    NotFound,
    /// No host, or several, or another than the request is addressed to.
    #[error("the request does not name one host")]
    BadHost,
    /// No source has this name.
    #[error("no source has this name: see `sources` in doorward's configuration")]
    UnknownSource,
    /// The sender is not proven. Nothing says why.
    #[error("not authenticated")]
    Unauthorized {
        /// The header that says which kind of proof is taken.
        challenge: &'static str,
    },
    /// The keys of the sender's issuer cannot be had, so nobody can tell whether it is proven.
    #[error(
        "the issuer of this token cannot be asked for its keys at the moment: send it again later"
    )]
    NoKeys {
        /// How long from now.
        wait: Duration,
    },
    /// Too many bodies of senders who are not proven yet.
    #[error("too many signed deliveries at once: send it again later")]
    Busy,
    /// More deliveries than the source may make.
    #[error("too many deliveries from this source: send again later")]
    TooMany {
        /// How long from now.
        wait: Duration,
        /// Whether its sender heeds a 429; others are told 503.
        heeds_429: bool,
    },
    /// The body is larger than the source may send.
    #[error(
        "the body, unpacked where it is compressed, is larger than the {most} bytes that this source may send: send smaller batches"
    )]
    TooLarge {
        /// The source's limit.
        most: usize,
    },
    /// The body took too long.
    #[error("the body did not arrive in time: send it again")]
    TooSlow,
    /// The delivery is of another Event Grid subscription.
    #[error(
        "this source takes deliveries of one Event Grid subscription, and this is another's: see `event_grid` of the source in doorward's configuration"
    )]
    OtherSubscription,
    /// The handshake is asked for by another sender.
    #[error(
        "this origin may not deliver here: add it to `cloud_events.allowed_origins` of the source in doorward's configuration, if it should"
    )]
    OtherOrigin,
    /// The body is compressed in a way that is not known.
    #[error(
        "this content coding is not read: send the body uncompressed, or with `content-encoding: gzip` or `zstd`"
    )]
    Encoded,
    /// The body is not what its content coding says.
    #[error(
        "the body is not valid {coding}, as its content-encoding says, or is cut off: send it again"
    )]
    Packed {
        /// The coding's name.
        coding: &'static str,
    },
    /// The connection broke within the body.
    #[error("the body ended early: send it again")]
    CutOff,
    /// The body cannot be read.
    #[error(transparent)]
    Unreadable(#[from] DeliveryError),
    /// The ledger does not answer, or not in time. Nothing is acknowledged.
    #[error(
        "the ledger does not answer at the moment, so this is not acknowledged: send it again later"
    )]
    Unavailable,
    /// A form that came from another site, or from nowhere.
    #[error(
        "this answer did not come from doorward's own page, and was not taken: open the link and answer there. Where it \
         did, `public_url` in doorward's configuration is not the address that your browser shows"
    )]
    ForeignOrigin,
    /// A form without an answer.
    #[error("the form holds no answer: open the link and choose one")]
    NoAnswer,
    /// A host name that is not the operator page's.
    #[error(
        "the operator page is reached by a loopback or the configured address with its own port, under no other name: see \
         `admin` in doorward's configuration"
    )]
    ForeignHost,
    /// There is no such thing.
    #[error("there is no such {what}: see `{list}`")]
    NoSuch {
        /// What was asked for: `request`.
        what: &'static str,
        /// The commands that list what there is.
        list: &'static str,
    },
    /// Several things may be meant.
    #[error("several are meant: give more of the {what}'s id")]
    Several {
        /// What was asked for: `request`.
        what: &'static str,
    },
    /// An idempotency key that is none.
    #[error("`Idempotency-Key` is given once, and has from 1 to 128 printable characters")]
    BadKey,
    /// An idempotency key that another order had.
    #[error("this `Idempotency-Key` belongs to another order: choose a new one for this")]
    KeyReused,
    /// An order with the same key is under way.
    #[error("an order with this `Idempotency-Key` is under way: ask again in a moment")]
    KeyInUse,
    /// A set was not confirmed.
    #[error(transparent)]
    Confirm(ConfirmError),
    /// The link leads nowhere.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The answer was not taken.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Nobody is signed in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The API token shown is for other things.
    #[error("{}", out_of_scope(*.needed))]
    OutOfScope {
        /// The scope that it lacks; none where no token will do.
        needed: Option<Scope>,
    },
    /// A token was not created, or not revoked.
    #[error(transparent)]
    ApiToken(ApiTokenError),
    /// There is no such session.
    #[error("there is no session `{0}`: `doorward sessions list` shows them")]
    NoSession(String),
    /// The order about what a request has opened was not followed.
    #[error(transparent)]
    Afterwards(#[from] AfterwardsError),
    /// An order that no command sent.
    #[error(
        "orders are taken from doorward's own commands: send JSON with the header `x-doorward-command`, and not from a browser"
    )]
    NotACommand,
    /// An order that cannot be read.
    #[error("the order cannot be read: {0}")]
    BadOrder(String),
    /// The order was not followed.
    #[error(transparent)]
    Order(OrderError),
    /// The order about a channel was not followed.
    #[error(transparent)]
    Notify(NotifyError),
    /// Something that should not happen did.
    #[error(
        "something went wrong on doorward's side; its log says what, under this answer's x-request-id"
    )]
    Internal,
}

impl HttpError {
    /// The status it is answered with. Event Grid drops what is answered with 400, 401, 403 or 413,
    /// so none of these ever stands for a fault of ours
    /// (<https://learn.microsoft.com/azure/event-grid/delivery-and-retry>); and action groups do not
    /// try again after 500 (<https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups>).
    #[expect(clippy::too_many_lines, reason = "a line or two for each error")]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound
            | Self::UnknownSource
            | Self::NoSuch { .. }
            | Self::Notify(_)
            | Self::NoSession(_)
            | Self::ApiToken(ApiTokenError::Unknown(_))
            | Self::Confirm(ConfirmError::NoSet { .. })
            | Self::Link(LinkError::Invalid | LinkError::Tampered | LinkError::OtherKey) => {
                StatusCode::NOT_FOUND
            }
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::TooMany {
                heeds_429: true, ..
            } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::KeyReused
            | Self::Unreadable(DeliveryError::TooMuchWork | DeliveryError::OverBound { .. }) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::CutOff
            | Self::ApiToken(ApiTokenError::Name | ApiTokenError::Lasts)
            | Self::Packed { .. }
            | Self::Unreadable(_)
            | Self::NoAnswer
            | Self::BadHost
            | Self::BadKey
            | Self::BadOrder(_) => StatusCode::BAD_REQUEST,
            Self::Order(error) => order_status(error),
            Self::SignIn(error) => error.status(),
            Self::ApiToken(ApiTokenError::Store(_) | ApiTokenError::Random(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TooMany { .. }
            | Self::Unavailable
            | Self::NoKeys { .. }
            | Self::Busy
            | Self::Internal
            | Self::Answer(AnswerError::Store(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignOrigin
            | Self::OutOfScope { .. }
            | Self::NotACommand
            | Self::OtherSubscription
            | Self::OtherOrigin
            | Self::Link(LinkError::OtherPurpose) => StatusCode::FORBIDDEN,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Link(LinkError::Over) | Self::Answer(AnswerError::Over) => StatusCode::GONE,
            Self::Answer(AnswerError::Refused(refusal)) => refusal_status(refusal),
            Self::Answer(AnswerError::NotShown) => StatusCode::PRECONDITION_REQUIRED,
            Self::Afterwards(error) => match error {
                AfterwardsError::Refused(refusal) => refusal_status(refusal),
                AfterwardsError::TakesSeveral(_) | AfterwardsError::Unknown => {
                    StatusCode::FORBIDDEN
                }
                AfterwardsError::NothingOpen => StatusCode::CONFLICT,
                AfterwardsError::Order(error) => order_status(error),
            },
            Self::Answer(
                AnswerError::Answered
                | AnswerError::Changed(_)
                | AnswerError::Paused(_)
                | AnswerError::Unread(_),
            )
            | Self::Several { .. }
            | Self::KeyInUse
            | Self::ApiToken(ApiTokenError::Taken(_))
            | Self::Confirm(_) => StatusCode::CONFLICT,
        }
    }

    /// A header that belongs to the status.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let seconds = match self {
            // RFC 9110, section 12.5.3: in this answer it says what a request may use.
            Self::Encoded => {
                let known = HeaderValue::from_static("gzip, zstd, identity");
                return Some((ACCEPT_ENCODING, known));
            }
            // A challenge is required (RFC 9110, section 11.6.1).
            Self::Unauthorized { challenge } => {
                let challenge = HeaderValue::from_static(challenge);
                return Some((WWW_AUTHENTICATE, challenge));
            }
            Self::TooMany { wait, .. } | Self::NoKeys { wait } => wait.as_secs().saturating_add(1),
            Self::Busy => 1,
            Self::SignIn(error) => error.retry_after()?,
            Self::Unavailable | Self::Internal | Self::Answer(AnswerError::Store(_)) => {
                RETRY_SECONDS
            }
            _ => return None,
        };
        Some((RETRY_AFTER, seconds.into()))
    }

    /// Why it failed, in a word, for the log and the metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoSuch { .. } => "not_found",
            Self::Several { .. } => "ambiguous",
            Self::BadKey => "idempotency_key",
            Self::KeyReused => "idempotency_key_reused",
            Self::KeyInUse => "idempotency_key_in_use",
            Self::UnknownSource => "unknown_source",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NoKeys { .. } => "no_keys",
            Self::Busy => "busy",
            Self::TooMany { .. } => "rate_limited",
            Self::TooLarge { .. } => "too_large",
            Self::TooSlow => "too_slow",
            Self::CutOff => "cut_off",
            Self::OtherSubscription | Self::OtherOrigin => "other_sender",
            Self::Encoded | Self::Packed { .. } | Self::Unreadable(_) => "unreadable",
            Self::ForeignOrigin => "foreign_origin",
            Self::ForeignHost | Self::BadHost => "bad_host",
            Self::Link(LinkError::Invalid | LinkError::Tampered) => "invalid_link",
            Self::Link(LinkError::OtherKey) => "other_key_link",
            Self::Link(LinkError::OtherPurpose) => "other_purpose_link",
            Self::Link(LinkError::Over) => "expired_link",
            Self::SignIn(_) => "not_signed_in",
            Self::OutOfScope { .. } => "out_of_scope",
            Self::NoAnswer | Self::NotACommand | Self::BadOrder(_) => "bad_request",
            Self::Answer(_)
            | Self::Afterwards(_)
            | Self::ApiToken(_)
            | Self::NoSession(_)
            | Self::Order(_)
            | Self::Confirm(_)
            | Self::Notify(_) => "not_done",
            Self::Unavailable | Self::Internal => "failed",
        }
    }

    /// The page that is shown instead, with this status.
    pub(super) fn with_page(&self, page: Response) -> Response {
        let (head, body) = page.into_parts();
        let mut response = self.with_body(body);
        for (name, value) in &head.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    /// The answer with `body` in place of JSON.
    pub(super) fn with_body(&self, body: impl IntoResponse) -> Response {
        let mut response = (self.status(), body).into_response();
        let extensions = response.extensions_mut();
        extensions.insert(Reason(self.reason()));
        extensions.insert(Cause::of(self, self.reason()));
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn out_of_scope(needed: Option<Scope>) -> String {
    match needed {
        Some(scope) => format!(
            "this API token has not the scope `{}`: create one that has (`doorward tokens create`)",
            scope.name()
        ),
        None => "API tokens and sessions are seen to by operators, not by an API token".to_owned(),
    }
}

/// Who may not is forbidden; what may not be wished for can be wished for otherwise.
fn refusal_status(refusal: &Refusal) -> StatusCode {
    if refusal.is_of_the_wish() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if *refusal == Refusal::SaidYes {
        StatusCode::CONFLICT
    } else {
        StatusCode::FORBIDDEN
    }
}

fn order_status(error: &OrderError) -> StatusCode {
    match error {
        OrderError::Nobody | OrderError::Short(_) | OrderError::Past(_) => StatusCode::BAD_REQUEST,
        OrderError::Unknown(_) | OrderError::NoRegistry(_) => StatusCode::NOT_FOUND,
        OrderError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        OrderError::Ambiguous { .. }
        | OrderError::Over
        | OrderError::NotOurs(_)
        | OrderError::Shared { .. }
        | OrderError::Moving
        | OrderError::NotLonger(_)
        | OrderError::Longest(_)
        | OrderError::Paused(_)
        | OrderError::NoVerdict(_)
        | OrderError::AllPaused => StatusCode::CONFLICT,
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        self.with_body(Json(serde_json::json!({ "error": self.to_string() })))
    }
}
