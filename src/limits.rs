//! What is taken from outside: sizes, counts and times, each with an end.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    problem::{Place, Problems},
    units::{Bytes, Duration},
};

pub mod address;
pub mod head;

/// Limits on what clients may send, and how slowly.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Request line and headers together.
    pub header: Bytes,
    /// Number of headers.
    #[schemars(range(max = 256))]
    pub headers: usize,
    /// The request's body, also after decompression.
    pub body: Bytes,
    /// Nesting of objects and arrays in a body.
    pub depth: usize,
    /// Time for the head of a request once a connection is there or the last answer was sent.
    pub header_timeout: Duration,
    /// Time for the whole body.
    pub body_timeout: Duration,
    /// Time a client may take to accept one write of an answer.
    pub write_timeout: Duration,
    /// How long an idle connection is kept.
    pub keepalive: Duration,
    /// Connections from one address at a time; 0 is no limit.
    pub connections_per_address: u32,
    /// Requests from one address at a time; 0 is no limit.
    pub requests_per_address: u32,
    /// Streamed answers to one address at a time; 0 is no limit.
    pub streams_per_address: u32,
    /// HTTP/2 streams on one connection at a time.
    #[schemars(range(min = 1))]
    pub http2_streams: u32,
    /// An answer that is not streamed is held back until it is complete, so that another target can still take over;
    /// beyond this size it flows.
    pub hold: Bytes,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            header: Bytes::kib(64),
            headers: 128,
            body: Bytes::mib(20),
            depth: 128,
            header_timeout: Duration::secs(30),
            body_timeout: Duration::secs(120),
            write_timeout: Duration::secs(60),
            keepalive: Duration::secs(75),
            connections_per_address: 10_000,
            requests_per_address: 10_000,
            streams_per_address: 10_000,
            http2_streams: 256,
            hold: Bytes::mib(8),
        }
    }
}

impl LimitsConfig {
    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        for (key, value) in [
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("write_timeout", self.write_timeout),
            ("keepalive", self.keepalive),
        ] {
            if value.is_zero() {
                problems.add(at.key(key), "must be longer than nothing");
            }
        }
        if self.body.0 < 1024 || self.body.0 > 1 << 30 {
            problems.add(at.key("body"), "must be between 1KiB and 1GiB");
        }
        if self.header.0 < 1024 || self.header.0 > 1_000_000 {
            problems.add(
                at.key("header"),
                "must be between 1KiB and 1000000, the most that the HTTP parser takes",
            );
        }
        if !(8..=256).contains(&self.headers) {
            problems.add(
                at.key("headers"),
                "must be between 8 and 256, the most that the HTTP parser takes",
            );
        }
        if !(4..=1024).contains(&self.depth) {
            problems.add(at.key("depth"), "must be between 4 and 1024");
        }
        if self.http2_streams == 0 {
            problems.add(at.key("http2_streams"), "must be at least 1");
        }
    }
}
