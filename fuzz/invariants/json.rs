//! What must hold for any bytes read as JSON. Run by the unit tests of
//! `protocol::json` and by the fuzz target of the same name.

use serde_json::Value as Tree;

use crate::protocol::json::{Document, Kind, Limits, Value};

pub fn check(bytes: &[u8]) {
    // As deep as serde_json goes.
    let limits = Limits {
        depth: 127,
        ..Limits::default()
    };
    let document = Document::parse(bytes, limits);
    match (&document, serde_json::from_slice::<Tree>(bytes)) {
        (Ok(document), Ok(tree)) => same(bytes, document.root(), &tree),
        (Err(error), Err(_)) => assert!(error.offset <= bytes.len()),
        (Err(error), Ok(_)) => panic!("we refuse what serde_json reads: {error}"),
        (Ok(_), Err(error)) => panic!("we read what serde_json refuses: {error}"),
    }
}

fn same(bytes: &[u8], value: Value<'_>, tree: &Tree) {
    assert_eq!(value.raw(), &bytes[value.range()]);
    assert_eq!(read(value.raw()), *tree, "a range is the value's own");
    let kind = match tree {
        Tree::Null => Kind::Null,
        Tree::Bool(_) => Kind::Bool,
        Tree::Number(_) => Kind::Number,
        Tree::String(_) => Kind::String,
        Tree::Array(_) => Kind::Array,
        Tree::Object(_) => Kind::Object,
    };
    assert_eq!(value.kind(), kind);
    match tree {
        Tree::Null => assert!(value.is_null()),
        Tree::Bool(truth) => assert_eq!(value.as_bool(), Some(*truth)),
        Tree::String(text) => assert_eq!(value.as_str().as_deref(), Some(text.as_str())),
        Tree::Number(number) => {
            assert_eq!(value.as_u64(), number.as_u64());
            // serde_json rounds to within a few units in the last place.
            let (ours, theirs) = (value.as_f64().unwrap(), number.as_f64().unwrap());
            let off = (ours - theirs).abs();
            assert!(
                off <= theirs.abs() * 1e-14 + f64::MIN_POSITIVE,
                "{ours} {theirs}"
            );
        }
        Tree::Array(trees) => {
            assert_eq!(value.len(), trees.len());
            for (element, tree) in value.elements().zip(trees) {
                same(bytes, element, tree);
            }
        }
        Tree::Object(trees) => {
            assert_eq!(value.len(), value.members().count());
            for (key, tree) in trees {
                same(bytes, value.get(key).unwrap(), tree);
                let times = value.members().filter(|m| m.key == *key).count();
                assert!(times > 0);
                assert_eq!(value.unique(key).is_ok(), times == 1);
                if times == 1 {
                    without(value, tree_without(tree_of(trees), key), {
                        vec![value.removal(key).unwrap()]
                    });
                }
                without(value, tree_without(tree_of(trees), key), {
                    value.removals(|k| k == key)
                });
            }
            for member in value.members() {
                assert!(trees.contains_key(&*member.key));
                assert_eq!(bytes[member.range.start], b'"');
                assert_eq!(member.range.end, member.value.range().end);
            }
            without(value, Tree::Object(Default::default()), {
                value.removals(|_| true)
            });
            let short = |key: &str| key.len() < 2;
            let mut left = trees.clone();
            left.retain(|key, _| !short(key));
            without(value, Tree::Object(left), value.removals(short));
        }
    }
}

/// `object` with these ranges cut out reads as `tree`.
fn without(object: Value<'_>, tree: Tree, removals: Vec<std::ops::Range<usize>>) {
    let mut left = object.raw().to_vec();
    for range in removals.into_iter().rev() {
        let start = object.range().start;
        left.drain(range.start - start..range.end - start);
    }
    assert_eq!(read(&left), tree);
}

fn tree_of(members: &serde_json::Map<String, Tree>) -> Tree {
    Tree::Object(members.clone())
}

fn tree_without(mut tree: Tree, key: &str) -> Tree {
    tree.as_object_mut().unwrap().remove(key);
    tree
}

fn read(bytes: &[u8]) -> Tree {
    serde_json::from_slice(bytes).expect("part of a valid document")
}
