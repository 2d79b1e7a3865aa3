//! What a request is cut into.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in a request a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The whole path.
    Path,
    /// The value of a parameter of the query.
    Query,
    /// The value of a header that is none of the others.
    Header,
    /// The header `User-Agent`.
    UserAgent,
    /// The headers `Referer` and `Origin`.
    Referer,
    /// The value of a cookie.
    Cookie,
    /// The name of a parameter, cookie, form field or key of JSON.
    Name,
    /// The name of a header.
    HeaderName,
    /// The value of a form field.
    Form,
    /// A string in JSON.
    Json,
    /// The name of a model.
    Model,
    /// Text or attribute in XML.
    Xml,
    /// A document of XML as a whole, up to its root's end or some KiB.
    XmlDocument,
    /// The name of a file that is uploaded or mentioned.
    FileName,
    /// A URL that a model's provider or the gateway will fetch.
    Fetch,
    /// A body of some other type.
    Body,
    /// `name: value` of headers that steer the protocol, `method: …`, and the headers of parts of a multipart body.
    Protocol,
    /// What was worked out beside the patterns: `part:fact`.
    Fact,
}

impl Part {
    /// All parts that take what clients write freely, as bits.
    pub const WRITTEN_BY_CLIENTS: u32 = !(Self::Protocol.bit()
        | Self::Fact.bit()
        | Self::XmlDocument.bit()
        | Self::HeaderName.bit());

    /// One bit for each.
    #[must_use]
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// As rules write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::UserAgent => "user_agent",
            Self::Referer => "referer",
            Self::Cookie => "cookie",
            Self::Name => "name",
            Self::HeaderName => "header_name",
            Self::Form => "form",
            Self::Json => "json",
            Self::Model => "model",
            Self::Xml => "xml",
            Self::XmlDocument => "xml_document",
            Self::FileName => "file_name",
            Self::Fetch => "fetch",
            Self::Body => "body",
            Self::Protocol => "protocol",
            Self::Fact => "fact",
        }
    }
}

/// Something to look at.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub part: Part,
    /// Which of its part.
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

/// Everything to look at.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub list: Vec<Field<'a>>,
    /// Facts that were known while cutting: of which field, and which.
    pub facts: Vec<(u32, &'static str)>,
    /// Whether there was more.
    pub capped: bool,
    bytes: usize,
}

/// Fields that are looked at, at most.
const MOST_FIELDS: usize = 4096;

/// Bytes that are looked at, at most.
const MOST_BYTES: usize = 1 << 20;

impl<'a> Fields<'a> {
    /// Whether there is room for more.
    pub fn full(&self) -> bool {
        self.list.len() >= MOST_FIELDS || self.bytes >= MOST_BYTES
    }

    /// Adds a field.
    pub fn push(
        &mut self,
        part: Part,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) {
        if self.full() {
            self.capped = true;
            return;
        }
        let mut value = value.into();
        // A picture within its own address: nothing is fetched, and it may have megabytes.
        if part == Part::Fetch
            && value
                .get(..5)
                .is_some_and(|s| s.eq_ignore_ascii_case("data:"))
        {
            value = Cow::Owned(
                short(&value)
                    .split(',')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        let room = MOST_BYTES - self.bytes;
        if value.len() > room {
            let mut end = room;
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            value = Cow::Owned(value[..end].to_owned());
            self.capped = true;
        }
        self.bytes += value.len();
        self.list.push(Field {
            part,
            name: name.into(),
            value,
        });
    }

    /// Adds a fact about the request as a whole.
    pub fn fact(&mut self, name: impl Into<Cow<'a, str>>, fact: &'static str) {
        self.list.push(Field {
            part: Part::Protocol,
            name: name.into(),
            value: Cow::Borrowed(""),
        });
        self.facts.push((self.list.len() as u32 - 1, fact));
    }
}

/// A name for a hit: never longer than needed to find the place.
pub(super) fn short(name: &str) -> &str {
    let mut end = name.len().min(64);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
