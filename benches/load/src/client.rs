//! What both kinds of load share: where to, as whom, and the bytes of a request.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// A chat of 1 KB, as applications send it.
const SYSTEM: &str = "You are the support assistant of a mid-sized online shop. Answer in the \
    language of the customer, briefly and politely. Use only what the customer and the order \
    system tell you. If you do not know, say so and offer to hand over to a colleague. Never \
    promise a refund, a discount or a delivery date that is not in the order. If the customer is upset, \
    apologise once, then get to the point: what happens next, and when they will hear from us.";
const QUESTION: &str = "Hello, I ordered a garden chair and two cushions last week and only the \
    cushions arrived. The parcel was fine, but there was no note inside about a second delivery. \
    Could you tell me whether the chair comes separately, and whether I have to be at home for \
    it? If it takes longer than next Friday I would rather have it sent to my office, is that \
    still possible? Thank you for your help and kind regards from a rainy town.";

/// Letters only: to a scanner for personal data, digits could look like a phone number.
const SERIAL: &str = "aaaaaaaa";

pub struct Target {
    pub address: SocketAddr,
    path: String,
    key: String,
    model: String,
}

impl Target {
    /// `url` is the API's base, such as `http://127.0.0.1:8080/v1`.
    pub fn new(url: &str, key: &str, model: &str) -> io::Result<Self> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, format!("{url}: {what}"));
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| wrong("must start with http://"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = host
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| wrong("no address"))?;
        Ok(Self {
            address,
            path: format!("/{}/chat/completions", path.trim_matches('/')),
            key: key.to_owned(),
            model: model.to_owned(),
        })
    }

    /// A plain request; its question ends in a serial that [`number`] replaces.
    pub fn request(&self) -> Vec<u8> {
        self.post(&format!("Order {SERIAL}."), "")
    }

    /// A request for a stream; `pace` tells the mock how many events and when.
    pub fn stream_request(&self, pace: &str) -> Vec<u8> {
        self.post(
            pace,
            r#","stream":true,"stream_options":{"include_usage":true}"#,
        )
    }

    fn post(&self, ending: &str, options: &str) -> Vec<u8> {
        let Self {
            address,
            path,
            key,
            model,
        } = self;
        let body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"system","content":"{SYSTEM}"}},{{"role":"user","content":"{QUESTION} {ending}"}}],"temperature":0.2,"max_tokens":400{options}}}"#
        );
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
             content-type: application/json\r\nuser-agent: sluicegate-load\r\n\
             authorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// Where the serial is, so that each request can differ: a cache must not answer for the mock.
pub fn serial_place(request: &[u8]) -> std::ops::Range<usize> {
    let at = memchr::memmem::rfind(request, SERIAL.as_bytes()).expect("written by request()");
    at..at + SERIAL.len()
}

/// Writes `serial` in letters.
pub fn number(place: &mut [u8], mut serial: u64) {
    for letter in place.iter_mut().rev() {
        *letter = b'a' + (serial % 26) as u8;
        serial /= 26;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_kilobyte_and_says_so() {
        let target = Target::new("http://127.0.0.1:1/v1", "sk", "openai/gpt-4o-mini").unwrap();
        let text = String::from_utf8(target.request()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!((960..1088).contains(&body.len()), "{} bytes", body.len());
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
    }

    #[test]
    fn requests_differ_in_their_serial_only() {
        let target = Target::new("http://127.0.0.1:1/v1", "sk", "m").unwrap();
        let mut request = target.request();
        let place = serial_place(&request);
        number(&mut request[place.clone()], 27);
        assert_eq!(&request[place], b"aaaaaabb");
    }
}
