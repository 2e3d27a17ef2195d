//! Keys of the terminal under the names that the model has for them.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key of the terminal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A key of the model.
    Key(String),
    /// Ctrl-C: end.
    Interrupt,
    /// Ctrl-Z: stop until the shell continues the process.
    Suspend,
    /// Ctrl-L: draw everything again.
    Redraw,
    /// A key without a meaning here.
    Nothing,
}

/// Reads a key.
pub fn typed(event: KeyEvent) -> Typed {
    if event.kind == KeyEventKind::Release {
        return Typed::Nothing;
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return match event.code {
            KeyCode::Char('c') => Typed::Interrupt,
            KeyCode::Char('z') => Typed::Suspend,
            KeyCode::Char('l') => Typed::Redraw,
            // Terminals send Ctrl-H for the key that deletes.
            KeyCode::Char('h') => Typed::Key("Backspace".to_owned()),
            _ => Typed::Nothing,
        };
    }
    if event.modifiers.contains(KeyModifiers::ALT) {
        return Typed::Nothing;
    }
    let name = match event.code {
        KeyCode::Char(c) => return Typed::Key(c.to_string()),
        KeyCode::Down => "ArrowDown",
        KeyCode::Up => "ArrowUp",
        KeyCode::Left => "ArrowLeft",
        KeyCode::Right => "ArrowRight",
        KeyCode::PageDown => "PageDown",
        KeyCode::PageUp => "PageUp",
        KeyCode::Home => "Home",
        KeyCode::End => "End",
        KeyCode::Enter => "Enter",
        KeyCode::Esc => "Escape",
        KeyCode::Tab => "Tab",
        KeyCode::BackTab => "Shift+Tab",
        KeyCode::Backspace => "Backspace",
        _ => return Typed::Nothing,
    };
    Typed::Key(name.to_owned())
}
