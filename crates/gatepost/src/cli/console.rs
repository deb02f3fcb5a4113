//! Where commands write, and how.

use std::io::{self, Write};

use serde::Serialize;

/// For whom output is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Sentences and tables.
    People,
    /// One JSON value, or one a line.
    Machines,
}

/// Whether a terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Text only.
    Plain,
    /// With colours: a terminal, and `NO_COLOR` is not set.
    Coloured,
}

/// What a piece of text is, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// It worked.
    Good,
    /// It did not.
    Bad,
    /// Beside the point.
    Faint,
    /// A title.
    Strong,
}

/// Where a command writes.
pub struct Console<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Complaints.
    pub err: &'a mut dyn Write,
    /// For whom.
    pub format: Format,
    /// With colours or without.
    pub tone: Tone,
}

impl Console<'_> {
    /// Writes one line of text.
    ///
    /// # Errors
    ///
    /// What the system says; a closed pipe among it.
    pub fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", text.as_ref())
    }

    /// Writes one value as one line of JSON.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        writeln!(self.out)
    }

    /// Writes to those who read complaints.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn complain(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.err, "{}", text.as_ref())
    }

    /// The text in its colour, where colours are seen.
    #[must_use]
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        self.tone.paint(ink, text)
    }

    /// Writes rows in columns. The first row is the title.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn table(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let text = cells.join("  ");
            let text = text.trim_end();
            let text = if index == 0 { self.paint(Ink::Strong, text) } else { text.to_owned() };
            self.line(text)?;
        }
        Ok(())
    }
}

impl Tone {
    /// The text in its colour, where colours are seen.
    #[must_use]
    pub fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// A number of things, as in `no errors`, `1 error`, `2 errors`.
#[must_use]
pub fn counted(count: usize, word: &str) -> String {
    match count {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { out: &mut out, err: &mut err, format: Format::People, tone: Tone::Plain };
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        console.table(&[row(["NAME", "IS"]), row(["ä", "one"]), row(["longer", ""])]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "NAME    IS\nä       one\nlonger\n");
    }
}
