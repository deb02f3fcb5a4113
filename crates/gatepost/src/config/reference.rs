//! The reference page of the configuration, made from the declarations.

use std::fmt::Write as _;

use super::options::Options;
use super::read::{Declared, Key};

/// What may be written for a key.
#[derive(Debug, Clone)]
pub enum Shape {
    /// One value of this form.
    Value(&'static str),
    /// A list of values of this form.
    List(&'static str),
    /// A section.
    Section(Declared),
    /// A section of one of several kinds, each with keys of its own.
    Kinds(&'static [(&'static str, Declared)]),
    /// A section for each name, which is shown so.
    Named(&'static str, Box<Self>),
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from crates/gatepost/src/config/options.rs; a test fails when it is not current. -->

One file in TOML: `-c FILE`, else `$GATEPOST_CONFIG`, `./gatepost.toml`, `/etc/gatepost/gatepost.toml`.

Keys are kebab-case. Durations are `\"90s\"`, `\"15m\"`, `\"4h\"`, `\"5d\"`; sizes are `\"512KiB\"`, `\"50MiB\"`. Relative paths
start from the folder of the file. A secret is never written here: it is named by a file or an environment
variable. Unknown keys, bad values and contradictions are errors; `gatepost check` shows all of them at once,
each with its line, its column and the mend. The empty file is a server that takes nothing and relays for
nobody.
";

/// The page, in Markdown.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "The top of the file", "", Options::DECLARED);
    page
}

fn section(page: &mut String, title: &str, path: &str, declared: Declared) {
    let _ = write!(page, "\n## {title}\n\n{}\n", tidy(declared.about));
    let values = declared.keys.iter().filter(|key| is_value(key));
    if values.clone().next().is_some() {
        page.push_str("\n| key | what it does | may be | default |\n| --- | --- | --- | --- |\n");
        values.for_each(|key| row(page, key));
    }
    later(page, declared);
    for key in declared.keys {
        let path = if path.is_empty() { key.name() } else { format!("{path}.{}", key.name()) };
        below(page, &path, (key.shape)());
    }
}

fn below(page: &mut String, path: &str, shape: Shape) {
    match shape {
        Shape::Section(declared) => section(page, &format!("`[{path}]`"), path, declared),
        Shape::Kinds(kinds) => {
            for (kind, declared) in kinds {
                section(page, &format!("`[{path}]` with `kind = \"{kind}\"`"), path, *declared);
            }
        }
        Shape::Named(name, inner) => below(page, &format!("{path}.{name}"), *inner),
        Shape::Value(_) | Shape::List(_) => {}
    }
}

fn is_value(key: &Key) -> bool {
    matches!((key.shape)(), Shape::Value(_) | Shape::List(_))
}

fn row(page: &mut String, key: &Key) {
    let form = match (key.shape)() {
        Shape::Value(form) => form.to_owned(),
        Shape::List(form) => format!("a list of: {form}"),
        Shape::Section(_) | Shape::Kinds(_) | Shape::Named(..) => "a section".to_owned(),
    };
    let default = match key.default {
        Some(default) => format!("`{default}`"),
        None => format!("none; as in `{}`", key.example),
    };
    let cell = |text: &str| text.replace('|', "\\|");
    let (about, form, default) = (cell(&tidy(key.about)), cell(&form), cell(&default));
    let _ = writeln!(page, "| `{}` | {about} | {form} | {default} |", key.name());
}

fn later(page: &mut String, declared: Declared) {
    if declared.later.is_empty() {
        return;
    }
    let names: Vec<String> =
        declared.later.iter().map(|later| format!("`{}` ({})", later.key, later.about)).collect();
    let _ = write!(page, "\nKnown but not built yet, and refused: {}.\n", names.join(", "));
}

/// Doc lines begin with a space and break anywhere.
fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
