//! Citations, both ways. <https://platform.claude.com/docs/en/build-with-claude/citations>

use serde::Serialize;

use crate::protocol::{
    chat::{Citation, Location},
    json::Value,
};

/// A citation as it is written.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum WireCitation<'a> {
    #[serde(rename = "char_location")]
    Chars {
        #[serde(flatten)]
        document: CitedDocument<'a>,
        start_char_index: u64,
        end_char_index: u64,
    },
    #[serde(rename = "page_location")]
    Pages {
        #[serde(flatten)]
        document: CitedDocument<'a>,
        start_page_number: u64,
        end_page_number: u64,
    },
    #[serde(rename = "content_block_location")]
    Blocks {
        #[serde(flatten)]
        document: CitedDocument<'a>,
        start_block_index: u64,
        end_block_index: u64,
    },
    #[serde(rename = "search_result_location")]
    SearchResult {
        cited_text: &'a str,
        search_result_index: u64,
        source: &'a str,
        title: Option<&'a str>,
        start_block_index: u64,
        end_block_index: u64,
    },
    #[serde(rename = "web_search_result_location")]
    WebSearchResult {
        cited_text: &'a str,
        encrypted_index: &'static str,
        title: Option<&'a str>,
        url: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct CitedDocument<'a> {
    cited_text: &'a str,
    document_index: u64,
    document_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

impl<'a> WireCitation<'a> {
    /// The wire form; none for a source that the dialect cannot name. An address without a place stands as a result
    /// of a web search, which is what other providers' annotations are.
    pub(super) fn of(citation: &'a Citation) -> Option<Self> {
        let cited_text = citation.cited_text.as_deref().unwrap_or_default();
        let title = citation.title.as_deref();
        let document = |document_index| CitedDocument {
            cited_text,
            document_index,
            document_title: title,
            file_id: citation.file.as_deref(),
        };
        match (
            citation.location,
            citation.document,
            citation.url.as_deref(),
        ) {
            (Some(Location::Blocks(from, to)), Some(index), Some(source)) => {
                Some(Self::SearchResult {
                    cited_text,
                    search_result_index: index,
                    source,
                    title,
                    start_block_index: from,
                    end_block_index: to,
                })
            }
            (Some(Location::Chars(from, to)), Some(index), _) => Some(Self::Chars {
                document: document(index),
                start_char_index: from,
                end_char_index: to,
            }),
            (Some(Location::Pages(from, to)), Some(index), _) => Some(Self::Pages {
                document: document(index),
                start_page_number: from,
                end_page_number: to,
            }),
            (Some(Location::Blocks(from, to)), Some(index), None) => Some(Self::Blocks {
                document: document(index),
                start_block_index: from,
                end_block_index: to,
            }),
            (_, _, Some(url)) => Some(Self::WebSearchResult {
                cited_text,
                encrypted_index: "",
                title,
                url,
            }),
            _ => None,
        }
    }

    /// Whether it can go to the provider again: web search results only with the index that it sealed, which the
    /// canonical form does not keep.
    pub(super) const fn can_return(&self) -> bool {
        !matches!(self, Self::WebSearchResult { .. })
    }
}

/// Reads a citation; none for one that the canonical form does not know.
pub(super) fn read(value: Value<'_>) -> Option<Citation> {
    let text = |name: &str| Some(value.get(name)?.as_str()?.into_owned());
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    let kind = value.get("type")?.as_str()?;
    let place = |from: &str, to: &str| Some((number(from)?, number(to)?));
    let mut citation = Citation {
        cited_text: text("cited_text"),
        ..Citation::default()
    };
    match &*kind {
        "char_location" | "page_location" | "content_block_location" => {
            citation.document = number("document_index");
            citation.title = text("document_title");
            citation.file = text("file_id");
            citation.location = match &*kind {
                "char_location" => place("start_char_index", "end_char_index")
                    .map(|(from, to)| Location::Chars(from, to)),
                "page_location" => place("start_page_number", "end_page_number")
                    .map(|(from, to)| Location::Pages(from, to)),
                _ => place("start_block_index", "end_block_index")
                    .map(|(from, to)| Location::Blocks(from, to)),
            };
        }
        "search_result_location" => {
            citation.document = number("search_result_index");
            citation.title = text("title");
            citation.url = text("source");
            citation.location = place("start_block_index", "end_block_index")
                .map(|(from, to)| Location::Blocks(from, to));
        }
        "web_search_result_location" => {
            citation.title = text("title");
            citation.url = text("url");
        }
        _ => return None,
    }
    Some(citation)
}
