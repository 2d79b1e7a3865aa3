//! What went wrong, whose fault it is, and whether a retry would help.

use std::{borrow::Cow, time::Duration};

/// A failure that the gateway itself tells a client. The kind decides status and retry hints; the message is for
/// the developer of the client and names no host and no key.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: Kind,
    /// For the client's developer.
    pub message: Cow<'static, str>,
    /// For the operator's log only: may name hosts.
    pub detail: Option<String>,
    /// The request parameter at fault, for OpenAI's `param`.
    pub param: Option<Cow<'static, str>>,
    /// The provider's own code, where it told the failure.
    pub code: Option<String>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with a message for the client.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: None,
            param: None,
            code: None,
            retry_after: None,
        }
    }

    /// Adds what only the operator's log may know.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the parameter at fault.
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when to come back.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }
}

/// The sorts of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request makes no sense.
    BadRequest,
    /// No key, or an unknown one.
    Unauthenticated,
    /// No such path.
    NotFound,
    /// No such model.
    ModelNotFound,
    /// The guard stopped it.
    ContentFilter,
    /// The firewall stopped it.
    Attack,
    /// The path exists for another method.
    MethodNotAllowed,
    /// The path is that of a WebSocket, and the request asks for none.
    UpgradeRequired,
    /// The head of the request is over a limit.
    HeaderTooLarge,
    /// The body is over the limit.
    TooLarge,
    /// The client took too long to send.
    RequestTimeout,
    /// A content coding that we cannot undo.
    UnsupportedEncoding,
    /// A limit on requests or streams of one address.
    TooMany,
    /// The upstream limits us, and no other target is left.
    UpstreamLimited,
    /// The provider refuses our credentials.
    UpstreamAuthentication,
    /// The upstream could not be reached, or broke off.
    UpstreamUnreachable,
    /// The upstream answered what cannot be understood.
    UpstreamInvalid,
    /// The upstream was silent for too long.
    UpstreamTimeout,
    /// No target can do what the request asks.
    Unsupported,
    /// An error that a provider told, with its status.
    Provider(u16),
    /// We are about to stop.
    Draining,
    /// Our own fault.
    Internal,
}

impl Kind {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::Unsupported | Self::ContentFilter => 400,
            Self::Provider(status) => status,
            Self::Unauthenticated => 401,
            Self::Attack => 403,
            Self::NotFound | Self::ModelNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::TooLarge => 413,
            Self::UnsupportedEncoding => 415,
            Self::UpgradeRequired => 426,
            Self::TooMany | Self::UpstreamLimited => 429,
            Self::HeaderTooLarge => 431,
            Self::Internal => 500,
            Self::UpstreamAuthentication | Self::UpstreamUnreachable | Self::UpstreamInvalid => 502,
            Self::Draining => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// The stable name in logs, metric labels and OpenAI's `code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "invalid_request",
            Self::Unauthenticated => "invalid_api_key",
            Self::NotFound => "not_found",
            Self::ModelNotFound => "model_not_found",
            // What Azure OpenAI says of a prompt that its filter stopped; SDKs do not try again.
            Self::ContentFilter => "content_filter",
            Self::Attack => "request_blocked",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UpgradeRequired => "upgrade_required",
            Self::HeaderTooLarge => "header_too_large",
            Self::TooLarge => "request_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::UnsupportedEncoding => "unsupported_content_encoding",
            Self::TooMany => "too_many_requests",
            Self::UpstreamLimited => "upstream_rate_limited",
            Self::UpstreamAuthentication => "upstream_authentication_failed",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamInvalid => "upstream_invalid_response",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Unsupported => "unsupported_parameter",
            Self::Provider(_) => "upstream_error",
            Self::Draining => "shutting_down",
            Self::Internal => "internal_error",
        }
    }

    /// Whether the same request may succeed later; becomes `x-should-retry`, which SDKs obey before the status.
    pub const fn worth_retrying(self) -> bool {
        matches!(
            self,
            Self::Provider(408 | 409 | 429 | 500..)
                | Self::RequestTimeout
                | Self::TooMany
                | Self::UpstreamLimited
                | Self::UpstreamUnreachable
                | Self::UpstreamInvalid
                | Self::UpstreamTimeout
                | Self::Draining
        )
    }
}
