//! The same failure under other ids: one signature, and not too many of them.

use super::template::template;
use crate::event::{FailureNotice, HashKey};
use std::collections::{HashMap, HashSet};

/// Signatures of one error class, group and topic. A service that has more puts random text into its messages.
const MOST_OF_A_CLASS: u32 = 200;

/// Signatures in all: classes, groups and types come from outside as well. At 40 bytes each some 2 MB.
const MOST: usize = 50_000;

/// Stands for the message, or for class, group and type too, of failures above a limit.
const OTHER: &str = "\u{1}other";

/// The signatures that were given so far.
#[derive(Debug, Clone, Default)]
pub struct Signatures {
    known: HashSet<u64>,
    /// How many there are, by class, group and topic.
    of_class: HashMap<u64, u32>,
    /// Failures whose signature leaves out their message, or more, since there were too many.
    pub folded: u64,
}

impl Signatures {
    /// Sixteen hex digits that are equal for failures of one error class, message template, group, topic and type.
    ///
    /// Stable between versions of headwater: people put signatures into tickets and alert rules. Above a limit, failures
    /// that differ in their messages only share one.
    pub fn of(&mut self, notice: &FailureNotice, topic: &str, event_type: &str) -> String {
        let class = notice.error_class.as_deref().unwrap_or_default();
        let group = notice.group.as_deref().unwrap_or_default();
        let template = template(notice.error_message.as_deref().unwrap_or_default());
        let whole = hash(&[class, &template, group, topic, event_type]);
        let signature = match self.admits(whole, family(class, group, topic)) {
            true => whole,
            false => {
                self.folded += 1;
                let without_message = hash(&[class, OTHER, group, topic, event_type]);
                if self.known.len() < MOST || self.known.contains(&without_message) {
                    self.known.insert(without_message);
                    without_message
                } else {
                    hash(&["", OTHER, "", topic, ""])
                }
            }
        };
        format!("{signature:016x}")
    }

    /// Takes in a signature that was given in an earlier run.
    pub fn restore(&mut self, signature: &str, (class, group, topic): (&str, &str, &str)) {
        if let Ok(signature) = u64::from_str_radix(signature, 16) {
            self.admits(signature, family(class, group, topic));
        }
    }

    fn admits(&mut self, signature: u64, family: u64) -> bool {
        if self.known.contains(&signature) {
            return true;
        }
        if self.known.len() >= MOST {
            return false;
        }
        let count = self.of_class.entry(family).or_default();
        if *count >= MOST_OF_A_CLASS {
            return false;
        }
        *count += 1;
        self.known.insert(signature);
        true
    }
}

fn family(class: &str, group: &str, topic: &str) -> u64 {
    hash(&[class, group, topic])
}

fn hash(parts: &[&str]) -> u64 {
    HashKey([0; 16]).hash(parts.join("\0").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FailureKind;

    fn notice(message: &str) -> FailureNotice {
        FailureNotice {
            kind: FailureKind::DeadLetter,
            origin: None,
            origin_topic: None,
            doubtful: false,
            group: Some("loyalty".into()),
            attempt: None,
            error_class: Some("AccountMissing".into()),
            error_message: Some(message.into()),
        }
    }

    fn of(message: &str) -> String {
        Signatures::default().of(&notice(message), "orders", "OrderPlaced")
    }

    #[test]
    fn other_ids_same_failure() {
        assert_eq!(of("no account for customer 4711"), of("no account for customer 12"));
        assert_eq!(of("no account for 'Ann O.'"), of("no account for 'Bob'"));
        assert_eq!(
            of("id 8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e is unknown"),
            of("id 00000000-0c1d-4a6f-9b1e-2f3a4b5c6d7e is unknown")
        );
        assert_ne!(of("no account for 1"), of("no address for 1"));
        assert_ne!(of("x"), Signatures::default().of(&notice("x"), "payments", "OrderPlaced"));
    }

    #[test]
    fn signatures_stay_what_they_were() {
        assert_eq!(of("no account for customer 4711"), "313251a4ea4e2664");
        assert_eq!(of("card reported stolen"), "8abc229dfbed76ad");
    }

    /// Words without digits, a new one for each number.
    fn random(number: u64) -> String {
        let letters = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect::<String>();
        format!("{letters} is broken")
    }

    #[test]
    fn random_messages_share_one_signature_above_a_limit() {
        let mut signatures = Signatures::default();
        let mut of = |message: &str| signatures.of(&notice(message), "orders", "OrderPlaced");
        let distinct: HashSet<_> = (0..10_000).map(|n| of(&random(n))).collect();
        assert_eq!(distinct.len() as u32, MOST_OF_A_CLASS + 1);
        assert_eq!(of(&random(0)), self::of(&random(0)), "the first keep theirs");
        assert_eq!(signatures.folded, 10_000 - u64::from(MOST_OF_A_CLASS));
    }

    #[test]
    fn random_classes_are_bounded_too() {
        let mut signatures = Signatures::default();
        let mut distinct = HashSet::new();
        for n in 0..MOST as u64 + 1_000 {
            let notice = FailureNotice { error_class: Some(random(n)), ..notice("x") };
            distinct.insert(signatures.of(&notice, "orders", "OrderPlaced"));
        }
        assert_eq!(distinct.len(), MOST + 1);
        assert_eq!(signatures.folded, 1_000);
    }

    #[test]
    fn a_new_run_counts_those_of_the_earlier() {
        let (mut first, mut second) = (Signatures::default(), Signatures::default());
        for n in 0..u64::from(MOST_OF_A_CLASS) {
            let signature = first.of(&notice(&random(n)), "orders", "OrderPlaced");
            second.restore(&signature, ("AccountMissing", "loyalty", "orders"));
        }
        let of = |signatures: &mut Signatures, n| signatures.of(&notice(&random(n)), "orders", "OrderPlaced");
        assert_eq!(of(&mut second, 5), of(&mut first, 5));
        assert_eq!(of(&mut second, 9_999), of(&mut first, 9_999));
        assert_eq!(second.folded, 1);
    }
}
