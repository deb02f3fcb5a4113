//! Configurations and what is said about each: `cases/config/NAME.toml` beside `NAME.txt`. `GATEPOST_BLESS=1`
//! writes what is said now; read the difference before it is committed.

use std::io;
use std::path::{Path, PathBuf};

use gatepost::cli;
use gatepost::config::{self, Surroundings};
use gatepost::report;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn configurations(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: Vec<_> = std::fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    found.sort();
    Ok(found)
}

/// What is said about a configuration, without the place of the checkout.
fn said(path: &Path) -> String {
    let variable = |name: &str| (name == "SMART_HOST_PASSWORD").then(|| "a secret".to_owned());
    let around = Surroundings { machine: Some("mail.example.org".to_owned()), variable: &variable };
    let (verdict, source, faults) = match config::load(path, &around) {
        Ok(loaded) => ("it loads\n", loaded.source, loaded.warnings),
        Err(refused) => ("it is refused\n", refused.source, refused.faults),
    };
    let place = path.parent().map(|parent| format!("{}/", parent.display())).unwrap_or_default();
    let told = report::text(&source, &faults).replace(&place, "");
    if told.is_empty() { verdict.to_owned() } else { format!("{verdict}\n{told}") }
}

/// How a text differs from the file that holds what is wanted.
fn difference(said: &str, path: &Path) -> io::Result<Option<String>> {
    if std::env::var_os("GATEPOST_BLESS").is_some() {
        std::fs::write(path, said)?;
    }
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    Ok((wanted != said).then(|| format!("{name}\n--- wanted\n{wanted}\n--- said\n{said}\n")))
}

#[test]
fn every_configuration_gets_the_report_beside_it() -> io::Result<()> {
    let all = configurations(&folder("cases/config"))?;
    assert!(all.len() > 30, "{} cases", all.len());
    let mut differences = String::new();
    for path in all {
        differences.extend(difference(&said(&path), &path.with_extension("txt"))?);
    }
    assert!(differences.is_empty(), "{differences}");
    Ok(())
}

#[test]
fn every_refusal_names_a_place_and_a_mend() -> io::Result<()> {
    for path in configurations(&folder("cases/config"))? {
        let around = Surroundings { machine: None, variable: &|_| None };
        let Err(refused) = config::load(&path, &around) else { continue };
        for fault in refused.faults {
            assert!(!fault.mend.is_empty(), "{}: {fault:?}", path.display());
            let outside = fault.what.contains("no `hostname`") || fault.what.contains("no listener");
            assert!(fault.place.is_some() || outside, "{}: {fault:?}", path.display());
        }
    }
    Ok(())
}

#[test]
fn the_examples_load() -> io::Result<()> {
    let all = configurations(&folder("examples"))?;
    assert!(all.len() >= 4, "{} examples", all.len());
    for path in all {
        let said = said(&path);
        assert!(said.starts_with("it loads"), "{}\n{said}", path.display());
    }
    Ok(())
}

#[test]
fn the_reference_pages_are_current() -> io::Result<()> {
    let pages =
        [(config::reference::page(), "docs/configuration.md"), (cli::reference::page(), "docs/cli.md")];
    for (page, path) in pages {
        assert_eq!(difference(&page, &folder(path))?, None, "run this test once with GATEPOST_BLESS=1");
    }
    Ok(())
}
