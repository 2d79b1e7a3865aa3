//! From YAML text to a tree: one document, its aliases copied out, and an end to everything.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::tree::{Content, Mark, Member, Mistake, Node, Scalar, Size};
use crate::problem::{Place, Step};

/// Most values that a file may have once its aliases are copied out.
const MOST_NODES: usize = 100_000;

/// Most bytes of text that aliases may copy.
const MOST_COPIED: usize = 4 << 20;

/// Deepest nesting of mappings and lists.
const MOST_DEPTH: usize = 64;

/// Reads a document. Mistakes go to `mistakes`; `None` after one that makes the rest unreadable.
pub fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Node> {
    let mut builder = Builder {
        mistakes,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes: 0,
        copied: 0,
    };
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let read = match event {
            Ok((event, span)) => builder.event(event, mark_of(span)),
            Err(error) => {
                let mark = mark_of(Span::empty(*error.marker()));
                Err(builder.mistake(mark, format!("this is no YAML: {}", error.info())))
            }
        };
        if let Err(mistake) = read {
            builder.mistakes.push(mistake);
            return None;
        }
    }
    let nothing = || Node::new(Mark::START, Content::Scalar(Scalar::nothing()));
    Some(builder.root.unwrap_or_else(nothing))
}

fn mark_of(span: Span) -> Mark {
    Mark {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
    }
}

/// Puts the parser's events together.
struct Builder<'m> {
    mistakes: &'m mut Vec<Mistake>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, Size)>,
    nodes: usize,
    copied: usize,
}

/// A mapping or list whose end has not come.
struct Open {
    mark: Mark,
    anchor: usize,
    content: Content,
    key: Option<Key>,
}

struct Key {
    text: String,
    mark: Mark,
    plain: bool,
}

impl Builder<'_> {
    fn event(&mut self, event: Event, mark: Mark) -> Result<(), Mistake> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(self.mistake(
                mark,
                "a second document begins here; a configuration is one",
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let mut plain = style == ScalarStyle::Plain;
                match tag {
                    Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => plain = false,
                    Some(tag) => return Err(self.no_tags(mark, &tag)),
                    None => {}
                }
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain,
                    written: None,
                };
                self.count(mark, 1)?;
                self.value(Node::new(mark, Content::Scalar(scalar)), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(mark, anchor, Content::List(Vec::new()), tag.as_deref())
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(mark, anchor, Content::Map(Vec::new()), tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(mark, anchor),
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        mark: Mark,
        anchor: usize,
        content: Content,
        tag: Option<&saphyr_parser::Tag>,
    ) -> Result<(), Mistake> {
        if let Some(tag) = tag {
            return Err(self.no_tags(mark, tag));
        }
        if self.expects_key() {
            return Err(self.mistake(mark, "a key must be a text"));
        }
        self.count(mark, 1)?;
        self.deepen(mark, 1)?;
        self.open.push(Open {
            mark,
            anchor,
            content,
            key: None,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Mistake> {
        let Some(mut done) = self.open.pop() else {
            return Ok(());
        };
        if let Content::Map(members) = &mut done.content {
            *members = self.merge(std::mem::take(members));
        }
        self.value(Node::new(done.mark, done.content), done.anchor)
    }

    fn alias(&mut self, mark: Mark, anchor: usize) -> Result<(), Mistake> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(self.mistake(mark, "this alias stands inside its own anchor"));
        };
        // What an alias holds stands where its anchor is; the alias itself stands here.
        let (mut node, size) = (node.clone(), *size);
        node.mark = mark;
        self.deepen(mark, size.depth)?;
        self.copy(mark, size)?;
        self.value(node, 0)
    }

    /// Takes a finished value: as the root, an item, a key, or the member of the last key.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        if anchor != 0 {
            let size = node.size();
            self.copy(node.mark, size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(top) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut top.content, top.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Map(members), Some(key)) => members.push(Member {
                key: key.text,
                mark: key.mark,
                node,
                plain: key.plain,
            }),
            (Content::Map(_), None) => match node.content {
                Content::Scalar(scalar) if !(scalar.plain && scalar.text.is_empty()) => {
                    top.key = Some(Key {
                        text: scalar.text,
                        mark: node.mark,
                        plain: scalar.plain,
                    });
                }
                Content::Scalar(_) => return Err(self.mistake(node.mark, "a key is missing here")),
                _ => return Err(self.mistake(node.mark, "a key must be a text")),
            },
            (Content::Scalar(_), _) => {}
        }
        Ok(())
    }

    /// Finds keys that stand twice, and puts the members of `<<: *defaults` where no own member has their key.
    fn merge(&mut self, members: Vec<Member>) -> Vec<Member> {
        let mut seen: HashMap<String, Mark> = HashMap::new();
        let mut kept = Vec::with_capacity(members.len());
        let mut defaults = Vec::new();
        for member in members {
            if let Some(first) = seen.get(&member.key) {
                let message = format!(
                    "the key `{}` stands twice in this mapping, first in line {} column {}",
                    member.key, first.line, first.column
                );
                let mut mistake = self.mistake(member.mark, message);
                mistake.place = mistake.place.key(member.key);
                self.mistakes.push(mistake);
                continue;
            }
            seen.insert(member.key.clone(), member.mark);
            if member.plain && member.key == "<<" {
                let sources = match member.node.content {
                    Content::List(items) => items,
                    _ => vec![member.node],
                };
                defaults.extend(sources);
            } else {
                kept.push(member);
            }
        }
        for source in defaults {
            let Content::Map(members) = source.content else {
                let message = "`<<` takes a mapping or a list of mappings";
                let mistake = self.mistake(source.mark, message);
                self.mistakes.push(mistake);
                continue;
            };
            for member in members {
                if !seen.contains_key(&member.key) {
                    seen.insert(member.key.clone(), member.mark);
                    kept.push(member);
                }
            }
        }
        kept
    }

    fn expects_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|top| matches!(top.content, Content::Map(_)) && top.key.is_none())
    }

    fn count(&mut self, mark: Mark, nodes: usize) -> Result<(), Mistake> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message =
                format!("more than {MOST_NODES} values, aliases counted with their copies");
            return Err(self.mistake(mark, message));
        }
        Ok(())
    }

    fn copy(&mut self, mark: Mark, size: Size) -> Result<(), Mistake> {
        self.copied += size.text;
        if self.copied > MOST_COPIED {
            return Err(self.mistake(mark, "aliases copy more than 4 MiB of text"));
        }
        self.count(mark, size.nodes)
    }

    fn deepen(&self, mark: Mark, levels: usize) -> Result<(), Mistake> {
        if self.open.len() + levels > MOST_DEPTH {
            return Err(self.mistake(mark, format!("nested deeper than {MOST_DEPTH} levels")));
        }
        Ok(())
    }

    fn no_tags(&self, mark: Mark, tag: &saphyr_parser::Tag) -> Mistake {
        let message = format!("the tag `{tag}` has no meaning in a configuration");
        self.mistake(mark, message)
    }

    /// A mistake in what is being read just now.
    fn mistake(&self, mark: Mark, message: impl Into<String>) -> Mistake {
        let steps = self.open.iter().filter_map(|open| match &open.content {
            Content::List(items) => Some(Step::Index(items.len())),
            _ => open.key.as_ref().map(|key| Step::Key(key.text.clone())),
        });
        Mistake {
            mark,
            place: Place(steps.collect()),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<String>> {
        let mut mistakes = Vec::new();
        let root = parse(text, &mut mistakes);
        let said = |m: &Mistake| {
            format!(
                "{}:{} {}: {}",
                m.mark.line, m.mark.column, m.place, m.message
            )
        };
        match root {
            Some(root) if mistakes.is_empty() => Ok(root),
            _ => Err(mistakes.iter().map(said).collect()),
        }
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().join("\n")
    }

    fn at(text: &str, path: &[&str]) -> (usize, usize, String) {
        let root = read(text).unwrap();
        let steps: Vec<Step> = path
            .iter()
            .map(|step| match step.parse() {
                Ok(n) => Step::Index(n),
                Err(_) => Step::Key((*step).to_owned()),
            })
            .collect();
        let node = root.get(&steps).unwrap();
        let text = match &node.content {
            Content::Scalar(scalar) => scalar.text.clone(),
            _ => "…".to_owned(),
        };
        (node.mark.line, node.mark.column, text)
    }

    #[test]
    fn every_value_knows_its_line_and_column() {
        let text =
            "# comment\na:\n  - b: one\n    c: \"two\"\n  - { d: three, ü: four }\ne: |\n  five\n";
        assert_eq!(at(text, &["a", "0", "b"]), (3, 8, "one".into()));
        assert_eq!(at(text, &["a", "0", "c"]), (4, 8, "two".into()));
        assert_eq!(at(text, &["a", "1", "d"]), (5, 10, "three".into()));
        assert_eq!(at(text, &["a", "1", "ü"]), (5, 20, "four".into()));
        assert_eq!(at(text, &["e"]), (7, 3, "five\n".into()));
        assert_eq!(at(&text.replace('\n', "\r\n"), &["a", "0", "c"]).0, 4);
        assert_eq!(at("\u{feff}a: 1", &["a"]), (1, 4, "1".into()));
        let root = read(text).unwrap();
        assert_eq!(root.member("e").unwrap().mark, Mark { line: 6, column: 1 });
    }

    #[test]
    fn an_empty_file_is_an_empty_value() {
        for text in ["", "\n", "# nothing\n", "---\n", "---\n...\n"] {
            assert!(matches!(read(text).unwrap().content, Content::Scalar(s) if s.text.is_empty()));
        }
    }

    #[test]
    fn numbers_and_booleans_as_keys_become_their_text() {
        assert_eq!(at("429: a\ntrue: b", &["true"]).2, "b");
        let root = read("429: a").unwrap();
        assert_eq!(root.member("429").unwrap().key, "429");
    }

    #[test]
    fn aliases_and_merge_keys_are_copied_out() {
        let text =
            "a: &x { k: 1, l: 2 }\nb: *x\nc: { <<: *x, l: 3 }\nd: { <<: [{ l: 4 }, *x], m: 5 }\n";
        assert_eq!(at(text, &["b", "k"]), (1, 12, "1".into()));
        assert_eq!(at(text, &["b"]), (2, 4, "…".into()));
        assert_eq!(at(text, &["c", "l"]).2, "3");
        assert_eq!(at(text, &["c", "k"]).2, "1");
        assert_eq!(at(text, &["d", "l"]).2, "4");
        assert_eq!(at(text, &["d", "k"]).2, "1");
        assert_eq!(at("'<<': 1", &["<<"]).2, "1");
        assert_eq!(
            refused("a: { <<: 1 }"),
            "1:10 a: `<<` takes a mapping or a list of mappings"
        );
    }

    #[test]
    fn what_a_configuration_cannot_be_is_refused_with_its_place() {
        for (text, answer) in [
            (
                "a: 1\nb: { c: 1, d: 2, c: 3 }\na: 2\n",
                "2:18 b.c: the key `c` stands twice in this mapping, first in line 2 column 6\n\
                 3:1 a: the key `a` stands twice in this mapping, first in line 1 column 1",
            ),
            (
                "a: 1\n---\nb: 2\n",
                "2:1 : a second document begins here; a configuration is one",
            ),
            (
                "a: !x 1",
                "1:4 a: the tag `!x` has no meaning in a configuration",
            ),
            (
                "a: !x [1]",
                "1:4 a: the tag `!x` has no meaning in a configuration",
            ),
            ("[a, b]: 1", "1:1 : a key must be a text"),
            ("a: { : 1 }", "1:6 a: a key is missing here"),
            (
                "a: &x [*x]",
                "1:8 a[0]: this alias stands inside its own anchor",
            ),
        ] {
            assert_eq!(refused(text), answer, "{text}");
        }
        for text in ["a: b: c", "a: [1", "a: *x", "a: 'b", "a:\n  b: 1\n c: 2"] {
            assert!(refused(text).contains("this is no YAML: "), "{text}");
        }
        assert!(refused("a: 1\nb: [1\n").starts_with("3:1 "));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let alias = format!("*a{}, ", n - 1).repeat(10);
            text += &format!("a{n}: &a{n} [{alias}]\n");
        }
        assert!(refused(&text).contains("more than 100000 values"));

        let long = "x".repeat(1 << 20);
        let text = format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(100));
        assert!(refused(&text).contains("aliases copy more than 4 MiB"));
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&nested(MOST_DEPTH)).is_ok());
        assert!(refused(&nested(MOST_DEPTH + 1)).contains("nested deeper than 64 levels"));
        assert!(!refused(&nested(100_000)).is_empty());
        assert!(!refused(&"a: &a\n ".repeat(5000)).is_empty());

        let mut text = "a0: &a0 [x]\n".to_owned();
        for n in 1..70 {
            text += &format!("a{n}: &a{n} [*a{}]\n", n - 1);
        }
        assert!(refused(&text).contains("nested deeper than 64 levels"));
    }
}
