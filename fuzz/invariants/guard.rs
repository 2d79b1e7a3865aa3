//! What must hold for any text under the guard. Run by the unit tests of `guard::window` and by the fuzz target of the same
//! name.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::guard::{
    Role, Text,
    database::Databases,
    profile::{Action, Profile, ProfileConfig},
    redact::{Escape, Vault},
    rule::{Rule, RuleFile},
    screen::{self, Answers},
    view::Sheet,
    window::Window,
};

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let rule = |id: &str, pattern: &str, words: &[&str]| Rule {
        id: id.to_owned(),
        patterns: [pattern]
            .iter()
            .filter(|p| !p.is_empty())
            .map(|p| (*p).to_owned())
            .collect(),
        words: words.iter().map(|w| (*w).to_owned()).collect(),
        ..Rule::default()
    };
    let file = RuleFile {
        group: "own".to_owned(),
        sources: Vec::new(),
        rules: vec![
            rule("number", r"\bKD-[0-9]{3,6}\b", &[]),
            rule("mail", r"[a-z0-9.]{1,20}@[a-z0-9]{1,20}\.[a-z]{2,4}\b", &[]),
            rule("words", "", &["blue bird", "été"]),
        ],
    };
    let config = ProfileConfig {
        prompts: BTreeMap::from([("own".to_owned(), Action::Redact)]),
        answers: BTreeMap::from([("own".to_owned(), Action::Mask)]),
        ..ProfileConfig::default()
    };
    Profile::build(
        "fuzz",
        &config,
        &[&file],
        &Databases::default(),
        [7; 16].into(),
    )
    .expect("three small rules")
});

/// Places lie in the text as it came, changes are in order and apart, and a text cut in two says what the whole says. The
/// last holds for texts that hide nothing: a window reads the letters as they come.
pub fn check(text: &str, cut: usize) {
    let texts = [Text {
        role: Role::User,
        value: text,
    }];
    let sheet = Sheet::new(&texts);
    for segment in &sheet.segments {
        let at = sheet.original(segment, segment.range.clone());
        assert!(text.get(at).is_some(), "a segment lies in its text");
    }
    let screened = screen::prompt(&PROFILE, &texts, &mut Vault::new());
    for (_, parts) in &screened.changes {
        let mut end = 0;
        for (range, _) in parts {
            assert!(end <= range.start && text.get(range.clone()).is_some());
            end = range.end;
        }
    }
    if !sheet.buffer.starts_with(text) || sheet.segments.len() > 1 {
        return;
    }
    let cut = (0..=cut.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    assert_eq!(stream(&[&text[..cut], &text[cut..]]), stream(&[text]));
}

fn stream(pieces: &[&str]) -> String {
    let mut answers = Answers::new(&PROFILE, None);
    let mut window = Window::default();
    let starts = PROFILE.starts.as_ref();
    let mut out = String::new();
    for piece in pieces {
        out += &window
            .push(piece, starts, None, Escape::None, &mut answers)
            .text;
    }
    out + &window.finish(starts, None, Escape::None, &mut answers).text
}
