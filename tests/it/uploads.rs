//! Forms with large files: passed on while they come.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::harness::{Gateway, KEY, Raw, within};

const BOUNDARY: &str = "----sluicegate-test";

/// What stands before the file.
fn beginning(model: &str) -> String {
    format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
         content-type: audio/mpeg\r\n\r\n"
    )
}

fn end() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}

/// An upstream that tells when `early` bytes of a request have come, and answers when `whole` have.
async fn upstream(early: usize) -> (u16, oneshot::Receiver<()>, oneshot::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (tell_early, early_came) = oneshot::channel();
    let (tell_all, all_came) = oneshot::channel();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let received = read_request(&mut socket, early, tell_early).await;
        let body = r#"{"text":"hello","usage":{"type":"tokens","input_tokens":7,"output_tokens":2,"total_tokens":9}}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(answer.as_bytes()).await.expect("answers");
        tell_all.send(received).expect("the test waits");
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    (port, early_came, all_came)
}

async fn read_request(socket: &mut TcpStream, early: usize, tell: oneshot::Sender<()>) -> Vec<u8> {
    let mut received = Vec::new();
    let mut tell = Some(tell);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = socket.read(&mut buffer).await.expect("reads");
        received.extend_from_slice(&buffer[..read]);
        if received.len() >= early
            && let Some(tell) = tell.take()
        {
            tell.send(()).expect("the test waits");
        }
        let last = format!("--{BOUNDARY}--\r\n");
        let tail = &received[received.len().saturating_sub(last.len() + 8)..];
        if String::from_utf8_lossy(tail).contains(&last) {
            return received;
        }
        assert!(read > 0, "the request broke off");
    }
}

async fn gateway(port: u16) -> Gateway {
    Gateway::start(json!({
        "providers": { "whisper": {
            "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"), "api_key": "sk-upstream"
        } },
        "routes": { "hear": { "targets": ["whisper/whisper-large-v3"] } },
    }))
    .await
}

#[tokio::test]
async fn a_large_file_is_passed_on_while_it_comes() {
    let (port, early_came, all_came) = upstream(300_000).await;
    let gateway = gateway(port).await;
    let file = vec![7_u8; 3_000_000];
    let length = beginning("hear").len() + file.len() + end().len();
    let mut client = Raw::connect(gateway.address).await;
    client
        .send(format!(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n{}",
            beginning("hear")
        ))
        .await;
    client.send(&file[..500_000]).await;
    within("the beginning arrives before the end was sent", early_came)
        .await
        .expect("the upstream lives");
    client.send(&file[500_000..]).await;
    client.send(end()).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(
        (answer.status, &answer.json()["text"]),
        (200, &json!("hello"))
    );

    let received = within("all arrives", all_came).await.expect("all came");
    let head_end = received
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let head = String::from_utf8_lossy(&received[..head_end]).to_lowercase();
    let body = &received[head_end..];
    let expected = [
        beginning("whisper-large-v3").as_bytes(),
        &file,
        end().as_bytes(),
    ]
    .concat();
    assert!(body == expected, "all but the model's name is the client's");
    assert!(
        head.contains(&format!("content-length: {}\r\n", expected.len())),
        "{head}"
    );
    assert!(
        head.contains("authorization: bearer sk-upstream") && !head.contains(KEY),
        "{head}"
    );
    let record = gateway.record(answer.id()).await;
    assert_eq!(
        (&record["usage"]["input"], &record["usage"]["output"]),
        (&json!(7), &json!(2))
    );
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_also_while_it_is_passed_on() {
    let (port, _early, _all) = upstream(usize::MAX).await;
    let mut config = json!({
        "limits": { "body": "2MiB" },
        "providers": { "whisper": {
            "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"), "api_key": "sk-upstream"
        } },
    });
    config["keys"] = json!([{ "name": "test", "secret": KEY }]);
    let gateway = Gateway::start(config).await;
    let mut client = Raw::connect(gateway.address).await;
    client
        .send(format!(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ntransfer-encoding: chunked\r\n\r\n"
        ))
        .await;
    let first = beginning("whisper/whisper-1");
    client
        .send(format!("{:x}\r\n{first}\r\n", first.len()))
        .await;
    let chunk = vec![7_u8; 256 * 1024];
    for _ in 0..12 {
        let sent = client
            .try_send([format!("{:x}\r\n", chunk.len()).as_bytes(), &chunk, b"\r\n"].concat())
            .await;
        if sent.is_err() {
            break;
        }
    }
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 413, "{}", answer.body_text());
}
