//! What a caller did wrong, or asked to see go wrong; each dialect has its shape.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};
use serde_json::Value;

use super::script;

pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) message: Cow<'static, str>,
    /// The field at fault, which OpenAI names apart from the message.
    pub(super) param: Option<&'static str>,
}

impl Fault {
    /// A status out of range would be our own mistake, and is told as such.
    pub(super) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            message: message.into(),
            param: None,
        }
    }

    pub(super) fn missing(param: &'static str) -> Self {
        Self::invalid(param, format!("Missing required parameter: '{param}'."))
    }

    pub(super) fn invalid(param: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            param: Some(param),
            ..Self::new(400, message)
        }
    }

    pub(super) fn unknown_path(method: &str, path: &str) -> Self {
        Self::new(404, format!("Invalid URL ({method} {path})"))
    }

    /// The answer around a body in the caller's dialect.
    pub(super) fn response(&self, body: &Value) -> Response {
        let mut response = script::json(body, false);
        *response.status_mut() = self.status;
        if matches!(self.status.as_u16(), 429 | 503) {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A count in the request that must be at least one, if it is there.
pub(super) fn count(value: &Value, param: &'static str) -> Result<Option<u64>, Fault> {
    match value {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(count) if count > 0 => Ok(Some(count)),
            _ => Err(Fault::invalid(
                param,
                format!("'{param}' must be a positive integer."),
            )),
        },
    }
}

/// A list in the request that must be there and hold something.
pub(super) fn list<'a>(value: &'a Value, param: &'static str) -> Result<&'a [Value], Fault> {
    match value {
        Value::Null => Err(Fault::missing(param)),
        Value::Array(items) if !items.is_empty() => Ok(items),
        _ => Err(Fault::invalid(
            param,
            format!("'{param}' must be a list that is not empty."),
        )),
    }
}
