//! `cases/dialogue` on the bare session: as written, all at once, and cut into pieces.

use std::path::Path;

use gatepost_testworld::dialogue::{Act, Cut, Dialogue, Subject as _};

use crate::bench::Bench;

/// Sizes of pieces; a size that no other divides meets borders that the others miss.
const PIECES: [usize; 9] = [1, 2, 3, 5, 7, 11, 17, 64, 1000];
/// Fewer would mean that the runner looks in the wrong place.
const FEWEST: usize = 40;

fn cases() -> Vec<Dialogue> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/dialogue");
    Dialogue::load_all(&folder).unwrap()
}

#[test]
fn every_dialogue_goes_as_written_however_it_is_cut() {
    let cases = cases();
    assert!(cases.len() >= FEWEST, "only {} cases", cases.len());
    let mut mismatches = Vec::new();
    for case in &cases {
        let mut whole = Bench::for_dialogue(case);
        let said = match case.play(&mut whole, Cut::Lines) {
            Ok(said) => said,
            Err(mismatch) => {
                mismatches.push(mismatch.to_string());
                continue;
            }
        };
        for size in PIECES {
            let mut bench = Bench::for_dialogue(case);
            match case.play(&mut bench, Cut::Pieces(size)) {
                Ok(again) => {
                    assert_eq!(text(&said), text(&again), "{} in pieces of {size}", case.name());
                    assert_eq!(whole.asked, bench.asked, "{} in pieces of {size}", case.name());
                }
                Err(mismatch) => mismatches.push(format!("in pieces of {size}: {mismatch}")),
            }
        }
        let (at_once, asked) = all_at_once(case);
        assert_eq!(text(&said), text(&at_once), "{} all at once", case.name());
        assert_eq!(whole.asked, asked, "{} all at once", case.name());
    }
    assert!(mismatches.is_empty(), "{} of {}:\n{}", mismatches.len(), cases.len(), mismatches.join("\n"));
}

/// The client sends everything without waiting, save for handshakes.
fn all_at_once(case: &Dialogue) -> (Vec<u8>, Vec<String>) {
    let mut bench = Bench::for_dialogue(case);
    let mut said = bench.begin();
    let mut pending = Vec::new();
    for step in case.steps() {
        match &step.act {
            Act::Send(octets) => pending.extend_from_slice(octets),
            Act::Encrypt | Act::HangUp => {
                said.extend(bench.receive(&pending));
                pending.clear();
                let more = if step.act == Act::Encrypt { bench.encrypt() } else { bench.hang_up() };
                said.extend(more);
            }
            Act::Expect(_) | Act::Refute(_) | Act::Closed => {}
        }
    }
    said.extend(bench.receive(&pending));
    (said, bench.asked)
}

fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string().replace("\\r\\n", "\n")
}
