//! What must hold for any text read as a configuration. Run by the unit tests of
//! `config::load` and by the fuzz target of the same name.

use std::path::Path;

use crate::config::load;

/// It is read, or refused for reasons of one line each, with their places.
pub fn check(text: &str) {
    let Err(findings) = load::parse(text, Path::new("x.yaml"), &variable) else {
        return;
    };
    assert!(!findings.0.is_empty());
    assert_eq!(findings.to_string().lines().count(), findings.0.len());
    let whole = text.len() > 4 << 20;
    for finding in &findings.0 {
        assert!(
            whole || finding.line >= 1 && finding.column >= 1,
            "{finding}"
        );
    }
}

fn variable(name: &str) -> Option<String> {
    (name == "A").then(|| "a: [\"b".to_owned())
}
