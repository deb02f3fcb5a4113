//! Runs the targets.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gatepost_fuzz::{Chance, TARGETS, Target};

use crate::spoil::Spoiler;

/// How long a target runs at most; on a slow machine it ends before it has had all inputs.
const TIME: Duration = Duration::from_secs(4);

/// How many inputs it gets, the same ones every time: a search that goes further is `cargo xtask fuzz`.
const MOST_INPUTS: u32 = 10_000;

/// How often an input is noise.
const NOISE_ONCE_IN: usize = 10;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = folder("seeds").join(target);
    names(&folder).iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

/// Says which input it was, if it is dropped by a panic.
struct Tell<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input of {}:\nb\"{}\"", self.target, self.input.escape_ascii());
        }
    }
}

fn try_out(target: &Target, input: &[u8]) {
    let _tell = Tell { target: target.name, input };
    (target.run)(input);
}

fn plain(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for seed in &seeds {
        try_out(target, seed);
    }
    let mut spoiler = Spoiler::new(Chance::seeded(1), &seeds);
    let end = Instant::now() + TIME;
    let mut count = 0;
    while count < MOST_INPUTS && Instant::now() < end {
        let input = if spoiler.chance.once_in(NOISE_ONCE_IN) { spoiler.noise() } else { spoiler.spoil() };
        try_out(target, &input);
        count += 1;
    }
    println!("{name}: {count} inputs");
}

#[test]
fn address() {
    plain("address");
}

#[test]
fn config() {
    plain("config");
}

#[test]
fn downgrade() {
    plain("downgrade");
}

#[test]
fn header() {
    plain("header");
}

#[test]
fn notice() {
    plain("notice");
}

#[test]
fn parcel() {
    plain("parcel");
}

#[test]
fn reply() {
    plain("reply");
}

#[test]
fn sasl_client() {
    plain("sasl_client");
}

#[test]
fn sasl_server() {
    plain("sasl_server");
}

#[test]
fn smtp_client() {
    plain("smtp_client");
}

#[test]
fn smtp_server() {
    plain("smtp_server");
}

#[test]
fn trace() {
    plain("trace");
}

#[test]
fn verifier() {
    plain("verifier");
}

#[test]
fn xtext() {
    plain("xtext");
}

/// A target that is not run is none.
#[test]
fn every_target_is_run_here_and_under_libfuzzer() {
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&folder("seeds")), targets, "the folders of seeds");
    let programs = names(&folder("fuzz_targets"));
    let programs: Vec<_> = programs.iter().map(|name| name.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(programs, targets, "fuzz_targets");
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    let here = include_str!("run.rs");
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
        assert!(here.contains(&format!("plain(\"{target}\")")), "{target} has no test here");
    }
}
