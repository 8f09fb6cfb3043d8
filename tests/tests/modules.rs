//! Inside a crate the modules form a line, not a circle: of two modules beside each other at most one uses the other,
//! directly or through others. A module and those inside it count as one towards their neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's names from the root of its crate on.
type ModulePath = Vec<String>;

#[test]
fn modules_of_a_crate_form_no_circle() {
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates"));
    let mut folders: Vec<PathBuf> = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 11, "{folders:?}");
    let circles_of = |folder: &PathBuf| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Crate::read(&folder.join("src")).circles().into_iter().map(move |circle| format!("{name}: {circle}"))
    };
    let circles: BTreeSet<String> = folders.iter().flat_map(circles_of).collect();
    assert!(circles.is_empty(), "modules use each other in a circle: {circles:#?}");
}

/// The parser is believed only because it finds what there is.
#[test]
fn a_circle_is_found_however_it_is_written() {
    let circle = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Crate::read(folder.path()).circles().len()
    };
    let root = ("lib.rs", "mod a; mod b; pub use b::{B, Deep};");
    let a = ("a.rs", "use crate::b::B;\npub struct A;");
    assert_eq!(circle(&[root, a, ("b.rs", "pub struct B;")]), 0);
    for b in [
        "use crate::a::A;",
        "use super::a::A as Other;",
        "use crate::{a::{self, A}};",
        "fn f() -> crate::a::A { panic!() }",
        "mod inner { use super::super::a::A; }",
        "mod inner { #[derive(Debug)] pub struct S(crate::a::A); }",
    ] {
        assert_eq!(circle(&[root, a, ("b.rs", b)]), 1, "{b}");
    }
    for b in [
        "// use crate::a::A;",
        "/* use crate::a::A; */ const S: &str = \"crate::a::A\"; const C: char = '\"';",
        "#[cfg(test)] mod tests { use crate::a::A; }",
        "#[cfg(test)]\nuse crate::a::A;",
        "struct S { #[cfg(test)] a: crate::a::A }",
        "struct S { #[cfg(test)] a: crate::a::A, b: u8 } fn f() { match 1 { #[cfg(test)] 1 => crate::a::A, _ => {} } }",
        "const R: &str = r#\"crate::a \"A\" \"#;",
        "fn f<'a>(x: &'a str) -> &'a str { x }",
        "fn f<T>() -> impl Sized + use<T> { mod inner {} ; 1 }",
    ] {
        assert_eq!(circle(&[root, a, ("b.rs", b)]), 0, "{b}");
    }
    // Through the root's re-export, from deep inside, and over a third.
    assert_eq!(circle(&[root, ("a.rs", "use crate::B;"), ("b.rs", "mod c;"), ("b/c.rs", "use crate::a::A;")]), 1);
    let three = ("lib.rs", "mod a; mod b; mod c;");
    assert_eq!(circle(&[three, a, ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")]), 1);
    // Beside each other one level further down; towards their parent they are one with it.
    let parent = ("lib.rs", "mod p;");
    let (p, c) = (("p.rs", "mod a; mod c; const X: u8 = 0; use a::A;"), ("p/c.rs", "use super::{X, a::A};"));
    assert_eq!(circle(&[parent, p, c, ("p/a.rs", "use super::X; pub struct A;")]), 0);
    assert_eq!(circle(&[parent, p, c, ("p/a.rs", "use super::c::C; pub struct A;")]), 1);
}

/// The modules of one crate, and what they use of each other.
#[derive(Default)]
struct Crate {
    modules: BTreeSet<ModulePath>,
    /// What a module passes on under a name of its own.
    passed_on: BTreeMap<ModulePath, ModulePath>,
    uses: Vec<(ModulePath, ModulePath)>,
}

impl Crate {
    fn read(source: &Path) -> Self {
        let mut found = Self::default();
        let mut files = Vec::new();
        found.collect(&source.join("lib.rs"), source, Vec::new(), &mut files);
        for (module, tokens) in files {
            found.paths(&module, &tokens);
        }
        found
    }

    /// Reads a module's file and those of the modules that it declares.
    fn collect(&mut self, file: &Path, folder: &Path, module: ModulePath, files: &mut Vec<(ModulePath, Vec<String>)>) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tokens = without_tests(tokens(&text));
        self.modules.insert(module.clone());
        for window in tokens.windows(3) {
            if let [keyword, name, end] = window
                && keyword == "mod"
                && end == ";"
            {
                let inner = joined(&module, name);
                self.collect(&folder.join(format!("{name}.rs")), &folder.join(name), inner, files);
            }
        }
        files.push((module, tokens));
    }

    /// Notes every path in a file that leads to a module of this crate.
    fn paths(&mut self, file: &ModulePath, tokens: &[String]) {
        let mut scope = file.clone();
        // At which depth of braces an inline module began.
        let mut inline: Vec<usize> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while at < tokens.len() {
            let previous = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
            match tokens[at].as_str() {
                "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                    scope.push(tokens[at + 1].clone());
                    inline.push(depth);
                    at += 1;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        scope.pop();
                    }
                }
                // Not what `impl … + use<T>` captures.
                "use" if !next_is(tokens, at, "<") => {
                    let end = at + tokens[at..].iter().position(|token| token == ";").unwrap_or(0);
                    let passes_on = previous == "pub" || previous == ")";
                    for (path, name) in leaves(&tokens[at + 1..end]) {
                        self.note(file, &scope, &path, passes_on.then_some(name));
                    }
                    at = end;
                }
                word if is_name(word) && previous != "::" && previous != "." && next_is(tokens, at, "::") => {
                    let mut path = vec![tokens[at].clone()];
                    while next_is(tokens, at, "::") && tokens.get(at + 2).is_some_and(|token| is_name(token)) {
                        path.push(tokens[at + 2].clone());
                        at += 2;
                    }
                    self.note(file, &scope, &path, None);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn note(&mut self, file: &ModulePath, scope: &ModulePath, path: &[String], passed_on_as: Option<String>) {
        let Some(target) = self.absolute(scope, path) else { return };
        if let Some(name) = passed_on_as {
            self.passed_on.insert(joined(scope, &name), target.clone());
        }
        self.uses.push((file.clone(), target));
    }

    /// The path from the crate's root on; none if it leads out of the crate.
    fn absolute(&self, scope: &ModulePath, path: &[String]) -> Option<ModulePath> {
        let mut at = scope.clone();
        let mut rest = path.iter();
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest.next();
            }
            "self" => drop(rest.next()),
            "super" => {}
            first if self.modules.contains(&joined(&at, first)) => {}
            _ => return None,
        }
        for name in rest {
            if name == "super" {
                at.pop();
            } else {
                at.push(name.clone());
            }
        }
        Some(at)
    }

    /// The module in which the thing at the end of a path is defined.
    fn home(&self, path: &ModulePath) -> ModulePath {
        let mut path = path.clone();
        // A thing that is passed on is found where it comes from; what is passed on in a circle does not compile.
        for _ in 0..8 {
            let through = (1..=path.len()).rev().find_map(|end| Some((end, self.passed_on.get(&path[..end])?)));
            let Some((end, target)) = through.filter(|(end, target)| path[..*end] != target[..]) else { break };
            path = target.iter().chain(&path[end..]).cloned().collect();
        }
        while !self.modules.contains(&path) {
            path.pop();
        }
        path
    }

    fn circles(&self) -> Vec<String> {
        let mut beside: BTreeMap<ModulePath, BTreeSet<ModulePath>> = BTreeMap::new();
        for (from, to) in &self.uses {
            let to = self.home(to);
            let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
            if common < from.len() && common < to.len() {
                beside.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
            }
        }
        let mut circles = BTreeSet::new();
        for start in beside.keys() {
            if let Some(circle) = circle_through(start, &beside) {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

/// The shortest way from a module back to itself, written from its first name in the alphabet on.
fn circle_through(start: &ModulePath, beside: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Option<String> {
    let mut open = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = open.pop_front() {
        for next in way.last().and_then(|last| beside.get(*last)).into_iter().flatten() {
            if next == start {
                let mut names: Vec<String> = way.iter().map(|module| module.join("::")).collect();
                let first = (0..names.len()).min_by_key(|index| &names[*index])?;
                names.rotate_left(first);
                return Some(format!("{} → {}", names.join(" → "), names[0]));
            }
            if seen.insert(next) {
                open.push_back(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

/// The paths of a `use`, each with the name that it gets here.
fn leaves(tree: &[String]) -> Vec<(Vec<String>, String)> {
    fn walk(tree: &[String], at: &mut usize, prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
        let mut path = prefix.to_vec();
        while let Some(token) = tree.get(*at) {
            match token.as_str() {
                "{" => {
                    *at += 1;
                    while tree.get(*at).is_some_and(|token| token != "}") {
                        walk(tree, at, &path, found);
                        if tree.get(*at).is_some_and(|token| token == ",") {
                            *at += 1;
                        }
                    }
                    *at += 1;
                    return;
                }
                "," | "}" => break,
                "::" | "*" => *at += 1,
                "as" => {
                    let name = tree.get(*at + 1).cloned().unwrap_or_default();
                    found.push((path, name));
                    *at += 2;
                    return;
                }
                "self" if !path.is_empty() => *at += 1,
                _ => {
                    path.push(token.clone());
                    *at += 1;
                }
            }
        }
        let name = path.last().cloned().unwrap_or_default();
        found.push((path, name));
    }
    let mut found = Vec::new();
    walk(tree, &mut 0, &[], &mut found);
    found
}

fn joined(module: &ModulePath, name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn next_is(tokens: &[String], at: usize, expected: &str) -> bool {
    tokens.get(at + 1).is_some_and(|token| token == expected)
}

/// How an item can begin; what does not is a field, a variant, an arm or a statement.
const ITEMS: &[&str] = &[
    "pub",
    "mod",
    "use",
    "fn",
    "impl",
    "struct",
    "enum",
    "const",
    "static",
    "type",
    "trait",
    "async",
    "macro_rules",
    "#",
];

/// Leaves out whatever stands under `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().zip(marker).all(|(token, mark)| token == mark) || tokens.len() - at < marker.len() {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += marker.len();
        let is_item = tokens.get(at).is_some_and(|first| ITEMS.contains(&first.as_str()));
        while let Some(token) = tokens.get(at) {
            // A field, a variant or an arm ends with a comma, or with the brace of what it stands in.
            if depth == 0 && !is_item && matches!(token.as_str(), "," | "}" | ")") {
                break;
            }
            at += 1;
            match token.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && (token == ";" || token == "}") {
                // An import may end in a brace of its own.
                at += usize::from(token == "}" && tokens.get(at).is_some_and(|next| next == ";"));
                break;
            }
        }
    }
    kept
}

/// Names, `::`, and single characters; no comments, no literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if is_name(rest) {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the text, byte or character literal at the front, or of a lifetime.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r'));
    if let Some(raw) = raw
        && raw.trim_start_matches('#').starts_with('"')
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = &raw[hashes + 1..];
        let close = body.find(&end).map_or(body.len(), |close| close + end.len());
        return Some(text.len() - body.len() + close);
    }
    let plain = text.strip_prefix('b').filter(|rest| rest.starts_with(['"', '\''])).unwrap_or(text);
    let skipped = text.len() - plain.len();
    match plain.chars().next()? {
        '"' => Some(skipped + quoted(plain, '"')),
        '\'' => {
            let after = plain[1..].chars().nth(1);
            match plain[1..].starts_with('\\') || after == Some('\'') {
                true => Some(skipped + quoted(plain, '\'')),
                // A lifetime.
                false => Some(1),
            }
        }
        _ => None,
    }
}

fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == end => return at + 1,
            _ => {}
        }
    }
    text.len()
}
