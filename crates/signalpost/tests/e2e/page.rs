//! A page of the documentation as a test reads it: the files it shows, and the lines it tells to run.
//!
//! Invariant: a fenced block whose first line names a file after the language is that file, whole.

use std::path::Path;

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands behind the fence: `sh`, `python`, `console`.
    pub(crate) language: String,
    /// The name behind the language, when there is one.
    pub(crate) file: Option<String>,
    /// What is in it.
    pub(crate) text: String,
}

/// A page's blocks, in order.
pub(crate) struct Page {
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    pub(crate) fn read(text: &str) -> Page {
        let mut blocks = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(head) = line.strip_prefix("```") else { continue };
            let (language, file) = match head.split_once(' ') {
                Some((language, file)) => (language, Some(file.to_owned())),
                None => (head, None),
            };
            let inside = lines.by_ref().take_while(|line| *line != "```");
            let text = inside.fold(String::new(), |text, line| text + line + "\n");
            blocks.push(Block { language: language.to_owned(), file, text });
        }
        Page { blocks }
    }

    /// Writes the files that the page shows.
    pub(crate) fn write_files(&self, folder: &Path) {
        for block in &self.blocks {
            if let Some(file) = &block.file {
                std::fs::write(folder.join(file), &block.text).expect("it is written");
            }
        }
    }

    /// The one line of a shell block that has this in it.
    pub(crate) fn line(&self, part: &str) -> &str {
        let shell = self.blocks.iter().filter(|block| block.language == "sh");
        let found: Vec<&str> =
            shell.flat_map(|block| block.text.lines()).filter(|line| line.contains(part)).collect();
        assert_eq!(found.len(), 1, "one line of the page has {part} in it: {found:?}");
        found[0]
    }
}

#[test]
fn a_page_tells_its_files_and_its_lines() {
    let page = Page::read("# A\n```sh\none 1\ntwo 2\n```\ntext\n```js a.js\nx\n\ny\n```\n");
    assert_eq!(page.line("two"), "two 2");
    assert_eq!(page.blocks[1].file.as_deref(), Some("a.js"));
    assert_eq!(page.blocks[1].text, "x\n\ny\n");
}
