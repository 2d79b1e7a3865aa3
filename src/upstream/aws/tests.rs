//! Signatures compared with botocore's, and what is refused.

use std::time::{Duration, UNIX_EPOCH};

use super::*;

/// The key that AWS publishes with its examples.
const KEY: (&str, &str) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#;
const HOST: &str = "bedrock-runtime.us-east-1.amazonaws.com";
const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const PROFILE: &str =
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123xyz";

fn credentials(token: Option<&str>) -> AwsCredentials {
    AwsCredentials {
        access_key_id: Secret::new(KEY.0),
        secret_access_key: Secret::new(KEY.1),
        session_token: token.map(Secret::new),
    }
}

/// 2026-11-22T18:35:30Z.
fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_372_530)
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn post<'a>(path_and_query: &'a str, headers: &'a HeaderMap) -> Unsigned<'a> {
    Unsigned {
        method: &Method::POST,
        authority: HOST,
        path_and_query,
        headers,
        body: BODY,
    }
}

const US: Scope = Scope {
    region: "us-east-1",
    service: "bedrock",
};

fn header(signed: &[(HeaderName, HeaderValue)], name: &str) -> Option<String> {
    let found: Vec<_> = signed.iter().filter(|(n, _)| n == name).collect();
    assert!(found.len() < 2, "{name} twice");
    found.first().map(|(_, v)| v.to_str().unwrap().to_owned())
}

fn signature(signed: &[(HeaderName, HeaderValue)]) -> String {
    let authorization = header(signed, "authorization").unwrap();
    authorization.rsplit_once("Signature=").unwrap().1.into()
}

/// All constants below were computed by botocore 1.44.5 (`botocore.auth.SigV4Auth`) for the same request.
#[test]
fn paths_of_bedrock_are_signed_as_botocore_signs_them() {
    let headers = json();
    let path = |model, call| format!("/model/{}/{call}", model_segment(model));
    for (path, wanted) in [
        (
            path(SONNET, "converse-stream"),
            "294d132657dfb8743b607c42cc6263284e76c60637ff6504ba91883b5750b0b3",
        ),
        (
            path(PROFILE, "converse"),
            "a133235554a25208d21b86c2cb6dfc3a58c0799611fc524552fafdb50a80a1ad",
        ),
        (
            path("a b+~é", "invoke"),
            "7ad091b9b3aed8aa096bb0eea7867e612853d5d3ec87524db75334235370f84e",
        ),
        // A path that somebody else has written, with the colon as it is.
        (
            format!("/model/{SONNET}/converse"),
            "6024fbfe1f86661c2398e17ebcaa6ab49e19709a2f6bc76bc59d54bf6277bcba",
        ),
    ] {
        let signed = sign(&credentials(None), US, &post(&path, &headers), time()).unwrap();
        assert_eq!(signature(&signed), wanted, "{path}");
    }
}

#[test]
fn the_headers_to_set_are_those_that_were_signed() {
    let (headers, path) = (json(), format!("/model/{}/x", model_segment(SONNET)));
    let path = path.replace("/x", "/converse-stream");
    let signed = sign(
        &credentials(Some("token/with+chars==")),
        US,
        &post(&path, &headers),
        time(),
    )
    .unwrap();
    let get = |name| header(&signed, name).unwrap();
    assert_eq!(
        get("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, \
         SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
         Signature=3e77d947e79b57ceded62746e7cb323e5e36d658b9d0a3eaa40178f6e9fea222"
    );
    assert_eq!(get("x-amz-date"), "20261122T183530Z");
    assert_eq!(get("x-amz-security-token"), "token/with+chars==");
    assert_eq!(get("x-amz-content-sha256").len(), 64);
    assert_eq!(signed.len(), 4);
}

#[test]
fn region_port_query_and_method_are_part_of_the_signature() {
    let headers = json();
    let titan = format!(
        "/model/{}/invoke",
        model_segment("amazon.titan-embed-text-v2:0")
    );
    let eu = Scope {
        region: "eu-central-1",
        ..US
    };
    let request = Unsigned {
        authority: "bedrock-runtime.eu-central-1.amazonaws.com",
        ..post(&titan, &headers)
    };
    let signed = sign(&credentials(None), eu, &request, time()).unwrap();
    assert_eq!(
        signature(&signed),
        "777af44c4358e5559010bcc58e1bcfe5f0499afd4704aaa879fe078df98ae863"
    );
    let request = Unsigned {
        authority: "127.0.0.1:9443",
        ..post("/model/m/converse", &headers)
    };
    let signed = sign(&credentials(None), US, &request, time()).unwrap();
    assert_eq!(
        signature(&signed),
        "69a6dea460fc99add42e3860745406aad28ad740709c6531478ba0e62de53793"
    );
    let nothing = HeaderMap::new();
    let request = Unsigned {
        method: &Method::GET,
        authority: "bedrock.us-east-1.amazonaws.com",
        body: b"",
        ..post(
            "/foundation-models?byProvider=anthropic&byOutputModality=TEXT",
            &nothing,
        )
    };
    let signed = sign(&credentials(None), US, &request, time()).unwrap();
    assert_eq!(
        signature(&signed),
        "76d9a97c261b05d324bf89286472f4f3ea3f394eeb243a6ddc68654655661041"
    );
}

#[test]
fn headers_that_may_change_on_the_way_are_not_signed() {
    let path = "/model/m/converse";
    let plain = json();
    let mut more = json();
    for (name, value) in [
        ("user-agent", "x"),
        ("accept", "a"),
        ("x-amz-date", "20200101T000000Z"),
        ("x-amz-content-sha256", "0000"),
        ("x-amz-security-token", "of the caller"),
        ("authorization", "AWS4-HMAC-SHA256 of the caller"),
    ] {
        more.insert(name, HeaderValue::from_static(value));
    }
    let sign = |headers| sign(&credentials(None), US, &post(path, headers), time()).unwrap();
    assert_eq!(sign(&plain), sign(&more));
}

#[test]
fn model_ids_are_one_segment() {
    assert_eq!(
        model_segment(PROFILE),
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123xyz"
    );
    assert_eq!(
        model_segment("anthropic.claude-v2:1"),
        "anthropic.claude-v2%3A1"
    );
    assert_eq!(model_segment(".."), "%2E%2E");
    assert_eq!(model_segment("../../x?y#z"), "..%2F..%2Fx%3Fy%23z");
}

#[test]
fn what_cannot_be_signed_is_refused_without_a_word_about_secrets() {
    let headers = json();
    let good = post("/x", &headers);
    let sign = |credentials: &AwsCredentials, scope, request: &Unsigned| {
        sign(credentials, scope, request, time()).unwrap_err()
    };
    let keys = credentials(None);
    for (authority, path_and_query) in [
        ("", "/x"),
        (":80", "/x"),
        ("a b", "/x"),
        ("host", "x"),
        ("host", ""),
        ("host/elsewhere", "/x"),
        ("host?", "/x"),
        ("host", "/a b"),
    ] {
        let request = Unsigned {
            authority,
            path_and_query,
            ..good
        };
        assert_eq!(
            sign(&keys, US, &request),
            SignError::Url,
            "{authority} {path_and_query}"
        );
    }
    let odd = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_bytes(b"\xff").unwrap())]);
    assert_eq!(
        sign(&keys, US, &post("/x", &odd)),
        SignError::Header("content-type")
    );
    let mut broken = keys.clone();
    broken.access_key_id = Secret::new("AKID\nSECRET");
    let error = sign(&broken, US, &good);
    assert_eq!(error, SignError::Credentials);
    assert!(!format!("{error} {error:?}").contains("SECRET"));
    let broken = credentials(Some("SECRET\r\nx: y"));
    assert_eq!(sign(&broken, US, &good), SignError::Credentials);
    let scope = Scope {
        region: "us\neast",
        ..US
    };
    assert_eq!(sign(&keys, scope, &good), SignError::Credentials);
}

#[test]
fn secrets_show_neither_in_debug_output_nor_in_headers_that_are_logged() {
    let keys = credentials(Some("SESSION"));
    let shown = format!("{keys:?}");
    assert!(!shown.contains("SESSION") && !shown.contains(KEY.0) && !shown.contains(KEY.1));
    let signed = sign(&keys, US, &post("/x", &json()), time()).unwrap();
    let shown = format!("{signed:?}");
    assert!(!shown.contains("SESSION") && !shown.contains("Signature="));
}

#[test]
fn empty_and_broken_credentials_are_found_before_they_are_used() {
    let places = |credentials: &AwsCredentials| {
        let mut problems = Problems::default();
        credentials.check(&Place::default().key("aws"), &mut problems);
        let places = problems.0.iter().map(|(place, _)| place.to_string());
        places.collect::<Vec<_>>()
    };
    assert!(places(&credentials(Some("t"))).is_empty());
    let mut broken = credentials(Some("with\nbreak"));
    broken.secret_access_key = Secret::new("");
    assert_eq!(
        places(&broken),
        ["aws.secret_access_key", "aws.session_token"]
    );
}

#[test]
fn unknown_members_of_the_section_are_refused() {
    let read = serde_json::from_str::<AwsCredentials>;
    assert!(read(r#"{"access_key_id":"a","secret_access_key":"b"}"#).is_ok());
    assert!(read(r#"{"access_key_id":"a","secret_access_key":"b","region":"x"}"#).is_err());
    assert!(read(r#"{"access_key_id":"a"}"#).is_err());
}
