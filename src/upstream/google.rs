//! Accounts of Google Cloud, and how they ask for the access tokens that Vertex AI takes.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    percent,
    token::{Grant, TokenRequest, check_url},
};
use crate::auth::Secret;

/// What tokens may be used for: all that the account may do. Vertex AI has no narrower one.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Where tokens are asked for, unless a key file names another place.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// Where a machine of Google Cloud learns about itself.
const METADATA_HOST: &str = "metadata.google.internal";

/// How long an assertion is valid: an hour, the longest that Google allows.
const ASSERTION_LIFE: Duration = Duration::from_secs(3600);

/// Assertions are dated back by this, for our clock may be ahead of Google's.
const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// An account that the gateway can act as.
#[derive(Debug)]
pub enum GoogleCredentials {
    /// A service account with its private key.
    ServiceAccount(Box<ServiceAccount>),
    /// A person's consent, as `gcloud auth application-default login` leaves it.
    AuthorizedUser(AuthorizedUser),
    /// The service account of the machine that the gateway runs on.
    MetadataServer(MetadataServer),
}

impl GoogleCredentials {
    /// Reads a credentials file of the types `service_account` and `authorized_user`.
    ///
    /// # Errors
    /// Names the member that is missing or wrong, but no values, since the file is a secret.
    pub fn parse(json: &Secret) -> Result<Self, String> {
        let file: Map<String, Value> = serde_json::from_str(json.expose())
            .map_err(|e| format!("is no JSON object (line {}, {:?})", e.line(), e.classify()))?;
        match optional(&file, "type")?.as_deref() {
            Some("service_account") => {
                let account = ServiceAccount::read(&file)?;
                Ok(Self::ServiceAccount(Box::new(account)))
            }
            Some("authorized_user") => AuthorizedUser::read(&file).map(Self::AuthorizedUser),
            Some(
                "external_account"
                | "external_account_authorized_user"
                | "impersonated_service_account",
            ) => Err(
                "credentials of this `type` are not supported; use the key of a service account, \
                 or the metadata server"
                    .to_owned(),
            ),
            Some(_) => Err("`type` must be `service_account` or `authorized_user`".to_owned()),
            None => Err("has no `type`; is it the key file of a service account?".to_owned()),
        }
    }

    /// The project that the account belongs to, if the file names it.
    pub fn project_id(&self) -> Option<&str> {
        match self {
            Self::ServiceAccount(account) => account.project_id.as_deref(),
            Self::AuthorizedUser(_) | Self::MetadataServer(_) => None,
        }
    }

    /// The project to bill and to count quotas for, for the header `x-goog-user-project`.
    pub fn quota_project(&self) -> Option<&str> {
        match self {
            Self::AuthorizedUser(user) => user.quota_project.as_deref(),
            Self::ServiceAccount(_) | Self::MetadataServer(_) => None,
        }
    }
}

impl Grant for GoogleCredentials {
    fn subject(&self) -> String {
        match self {
            Self::ServiceAccount(account) => account.client_email.clone(),
            Self::AuthorizedUser(user) => format!("the user of client {}", user.client_id),
            Self::MetadataServer(server) => {
                format!("service account `{}` of this machine", server.account)
            }
        }
    }

    fn request(&self, now: SystemTime) -> Result<TokenRequest, String> {
        match self {
            Self::ServiceAccount(account) => account.request(now),
            Self::AuthorizedUser(user) => Ok(user.request()),
            Self::MetadataServer(server) => Ok(server.request()),
        }
    }
}

/// A service account, read from its key file.
pub struct ServiceAccount {
    client_email: String,
    private_key_id: Option<String>,
    token_uri: String,
    project_id: Option<String>,
    key: EncodingKey,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ServiceAccount({})", self.client_email)
    }
}

/// The claims of an assertion.
/// <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl ServiceAccount {
    fn read(file: &Map<String, Value>) -> Result<Self, String> {
        // Whoever carries such a file through a variable often escapes its line breaks twice.
        let pem = required(file, "private_key")?.replace("\\n", "\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes())
            .map_err(|_| "`private_key` is no RSA key in PEM format")?;
        let account = Self {
            client_email: required(file, "client_email")?,
            private_key_id: optional(file, "private_key_id")?,
            token_uri: token_uri(file)?,
            project_id: optional(file, "project_id")?,
            key,
        };
        // A key can have the form of one and still sign nothing.
        account.assertion(UNIX_EPOCH + ASSERTION_LIFE)?;
        Ok(account)
    }

    /// Signs that this account wants a token.
    fn assertion(&self, now: SystemTime) -> Result<String, String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = self.private_key_id.clone();
        let issued = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_sub(CLOCK_SKEW);
        let claims = Claims {
            iss: &self.client_email,
            scope: SCOPE,
            aud: &self.token_uri,
            iat: issued.as_secs(),
            exp: (issued + ASSERTION_LIFE).as_secs(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|_| "`private_key` cannot sign".to_owned())
    }

    fn request(&self, now: SystemTime) -> Result<TokenRequest, String> {
        let pairs = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &self.assertion(now)?),
        ];
        Ok(TokenRequest::form(&self.token_uri, &pairs))
    }
}

/// A person who has consented once; for development, as the rights are the person's own.
#[derive(Debug)]
pub struct AuthorizedUser {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    token_uri: String,
    quota_project: Option<String>,
}

impl AuthorizedUser {
    fn read(file: &Map<String, Value>) -> Result<Self, String> {
        Ok(Self {
            client_id: required(file, "client_id")?,
            client_secret: Secret::new(required(file, "client_secret")?),
            refresh_token: Secret::new(required(file, "refresh_token")?),
            token_uri: token_uri(file)?,
            quota_project: optional(file, "quota_project_id")?,
        })
    }

    fn request(&self) -> TokenRequest {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("refresh_token", self.refresh_token.expose()),
        ];
        TokenRequest::form(&self.token_uri, &pairs)
    }
}

/// The metadata server, which machines of Compute Engine, GKE and Cloud Run have. The machine's access scopes must
/// include `cloud-platform`.
/// <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>
#[derive(Debug)]
pub struct MetadataServer {
    host: String,
    account: String,
}

impl MetadataServer {
    /// Another host and port than the usual one, such as an emulator's.
    pub fn at(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            account: "default".to_owned(),
        }
    }

    fn request(&self) -> TokenRequest {
        let (host, account) = (&self.host, percent::encode(&self.account));
        let flavor = HeaderName::from_static("metadata-flavor");
        TokenRequest {
            method: Method::GET,
            url: format!(
                "http://{host}/computeMetadata/v1/instance/service-accounts/{account}/token"
            ),
            headers: HeaderMap::from_iter([(flavor, HeaderValue::from_static("Google"))]),
            body: Default::default(),
        }
    }
}

impl Default for MetadataServer {
    fn default() -> Self {
        Self::at(METADATA_HOST)
    }
}

fn token_uri(file: &Map<String, Value>) -> Result<String, String> {
    let uri = optional(file, "token_uri")?.unwrap_or_else(|| TOKEN_URI.to_owned());
    check_url(&uri).map_err(|why| format!("`token_uri`: {why}"))?;
    Ok(uri)
}

fn required(file: &Map<String, Value>, name: &str) -> Result<String, String> {
    optional(file, name)?.ok_or_else(|| format!("has no `{name}`"))
}

/// A text that may be missing, null or empty, which is the same.
fn optional(file: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match file.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{name}` must be a text")),
    }
}

#[cfg(test)]
mod tests;
