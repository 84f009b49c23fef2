//! The same failure under other ids: one signature.

use crate::event::{FailureNotice, HashKey};

/// Longest message template that takes part; what follows rarely tells failures apart.
const TEMPLATE_CHARS: usize = 200;

/// Sixteen hex digits that are equal for failures of one error class, message template, group, topic and type.
///
/// Stable between versions of headwater: people put signatures into tickets and alert rules.
pub fn signature(notice: &FailureNotice, topic: &str, event_type: &str) -> String {
    let parts = [
        notice.error_class.as_deref().unwrap_or_default(),
        &template(notice.error_message.as_deref().unwrap_or_default()),
        notice.group.as_deref().unwrap_or_default(),
        topic,
        event_type,
    ];
    format!("{:016x}", HashKey([0; 16]).hash(parts.join("\0").as_bytes()))
}

/// `message` with everything that names one case replaced: numbers, hex, UUIDs and quoted text become `#`.
fn template(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(TEMPLATE_CHARS));
    let mut quote = None;
    for word in message.split_inclusive(|c: char| !c.is_alphanumeric() && c != '-' && c != '_') {
        let (body, end) = match word.char_indices().next_back() {
            Some((at, c)) if !c.is_alphanumeric() && c != '-' && c != '_' => word.split_at(at),
            _ => (word, ""),
        };
        if quote.is_none() && !body.is_empty() {
            let names_a_case = body.chars().any(|c| c.is_ascii_digit());
            out.push_str(if names_a_case { "#" } else { body });
        }
        for c in end.chars() {
            match (quote, c) {
                (None, '\'' | '"') => {
                    quote = Some(c);
                    out.push('#');
                }
                (Some(open), c) if c == open => quote = None,
                (None, c) => out.push(c),
                _ => {}
            }
        }
        if out.len() >= TEMPLATE_CHARS {
            break;
        }
    }
    out
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

    #[test]
    fn other_ids_same_failure() {
        let of = |message| signature(&notice(message), "orders", "OrderPlaced");
        assert_eq!(of("no account for customer 4711"), of("no account for customer 12"));
        assert_eq!(of("no account for 'Ann O.'"), of("no account for 'Bob'"));
        assert_eq!(
            of("id 8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e is unknown"),
            of("id 00000000-0c1d-4a6f-9b1e-2f3a4b5c6d7e is unknown")
        );
        assert_ne!(of("no account for 1"), of("no address for 1"));
        assert_ne!(of("x"), signature(&notice("x"), "payments", "OrderPlaced"));
    }
}
