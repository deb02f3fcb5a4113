//! The name that somebody most likely meant.

/// The name among `known` that is nearest to `word`: at most a third of its letters differ.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = squeezed(word);
    known
        .into_iter()
        .map(|name| (distance(&word, &squeezed(name)), name))
        .filter(|(changes, name)| *changes <= name.len().max(3) / 3)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, name)| name)
}

/// People write `_` for `-`, and capitals.
fn squeezed(word: &str) -> Vec<char> {
    word.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).take(64).collect()
}

/// Changes, insertions, deletions and swaps of neighbours that lead from one word to the other.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut least = (cell(&above, column) + usize::from(letter != other))
                .min(cell(&above, column + 1) + 1)
                .min(cell(&now, column) + 1);
            let swapped = row > 0
                && column > 0
                && left.get(row - 1) == Some(other)
                && right.get(column - 1) == Some(letter);
            if swapped {
                least = least.min(cell(&before, column - 1) + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut above, now);
    }
    above.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        let known = ["hostname", "data-dir", "tls", "listener", "limits"];
        let rows = [
            ("hostnam", Some("hostname")),
            ("hsotname", Some("hostname")),
            ("data_dir", Some("data-dir")),
            ("DataDir", Some("data-dir")),
            ("tsl", Some("tls")),
            ("listeners", Some("listener")),
            ("limit", Some("limits")),
            ("banana", None),
            ("", None),
        ];
        for (word, want) in rows {
            assert_eq!(nearest(word, known), want, "{word}");
        }
    }
}
