//! Variables in values: `${NAME}`, `${NAME:-default}`, and `$${` for a plain `${`.

use super::tree::{Content, Mistake, Node};
use crate::problem::Place;

/// What gives a variable its value.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills the variables in below `node`. A value that cannot be filled is dropped, with a mistake.
///
/// This happens to the tree and not to the text, so that no value can change the structure around it.
pub fn fill(node: &mut Node, at: &Place, env: Lookup, mistakes: &mut Vec<Mistake>) {
    match &mut node.content {
        Content::Scalar(scalar) => match expand(&scalar.text, env) {
            Ok(None) => {}
            Ok(Some(text)) => scalar.written = Some(std::mem::replace(&mut scalar.text, text)),
            Err(message) => {
                node.dropped = true;
                mistakes.push(Mistake {
                    mark: node.mark,
                    place: at.clone(),
                    message,
                });
            }
        },
        Content::List(items) => {
            for (n, item) in items.iter_mut().enumerate() {
                fill(item, &at.index(n), env, mistakes);
            }
        }
        Content::Map(members) => {
            for member in members {
                fill(&mut member.node, &at.key(&member.key), env, mistakes);
            }
        }
    }
}

/// The text with its variables filled in; `None` if it has none.
fn expand(text: &str, env: Lookup) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        filled.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$${") {
            filled.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (inner, after) = after
                .split_once('}')
                .ok_or("`${` has no `}`; write `$${` for a plain `${`")?;
            filled.push_str(&variable(inner, env)?);
            rest = after;
        } else {
            filled.push('$');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

fn variable(inner: &str, env: Lookup) -> Result<String, String> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let fits =
        |(n, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || n > 0 && c.is_ascii_digit();
    if name.is_empty() || !name.chars().enumerate().all(fits) {
        return Err(format!(
            "`${{{inner}}}` names no variable; write `${{NAME}}`, `${{NAME:-default}}`, or `$${{` for a plain `${{`"
        ));
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(format!(
            "the default of `${{{name}:-…}}` cannot have a variable in it"
        ));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "the environment variable `{name}` is not set; set it, or give a default as `${{{name}:-default}}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "ODD" => Some("a: [b]\n${A} # \"'".to_owned()),
            _ => None,
        }
    }

    fn filled(text: &str) -> Option<String> {
        expand(text, &env).unwrap()
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, answer) in [
            ("${A}", "one"),
            ("x${A}y${A}", "xoneyone"),
            ("${A:-two}", "one"),
            ("${B:-two}", "two"),
            ("${B:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-two}", "two"),
            ("${B:-http://x:80/?a=$b}", "http://x:80/?a=$b"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$5 ${A} $", "$5 one $"),
        ] {
            assert_eq!(filled(text).as_deref(), Some(answer), "{text}");
        }
        assert_eq!(filled("cost $5, $A, {A}"), None);
    }

    #[test]
    fn a_value_is_taken_as_it_is() {
        assert_eq!(filled("${ODD}").unwrap(), "a: [b]\n${A} # \"'");
    }

    #[test]
    fn what_cannot_be_filled_says_why() {
        for (text, part) in [
            ("${B}", "the environment variable `B` is not set"),
            ("${A", "has no `}`"),
            ("${}", "names no variable"),
            ("${1A}", "names no variable"),
            ("${A-b}", "names no variable"),
            ("${A:-${B}}", "cannot have a variable in it"),
        ] {
            assert!(expand(text, &env).unwrap_err().contains(part), "{text}");
        }
    }
}
