//! Compares the packages' dependencies with the table of the design.
//!
//! The table below is the rule: a new arrow between packages, or a new dependency of a pure package, is a
//! change of this file, and is judged as such.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Outcome, repository};

/// Who may use whom. A package may use only what its line names.
const TABLE: &[(&str, &[&str])] = &[
    ("gatepost-mail", &[]),
    ("gatepost-sasl", &[]),
    ("gatepost-smtp", &["gatepost-mail"]),
    ("gatepost-policy", &["gatepost-mail", "gatepost-sasl"]),
    ("gatepost-spool", &["gatepost-mail"]),
    // Both the directory (tokens that clients show) and the deliveries (tokens that we show) ask issuers over HTTPS, and
    // one has no business in the other; so what bounds those requests is a package of its own.
    ("gatepost-fetch", &[]),
    ("gatepost-directory", &["gatepost-mail", "gatepost-sasl", "gatepost-fetch"]),
    // Uses none of ours, so that who lets it run as root can read all of it.
    ("gatepost-helper", &[]),
    (
        "gatepost-mta",
        &[
            "gatepost-mail",
            "gatepost-sasl",
            "gatepost-smtp",
            "gatepost-policy",
            "gatepost-spool",
            "gatepost-fetch",
            "gatepost-directory",
        ],
    ),
    ("gatepost-http", &["gatepost-mail", "gatepost-policy", "gatepost-spool", "gatepost-directory"]),
    (
        "gatepost",
        &[
            "gatepost-mail",
            "gatepost-sasl",
            "gatepost-smtp",
            "gatepost-policy",
            "gatepost-spool",
            "gatepost-fetch",
            "gatepost-directory",
            "gatepost-fetch",
            "gatepost-mta",
            "gatepost-http",
        ],
    ),
    // Stands outside like a test: it feeds every reader of foreign octets, and nothing may use it.
    (
        "gatepost-fuzz",
        &["gatepost-mail", "gatepost-sasl", "gatepost-smtp", "gatepost-policy", "gatepost-spool", "gatepost"],
    ),
    // Stands outside like a test too: it plays the server in a world of its own, and nothing may use it.
    (
        "gatepost-simulate",
        &[
            "gatepost-mail",
            "gatepost-sasl",
            "gatepost-policy",
            "gatepost-spool",
            "gatepost-directory",
            "gatepost-mta",
        ],
    ),
    (TESTWORLD, &[]),
    (XTASK, &[TESTWORLD]),
];

const TESTWORLD: &str = "gatepost-testworld";
const XTASK: &str = "xtask";

/// Packages without I/O, clock, chance, environment, thread or async.
const PURE: &[&str] = &["gatepost-mail", "gatepost-sasl", "gatepost-smtp", "gatepost-policy"];

/// All that a pure package may use from outside: each was read and does no I/O.
const PURE_MAY_USE: &[&str] = &[
    "base64",
    "des",
    "hmac",
    "idna",
    "md-5",
    "md4",
    "memchr",
    "pbkdf2",
    "sha1",
    "sha2",
    "stringprep",
    "subtle",
    "thiserror",
    "zeroize",
];

/// One dependency, as `cargo metadata` tells it.
struct Arrow {
    from: String,
    to: String,
    need: Need,
}

/// When a dependency is built in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    Build,
    Tests,
}

/// `cargo xtask layers`.
pub(crate) fn run(_arguments: &[String]) -> Outcome {
    let text = repository::output(
        "cargo metadata",
        repository::cargo().args(["metadata", "--format-version", "1", "--no-deps"]),
    )?;
    let metadata: Value = serde_json::from_str(&text).map_err(|cause| format!("cargo metadata: {cause}"))?;
    let packages = names(&metadata);
    let arrows = arrows(&metadata);
    let faults = judge(&packages, &arrows);
    if faults.is_empty() {
        println!("layers: {} packages and {} dependencies fit the table", packages.len(), arrows.len());
        return Ok(());
    }
    let mut told = String::from("these dependencies do not fit the table in xtask/src/layers.rs\n");
    for fault in &faults {
        let _ = writeln!(told, "  {fault}");
    }
    Err(told)
}

fn judge(packages: &[String], arrows: &[Arrow]) -> Vec<String> {
    let strangers = packages.iter().filter(|name| allowed(name).is_none()).map(|name| {
        format!(
            "{name} is in no line of the table\n    mend: add its line, with the reason it must be a package"
        )
    });
    strangers.chain(arrows.iter().filter_map(fault)).collect()
}

/// Says what is wrong with one dependency, and what to do about it.
fn fault(arrow: &Arrow) -> Option<String> {
    let Arrow { from, to, need } = arrow;
    let place = format!("in the Cargo.toml of {from}");
    if to == TESTWORLD {
        let fits = *need == Need::Tests || from == XTASK;
        return (!fits).then(|| {
            format!(
                "{from} → {to}: testworld is for tests only\n    mend: move it to [dev-dependencies] {place}"
            )
        });
    }
    if allowed(to).is_some() {
        let permitted = allowed(from).unwrap_or(&[]);
        let fits = permitted.contains(&to.as_str()) || (*need == Need::Tests && from != TESTWORLD);
        return (!fits).then(|| {
            let may = if permitted.is_empty() { "none of ours".to_owned() } else { permitted.join(", ") };
            format!("{from} → {to}: {from} may use {may}\n    mend: remove it {place}, or change the table")
        });
    }
    let refused =
        PURE.contains(&from.as_str()) && *need != Need::Tests && !PURE_MAY_USE.contains(&to.as_str());
    refused.then(|| {
        format!(
            "{from} → {to}: a pure package may use only {}\n    mend: remove it {place}, or show that it does no I/O and add it to the list",
            PURE_MAY_USE.join(", ")
        )
    })
}

fn allowed(package: &str) -> Option<&'static [&'static str]> {
    TABLE.iter().find(|(name, _)| *name == package).map(|(_, may_use)| *may_use)
}

fn names(metadata: &Value) -> Vec<String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages.into_iter().flatten().map(|package| text(package, "name")).collect()
}

fn arrows(metadata: &Value) -> Vec<Arrow> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let mut arrows = Vec::new();
    for package in packages.into_iter().flatten() {
        let dependencies = package.get("dependencies").and_then(Value::as_array);
        for dependency in dependencies.into_iter().flatten() {
            let need = match dependency.get("kind").and_then(Value::as_str) {
                Some("dev") => Need::Tests,
                Some("build") => Need::Build,
                Some(_) | None => Need::Always,
            };
            arrows.push(Arrow { from: text(package, "name"), to: text(dependency, "name"), need });
        }
    }
    arrows
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(from: &str, to: &str, need: Need) -> Option<String> {
        fault(&Arrow { from: from.into(), to: to.into(), need })
    }

    #[test]
    fn the_table_decides_each_arrow() {
        let rows = [
            ("a rule may use the words", "gatepost-smtp", "gatepost-mail", Need::Always, true),
            ("a neighbour may not", "gatepost-smtp", "gatepost-sasl", Need::Always, false),
            ("nor in a build script", "gatepost-smtp", "gatepost-sasl", Need::Build, false),
            ("upwards never", "gatepost-mail", "gatepost-smtp", Need::Always, false),
            ("http never sees smtp", "gatepost-http", "gatepost-smtp", Need::Always, false),
            ("testworld in tests", "gatepost-mta", TESTWORLD, Need::Tests, true),
            ("testworld never else", "gatepost", TESTWORLD, Need::Always, false),
            ("testworld knows none of ours", TESTWORLD, "gatepost-mail", Need::Tests, false),
            ("a pure package hashes", "gatepost-sasl", "sha2", Need::Always, true),
            ("a pure package does no I/O", "gatepost-sasl", "tokio", Need::Always, false),
            ("a driver does", "gatepost-mta", "tokio", Need::Always, true),
        ];
        for (name, from, to, need, fits) in rows {
            assert_eq!(judged(from, to, need).is_none(), fits, "{name}");
        }
    }

    #[test]
    fn a_package_without_a_line_is_told() {
        let faults = judge(&["gatepost-new".to_owned()], &[]);
        assert_eq!(faults.len(), 1);
    }
}
