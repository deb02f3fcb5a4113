//! Fenced blocks of a Markdown page.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// What stands behind the fence, as in `sh` or `file .msmtprc`.
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// The documentation's folder.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The fenced blocks of a page below the documentation's folder, in order.
pub(crate) fn of_page(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|cause| panic!("{}: {cause}", page.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a fence is open at the end", page.display());
    blocks
}

/// The pages of a folder of the documentation, `README.md` left out.
pub(crate) fn pages(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(docs().join(folder)).expect("a folder of pages");
    let mut pages: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    pages
        .retain(|page| page.extension().is_some_and(|ending| ending == "md") && !page.ends_with("README.md"));
    pages.sort();
    pages
}
