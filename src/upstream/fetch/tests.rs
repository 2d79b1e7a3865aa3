//! How side requests go, against servers with a script.

use std::sync::{Arc, Mutex};

use pingora::tls::{PrivateKeyDer, ServerConfig, TlsAcceptor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::upstream::{
    google::{GoogleCredentials, MetadataServer},
    tls::tests::Files,
    token::TokenSource,
};

/// What a server does next on a connection; at the end of its script it closes it.
#[derive(Clone, Copy)]
enum Act {
    /// Reads a request and answers it.
    Answer(&'static str),
    /// Reads a request and closes the connection.
    Read,
    /// Reads a request and says nothing.
    Hang,
}

use Act::{Answer, Hang, Read};

const HELLO: Act = Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-more: yes\r\n\r\nhello");

/// The requests that a server has read, each with the number of its connection.
type Seen = Arc<Mutex<Vec<(usize, String)>>>;

/// A server with a script for each connection.
async fn serve(scripts: &[&[Act]]) -> (SocketAddr, Seen) {
    serve_over(scripts, None).await
}

async fn serve_over(scripts: &[&[Act]], tls: Option<TlsAcceptor>) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let scripts: Vec<Vec<Act>> = scripts.iter().map(|script| script.to_vec()).collect();
    let noted = seen.clone();
    tokio::spawn(async move {
        for (n, script) in scripts.into_iter().enumerate() {
            let (tcp, _) = listener.accept().await.unwrap();
            let (noted, tls) = (noted.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(tcp).await {
                            act(stream, n, script, noted).await;
                        }
                    }
                    None => act(tcp, n, script, noted).await,
                }
            });
        }
    });
    (address, seen)
}

async fn act(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    n: usize,
    script: Vec<Act>,
    seen: Seen,
) {
    for act in script {
        let Some(request) = read_request(&mut stream).await else {
            return;
        };
        seen.lock().unwrap().push((n, request));
        match act {
            Answer(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
            Read => return,
            Hang => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end]
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            if read.len() >= end + 4 + length {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

fn get(url: impl Into<String>) -> FetchRequest {
    FetchRequest {
        method: Method::GET,
        url: url.into(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        certificates: None,
        timeout: Duration::from_secs(10),
        limit: 1000,
    }
}

async fn once(request: FetchRequest) -> Result<FetchAnswer, FetchError> {
    fetch(&Connector::new(None), request).await
}

#[tokio::test]
async fn an_answer_is_read_whole() {
    let (address, seen) = serve(&[&[HELLO]]).await;
    let answer = once(get(format!("http://{address}/a/b%20c?d=e")))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-more"], "yes");
    assert_eq!(answer.body, "hello");
    let seen = seen.lock().unwrap()[0].1.to_lowercase();
    assert!(seen.starts_with("get /a/b%20c?d=e http/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("\r\nhost: {address}\r\n")), "{seen}");
    assert!(seen.contains("\r\nuser-agent: sluicegate/"), "{seen}");
    assert!(!seen.contains("content-length"), "{seen}");
}

#[tokio::test]
async fn a_body_is_sent_with_its_length_whatever_the_headers_say() {
    let (address, seen) = serve(&[&[HELLO, HELLO]]).await;
    let connector = Connector::new(None);
    let mut request = get(format!("http://{address}"));
    request.method = Method::POST;
    request.body = "a=b".into();
    for (name, value) in [
        ("content-type", "text/x"),
        ("host", "elsewhere"),
        ("content-length", "77"),
        ("transfer-encoding", "chunked"),
    ] {
        request.headers.insert(name, value.parse().unwrap());
    }
    fetch(&connector, request).await.unwrap();
    let mut empty = get(format!("http://{address}/empty"));
    empty.method = Method::POST;
    fetch(&connector, empty).await.unwrap();
    let seen = seen.lock().unwrap();
    let first = seen[0].1.to_lowercase();
    assert!(first.starts_with("post / http/1.1\r\n"), "{first}");
    assert!(first.ends_with("\r\n\r\na=b"), "{first}");
    assert!(first.contains("\r\ncontent-type: text/x\r\n"), "{first}");
    assert!(first.contains("\r\ncontent-length: 3\r\n"), "{first}");
    assert!(
        !first.contains("elsewhere") && !first.contains("chunked"),
        "{first}"
    );
    let second = seen[1].1.to_lowercase();
    assert!(second.contains("\r\ncontent-length: 0\r\n"), "{second}");
}

#[tokio::test]
async fn answers_in_every_framing_are_read() {
    for (answer, body) in [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello", "hello"),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "ok",
        ),
    ] {
        let (address, _) = serve(&[&[Answer(answer)]]).await;
        let answer = once(get(format!("http://{address}/"))).await.unwrap();
        assert_eq!(answer.body, body);
    }
}

#[tokio::test]
async fn errors_and_redirects_are_answers() {
    for (answer, status) in [
        (
            "HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n",
            302,
        ),
        (
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            400,
        ),
    ] {
        let (address, seen) = serve(&[&[Answer(answer)]]).await;
        let answer = once(get(format!("http://{address}/"))).await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nhello",
    ] {
        let (address, _) = serve(&[&[Answer(answer)]]).await;
        let mut request = get(format!("http://{address}/"));
        request.limit = 4;
        let error = once(request).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLong(4)), "{error:?}");
    }
    let (address, _) = serve(&[&[HELLO]]).await;
    let mut request = get(format!("http://{address}/"));
    request.limit = 5;
    assert_eq!(once(request).await.unwrap().body, "hello");
}

#[tokio::test]
async fn a_server_that_stops_is_left_at_the_deadline() {
    for script in [
        Hang,
        Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"),
    ] {
        // After the answer the server waits for another request.
        let (address, _) = serve(&[&[script, Hang]]).await;
        let mut request = get(format!("http://{address}/?key=SECRET"));
        request.timeout = Duration::from_millis(100);
        let error = once(request).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer within 100ms");
    }
}

#[tokio::test]
async fn answers_that_break_off_or_are_no_http_are_errors() {
    for script in [
        Read,
        Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"),
        Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"),
        Answer("HTTP/1.1 200"),
        Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        Answer("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
    ] {
        let (address, seen) = serve(&[&[script]]).await;
        let error = once(get(format!("http://{address}/?key=SECRET")))
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::Broken(_)), "{error:?}");
        assert!(!error.to_string().contains("SECRET"), "{error}");
        assert_eq!(seen.lock().unwrap().len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn connections_are_used_again_and_stale_ones_replaced() {
    let (address, seen) = serve(&[&[HELLO, HELLO, Read], &[HELLO]]).await;
    let connector = Connector::new(None);
    for path in ["/1", "/2", "/3"] {
        let answer = fetch(&connector, get(format!("http://{address}{path}"))).await;
        assert_eq!(answer.unwrap().body, "hello");
    }
    let seen = seen.lock().unwrap();
    let path = |request: &str| request.split(' ').nth(1).unwrap().to_owned();
    let seen: Vec<_> = seen
        .iter()
        .map(|(n, request)| (*n, path(request)))
        .collect();
    let wanted = [(0, "/1"), (0, "/2"), (0, "/3"), (1, "/3")];
    assert_eq!(seen, wanted.map(|(n, path)| (n, path.to_owned())));
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = once(get(format!("http://{address}/?key=SECRET")))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Connect(_)), "{error:?}");
    assert!(!error.to_string().contains("SECRET"), "{error}");
}

#[tokio::test]
async fn urls_that_lead_nowhere_are_refused_without_being_quoted() {
    for url in [
        "",
        "/SECRET",
        "host/SECRET",
        "ftp://host/SECRET",
        "http:///SECRET",
        "http://user:SECRET@host/",
        "http://host/SECRET path",
        "https://a_b..c/SECRET",
    ] {
        let error = once(get(url)).await.unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
        let wanted = match url.starts_with("https") {
            // A name that no certificate could carry is no name to look up either.
            true => matches!(error, FetchError::Request(_) | FetchError::Resolve(_)),
            false => matches!(error, FetchError::Request(_)),
        };
        assert!(wanted, "{url}: {error:?}");
    }
}

#[tokio::test]
async fn servers_are_verified() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    pingora::tls::install_default_crypto_provider();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let files = Files::new();
    let trust = |pem: &str| {
        let config = UpstreamTls {
            ca: Some(files.put("ca.pem", pem)),
            ..UpstreamTls::default()
        };
        Some(Certificates::read(&config).unwrap())
    };
    let (good, wrong) = (trust(&made.cert.pem()), trust(&other.cert.pem()));
    for (host, certificates, trusted) in [
        ("localhost", good.clone(), true),
        ("localhost", wrong, false),
        ("localhost", None, false),
        // Not a name of the certificate.
        ("127.0.0.1", good, false),
    ] {
        let (address, seen) = serve_over(&[&[HELLO]], Some(tls.clone())).await;
        let mut request = get(format!("https://{host}:{}/", address.port()));
        let named = certificates.is_some();
        request.certificates = certificates;
        let done = once(request).await;
        match done {
            Ok(answer) => assert!(trusted && answer.body == "hello", "{host} {named}"),
            Err(error) => {
                assert!(!trusted, "{host} {named}: {error}");
                assert!(matches!(error, FetchError::Connect(_)), "{error:?}");
                assert!(seen.lock().unwrap().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn token_sources_ask_through_it() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 52\r\n\r\n\
        {\"access_token\":\"t-1\",\"expires_in\":3599,\"x\":\"12345\"}";
    let (address, seen) = serve(&[&[Answer(answer)]]).await;
    let machine = GoogleCredentials::MetadataServer(MetadataServer::at(address.to_string()));
    let source = TokenSource::new(machine);
    let connector = Arc::new(Connector::new(None));
    tokio::spawn(source.clone().run(move |request| {
        let connector = connector.clone();
        async move { fetch_token(&connector, request).await }
    }));
    let token = source.token(Duration::from_secs(10)).await.unwrap();
    assert_eq!(token.authorization(), "Bearer t-1");
    let seen = seen.lock().unwrap()[0].1.to_lowercase();
    assert!(seen.contains("\r\nmetadata-flavor: google\r\n"), "{seen}");
}

#[test]
fn no_secret_shows_in_debug_output() {
    let mut request = get("https://host/path?key=SECRET");
    request.body = "SECRET".into();
    request
        .headers
        .insert("authorization", "SECRET".parse().unwrap());
    assert_eq!(
        format!("{request:?}"),
        "FetchRequest(GET https://host/path)"
    );
}
