//! A pull scanner over JSON in place: no tree, no allocation, one pass.
//!
//! It is no validator. It finds the members of an object and of those in it that its caller enters, steps over
//! everything else in linear time, and says where that fails.

use std::borrow::Cow;

/// Nesting beyond this is no business data: the JSON readers that producers use stop at about 1,000 too.
const MAX_DEPTH: u32 = 1024;

/// Bytes of a string that are looked at one by one.
const SHORT: usize = 16;

/// The body is not what JSON allows, or ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// A value that stands in the body as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string without its quotes; `escaped` when it holds a backslash.
    Text {
        /// The bytes between the quotes.
        raw: &'a [u8],
        /// Whether escapes have to be undone.
        escaped: bool,
    },
    /// A number as it was written.
    Number(&'a [u8]),
    /// `true`, `false` or `null`.
    Other,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A member with its value.
    Member(&'a [u8], Value<'a>),
    /// A member that is an object: go on with [`Scanner::enter`] or [`Scanner::skip`].
    Object(&'a [u8]),
    /// A member that is a list: the same.
    List(&'a [u8]),
    /// The end of what was entered last.
    Leave,
    /// The end of the outermost object or list.
    End,
}

/// What elements of a list are called, since they have no names.
pub const ELEMENT: &[u8] = b"*";

/// Reads the members of one object, or the elements of one list.
pub struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
    level: u32,
    /// Bit `n` is set when what was entered at level `n` is a list. Callers enter a handful of levels.
    lists: u64,
    fresh: bool,
}

impl<'a> Scanner<'a> {
    /// Begins in the object or list that `body` holds, after blanks; `None` when there is none.
    pub fn new(body: &'a [u8]) -> Option<Self> {
        let mut scanner = Self { body, at: 0, level: 0, lists: 0, fresh: true };
        scanner.blanks();
        matches!(scanner.peek(), Some(b'{' | b'[')).then(|| {
            scanner.enter();
            scanner
        })
    }

    /// True inside a list.
    pub fn in_list(&self) -> bool {
        self.lists >> (self.level % u64::BITS) & 1 == 1
    }

    /// True when everything was read: a fault then means that the body was cut.
    pub fn ran_out(&self) -> bool {
        self.at >= self.body.len()
    }

    /// Bytes read so far: the last member's value ends here.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes on to the next member or element.
    pub fn step(&mut self) -> Result<Step<'a>, NotJson> {
        self.blanks();
        let end = if self.in_list() { b']' } else { b'}' };
        match self.peek().ok_or(NotJson)? {
            byte if byte == end => {
                self.at += 1;
                self.level -= 1;
                self.fresh = false;
                return Ok(if self.level == 0 { Step::End } else { Step::Leave });
            }
            b',' if !self.fresh => {
                self.at += 1;
                self.blanks();
            }
            _ if self.fresh => {}
            _ => return Err(NotJson),
        }
        self.fresh = false;
        if self.in_list() {
            return self.value(ELEMENT);
        }
        let (key, _) = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(NotJson);
        }
        self.at += 1;
        self.blanks();
        self.value(key)
    }

    /// Goes into the object or list that the scanner stands before.
    pub fn enter(&mut self) {
        let list = u64::from(self.peek() == Some(b'['));
        self.at += 1;
        self.level += 1;
        let bit = self.level % u64::BITS;
        self.lists = self.lists & !(1 << bit) | list << bit;
        self.fresh = true;
    }

    /// Steps over the object or array that the scanner stands before.
    pub fn skip(&mut self) -> Result<(), NotJson> {
        let mut depth = 0u32;
        while let Some(&byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
            if depth > MAX_DEPTH {
                return Err(NotJson);
            }
        }
        Err(NotJson)
    }

    fn value(&mut self, key: &'a [u8]) -> Result<Step<'a>, NotJson> {
        let value = match self.peek().ok_or(NotJson)? {
            b'{' => return Ok(Step::Object(key)),
            b'[' => return Ok(Step::List(key)),
            b'"' => {
                let (raw, escaped) = self.string()?;
                Value::Text { raw, escaped }
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
                    self.at += 1;
                }
                Value::Number(&self.body[start..self.at])
            }
            _ => self.word()?,
        };
        Ok(Step::Member(key, value))
    }

    fn word(&mut self) -> Result<Value<'a>, NotJson> {
        let rest = &self.body[self.at..];
        let word = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word)).ok_or(NotJson)?;
        self.at += word.len();
        Ok(Value::Other)
    }

    /// Reads the string that begins here: what lies between its quotes, and whether it holds escapes.
    fn string(&mut self) -> Result<(&'a [u8], bool), NotJson> {
        if self.peek() != Some(b'"') {
            return Err(NotJson);
        }
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        // Most strings are short: for those a search that starts up is dearer than a look at each byte.
        let near = self.body.get(at..(at + SHORT).min(self.body.len())).unwrap_or_default();
        if let Some(len) = near.iter().position(|byte| matches!(byte, b'"' | b'\\'))
            && near[len] == b'"'
        {
            self.at = at + len + 1;
            return Ok((&near[..len], false));
        }
        loop {
            let Some(found) = self.body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) else {
                self.at = self.body.len();
                return Err(NotJson);
            };
            at += found;
            if self.body[at] == b'"' {
                self.at = at + 1;
                return Ok((&self.body[start..at], escaped));
            }
            escaped = true;
            at += 2;
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }
}

/// The text of a string whose escapes still stand in it. What is no escape stays as it is.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let c = character(&mut rest);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

/// The character behind `\u`, with its second half where it needs one; half a character is U+FFFD.
fn character(rest: &mut &[u8]) -> char {
    let Some(first) = unit(rest) else { return char::REPLACEMENT_CHARACTER };
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut ahead = *rest;
    if ahead.starts_with(b"\\u") {
        ahead = &ahead[2..];
        if let Some(second) = unit(&mut ahead).filter(|unit| (0xdc00..0xe000).contains(unit)) {
            *rest = ahead;
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::REPLACEMENT_CHARACTER
}

fn unit(rest: &mut &[u8]) -> Option<u32> {
    let digits = rest.get(..4)?;
    let value = digits.iter().try_fold(0, |value, &d| Some(value << 4 | (d as char).to_digit(16)?))?;
    *rest = &rest[4..];
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(body: &str) -> Result<Vec<String>, NotJson> {
        let mut scanner = Scanner::new(body.as_bytes()).ok_or(NotJson)?;
        let mut seen = Vec::new();
        loop {
            match scanner.step()? {
                Step::End => return Ok(seen),
                Step::Leave => seen.push("<".into()),
                Step::Object(b"skip") | Step::List(b"skip") => scanner.skip()?,
                Step::Object(key) | Step::List(key) => {
                    seen.push(format!("{}>", String::from_utf8_lossy(key)));
                    scanner.enter();
                }
                Step::Member(key, value) => {
                    let key = String::from_utf8_lossy(key);
                    seen.push(match value {
                        Value::Text { raw, .. } => format!("{key}={}", String::from_utf8_lossy(&unescape(raw))),
                        Value::Number(raw) => format!("{key}#{}", String::from_utf8_lossy(raw)),
                        Value::Other => format!("{key}?"),
                    });
                }
            }
        }
    }

    #[test]
    fn members_and_elements_come_in_order() {
        let seen = members(
            r#" { "a" : "x" , "n":-1.5e3,"skip":{"deep":[{"}":"]\""}]},"o":{"b":"y","l":[1,[2]]} ,"t":true,"z":null}"#,
        );
        assert_eq!(
            seen.unwrap(),
            ["a=x", "n#-1.5e3", "o>", "b=y", "l>", "*#1", "*>", "*#2", "<", "<", "<", "t?", "z?"]
        );
        assert_eq!(members("{}").unwrap(), [""; 0]);
        assert_eq!(members(r#"[{"a":"x"},"y"]"#).unwrap(), ["*>", "a=x", "<", "*=y"]);
    }

    #[test]
    fn what_is_no_json_is_a_fault() {
        for body in
            [r#"{"a": not json"#, "{", r#"{"a""#, r#"{"a":"#, r#"{"a":1 "b":2}"#, r#"{"a":"x"#, "{,}", "[1}", "[", ""]
        {
            assert_eq!(members(body), Err(NotJson), "{body}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(br#"\/shop\/\u00e9\n\"\ud83c\udf55"#).as_ref(), "/shop/é\n\"🍕".as_bytes());
        assert_eq!(unescape(br"\ud83cx\u12").as_ref(), "\u{fffd}x\u{fffd}12".as_bytes());
        assert_eq!(unescape(br"\").as_ref(), b"");
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let body = |depth: usize| format!(r#"{{"skip":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(members(&body(MAX_DEPTH as usize)).is_ok());
        assert_eq!(members(&body(MAX_DEPTH as usize + 1)), Err(NotJson));
    }
}
