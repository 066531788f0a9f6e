//! A page of the documentation as a person follows it: commands one after the other, some in terminals that stay open.
//!
//! How a page says it, behind the fence's language:
//! - `sh`: commands, run to their end, which must be a good one; `sh until` is run again until it shows what it should.
//! - `sh terminal 2`: what runs in that terminal there is ended with Ctrl-C, and this is started in it.
//! - `text`: what the commands before show; `text terminal 2`: what comes in that terminal. `...` is any lines, `[..]` any text.
//! - `toml orders.toml`: a file.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use signalpost_testkit::{PATIENCE, eventually};

use crate::page::{Block, Page};

/// Where the page is followed.
pub(crate) struct Walk<'a> {
    folder: &'a Path,
    environment: Vec<(&'static str, String)>,
    /// What commands before have exported. The variable `PROGRAMS` of the environment goes before the path.
    exported: String,
    terminals: HashMap<String, Terminal>,
    /// The commands whose output comes next, and what they showed.
    last: Option<(Block, String)>,
}

struct Terminal {
    child: Child,
    output: std::path::PathBuf,
    /// Lines that were already compared.
    seen: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(folder: &'a Path, environment: Vec<(&'static str, String)>) -> Walk<'a> {
        Walk { folder, environment, exported: String::new(), terminals: HashMap::new(), last: None }
    }

    pub(crate) async fn follow(&mut self, page: Page) {
        for block in page.blocks {
            match (block.language.as_str(), block.file.as_deref()) {
                ("sh", Some(name)) if name.starts_with("terminal") => self.open(name, &block.text).await,
                ("sh", _) => self.run(block),
                ("text", Some(name)) => self.comes_in(name, &block.text).await,
                ("text", None) => self.was_shown(&block.text).await,
                (_, Some(file)) => {
                    std::fs::write(self.folder.join(file), &block.text).expect("it is written");
                }
                (language, None) => panic!("what is a block of {language} for?\n{}", block.text),
            }
        }
    }

    fn shell(&self, text: &str) -> Command {
        let mut command = Command::new("bash");
        let before = format!("PATH=$PROGRAMS:$PATH\n{}", self.exported);
        command.args(["-euc", &format!("{before}{text}")]).current_dir(self.folder);
        command.env_remove("DATABASE_URL").envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn run(&mut self, block: Block) {
        let (is_good, said) = self.tried(&block.text);
        let is_repeated = block.file.as_deref() == Some("until");
        assert!(is_good || is_repeated, "{}\n{said}", block.text);
        for line in block.text.lines().filter(|line| line.starts_with("export ")) {
            self.exported += line;
            self.exported.push('\n');
        }
        self.last = Some((block, said));
    }

    fn tried(&self, text: &str) -> (bool, String) {
        let output = self.shell(&format!("exec 2>&1\n{text}")).output().expect("a shell");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn was_shown(&mut self, expected: &str) {
        let (block, mut said) = self.last.take().expect("commands whose output this is");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let is_repeated = block.file.as_deref() == Some("until");
        while is_repeated && !matches(expected, &said) && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(200)).await;
            said = self.tried(&block.text).1;
        }
        let others = self.terminals();
        assert!(matches(expected, &said), "{}\nshows\n{said}\nand not\n{expected}\n{others}", block.text);
    }

    /// What there is in the terminals: what a command shows may have its reason there.
    fn terminals(&self) -> String {
        let shown = |(name, terminal): (&String, &Terminal)| {
            let all = std::fs::read_to_string(&terminal.output).unwrap_or_default();
            format!("{name}:\n{all}")
        };
        self.terminals.iter().map(shown).collect::<Vec<_>>().join("\n")
    }

    async fn open(&mut self, name: &str, text: &str) {
        if let Some(mut before) = self.terminals.remove(name) {
            before.end().await;
        }
        let output = self.folder.join(format!("{}.log", name.replace(' ', "-")));
        let file = std::fs::File::create(&output).expect("a file");
        let copy = file.try_clone().expect("a second handle");
        let child = self.shell(&format!("exec {text}")).stdout(file).stderr(copy).spawn().expect("a shell");
        self.terminals.insert(name.to_owned(), Terminal { child, output, seen: 0 });
        self.last = None;
    }

    async fn comes_in(&mut self, name: &str, expected: &str) {
        let terminal = self.terminals.get_mut(name).expect("a terminal that was opened");
        let mut new = String::new();
        eventually(&format!("{name} shows\n{expected}"), async || {
            let all = std::fs::read_to_string(&terminal.output).unwrap_or_default();
            new = all.lines().skip(terminal.seen).fold(String::new(), |text, line| text + line + "\n");
            matches(expected, &new).then_some(())
        })
        .await;
        terminal.seen += new.lines().count();
    }
}

impl Terminal {
    /// Ctrl-C.
    async fn end(&mut self) {
        interrupt(&self.child);
        eventually("it ends", async || self.child.try_wait().expect("it can be asked")).await;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Not SIGKILL: `dev` ends its database when told to.
            interrupt(&self.child);
            let _ = self.child.wait();
        }
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let _ = Command::new("sh").args(["-c", "kill -s INT \"$1\"", "sh", &pid]).status();
}

/// Whether lines are as a pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<&str> = pattern.lines().map(str::trim_end).collect();
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines_match(&pattern, &text)
}

fn lines_match(pattern: &[&str], text: &[&str]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((&"...", rest)) => (0..=text.len()).any(|skipped| lines_match(rest, &text[skipped..])),
        Some((line, rest)) => text
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn patterns_leave_out_what_changes() {
    assert!(matches("a [..] c\n...\nz\n", "a b c\nx\ny\nz\n"));
    assert!(matches("...\n", ""));
    assert!(!matches("a [..] c\n", "a b d\n"));
    assert!(!matches("a\n", "a\nb\n"));
    assert!(line_matches("[..]b[..]", "abc") && !line_matches("[..]b", "abc"));
}
