//! The other end for the tests: plain HTTP/1.1, nothing hidden by a client library.

use std::io;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// A running demo provider, which stops when dropped.
pub(super) struct Demo {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Demo {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        Self {
            address,
            stop,
            server: tokio::spawn(super::serve(listener, stopped)),
        }
    }

    pub(super) async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.server.await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &body.to_string()).await
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A cut connection may end in an error; what came before it is kept.
        let _ = connection.read_to_end(&mut answer).await;
        Reply::parse(&answer)
    }
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// Whether the body came to its proper end.
    pub(super) complete: bool,
}

impl Reply {
    fn parse(answer: &[u8]) -> Self {
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        let (body, complete) = if head.contains("transfer-encoding: chunked") {
            unchunk(rest)
        } else {
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            (rest.to_owned(), rest.len() == length)
        };
        let status = head[9..12].parse().unwrap();
        Self {
            status,
            head,
            body,
            complete,
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The data of all server-sent events that hold JSON.
    pub(super) fn events(&self) -> Vec<Value> {
        let data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// The values at one place in all events, those that have it.
    pub(super) fn all(&self, pointer: &str) -> Vec<Value> {
        self.events()
            .iter()
            .filter_map(|event| event.pointer(pointer).cloned())
            .collect()
    }

    /// The texts at one place in all events, put together.
    pub(super) fn text(&self, pointer: &str) -> String {
        self.all(pointer).iter().filter_map(Value::as_str).collect()
    }
}

fn unchunk(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        body.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    (body, false)
}
