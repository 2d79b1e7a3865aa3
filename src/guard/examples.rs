//! Runs the examples of rules: `sluicegate check` and the tests tell every one that does not hold.

use super::{
    Role, Text,
    database::Databases,
    engine::{BadRule, Engine},
    rule::{Rule, RuleFile},
    view::Sheet,
    waf::{self, Waf},
};

/// Every example that does not hold, with its rule's id; a rule is looked at for itself, whatever overlaps its findings.
/// Rules of the firewall are looked at with all others of it, since some count what others found.
///
/// # Errors
/// Every rule that cannot be compiled.
pub fn wrong<'f>(
    files: impl IntoIterator<Item = &'f RuleFile>,
    databases: &Databases,
) -> Result<Vec<String>, Vec<BadRule>> {
    let (http, texts): (Vec<&RuleFile>, Vec<&RuleFile>) =
        files.into_iter().partition(|file| file.group == waf::GROUP);
    let mut wrong = of_texts(&texts, databases)?;
    if !http.is_empty() {
        let rules = http
            .iter()
            .flat_map(|file| file.rules.iter().map(|rule| (file.group.as_str(), rule)));
        let settings = waf::Settings {
            paranoia: 4,
            ..waf::Settings::default()
        };
        wrong.extend(Waf::compile(rules, settings, databases)?.check_examples());
    }
    Ok(wrong)
}

fn of_texts(files: &[&RuleFile], databases: &Databases) -> Result<Vec<String>, Vec<BadRule>> {
    // A group of its own for each rule: findings of one group push each other out.
    let rules: Vec<(&str, &Rule)> = files
        .iter()
        .flat_map(|file| file.rules.iter().map(|rule| (rule.id.as_str(), rule)))
        .collect();
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let engine = databases.engine(&rules)?;
    let mut wrong = Vec::new();
    for ((_, rule), number) in rules.iter().zip(0_u32..) {
        for (examples, wanted, said) in [
            (&rule.catches, true, "does not catch"),
            (&rule.leaves, false, "does not leave"),
        ] {
            for text in examples {
                if finds(&engine, rule, number, text) != wanted {
                    wrong.push(format!("{}: {said} {text:?}", rule.id));
                }
            }
        }
    }
    Ok(wrong)
}

/// Whether a rule finds something in a text, in the mouth of one in whose texts it looks.
fn finds(engine: &Engine, rule: &Rule, number: u32, text: &str) -> bool {
    let role = rule.roles.first().copied().unwrap_or(Role::User);
    let texts = [Text { role, value: text }];
    let found = engine.scan(&texts, &Sheet::new(&texts));
    found.findings.iter().any(|finding| finding.rule == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rules;

    #[test]
    fn the_examples_of_all_builtin_rules_hold() {
        let files = rules::builtin().iter().chain(rules::waf());
        let wrong = wrong(files, &Databases::new(Databases::usual_folder())).unwrap();
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn every_wrong_example_is_told_with_its_rule() {
        let file: RuleFile = serde_json::from_value(serde_json::json!({
            "group": "own", "rules": [
                { "id": "bird", "words": ["quagga"], "catches": ["a quagga", "a zebra"], "leaves": ["the quagga", "a dodo"] },
            ],
        }))
        .unwrap();
        assert_eq!(
            wrong([&file], &Databases::default()).unwrap(),
            [
                "bird: does not catch \"a zebra\"",
                "bird: does not leave \"the quagga\""
            ]
        );
    }
}
