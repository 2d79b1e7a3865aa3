//! Applications of Microsoft Entra ID, and how they ask for the access tokens that Azure OpenAI takes.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    percent,
    token::{Grant, TokenRequest, check_url},
};
use crate::{
    auth::Secret,
    problem::{Place, Problems},
};

/// An application (service principal) of Microsoft Entra ID with a client secret.
///
/// It needs the role "Cognitive Services OpenAI User" on the resource. Managed identities, certificates and workload
/// identity federation are not supported.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EntraCredentials {
    /// Directory (tenant) id, or one of its domains.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// Client secret: its value, not its id. Usually `${AZURE_CLIENT_SECRET}`.
    pub client_secret: Secret,
    /// What the tokens are for.
    #[serde(default = "EntraCredentials::scope")]
    pub scope: String,
    /// Where tokens are asked for; national clouds have a place of their own, such as
    /// `https://login.microsoftonline.us`.
    #[serde(default = "EntraCredentials::authority")]
    pub authority: String,
}

impl EntraCredentials {
    fn scope() -> String {
        "https://cognitiveservices.azure.com/.default".to_owned()
    }

    fn authority() -> String {
        "https://login.microsoftonline.com".to_owned()
    }

    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        let values = [
            ("tenant_id", self.tenant_id.as_str()),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("scope", &self.scope),
        ];
        for (key, value) in values {
            if value.trim().is_empty() {
                problems.add(at.key(key), "must not be empty (is a variable empty?)");
            }
        }
        let in_domains = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !self.tenant_id.chars().all(in_domains) {
            problems.add(
                at.key("tenant_id"),
                "expected an id like 00000000-0000-0000-0000-000000000000, or a domain",
            );
        }
        if let Err(why) = check_url(&self.authority) {
            problems.add(at.key("authority"), why);
        }
    }
}

impl Grant for EntraCredentials {
    fn subject(&self) -> String {
        format!("application {} of Entra ID", self.client_id)
    }

    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#get-a-token>
    fn request(&self, _: SystemTime) -> Result<TokenRequest, String> {
        let authority = self.authority.trim_end_matches('/');
        let tenant = percent::encode(&self.tenant_id);
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("scope", &self.scope),
        ];
        Ok(TokenRequest::form(
            &format!("{authority}/{tenant}/oauth2/v2.0/token"),
            &pairs,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn read(more: &str) -> EntraCredentials {
        let json = format!(
            r#"{{"tenant_id":"{TENANT}","client_id":"an-app","client_secret":"s~8Q+SECRET="{more}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn places(credentials: &EntraCredentials) -> Vec<String> {
        let mut problems = Problems::default();
        credentials.check(&Place::default(), &mut problems);
        let places = problems.0.iter().map(|(place, _)| place.to_string());
        places.collect()
    }

    #[test]
    fn an_application_asks_with_its_secret() {
        let request = read("").request(SystemTime::now()).unwrap();
        assert_eq!(
            request.url,
            format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
        );
        assert_eq!(
            request.body,
            "grant_type=client_credentials&client_id=an-app&client_secret=s~8Q%2BSECRET%3D\
             &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
        );
        assert_eq!(
            request.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
    }

    #[test]
    fn national_clouds_and_other_scopes_can_be_named() {
        let more = r#","authority":"https://login.microsoftonline.us/","scope":"api://x/.default""#;
        let credentials = read(more);
        assert_eq!(places(&credentials), [""; 0]);
        let request = credentials.request(SystemTime::now()).unwrap();
        assert_eq!(
            request.url,
            format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token")
        );
        assert!(request.body.ends_with(b"&scope=api%3A%2F%2Fx%2F.default"));
    }

    #[test]
    fn what_cannot_work_is_found_before_it_is_used() {
        assert_eq!(places(&read("")), [""; 0]);
        let broken = EntraCredentials {
            tenant_id: "a/b".into(),
            client_id: " ".into(),
            client_secret: Secret::new(""),
            authority: "http://login.example.com".into(),
            ..read("")
        };
        assert_eq!(
            places(&broken),
            ["client_id", "client_secret", "tenant_id", "authority"]
        );
        let url = broken.request(SystemTime::now()).unwrap().url;
        assert!(url.contains("/a%2Fb/"), "{url}");
    }

    #[test]
    fn the_secret_shows_in_no_debug_output() {
        let credentials = read("");
        let request = credentials.request(SystemTime::now());
        let shown = format!("{credentials:?} {request:?} {}", credentials.subject());
        assert!(!shown.contains("SECRET") && shown.contains("an-app"));
    }

    #[test]
    fn unknown_members_of_the_section_are_refused() {
        let json = r#"{"tenant_id":"t","client_id":"c","client_secret":"s","secret":"x"}"#;
        assert!(serde_json::from_str::<EntraCredentials>(json).is_err());
    }
}
