//! As much HTTP/1.1 as the benchmark needs: one buffer per connection, nothing allocated per
//! message, because generator and mock share a core and must not be what is measured.

use std::io::{self, Error, ErrorKind};
use std::net::SocketAddr;

use memchr::{memchr, memmem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUFFER: usize = 16 * 1024;

pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// The first line and headers, reduced to what decides how the body is read.
pub struct Head {
    /// 0 for requests.
    pub status: u16,
    framing: Framing,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(to).await?)
    }

    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
        })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next head, or `None` when the peer closed between messages.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            let seen = &self.buffer[self.start..self.end];
            if let Some(at) = memmem::find(seen, b"\r\n\r\n") {
                let head = Head::parse(&seen[..at])?;
                self.start += at + 4;
                return Ok(Some(head));
            }
            let empty = seen.is_empty();
            match self.fill().await {
                Err(e) if e.kind() == ErrorKind::UnexpectedEof && empty => return Ok(None),
                outcome => outcome?,
            }
        }
    }

    /// Reads the body that belongs to `head` and shows each piece as it arrives.
    pub async fn body(&mut self, head: Head, mut show: impl FnMut(&[u8])) -> io::Result<()> {
        let mut framing = head.framing;
        loop {
            self.start += framing.decode(&self.buffer[self.start..self.end], &mut show)?;
            if matches!(framing, Framing::Length(0)) {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            return Err(invalid("head or chunk size line larger than the buffer"));
        }
        match self.stream.read(&mut self.buffer[self.end..]).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}

impl Head {
    fn parse(head: &[u8]) -> io::Result<Self> {
        let mut lines = head
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::trim_ascii_end);
        let first = lines.next().unwrap_or_default();
        let status = match first.strip_prefix(b"HTTP/1.1 ") {
            Some(rest) => number(rest.get(..3).unwrap_or_default(), 10)? as u16,
            None => 0,
        };

        let mut framing = Framing::Length(0);
        for line in lines {
            let Some(colon) = memchr(b':', line) else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                framing = Framing::Length(number(value, 10)?);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                framing = Framing::Size(0);
            }
        }
        Ok(Self { status, framing })
    }
}

/// What is still to come of a body; `Length(0)` is its end.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    /// In a chunk's size line, with its value so far.
    Size(usize),
    /// In the rest of the size line: an extension, or the line's end.
    SizeEnd(usize),
    Data(usize),
    DataEnd,
    /// After the last chunk, with whether this line has been empty so far.
    Trailer(bool),
}

impl Framing {
    /// Takes what it can from `input` and says how much that was.
    fn decode(&mut self, input: &[u8], show: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let mut at = 0;
        while at < input.len() {
            *self = match *self {
                Self::Length(0) => break,
                Self::Length(left) => {
                    let piece = left.min(input.len() - at);
                    show(&input[at..at + piece]);
                    at += piece;
                    Self::Length(left - piece)
                }
                Self::Data(left) => {
                    let piece = left.min(input.len() - at);
                    show(&input[at..at + piece]);
                    at += piece;
                    if left == piece {
                        Self::DataEnd
                    } else {
                        Self::Data(left - piece)
                    }
                }
                line => {
                    let byte = input[at];
                    at += 1;
                    line.line_byte(byte)?
                }
            };
        }
        Ok(at)
    }

    /// The next state after a byte outside the data.
    fn line_byte(self, byte: u8) -> io::Result<Self> {
        Ok(match (self, byte) {
            (Self::Size(size) | Self::SizeEnd(size), b'\n') => match size {
                0 => Self::Trailer(true),
                _ => Self::Data(size),
            },
            (Self::Size(size), b'\r' | b';') => Self::SizeEnd(size),
            (Self::Size(size), digit) => {
                let larger = size.checked_mul(16).ok_or_else(|| invalid("chunk size"))?;
                Self::Size(larger + number(&[digit], 16)?)
            }
            (Self::DataEnd, b'\n') => Self::Size(0),
            (Self::Trailer(true), b'\n') => Self::Length(0),
            (Self::Trailer(_), b'\n') => Self::Trailer(true),
            (Self::Trailer(empty), byte) => Self::Trailer(empty && byte == b'\r'),
            (same, _) => same,
        })
    }
}

fn number(digits: &[u8], radix: u32) -> io::Result<usize> {
    let text = str::from_utf8(digits).map_err(|_| invalid("number"))?;
    usize::from_str_radix(text, radix).map_err(|_| invalid("number"))
}

fn invalid(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("not the HTTP/1.1 this tool reads: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `wire` in two pieces, for each place to cut it.
    fn decoded_however_cut(start: impl Fn() -> Framing, wire: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        for cut in 0..=wire.len() {
            let (mut framing, mut data) = (start(), Vec::new());
            let mut show = |piece: &[u8]| data.extend_from_slice(piece);
            assert_eq!(framing.decode(&wire[..cut], &mut show).unwrap(), cut);
            assert_eq!(
                framing.decode(&wire[cut..], &mut show).unwrap(),
                wire.len() - cut
            );
            assert!(
                matches!(framing, Framing::Length(0)),
                "unfinished when cut at {cut}"
            );
            assert!(cut == 0 || data == whole, "cut at {cut}");
            whole = data;
        }
        whole
    }

    #[test]
    fn a_chunked_body_is_the_same_however_it_is_cut() {
        let wire = b"5\r\nhello\r\n10;name=value\r\n, chunked world!\r\n0\r\nx-trailer: 1\r\n\r\n";
        assert_eq!(
            decoded_however_cut(|| Framing::Size(0), wire),
            b"hello, chunked world!"
        );
    }

    #[test]
    fn a_counted_body_ends_where_its_length_says() {
        assert_eq!(
            decoded_however_cut(|| Framing::Length(5), b"hello"),
            b"hello"
        );
    }

    #[test]
    fn a_head_tells_status_and_framing() {
        let head = Head::parse(b"HTTP/1.1 429 Slow down\r\nContent-Length: 12").unwrap();
        assert!(head.status == 429 && matches!(head.framing, Framing::Length(12)));

        let head = Head::parse(b"POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked").unwrap();
        assert!(head.status == 0 && matches!(head.framing, Framing::Size(0)));
    }
}
