//! The text of a configuration file, and where in it something stands.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A range of octets in the file.
pub type Place = Range<usize>;

/// A configuration file as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

/// A line and a column, both from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Source {
    /// A file with this path and text.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that relative paths in the file start from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The position of an octet; behind the end means the end.
    #[must_use]
    pub fn position(&self, octet: usize) -> Position {
        let before = self.before(octet);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        Position { line, column }
    }

    /// The line that holds an octet, without its end.
    #[must_use]
    pub fn line(&self, octet: usize) -> &str {
        let start = self.before(octet).rfind('\n').map_or(0, |end| end + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    fn before(&self, octet: usize) -> &str {
        let mut end = octet.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let source = Source::new("a.toml", "one\nzwölf = 1\r\nlast");
        let rows = [(0, 1, 1, "one"), (4, 2, 1, "zwölf = 1"), (8, 2, 4, "zwölf = 1"), (999, 3, 5, "last")];
        for (octet, line, column, text) in rows {
            assert_eq!(source.position(octet), Position { line, column }, "{octet}");
            assert_eq!(source.line(octet), text, "{octet}");
        }
    }
}
