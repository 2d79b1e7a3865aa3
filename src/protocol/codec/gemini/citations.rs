//! Where a text comes from: Google tells it beside the text, with places in bytes.
//! <https://ai.google.dev/api/generate-content#GroundingMetadata>

use super::{
    super::super::{chat::Citation, json::Value},
    object::{Field, Object, count, get, members, string},
};

/// A source and the place that it is for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The source.
    pub citation: Citation,
    /// Which of the content's parts.
    pub part: Option<usize>,
    /// Where in its text, in bytes.
    pub range: Option<(usize, usize)>,
    /// The words there.
    pub words: Option<String>,
}

impl Found {
    /// Whether a text has the words at this place.
    pub(super) fn fits(&self, text: &str, start: usize, end: usize) -> bool {
        text.get(start..end)
            .is_some_and(|there| self.words.as_deref().is_none_or(|words| words == there))
    }

    /// The citation, at a place in a text.
    pub(super) fn at(&self, text: &str, start: usize, end: usize) -> Citation {
        let chars = |bytes: usize| {
            let before = text.get(..bytes).map(|before| before.chars().count());
            before.map(|n| n as u64)
        };
        Citation {
            start: chars(start),
            end: chars(end),
            ..self.citation.clone()
        }
    }
}

/// The sources that a candidate tells.
pub(super) fn read(grounding: Option<Value<'_>>, cited: Option<Value<'_>>) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(grounding) = grounding {
        read_grounding(grounding, &mut found);
    }
    let lists = cited.and_then(|cited| get(cited, "citations").or(get(cited, "citationSources")));
    for source in lists.into_iter().flat_map(Value::elements) {
        let mut one = Found::default();
        let (mut start, mut end) = (0, None);
        for (name, value) in members(source) {
            match &*name {
                "startIndex" => start = index(value).unwrap_or(0),
                "endIndex" => end = index(value),
                "uri" => one.citation.url = string(value),
                "title" => one.citation.title = string(value),
                _ => {}
            }
        }
        one.range = end.map(|end| (start, end));
        found.push(one);
    }
    found
}

fn read_grounding(grounding: Value<'_>, found: &mut Vec<Found>) {
    let chunks: Vec<_> = get(grounding, "groundingChunks")
        .into_iter()
        .flat_map(Value::elements)
        .map(source)
        .collect();
    let mut used = vec![false; chunks.len()];
    for support in get(grounding, "groundingSupports")
        .into_iter()
        .flat_map(Value::elements)
    {
        let segment = get(support, "segment");
        let place = |name| segment.and_then(|s| get(s, name)).and_then(index);
        let words = segment.and_then(|s| get(s, "text")).and_then(string);
        let indices = get(support, "groundingChunkIndices");
        for n in indices
            .into_iter()
            .flat_map(Value::elements)
            .filter_map(index)
        {
            let Some(citation) = chunks.get(n) else {
                continue;
            };
            used[n] = true;
            found.push(Found {
                citation: citation.clone(),
                part: place("partIndex"),
                // Zero goes without saying in protocol buffers.
                range: place("endIndex").map(|end| (place("startIndex").unwrap_or(0), end)),
                words: words.clone(),
            });
        }
    }
    let rest = chunks.into_iter().zip(used).filter(|(_, used)| !used);
    found.extend(rest.map(|(citation, _)| Found {
        citation,
        ..Found::default()
    }));
}

fn index(value: Value<'_>) -> Option<usize> {
    count(value).and_then(|n| usize::try_from(n).ok())
}

/// `web`, `retrievedContext`, `maps` or `image`.
fn source(chunk: Value<'_>) -> Citation {
    let mut citation = Citation::default();
    for (_, inner) in members(chunk) {
        for (name, value) in members(inner) {
            match &*name {
                "uri" | "sourceUri" => citation.url = string(value),
                "title" => citation.title = string(value),
                "text" => citation.cited_text = string(value),
                "documentName" => citation.file = string(value),
                _ => {}
            }
        }
    }
    citation
}

/// A citation to write: with which part's text it stands, and how many bytes of text stood before in the count.
pub(super) struct Cited<'a> {
    pub citation: &'a Citation,
    pub text: &'a str,
    pub part: usize,
    pub before: usize,
}

/// `groundingMetadata` for a client, if there is anything to tell.
pub(super) fn write<'a>(cited: &[Cited<'_>]) -> Option<Object<'a>> {
    if cited.is_empty() {
        return None;
    }
    let mut known: Vec<&Citation> = Vec::new();
    let mut chunks = Vec::new();
    let mut supports: Vec<Support<'_, 'a>> = Vec::new();
    for one in cited {
        let same = |c: &&Citation| {
            let key = |c: &Citation| {
                (
                    c.url.clone(),
                    c.title.clone(),
                    c.cited_text.clone(),
                    c.file.clone(),
                )
            };
            key(c) == key(one.citation)
        };
        let chunk = known.iter().position(same).unwrap_or_else(|| {
            known.push(one.citation);
            chunks.push(Field::Object(chunk(one.citation)));
            known.len() - 1
        });
        let Some((start, end)) = bytes(one.text, one.citation) else {
            continue;
        };
        let place = (one.part, one.before + start, one.before + end);
        let chunk = Field::Count(chunk as u64);
        match supports.last_mut().filter(|last| last.0 == place) {
            Some(last) => last.2.push(chunk),
            None => supports.push((place, &one.text[start..end], vec![chunk])),
        }
    }
    let supports: Vec<_> = supports.into_iter().map(support).collect();
    let mut out = Object::default();
    out.put("groundingChunks", Some(Field::List(chunks)));
    out.put(
        "groundingSupports",
        (!supports.is_empty()).then_some(Field::List(supports)),
    );
    Some(out)
}

/// Part, start and end; the words there; and the sources' numbers.
type Support<'t, 'a> = ((usize, usize, usize), &'t str, Vec<Field<'a>>);

fn support<'a>(((part, start, end), words, indices): Support<'_, 'a>) -> Field<'a> {
    let mut segment = Object::default();
    let place = |n: usize| (n > 0).then_some(Field::Count(n as u64));
    segment.put("partIndex", place(part));
    segment.put("startIndex", place(start));
    segment.put("endIndex", Some(Field::Count(end as u64)));
    segment.put("text", Some(Field::Text(words.to_owned().into())));
    let mut out = Object::default();
    out.put("segment", Some(Field::Object(segment)));
    out.put("groundingChunkIndices", Some(Field::List(indices)));
    Field::Object(out)
}

fn chunk<'a>(citation: &Citation) -> Object<'a> {
    let mut inner = Object::default();
    let text = |text: &Option<String>| text.clone().map(|text| Field::Text(text.into()));
    inner.put("uri", text(&citation.url));
    inner.put("title", text(&citation.title));
    inner.put("text", text(&citation.cited_text));
    inner.put("documentName", text(&citation.file));
    let web = citation.cited_text.is_none() && citation.file.is_none();
    let mut out = Object::default();
    let name = if web { "web" } else { "retrievedContext" };
    out.put(name, Some(Field::Object(inner)));
    out
}

/// The place of a citation in bytes; none if it has none, or one that is not in the text.
fn bytes(text: &str, citation: &Citation) -> Option<(usize, usize)> {
    let place = |chars: u64| {
        let chars = usize::try_from(chars).ok()?;
        let ends = text.char_indices().map(|(at, _)| at);
        ends.chain([text.len()]).nth(chars)
    };
    let (start, end) = (place(citation.start?)?, place(citation.end?)?);
    (start <= end).then_some((start, end))
}
