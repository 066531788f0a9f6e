//! Screen: a terminal that is drawn on, and given back as it was.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};

/// What was pressed.
pub(super) enum Key {
    /// Nothing in the time given.
    None,
    /// Something else, or the terminal has another size.
    Redraw,
    Quit,
}

/// The terminal, as long as it is ours.
pub(super) struct Screen(());

impl Screen {
    pub(super) fn take() -> anyhow::Result<Screen> {
        enable_raw_mode().context("taking the terminal")?;
        let screen = Screen(()); // from here on, dropping it gives the terminal back
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide).context("taking the terminal")?;
        Ok(screen)
    }

    /// Columns and rows.
    pub(super) fn size() -> (usize, usize) {
        // A terminal that nobody has told its size says 0.
        let size = terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0);
        let (width, height) = size.unwrap_or((80, 24));
        (usize::from(width), usize::from(height))
    }

    /// Puts these lines on the screen, over what was there: without clearing first, nothing flickers.
    pub(super) fn draw(lines: &[String], width: usize) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        queue!(out, cursor::MoveTo(0, 0))?;
        for (index, line) in lines.iter().enumerate() {
            let end = if index + 1 == lines.len() { "" } else { "\r\n" };
            write!(out, "{}", cut(line, width))?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
            write!(out, "{end}")?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()?;
        Ok(())
    }

    /// Waits for a key for so long.
    pub(super) async fn key(within: Duration) -> anyhow::Result<Key> {
        tokio::task::spawn_blocking(move || read(within)).await.context("reading the keyboard")?
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

fn read(within: Duration) -> anyhow::Result<Key> {
    if !event::poll(within)? {
        return Ok(Key::None);
    }
    let Event::Key(key) = event::read()? else { return Ok(Key::Redraw) };
    let is_end = match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    };
    Ok(if is_end && key.kind == KeyEventKind::Press { Key::Quit } else { Key::Redraw })
}

/// As many characters as fit; what sets colours has no width and is kept.
fn cut(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut shown = 0;
    let mut is_escape = false;
    for character in line.chars() {
        match character {
            '\u{1b}' => is_escape = true,
            _ if is_escape => is_escape = character != 'm',
            _ if shown == width => continue,
            _ => {
                shown += 1;
                out.push(character);
                continue;
            }
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_width_and_its_colours_end() {
        assert_eq!(cut("\u{1b}[31mopen\u{1b}[0m and shut", 6), "\u{1b}[31mopen\u{1b}[0m a");
        assert_eq!(cut("\u{1b}[31mopen\u{1b}[0m", 2), "\u{1b}[31mop\u{1b}[0m");
    }
}
