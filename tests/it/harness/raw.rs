//! Clients that say what no library would: bytes on a connection, and the answers that come back.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Answer, within};

/// A connection without manners.
pub struct Raw {
    reading: OwnedReadHalf,
    writing: OwnedWriteHalf,
    buffer: BytesMut,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection is taken", TcpStream::connect(address)).await;
        let stream = stream.expect("someone listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let (reading, writing) = stream.into_split();
        Self {
            reading,
            writing,
            buffer: BytesMut::new(),
        }
    }

    /// Sends bytes as they stand.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes)
            .await
            .expect("the gateway takes all bytes");
    }

    /// Sends bytes; the error is that of the socket.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let sent = self.writing.write_all(bytes.as_ref());
        within("the gateway takes some bytes", sent).await
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        self.writing.shutdown().await.expect("our own side");
    }

    /// The next answer, interim ones included; `None` if the connection ends before its head is whole.
    pub async fn answer(&mut self) -> Option<Answer> {
        within("an answer comes, or the end", self.read_answer()).await
    }

    /// Whether something comes within this time, or the end.
    pub async fn hears_within(&mut self, time: std::time::Duration) -> bool {
        !self.buffer.is_empty() || tokio::time::timeout(time, self.more()).await.is_ok()
    }

    /// Waits for the end of the connection, and gives what came before it and was not read.
    pub async fn rest(&mut self) -> Bytes {
        within("the connection ends", async {
            while self.more().await {}
            self.buffer.split().freeze()
        })
        .await
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = self.buffer.split_to(end + 4);
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            headers.append(name, value.parse().expect("a header value"));
        }
        let mut answer = Answer {
            status: status.expect("a status line"),
            headers,
            body: Bytes::new(),
            broken: None,
        };
        if answer.status == 100 {
            return Some(answer);
        }
        let length: Option<usize> = answer
            .header("content-length")
            .map(|l| l.parse().expect("a number"));
        let body = if answer.header("transfer-encoding") == Some("chunked") {
            self.chunks().await
        } else if let Some(length) = length {
            self.exactly(length).await
        } else {
            while self.more().await {}
            Some(self.buffer.split().freeze())
        };
        match body {
            Some(body) => answer.body = body,
            None => answer.broken = Some("the connection ended in the middle of the body".into()),
        }
        Some(answer)
    }

    async fn chunks(&mut self) -> Option<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let end = loop {
                if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                    break end;
                }
                if !self.more().await {
                    return None;
                }
            };
            let line = self.buffer.split_to(end + 2);
            let size = std::str::from_utf8(&line[..end]).expect("a chunk size");
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            let chunk = self.exactly(size + 2).await?;
            if size == 0 {
                return Some(body.freeze());
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Bytes> {
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.buffer.split_to(length).freeze())
    }

    /// Reads on; whether anything came.
    async fn more(&mut self) -> bool {
        matches!(self.reading.read_buf(&mut self.buffer).await, Ok(1..))
    }
}
