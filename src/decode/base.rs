//! The topic that a dead-letter or retry topic serves, as far as its name tells.

/// Words of a name that only say that it is for failures.
const FAILURE_WORDS: [&str; 20] = [
    "dlq",
    "dlt",
    "dlx",
    "resq",
    "dead",
    "letter",
    "letters",
    "deadletter",
    "deadletters",
    "retry",
    "retries",
    "error",
    "errors",
    "err",
    "failed",
    "failure",
    "failures",
    "poison",
    "poisoned",
    "quarantine",
];
/// Words that belong to those where they follow them: `dead-letter-topic`.
const FOLLOWING_WORDS: [&str; 4] = ["queue", "topic", "channel", "store"];
/// As the end of a word: `ordersDlq`.
const FAILURE_ENDINGS: [&str; 6] = ["Dlq", "DLQ", "Dlt", "DLT", "DeadLetter", "DeadLetters"];

/// The name of `topic` without the words that say that it is for failures; `None` when nothing is left, or nothing was
/// taken away. It is a guess: there may be no such topic.
pub fn base_topic(topic: &str) -> Option<String> {
    let mut base = String::with_capacity(topic.len());
    let (mut after_failure, mut separator) = (false, "");
    for word in words(topic) {
        let (word, next) = word;
        let lower = word.to_ascii_lowercase();
        let taken = FAILURE_WORDS.contains(&&*lower)
            || after_failure && (FOLLOWING_WORDS.contains(&&*lower) || is_delay(&lower));
        if !taken {
            let ending = FAILURE_ENDINGS.iter().find_map(|ending| word.strip_suffix(ending));
            if !base.is_empty() {
                base.push_str(separator);
            }
            base.push_str(ending.unwrap_or(word));
        }
        if !taken || separator.is_empty() {
            separator = next;
        }
        after_failure = taken;
    }
    (!base.is_empty() && base != topic).then_some(base)
}

/// Each word with the separators that follow it.
fn words(topic: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_separator = |c: char| matches!(c, '.' | '_' | '-');
    let mut rest = topic;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let next = after.find(|c| !is_separator(c)).unwrap_or(after.len());
        let (separator, after) = after.split_at(next);
        rest = after;
        Some((word, separator))
    })
}

/// `5000`, `30s`, `5m`: the step of a retry.
fn is_delay(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < word.len() && matches!(unit, "" | "ms" | "s" | "m" | "h" | "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_failure_are_taken_away() {
        for (topic, base) in [
            ("orders-dlq", Some("orders")),
            ("orders.DLT", Some("orders")),
            ("orders__dlq", Some("orders")),
            ("ordersDlq", Some("orders")),
            ("orders.dlq.v1", Some("orders.v1")),
            ("orders-retry-300", Some("orders")),
            ("orders-retry-5000ms-1", Some("orders")),
            ("dead-letter-topic-orders", Some("orders")),
            ("dlq.eu.orders", Some("eu.orders")),
            ("orders-v2-dead_letter_queue", Some("orders-v2")),
            ("orders-sink-dlq", Some("orders-sink")),
            ("karafka_dlq", Some("karafka")),
            ("dead-letter-queue", None),
            ("dlq", None),
            ("orders", None),
            ("orders-2", None),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(base_topic(topic).as_deref(), base, "{topic}");
        }
    }
}
