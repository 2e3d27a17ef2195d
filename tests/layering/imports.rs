//! Which file imports which: paths that begin with `crate`, `super`, `self` or a child's name, with trees of `use` expanded
//! and names followed to the file that defines them.

use std::collections::{BTreeMap, BTreeSet};

use super::source::sources;

/// A module by its path in the crate: `["store", "sqlite"]`.
pub(super) type Module = Vec<String>;

/// The modules that each imports. An import from an ancestor is left out: a parent and its own child know each other. What
/// an ancestor only passes on with `use` is imported from where it is defined.
pub(super) type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// What the `use` of each module brings in: paths by name.
type Uses = BTreeMap<Module, BTreeMap<String, Module>>;

/// A path, and the name by which its file knows it.
struct NamedPath {
    path: Module,
    name: String,
    is_use: bool,
}

/// The imports of every file.
pub(super) fn imports() -> Imports {
    let texts: BTreeMap<Module, String> = sources()
        .map(|source| (module_of(&source.path), source.lines.join("\n")))
        .collect();
    resolved(&texts)
}

fn resolved(texts: &BTreeMap<Module, String>) -> Imports {
    let known: BTreeSet<&Module> = texts.keys().collect();
    let paths_of = |(module, text): (_, &String)| (module, paths(text, module, &known));
    let paths: Vec<(&Module, Vec<NamedPath>)> = texts.iter().map(paths_of).collect();
    let uses_of = |(module, found): &(&Module, Vec<NamedPath>)| {
        let uses = found.iter().filter(|found| found.is_use);
        let uses = uses.map(|found| (found.name.clone(), found.path.clone())).collect();
        ((*module).clone(), uses)
    };
    let uses: Uses = paths.iter().map(uses_of).collect();
    let imports_of = |(module, found): (&Module, Vec<NamedPath>)| {
        let found = found.into_iter().flat_map(|found| ways(found.path, &known, &uses));
        let imported = found.filter(|other| !module.starts_with(other)).collect();
        (module.clone(), imported)
    };
    paths.into_iter().map(imports_of).collect()
}

/// The module that a path leads into, and those that the name leads to from there.
fn ways(mut path: Module, known: &BTreeSet<&Module>, uses: &Uses) -> Vec<Module> {
    let mut ways = Vec::new();
    while let Some(module) = longest_known(path.clone(), known) {
        let next = path.get(module.len()).and_then(|name| uses.get(&module)?.get(name));
        let rest = path.get(module.len() + 1..).unwrap_or_default();
        let next = next.map(|next| [next, rest].concat());
        let is_new = !ways.contains(&module);
        ways.push(module);
        match next {
            Some(next) if is_new => path = next,
            _ => break,
        }
    }
    ways
}

/// `store/sqlite/mod.rs` and `store/sqlite.rs` are `["store", "sqlite"]`; the roots are the empty path.
fn module_of(path: &str) -> Module {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Module::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// The module that a path leads into: what comes behind it are items.
fn longest_known(mut path: Module, known: &BTreeSet<&Module>) -> Option<Module> {
    while !known.contains(&path) {
        path.pop()?;
    }
    Some(path)
}

/// Every path of a file that leads into the crate, from its root.
fn paths(text: &str, module: &Module, known: &BTreeSet<&Module>) -> Vec<NamedPath> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let follows_path = at > 0 && tokens[at - 1] == "::";
        if follows_path || tokens.get(at + 1) != Some(&"::") {
            continue;
        }
        if let Some(start) = start(tokens[at], module, known) {
            let mut named = Vec::new();
            tree(&tokens[at + 2..], start, &mut named);
            let is_use = at > 0 && tokens[at - 1] == "use";
            found.extend(named.into_iter().map(|(path, name)| NamedPath { path, name, is_use }));
        }
    }
    found
}

/// Where a path that begins with this word starts.
fn start(word: &str, module: &Module, known: &BTreeSet<&Module>) -> Option<Module> {
    let child = || [module.as_slice(), &[word.to_owned()]].concat();
    match word {
        "crate" => Some(Module::new()),
        "self" => Some(module.clone()),
        "super" => module.split_last().map(|(_, parent)| parent.to_vec()),
        _ => Some(child()).filter(|child| known.contains(child)),
    }
}

/// Expands what comes behind `::`; the number of tokens that belong to it.
fn tree(tokens: &[&str], mut path: Module, found: &mut Vec<(Module, String)>) -> usize {
    let mut at = 0;
    loop {
        match tokens.get(at).copied() {
            Some("{") => return at + group(&tokens[at..], &path, found),
            Some("super") => drop(path.pop()),
            Some("self") => {}
            Some(word) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => path.push(word.to_owned()),
            // Everything of a module, or the arguments of a type.
            _ => break,
        }
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    let renamed = tokens.get(at + 1).filter(|_| tokens.get(at) == Some(&"as"));
    let name = renamed.map(|name| (*name).to_owned()).or_else(|| path.last().cloned());
    found.push((path, name.unwrap_or_default()));
    at
}

/// Expands each part between braces; the number of tokens with both of them.
fn group(tokens: &[&str], path: &Module, found: &mut Vec<(Module, String)>) -> usize {
    let mut at = 1;
    while at < tokens.len() && tokens[at] != "}" {
        at += tree(&tokens[at..], path.clone(), found);
        while at < tokens.len() && !matches!(tokens[at], "," | "}") {
            at += 1;
        }
        at += usize::from(tokens.get(at) == Some(&","));
    }
    at + 1
}

/// Words, `::` and single characters.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|c| !is_word(c)) {
            Some(0) if rest.starts_with("::") => 2,
            Some(0) => first.len_utf8(),
            Some(length) => length,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Each import that closes a circle, as the modules on the shortest way around.
pub(super) fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for module in imports.keys() {
        if let Some(around) = shortest_way_back(module, imports) {
            let members: BTreeSet<&Module> = around.iter().collect();
            if seen.insert(members.into_iter().cloned().collect::<Vec<_>>()) {
                found.push(around.iter().map(|module| module.join("/")).collect());
            }
        }
    }
    found
}

/// From a module over its imports to itself.
fn shortest_way_back(module: &Module, imports: &Imports) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut next = vec![module];
    while !next.is_empty() {
        let mut later = Vec::new();
        for from in next {
            for to in imports.get(from).into_iter().flatten() {
                if to == module {
                    return Some(way(module, from, &came_from));
                }
                if !came_from.contains_key(to) {
                    came_from.insert(to, from);
                    later.push(to);
                }
            }
        }
        next = later;
    }
    None
}

fn way(module: &Module, last: &Module, came_from: &BTreeMap<&Module, &Module>) -> Vec<Module> {
    let mut way = vec![module.clone()];
    let mut at = last;
    while at != module {
        way.push(at.clone());
        at = came_from[at];
    }
    way.push(module.clone());
    way.reverse();
    way
}

fn graph(files: &[(&str, &str)]) -> Imports {
    let texts = files.iter().map(|(path, text)| (module_of(path), (*text).to_owned()));
    resolved(&texts.collect())
}

#[test]
fn trees_of_imports_are_expanded_and_resolved() {
    let imports = graph(&[
        ("lib.rs", ""),
        (
            "a/mod.rs",
            "use crate::{b::{c::X, d as e}, f::*};\nfn g() { child::run() }",
        ),
        (
            "a/child.rs",
            "use super::super::b;\nuse super::other::{self, Y};\npub(crate) fn h(x: crate::f::Z) {}",
        ),
        ("a/other.rs", "use super::Own;\nuse self::deep::W;\nuse std::fs;"),
        ("a/other/deep.rs", "use crate::a::Own;"),
        ("b/mod.rs", ""),
        ("b/c.rs", ""),
        ("f.rs", "use crate::run;"),
    ]);
    let of = |module: &str| -> Vec<String> {
        let found = &imports[&module_of(module)];
        found.iter().map(|module| module.join("/")).collect()
    };
    assert_eq!(of("a/mod.rs"), ["a/child", "b", "b/c", "f"]);
    assert_eq!(of("a/child.rs"), ["a/other", "b", "f"]);
    assert_eq!(of("a/other.rs"), ["a/other/deep"]);
    assert!(of("a/other/deep.rs").is_empty() && of("f.rs").is_empty());
}

#[test]
fn a_circle_of_imports_is_found_but_not_that_of_parent_and_child() {
    let family = [
        ("a.rs", "use child::X;"),
        ("a/child.rs", "use super::Y;"),
        ("b.rs", "use crate::a::Y;"),
    ];
    assert!(cycles(&graph(&family)).is_empty());
    let circle = [
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::c::Y;"),
        ("c.rs", "fn f() { crate::a::g() }"),
    ];
    assert_eq!(cycles(&graph(&circle)), [["a", "b", "c", "a"]]);
}

#[test]
fn a_circle_over_names_that_the_parent_passes_on_is_found() {
    let siblings = [
        ("a/mod.rs", "pub use b::{X as Y};\nuse c::Z;\npub struct Own;"),
        ("a/b.rs", "use super::{Own, Z};"),
        ("a/c.rs", "use super::{Own, Y};"),
    ];
    assert_eq!(cycles(&graph(&siblings)), [["a/b", "a/c", "a/b"]]);
    // Two names that lead to each other end the search.
    graph(&[
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::a::X;"),
        ("c.rs", "use crate::a::X;"),
    ]);
}
