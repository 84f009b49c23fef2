//! What repeats from record to record, numbered.

use crate::event::{Profile, clip};
use std::collections::HashMap;

/// Bytes of a type, source or version that are kept; Kafka's own limit for topic names is 249.
pub const MAX_PROFILE_TEXT_BYTES: usize = 256;

/// Profiles compared before the map is asked: a partition carries few kinds in turn.
const RECENT: usize = 4;

/// The profiles of one batch and where each stands.
#[derive(Debug, Default)]
pub struct Profiles {
    numbers: HashMap<Profile, u32>,
    recent: [u32; RECENT],
}

/// A profile as a record writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Draft<'a> {
    /// Event type.
    pub kind: &'a [u8],
    /// Source.
    pub source: &'a [u8],
    /// Version.
    pub version: &'a [u8],
    /// Convention.
    pub convention: &'a str,
}

impl Draft<'_> {
    fn is(&self, profile: &Profile) -> bool {
        same(profile.kind.as_bytes(), self.kind)
            && same(profile.source.as_bytes(), self.source)
            && same(profile.version.as_bytes(), self.version)
            && same(profile.convention.as_bytes(), self.convention.as_bytes())
    }

    fn profile(&self) -> Profile {
        let text = |bytes| clip(bytes, MAX_PROFILE_TEXT_BYTES);
        Profile {
            kind: text(self.kind),
            source: text(self.source),
            version: text(self.version),
            convention: self.convention.to_owned(),
        }
    }

    /// True when a text is longer than what is kept.
    pub fn is_clipped(&self) -> bool {
        [self.kind, self.source, self.version].iter().any(|text| text.len() > MAX_PROFILE_TEXT_BYTES)
    }
}

/// Equality that leaves empty texts alone: they lie nowhere, and a vectorised comparison that touches an unmapped page
/// takes 100 ns to find out that it need not have.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

impl Profiles {
    /// The number of `draft` in `profiles`, which it joins when it is new there.
    pub fn number(&mut self, draft: &Draft<'_>, profiles: &mut Vec<Profile>) -> u32 {
        let is = |number: u32| profiles.get(number as usize).is_some_and(|profile| draft.is(profile));
        if let Some(at) = self.recent.iter().position(|&number| is(number)) {
            self.recent[..=at].rotate_right(1);
            return self.recent[0];
        }
        let profile = draft.profile();
        let number = match self.known(&profile, profiles) {
            Some(number) => number,
            None => {
                let number = profiles.len() as u32;
                profiles.push(profile.clone());
                self.numbers.insert(profile, number);
                number
            }
        };
        self.recent.rotate_right(1);
        self.recent[0] = number;
        number
    }

    /// Looks `profile` up. Every batch has its own list, and callers may take turns between batches: a map that does not
    /// speak of this list is built anew.
    fn known(&mut self, profile: &Profile, profiles: &[Profile]) -> Option<u32> {
        let stale = self.numbers.len() != profiles.len()
            || self.numbers.get(profile).is_some_and(|&number| profiles.get(number as usize) != Some(profile));
        if stale {
            self.numbers.clear();
            self.numbers.extend(profiles.iter().enumerate().map(|(at, profile)| (profile.clone(), at as u32)));
        }
        self.numbers.get(profile).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(kind: &str) -> Draft<'_> {
        Draft { kind: kind.as_bytes(), convention: "test", ..Draft::default() }
    }

    #[test]
    fn a_profile_stands_once_in_its_list() {
        let (mut profiles, mut list) = (Profiles::default(), Vec::new());
        let kinds: Vec<String> = (0..20).map(|n| format!("Kind{n}")).collect();
        for _ in 0..3 {
            for (at, kind) in kinds.iter().enumerate() {
                assert_eq!(profiles.number(&draft(kind), &mut list), at as u32);
            }
        }
        assert_eq!(list.len(), 20);
        let mut next = Vec::new();
        assert_eq!(profiles.number(&draft("Kind7"), &mut next), 0, "a new list starts anew");
        assert_eq!(profiles.number(&draft("Kind7"), &mut list), 7, "and the old one is still known");
        assert_eq!((list.len(), next.len()), (20, 1));
    }

    #[test]
    fn a_long_text_is_clipped_and_still_one_profile() {
        let (mut profiles, mut list) = (Profiles::default(), Vec::new());
        let long = "x".repeat(MAX_PROFILE_TEXT_BYTES + 1);
        assert!(draft(&long).is_clipped());
        assert_eq!(profiles.number(&draft(&long), &mut list), 0);
        assert_eq!(profiles.number(&draft(&long), &mut list), 0);
        assert_eq!(list[0].kind.len(), MAX_PROFILE_TEXT_BYTES);
    }
}
