//! The terminal: taken over, and given back as it was, however the program ends.

use super::Error;
use super::event::{Code, Key, What};
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableMouseCapture, EnableMouseCapture, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{IsTerminal, Stdout, stdin, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Most bytes that are copied by an escape sequence: terminals refuse or cut longer ones.
const COPY_MAX: usize = 64 << 10;
/// Lines that one turn of the wheel moves.
const WHEEL: i16 = 3;

/// The terminal is ours: it has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal that was taken over; it is given back when this is dropped, and when anything panics.
pub struct Screen {
    /// Where frames are drawn.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// No terminal, or one that refuses.
    pub fn open() -> Result<Self, Error> {
        if !(stdout().is_terminal() && stdin().is_terminal()) {
            return Err(Error::NoTerminal);
        }
        restore_on_panic();
        TAKEN.store(true, SeqCst);
        let opened = || {
            enable_raw_mode()?;
            execute!(stdout(), EnterAlternateScreen, EnableMouseCapture)?;
            Terminal::new(CrosstermBackend::new(stdout()))
        };
        match opened() {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error.into())
            }
        }
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn mouse(&self, ours: bool) -> std::io::Result<()> {
        if ours { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) }
    }

    /// Copies a text to the clipboard of the terminal (OSC 52, also through ssh); false when it is too long for that.
    pub fn copy(&self, text: &str) -> std::io::Result<bool> {
        if text.len() > COPY_MAX {
            return Ok(false);
        }
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))?;
        Ok(true)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once. There is nobody to tell when it is gone.
fn restore() {
    if TAKEN.swap(false, SeqCst) {
        let _ = execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// What a panic says has to be readable, and the shell usable after it.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// What an event of the terminal means here; nothing for most of them.
pub fn meaning(event: &Event) -> Option<What> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => self::key(key).map(What::Key),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => Some(What::Wheel(WHEEL)),
            MouseEventKind::ScrollUp => Some(What::Wheel(-WHEEL)),
            _ => None,
        },
        Event::Resize(columns, rows) => Some(What::Resize { columns: *columns, rows: *rows }),
        _ => None,
    }
}

fn key(key: &KeyEvent) -> Option<Key> {
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let code = match key.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab | KeyCode::BackTab => Code::Tab,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        _ => return None,
    };
    Some(Key { code, ctrl: key.modifiers.contains(KeyModifiers::CONTROL) })
}
