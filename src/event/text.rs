//! Text out of hostile bytes: bounded, and never able to speak to a terminal.

/// A piece of an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Text of many rows in one buffer, so that rows stay small and plain.
#[derive(Debug, Clone, Default)]
pub struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    /// Stores `text` and says where it lies.
    pub fn push(&mut self, text: &str) -> Span {
        let span = Span { start: self.bytes.len() as u32, len: text.len() as u32 };
        self.bytes.extend_from_slice(text.as_bytes());
        span
    }

    /// The text under `span`; empty for a span of another arena.
    pub fn get(&self, span: Span) -> &str {
        let end = span.start as usize + span.len as usize;
        self.bytes.get(span.start as usize..end).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// `bytes` as text of at most `limit` bytes, cut at a character; invalid UTF-8 becomes U+FFFD.
pub fn clip(bytes: &[u8], limit: usize) -> String {
    let cut = &bytes[..bytes.len().min(limit)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < bytes.len() {
        // A character that the cut went through shows as one replacement character: drop it.
        if text.ends_with('\u{fffd}') {
            text.pop();
        }
    }
    while text.len() > limit {
        text.pop();
    }
    text
}

/// `text` with everything that could move a cursor, change a colour or reverse the reading order made visible.
///
/// Whatever comes from a record goes through here before it reaches a terminal.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_cuts_at_a_character() {
        assert_eq!(clip("grün".as_bytes(), 3), "gr");
        assert_eq!(clip(b"abc", 8), "abc");
        assert!(clip(&[0xff; 100], 10).len() <= 10);
    }

    #[test]
    fn clean_leaves_nothing_for_a_terminal_to_obey() {
        let hostile = "a\u{1b}[31mred\u{7}\u{202e}b\r\n";
        assert!(clean(hostile).chars().all(|c| !c.is_control() && c != '\u{202e}'));
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_no_control_character_stays(bytes: Vec<u8>, limit in 0usize..200) {
            let text = clean(&clip(&bytes, limit));
            proptest::prop_assert!(text.chars().all(|c| !c.is_control()));
            proptest::prop_assert!(clip(&bytes, limit).len() <= limit);
        }
    }
}
