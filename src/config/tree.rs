//! A configuration as a tree, in which every value knows where it stands.

use crate::problem::{Place, Step};

/// A position in the text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One value.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub content: Content,
    /// Found to be wrong and passed over, so that the rest can still be read.
    pub dropped: bool,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Member>),
}

/// A single value: its text, and what decides how the text is read.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text, with quotes and escapes undone.
    pub text: String,
    /// Written without quotes, so that it may be a number, a boolean or nothing.
    pub plain: bool,
    /// The text as it stands in the file, where variables were filled in.
    pub written: Option<String>,
}

/// A member of a mapping.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its key.
    pub key: String,
    /// Where the key begins.
    pub mark: Mark,
    /// Its value.
    pub node: Node,
    /// Written without quotes.
    pub plain: bool,
}

/// Something wrong, and where.
#[derive(Debug)]
pub struct Mistake {
    /// Position in the text.
    pub mark: Mark,
    /// Position in the tree.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mark {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl Scalar {
    /// What stands where nothing was written.
    pub const fn nothing() -> Self {
        Self {
            text: String::new(),
            plain: true,
            written: None,
        }
    }
}

impl Node {
    /// A value that was read.
    pub const fn new(mark: Mark, content: Content) -> Self {
        Self {
            mark,
            content,
            dropped: false,
        }
    }

    /// The value at a place below this one.
    pub fn get(&self, place: &[Step]) -> Option<&Self> {
        let Some((step, rest)) = place.split_first() else {
            return Some(self);
        };
        match (&self.content, step) {
            (Content::List(items), Step::Index(n)) => items.get(*n)?.get(rest),
            (Content::Map(_), Step::Key(key)) => self.member(key)?.node.get(rest),
            _ => None,
        }
    }

    /// Passes over the value at a place; false if there is none, or no longer.
    pub fn drop_at(&mut self, place: &[Step]) -> bool {
        let Some((step, rest)) = place.split_first() else {
            return !std::mem::replace(&mut self.dropped, true);
        };
        let next = match (&mut self.content, step) {
            (Content::List(items), Step::Index(n)) => items.get_mut(*n),
            (Content::Map(members), Step::Key(key)) => members
                .iter_mut()
                .find(|m| m.key == *key)
                .map(|m| &mut m.node),
            _ => None,
        };
        next.is_some_and(|node| node.drop_at(rest))
    }

    /// Where to point for a place: at a single value itself, at the key of a section or of nothing, and at the nearest
    /// section around what is not there.
    pub fn locate(&self, place: &[Step]) -> Mark {
        let mut node = self;
        let mut mark = self.mark;
        for step in place {
            let (next, found) = match (&node.content, step) {
                (Content::List(items), Step::Index(n)) => match items.get(*n) {
                    Some(item) => (item, item.mark),
                    None => break,
                },
                (Content::Map(_), Step::Key(key)) => match node.member(key) {
                    Some(member) => (&member.node, member.pointer()),
                    None => break,
                },
                _ => break,
            };
            (node, mark) = (next, found);
        }
        mark
    }

    /// The place in this tree of a place in what was read from it, where lists lack the items that were dropped.
    pub fn restore(&self, place: &Place) -> Place {
        let mut node = Some(self);
        let mut restored = Place::default();
        for step in &place.0 {
            let step = match (node.map(|node| &node.content), step) {
                (Some(Content::List(items)), Step::Index(n)) => {
                    let left = items.iter().enumerate().filter(|(_, item)| !item.dropped);
                    Step::Index(left.map(|(n, _)| n).nth(*n).unwrap_or(*n))
                }
                _ => step.clone(),
            };
            node = node.and_then(|node| node.get(std::slice::from_ref(&step)));
            restored.0.push(step);
        }
        restored
    }

    /// The member of a mapping with this key.
    pub fn member(&self, key: &str) -> Option<&Member> {
        match &self.content {
            Content::Map(members) => members.iter().find(|m| m.key == key),
            _ => None,
        }
    }

    /// What a copy costs.
    pub fn size(&self) -> Size {
        let mut size = Size {
            nodes: 1,
            text: 0,
            depth: 1,
        };
        match &self.content {
            Content::Scalar(scalar) => size.text = scalar.text.len(),
            Content::List(items) => items.iter().for_each(|item| size.add(&item.size())),
            Content::Map(members) => {
                for member in members {
                    size.text += member.key.len();
                    size.add(&member.node.size());
                }
            }
        }
        size
    }
}

impl Member {
    const fn pointer(&self) -> Mark {
        match &self.node.content {
            Content::Scalar(s) if s.written.is_some() || !s.text.is_empty() => self.node.mark,
            _ => self.mark,
        }
    }
}

/// What a copy of a value costs.
#[derive(Clone, Copy)]
pub struct Size {
    /// Values in it, itself included.
    pub nodes: usize,
    /// Bytes of text.
    pub text: usize,
    /// Levels of nesting, itself included.
    pub depth: usize,
}

impl Size {
    fn add(&mut self, part: &Self) {
        self.nodes += part.nodes;
        self.text += part.text;
        self.depth = self.depth.max(1 + part.depth);
    }
}
