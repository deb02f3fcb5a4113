//! The configuration file: foreign to us, since people write it.

use gatepost::config::fault::{Fault, Severity};
use gatepost::config::source::Source;
use gatepost::config::{Refused, Surroundings, decide};

/// Reads the octets as a configuration, and tells its faults.
///
/// Files that it names are looked at, as ever; relative ones are sought where nothing is.
///
/// # Panics
///
/// If a refusal has no reason, or a fault no place in the text.
pub fn config(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let source = Source::new("/nowhere/gatepost.toml", text);
    let around = Surroundings { machine: Some("mail.ours.example".to_owned()), variable: &|_name| None };
    match decide(source, &around) {
        Ok(loaded) => {
            let is_warning = |fault: &Fault| fault.severity == Severity::Warning;
            assert!(loaded.warnings.iter().all(is_warning), "runs with an error");
            check(&loaded.warnings, text);
        }
        Err(refused) => {
            let is_error = |fault: &Fault| fault.severity == Severity::Error;
            assert!(refused.faults.iter().any(is_error), "refused without a reason");
            check(&refused.faults, text);
            tell(&refused);
        }
    }
}

fn check(faults: &[Fault], text: &str) {
    for fault in faults {
        assert!(!fault.what.is_empty());
        let places = fault.place.iter().chain(fault.other.as_ref().map(|(place, _label)| place));
        for place in places {
            assert!(place.start <= place.end && place.end <= text.len(), "{fault:?}");
        }
    }
}

/// A fault is shown with the line it is in.
fn tell(refused: &Refused) {
    let told = refused.to_string();
    assert!(told.starts_with("error: ") || told.starts_with("warning: "), "{told}");
    let is_harmless = |letter: char| letter == '\n' || !letter.is_control();
    assert!(told.chars().all(is_harmless), "what a terminal would obey: {told:?}");
}
