//! How meanings look: three palettes, two sets of glyphs. The model knows neither.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// The answer.
    Strong,
    /// What can be skipped.
    Muted,
    /// Where one is, and what can be pressed.
    Accent,
    /// Went well.
    Ok,
    /// Wants a look.
    Warn,
    /// Failed.
    Fail,
    /// Has lost its way back.
    Orphan,
}

/// A palette by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// Light text on dark ground.
    #[default]
    Dark,
    /// Dark text on light ground.
    Light,
    /// As few colours as possible, as strong as possible.
    Contrast,
}

/// Everything about looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// The palette.
    pub palette: Palette,
    /// Colours may be used; glyph and word say everything without them.
    pub colour: bool,
    /// The glyphs.
    pub glyphs: &'static Glyphs,
}

/// What stands for a meaning in one column.
#[derive(Debug, PartialEq)]
pub struct Glyphs {
    /// Went well.
    pub ok: &'static str,
    /// Wants a look.
    pub warn: &'static str,
    /// Failed.
    pub fail: &'static str,
    /// Tried again.
    pub retry: &'static str,
    /// Waits.
    pub wait: &'static str,
    /// Has lost its way back.
    pub orphan: &'static str,
    /// An event.
    pub event: &'static str,
    /// An event that names no cause.
    pub unlinked: &'static str,
    /// The selected row.
    pub cursor: &'static str,
    /// Marked as downstream.
    pub mark: &'static str,
    /// Between parts of a line.
    pub dot: &'static str,
    /// Where text was cut.
    pub cut: &'static str,
    /// From one to the next.
    pub from: &'static str,
    /// To the next.
    pub to: &'static str,
    /// Another of this level follows; certain, then not certain.
    pub tee: [&'static str; 2],
    /// The last of this level; certain, then not certain.
    pub corner: [&'static str; 2],
    /// A level that goes on.
    pub guide: &'static str,
    /// A level that is closed.
    pub closed: &'static str,
    /// Bars from lowest to highest.
    pub bars: [char; 8],
    /// A frame: horizontal, vertical, and the corners from the top left clockwise.
    pub frame: [&'static str; 6],
}

/// For terminals and fonts with line drawing.
pub const UNICODE: Glyphs = Glyphs {
    ok: "✓",
    warn: "!",
    fail: "✗",
    retry: "↻",
    wait: "…",
    orphan: "?",
    event: "●",
    unlinked: "○",
    cursor: "▸",
    mark: "»",
    dot: " · ",
    cut: "…",
    from: "←",
    to: "→",
    tee: ["├─", "├╌"],
    corner: ["└─", "└╌"],
    guide: "│ ",
    closed: "⊞",
    bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    frame: ["─", "│", "┌", "┐", "┘", "└"],
};

/// For everything else.
pub const ASCII: Glyphs = Glyphs {
    ok: "+",
    warn: "!",
    fail: "x",
    retry: "~",
    wait: ".",
    orphan: "?",
    event: "*",
    unlinked: "o",
    cursor: ">",
    mark: "=",
    dot: " - ",
    cut: "~",
    from: "<-",
    to: "->",
    tee: ["|-", "|."],
    corner: ["`-", "`."],
    guide: "| ",
    closed: "+",
    bars: ['.', ':', '-', '=', '+', '*', '#', '@'],
    frame: ["-", "|", "+", "+", "+", "+"],
};

impl Default for Theme {
    fn default() -> Self {
        Self { palette: Palette::Dark, colour: true, glyphs: &UNICODE }
    }
}

impl Theme {
    /// The look of a meaning.
    pub fn style(&self, tone: Tone) -> Style {
        let plain = Style::default();
        if !self.colour {
            return match tone {
                Tone::Strong | Tone::Accent | Tone::Fail | Tone::Orphan => plain.add_modifier(Modifier::BOLD),
                Tone::Muted => plain.add_modifier(Modifier::DIM),
                Tone::Plain | Tone::Ok | Tone::Warn => plain,
            };
        }
        // The 16 colours of the terminal only: people have chosen those to be read.
        let (muted, accent, ok, warn, fail, orphan) = match self.palette {
            Palette::Dark => {
                (Color::DarkGray, Color::Cyan, Color::Green, Color::Yellow, Color::LightRed, Color::LightMagenta)
            }
            Palette::Light => (Color::DarkGray, Color::Blue, Color::Green, Color::Red, Color::Red, Color::Magenta),
            Palette::Contrast => {
                (Color::Reset, Color::Reset, Color::Reset, Color::LightYellow, Color::LightRed, Color::LightYellow)
            }
        };
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Muted => plain.fg(muted),
            Tone::Accent => plain.fg(accent).add_modifier(Modifier::BOLD),
            Tone::Ok => plain.fg(ok),
            Tone::Warn => plain.fg(warn),
            Tone::Fail => plain.fg(fail).add_modifier(Modifier::BOLD),
            Tone::Orphan => plain.fg(orphan).add_modifier(Modifier::BOLD),
        }
    }

    /// The look of the selected row: the same everywhere, and to be seen without colours.
    pub fn selected(&self) -> Style {
        Style::reset().add_modifier(Modifier::REVERSED)
    }
}
