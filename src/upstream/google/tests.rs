//! What is read from credentials files, and what is asked of Google.

use jsonwebtoken::{DecodingKey, TokenData, Validation};
use serde_json::json;

use super::*;

/// Made for these tests with `openssl genpkey -algorithm RSA`; no account knows it.
const THROWAWAY_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDVSI9ZzYXc9eeo
T/vknoYXHOsB9L8tIlGYJcVBade88ObHg7C+jDGe1zf7wUTyTkldMlS8JNlzxoNs
W5O6pTvvk6/9kvzosOPJ7c5LxBcBdXk1JgTYL+WcI7bnJB3nhEgPAB7NGY5C359e
1rlLpkZshdP7/e8OR3MsW1IxBqxoc4BRLDRPrvHtbVP4uveY/T0po3Fqa0upMgAk
CDnL0jtFfuBZJs20yW2hZUPEWFoKxOdQHdlcmOYfQRdRzK1/Yjqk8dbYuTCVz2Ow
8+UMWw70kExZvkrXDzsrZB+kfFlYkuAZmH++xrRonH0JRj/Um3GORkQznG7PfPvf
Pj+ikB8tAgMBAAECggEABDVe0sGkmGQScqFFZ1DzdLr22NPd/oN/WFZidTR5SSVN
wHZqQzrxSGDsc19wagGTyVl9ZOBV7sa7gCSxyQyKnrhresBEP56B7XxE8PzJDBfS
e53TmaUe+Dzs1n8Wx03hEsld/OO6CWVv4nIFN6drxfzBXpG3qQX4O/yp+1qrhedm
/ObKh07i2+cAnhtpix1HPdqlHoQWesPmDOg+Ic/VZG01sAwg7Eu/lPUT2D54kB1c
x30aqMzWm6avEl62cSdSWxEPgKwaiMyjUlAnk9Ql9sYBzoodF7ZRiWHcMuRlHKpa
E8ROs4PY128D2ppUk7zY+pebllsdb0x1UbPM+7x7oQKBgQDp++NafyutkfxWpCb4
s3Roa+SU1jrziUqSUNcLMs4fnlhX6QZJQmuxFe/R58skpEMBNkDALzkk9fne+QFx
e4MHkl13a0UtJA1kJZQNcIxa+e86XIn0m8w4440IDwN1kDHARuuu5zBccJNIJtoo
9JbN/IHwkaEpbdZxFb2mg86+fQKBgQDpWgvkUeYd5ScL03eGbjKdBW5LtB52YEyf
+zBQ/+XgzmSjT2aA3YeQZCGld2VKiFdKqb2G3jjXAV0d8OfYKz9XjZCIIQSmps+Z
zQEKD0ZH+OtS4QKnoQhcxrjra8hFutN3XYlSFOFmdrHyWGey0u83S5JWnACoUHtc
3FnkeJJScQKBgQDeB90VKenbmdUWrkwg4cFLuV498hAcuyHdOALnqH06ObrhKMmD
SRkCAKwCxm7ZRVoj00ScWfNi5FsIv8cj1a1fyP8Sa+NH05c1egdEvZEiX1soSVnL
mO+w6BUTGZQRwhPDvki1PsKAZX8ND3kjNf3IV51CGB8TPhwoURYW5aqQzQKBgHHC
8nU28Ca25pg/Wc/xvT8LvL+vagJv5CtCPEXg22MDe9CaDvDYDxT3m+edE4aIfXXq
1nj/sVowUgMcxQp/2vuGCmYzIp9UR3VFmjIbTDoeQis/gxnRyc/hGZm8DADimeFh
embHwzM+vnXVX4iwiOq+LvOGTlPAGMQmsLRPi5YhAoGAW2zu8+0+PwmslZS2jMET
UYqMNSTTr9j0mhZmwddxmjYpJ9KTfNo0RwwhpMCa0YcImKr5f7Q73E5TI6rNjncw
xKCJi7vwbm1NTIJkQNs7gbBfVUmeumGbFuczxpHnzfWLjlWdFLK3Cokkn6IIitj8
ItChIa/ZD3dmE3NGw/cRIKY=
-----END PRIVATE KEY-----
";

/// The public half of it.
const THROWAWAY_PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1UiPWc2F3PXnqE/75J6G
FxzrAfS/LSJRmCXFQWnXvPDmx4Owvowxntc3+8FE8k5JXTJUvCTZc8aDbFuTuqU7
75Ov/ZL86LDjye3OS8QXAXV5NSYE2C/lnCO25yQd54RIDwAezRmOQt+fXta5S6ZG
bIXT+/3vDkdzLFtSMQasaHOAUSw0T67x7W1T+Lr3mP09KaNxamtLqTIAJAg5y9I7
RX7gWSbNtMltoWVDxFhaCsTnUB3ZXJjmH0EXUcytf2I6pPHW2Lkwlc9jsPPlDFsO
9JBMWb5K1w87K2QfpHxZWJLgGZh/vsa0aJx9CUY/1JtxjkZEM5xuz3z73z4/opAf
LQIDAQAB
-----END PUBLIC KEY-----
";

/// Another one, of 1,024 bits.
const SHORT_THROWAWAY_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAN2+b9AYL2t12ZJX
PfXcTrkMi7lbXEmtWlQrNnnazH7SAW1sfUTgqmeQpwFDY1b0xPP1VUgp96F1/EeB
esnnZZLw34gyhMGfhmt0MrsXPc6gLCtNjddizDxAm0/uO31nwulayuHCbKoffc0w
/bnag8clCdJaqnvtEnlRaq4f99odAgMBAAECgYB+tjYaydc/Jwb/Uw87EXuCzyKA
9y4ThBYcBt2IYHl+9u6N4vLqix+VMtncJO/9Xr21Uro7FJBHGa7iBaFvAuXNM6Om
jxw+CzL/fyoGVyIJapAzmfvt2Hi/iIsLwq9BSxF4xnNhvsY+qTE1QrDJS99Br6hp
bSPTjeau0WKermf6wQJBAPUJo6+eHJ0x8HGmA+/ILqhUdkDTFVgw98r3BHSaHX9h
fiMwCWOFa00MJk4VZ124zSYAGvBK89uG/nA2aIk7xPkCQQDnqgTr4SCFlWNpZ3M9
VNYy+YeQK88tVAZePusJqsDkPxqxNlud3GTftM2zW4TV2HywrAEROdyTBs5mGHoi
oZtFAkA9r0mHgjQN1m6DDZncGPa15V1HgFvVMa6PZ5O1jr5yPKa2UPdsGEAkyzQx
X+3/h/AM6uXdK+ErmFYhBXFXarZxAkBGHhO3QUCSrhCUypb6rT7X1ubNIDVoxtHW
nLyPBHu1mdP+ZzF7qkVt4E+SRdUC1K+I2cbI6/ZzGdBG3om5CajxAkEAlpTyxaA7
WLi/iwIyRP1CCwHmTYjBFOzYGEEWN5lyCj0KgzSU4ND4C99UouqYKugYFG8yXdUg
8qI1zj5IJhH54A==
-----END PRIVATE KEY-----
";

fn service_account() -> Value {
    json!({
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "key-1",
        "private_key": THROWAWAY_KEY,
        "client_email": "gateway@a-project.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    })
}

fn authorized_user() -> Value {
    json!({
        "account": "",
        "client_id": "1-x.apps.googleusercontent.com",
        "client_secret": "d-SECRET+1",
        "quota_project_id": "billed",
        "refresh_token": "1//SECRET&2",
        "type": "authorized_user",
        "universe_domain": "googleapis.com",
    })
}

fn parse(file: &Value) -> Result<GoogleCredentials, String> {
    GoogleCredentials::parse(&Secret::new(file.to_string()))
}

fn with(mut file: Value, name: &str, value: Value) -> Value {
    file[name] = value;
    file
}

fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_372_530)
}

fn body(request: &TokenRequest) -> &str {
    assert_eq!(request.method, Method::POST);
    assert_eq!(
        request.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    std::str::from_utf8(&request.body).unwrap()
}

fn assertion(credentials: &GoogleCredentials) -> TokenData<Value> {
    let request = credentials.request(time()).unwrap();
    let assertion = body(&request)
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap();
    let key = DecodingKey::from_rsa_pem(THROWAWAY_PUBLIC_KEY.as_bytes()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.set_audience(&["https://oauth2.googleapis.com/token"]);
    jsonwebtoken::decode(assertion, &key, &rules).unwrap()
}

#[test]
fn a_service_account_asks_with_a_signed_assertion() {
    let credentials = parse(&service_account()).unwrap();
    let request = credentials.request(time()).unwrap();
    assert_eq!(request.url, "https://oauth2.googleapis.com/token");
    let signed = assertion(&credentials);
    assert_eq!(signed.header.kid.as_deref(), Some("key-1"));
    assert_eq!(signed.header.typ.as_deref(), Some("JWT"));
    assert_eq!(
        signed.claims,
        json!({
            "iss": "gateway@a-project.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_795_372_520,
            "exp": 1_795_376_120,
        })
    );
    assert_eq!(credentials.project_id(), Some("a-project"));
    assert_eq!(credentials.quota_project(), None);
    assert_eq!(
        credentials.subject(),
        "gateway@a-project.iam.gserviceaccount.com"
    );
}

#[test]
fn keys_with_line_breaks_escaped_twice_are_read() {
    let escaped = THROWAWAY_KEY.replace('\n', "\\n");
    let file = with(service_account(), "private_key", json!(escaped));
    assertion(&parse(&file).unwrap());
    let windows = THROWAWAY_KEY.replace('\n', "\r\n");
    let file = with(service_account(), "private_key", json!(windows));
    assertion(&parse(&file).unwrap());
}

#[test]
fn a_key_file_needs_neither_an_id_nor_a_place_for_tokens() {
    let mut file = service_account();
    for name in ["private_key_id", "token_uri", "project_id"] {
        file.as_object_mut().unwrap().remove(name);
    }
    let credentials = parse(&file).unwrap();
    assert_eq!(assertion(&credentials).header.kid, None);
    assert_eq!(credentials.project_id(), None);
}

#[test]
fn a_user_asks_with_the_refresh_token() {
    let credentials = parse(&authorized_user()).unwrap();
    let request = credentials.request(time()).unwrap();
    assert_eq!(request.url, "https://oauth2.googleapis.com/token");
    assert_eq!(
        body(&request),
        "grant_type=refresh_token&client_id=1-x.apps.googleusercontent.com\
         &client_secret=d-SECRET%2B1&refresh_token=1%2F%2FSECRET%262"
    );
    assert_eq!(credentials.quota_project(), Some("billed"));
    assert_eq!(credentials.project_id(), None);
}

#[test]
fn a_machine_asks_its_metadata_server() {
    let request = GoogleCredentials::MetadataServer(MetadataServer::default())
        .request(time())
        .unwrap();
    assert_eq!(
        (request.method, request.url.as_str()),
        (
            Method::GET,
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
        )
    );
    assert_eq!(request.headers["metadata-flavor"], "Google");
    assert!(request.body.is_empty());
    let emulated = MetadataServer::at("127.0.0.1:8000").request();
    assert!(
        emulated
            .url
            .starts_with("http://127.0.0.1:8000/computeMetadata/")
    );
}

#[test]
fn a_broken_file_is_explained_by_the_name_of_what_is_wrong() {
    let account = service_account;
    for (file, wanted) in [
        (
            with(account(), "client_email", Value::Null),
            "has no `client_email`",
        ),
        (
            with(account(), "client_email", json!("")),
            "has no `client_email`",
        ),
        (
            with(account(), "private_key", json!(7)),
            "`private_key` must be a text",
        ),
        (
            with(account(), "private_key", json!("-----BEGIN SECRET-----")),
            "`private_key` is no RSA key in PEM format",
        ),
        (
            with(account(), "token_uri", json!("http://evil.example/token")),
            "`token_uri`: `http://evil.example/token` must begin with https://, since secrets are sent there",
        ),
        (
            with(account(), "type", json!("SECRET")),
            "`type` must be `service_account` or `authorized_user`",
        ),
        (
            with(account(), "type", json!("external_account")),
            "credentials of this `type` are not supported; use the key of a service account, or the metadata server",
        ),
        (
            with(account(), "type", Value::Null),
            "has no `type`; is it the key file of a service account?",
        ),
        (
            with(authorized_user(), "refresh_token", Value::Null),
            "has no `refresh_token`",
        ),
        (json!("SECRET"), "is no JSON object (line 1, Data)"),
        (json!(["SECRET"]), "is no JSON object (line 1, Data)"),
    ] {
        assert_eq!(parse(&file).unwrap_err(), wanted);
    }
    let cut = Secret::new(r#"{"private_key": "SECRET"#);
    let error = GoogleCredentials::parse(&cut).unwrap_err();
    assert_eq!(error, "is no JSON object (line 1, Eof)");
}

#[test]
fn a_key_that_is_too_short_to_sign_is_found_when_it_is_read() {
    let error = parse(&with(
        service_account(),
        "private_key",
        json!(SHORT_THROWAWAY_KEY),
    ))
    .unwrap_err();
    assert_eq!(error, "`private_key` cannot sign");
}

#[test]
fn secrets_show_in_no_debug_output() {
    let middle = THROWAWAY_KEY.lines().nth(5).unwrap();
    let account = parse(&service_account()).unwrap();
    let user = parse(&authorized_user()).unwrap();
    let shown = format!(
        "{account:?} {user:?} {:?} {:?}",
        account.request(time()),
        user.request(time())
    );
    assert!(!shown.contains("SECRET") && !shown.contains(middle) && !shown.contains("eyJ"));
}
