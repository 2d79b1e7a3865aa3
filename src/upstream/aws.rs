//! Signatures for AWS (Signature Version 4): how Bedrock learns who is calling.

use std::{fmt, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        self, PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest,
        SigningSettings, UriPathNormalizationMode,
    },
    sign::v4::SigningParams,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{CONTENT_TYPE, HOST},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::percent;
use crate::{
    auth::Secret,
    problem::{Place, Problems},
};

/// An access key of AWS.
///
/// Environment variables come in as `${AWS_ACCESS_KEY_ID}` and so on. The gateway itself asks neither the metadata of
/// an instance or container (IMDS, ECS, EKS) nor SSO, profiles or roles: temporary credentials are renewed from
/// outside, as variables or files and a reload.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AwsCredentials {
    /// Access key id: `AKIA…`, or `ASIA…` of temporary credentials. Usually `${AWS_ACCESS_KEY_ID}`.
    pub access_key_id: Secret,
    /// Secret access key. Usually `${AWS_SECRET_ACCESS_KEY}`.
    pub secret_access_key: Secret,
    /// Session token, which temporary credentials need. Usually `${AWS_SESSION_TOKEN}`.
    #[serde(default)]
    pub session_token: Option<Secret>,
}

impl AwsCredentials {
    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        let values = [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
        ];
        for (key, value) in values {
            let Some(value) = value.map(Secret::expose) else {
                continue;
            };
            if value.is_empty() {
                problems.add(at.key(key), "must not be empty (is a variable empty?)");
            } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
                problems.add(
                    at.key(key),
                    "has a space, a line break or another character that AWS uses in none",
                );
            }
        }
    }
}

/// Where a signature is valid.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Region: `us-east-1`.
    pub region: &'a str,
    /// Name that the service signs under: `bedrock`, for `bedrock-runtime` hosts too.
    pub service: &'a str,
}

/// The parts of a request that are signed, as they will be on the wire.
#[derive(Clone, Copy)]
pub struct Unsigned<'a> {
    /// Method.
    pub method: &'a Method,
    /// What the `host` header says.
    pub authority: &'a str,
    /// Path and query, percent-encoded; model ids by [`model_segment`].
    pub path_and_query: &'a str,
    /// Headers, of which the content type is signed.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Why a request could not be signed. It tells no values, since they may be secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// Host and path make no URL.
    Url,
    /// A header that has to be signed is not plain ASCII.
    Header(&'static str),
    /// A part of the credentials, the region or the service cannot stand in a header.
    Credentials,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Url => f.write_str("host and path make no URL that could be signed"),
            Self::Header(name) => write!(f, "the header `{name}` is not plain ASCII"),
            Self::Credentials => {
                f.write_str("AWS credentials, region or service have characters that no header can")
            }
        }
    }
}

impl std::error::Error for SignError {}

/// Signs a request: gives the headers to set, over any of the same name that are there.
///
/// Signed are only headers that nothing between here and AWS changes: `host`, `content-type` and those that are given
/// back (`x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token`). An `x-amz-security-token` of a caller must not
/// remain beside credentials without one.
///
/// The path is encoded once on the wire and twice where it is signed, as all services but S3 want it
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
///
/// # Errors
/// If a part cannot stand in a URL or header.
pub fn sign(
    credentials: &AwsCredentials,
    scope: Scope<'_>,
    request: &Unsigned<'_>,
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
    let identity = Credentials::from_keys(
        credentials.access_key_id.expose(),
        credentials.secret_access_key.expose(),
        credentials
            .session_token
            .as_ref()
            .map(|token| token.expose().to_owned()),
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(time)
        .settings(settings())
        .build()
        .map_err(|_| SignError::Credentials)?
        .into();
    let signable = SignableRequest::new(
        request.method.as_str(),
        url(request)?,
        signed_headers(request)?.into_iter(),
        SignableBody::Bytes(request.body),
    )
    .map_err(|_| SignError::Url)?;
    let (instructions, _) = http_request::sign(signable, &params)
        .map_err(|_| SignError::Credentials)?
        .into_parts();
    let (headers, _) = instructions.into_parts();
    headers
        .iter()
        .map(|header| {
            let name = HeaderName::from_static(header.name());
            let mut value =
                HeaderValue::from_str(header.value()).map_err(|_| SignError::Credentials)?;
            value.set_sensitive(header.sensitive() || name == http::header::AUTHORIZATION);
            Ok((name, value))
        })
        .collect()
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    // Bedrock can do without this header. Set, it takes the place of one that a caller's own signing has left.
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

/// The crate panics on a URL without a host, so it must not see one.
fn url(request: &Unsigned<'_>) -> Result<String, SignError> {
    if !request.path_and_query.starts_with('/') {
        return Err(SignError::Url);
    }
    let url = format!("https://{}{}", request.authority, request.path_and_query);
    let parsed: Uri = url.parse().map_err(|_| SignError::Url)?;
    let same = parsed
        .authority()
        .is_some_and(|authority| authority.as_str() == request.authority);
    if !same || parsed.host().is_none_or(str::is_empty) {
        return Err(SignError::Url);
    }
    Ok(url)
}

fn signed_headers<'a>(request: &Unsigned<'a>) -> Result<Vec<(&'a str, &'a str)>, SignError> {
    // Told outright: left to itself, the crate takes the scheme's own port away.
    let mut signed = vec![(HOST.as_str(), request.authority)];
    for value in request.headers.get_all(CONTENT_TYPE) {
        let value = value
            .to_str()
            .map_err(|_| SignError::Header("content-type"))?;
        signed.push(("content-type", value));
    }
    Ok(signed)
}

/// A model id, inference profile or ARN as the one segment of a path that Bedrock takes it in: `:` and `/` are encoded,
/// as AWS's own SDKs do it (`/model/{modelId}/converse` in botocore's model of `bedrock-runtime`).
pub fn model_segment(model: &str) -> String {
    match model {
        // Dots alone are steps to another place.
        "." | ".." => model.replace('.', "%2E"),
        model => percent::encode(model),
    }
}

#[cfg(test)]
mod tests;
