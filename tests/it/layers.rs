//! The layers of the crate, as `src/lib.rs` draws them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The modules of `lib.rs` with the number of their layer, counted from the top. Blank lines separate layers.
fn layers(lib: &str) -> BTreeMap<String, usize> {
    let mut layers = BTreeMap::new();
    let mut layer = 0;
    for line in lib.lines().map(str::trim) {
        if line.is_empty() {
            layer += 1;
        } else if let Some(name) = line
            .strip_prefix("pub mod ")
            .or_else(|| line.strip_prefix("mod "))
        {
            layers.insert(name.trim_end_matches(';').to_owned(), layer);
        }
    }
    layers
}

/// What of a source is not for tests and no comment.
fn code(source: &str) -> String {
    let mut code = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") {
            // A module of tests ends with the brace in the first column; other items are one line.
            if lines.next().is_some_and(|line| line.ends_with('{')) {
                lines.by_ref().find(|line| line.starts_with('}'));
            }
            continue;
        }
        let comment = line.trim_start().starts_with("//");
        if !comment {
            code += line.split(" // ").next().expect("a line");
            code.push('\n');
        }
    }
    code
}

/// The first names behind `crate::` in a piece of code: one each, or several of a group.
fn used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let inside_a_name =
            code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        if inside_a_name {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => used.push(first_name(rest)),
            Some(group) => used.extend(group_heads(group)),
        }
    }
    used
}

fn first_name(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first name of every member of a group in braces, of which the first brace was taken off.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = vec![first_name(group)];
    let mut depth = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(first_name(&group[at + 1..])),
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

/// What `module` uses and must not, in this piece of code.
fn violations(layers: &BTreeMap<String, usize>, module: &str, code: &str) -> Vec<String> {
    let own = layers[module];
    let is_wrong =
        |name: &String| name != module && layers.get(name).is_some_and(|layer| *layer >= own);
    used(code).into_iter().filter(is_wrong).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_module_uses_layers_above_its_own_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let layers = layers(&fs::read_to_string(src.join("lib.rs")).expect("lib.rs"));
    assert!(
        layers.len() >= 10 && layers["error"] < layers["server"],
        "{layers:?}"
    );
    let mut files = Vec::new();
    sources(&src, &mut files);
    let (mut wrong, mut edges) = (Vec::new(), 0);
    for file in files {
        let place = file
            .strip_prefix(&src)
            .expect("below src")
            .with_extension("");
        let module = place
            .iter()
            .next()
            .expect("a name")
            .to_str()
            .expect("a text");
        let for_tests = place.iter().any(|part| part == "tests");
        if ["lib", "main", "cli"].contains(&module) || for_tests {
            continue;
        }
        assert!(
            layers.contains_key(module),
            "{} belongs to no module of lib.rs",
            file.display()
        );
        let code = code(&fs::read_to_string(&file).expect("a source"));
        edges += used(&code).len();
        for name in violations(&layers, module, &code) {
            wrong.push(format!("{}: crate::{name}", file.display()));
        }
    }
    assert!(
        edges > 100,
        "only {edges} uses were found, so they are not read as they are written"
    );
    assert!(
        wrong.is_empty(),
        "modules use their own layer or one below it:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn uses_are_found_however_they_are_written() {
    let layers = layers("//! Words.\n\npub mod a;\npub mod b;\n\n/// Words.\npub mod c;\n");
    for (code, wrong) in [
        ("use crate::a::X;", &[][..]),
        ("use crate::{a::{X, c::Y}, b};", &[]),
        ("use crate::c::X;", &["c"]),
        ("use crate::{\n    b,\n    c::{X, Y},\n};", &["c"]),
        ("fn f() -> crate::c::X { crate::a::g() }", &["c"]),
        ("pub(crate) fn f(c: mycrate::c) {}", &[]),
    ] {
        assert_eq!(
            violations(&layers, "b", code)
                .iter()
                .filter(|n| *n != "a")
                .collect::<Vec<_>>(),
            wrong,
            "{code}"
        );
    }
    assert_eq!(
        violations(&layers, "b", "use crate::a;"),
        ["a"],
        "of the same layer"
    );
    assert!(violations(&layers, "c", "use crate::{a, b, c};").is_empty());
    let source = "use crate::a;\n/// [`crate::c`]\nfn f() {} // crate::c\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::c;\n}\nuse crate::b;\n";
    assert_eq!(used(&code(source)), ["a", "b"]);
}
