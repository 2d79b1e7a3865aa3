//! Files of rules: those within the gateway, and those of operators.

use std::{path::Path, sync::LazyLock};

use super::load::{self, Findings};
use crate::{
    guard::{builtin, rule::RuleFile},
    problem::{Place, Problems},
};

/// The rules that the gateway knows by itself. Read on first use.
pub fn builtin() -> &'static [RuleFile] {
    static BUILTIN: LazyLock<Vec<RuleFile>> = LazyLock::new(|| all(builtin::FILES));
    &BUILTIN
}

/// The rules over the HTTP surface.
pub fn waf() -> &'static [RuleFile] {
    static WAF: LazyLock<Vec<RuleFile>> = LazyLock::new(|| all(builtin::WAF));
    &WAF
}

fn all(files: &[(&str, &str)]) -> Vec<RuleFile> {
    let file =
        |(name, text): &(&str, &str)| parse(text, Path::new(name)).expect("tests read every file");
    files.iter().map(file).collect()
}

/// Reads and checks a file of rules.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<RuleFile, Findings> {
    parse(&load::text(path)?, path)
}

/// Reads and checks the text of a file of rules. `origin` is the file that findings name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, origin: &Path) -> Result<RuleFile, Findings> {
    load::parse_literally(text, origin, |file: &RuleFile| {
        let mut problems = Problems::default();
        file.check(&Place::default(), &mut problems);
        problems
    })
}
