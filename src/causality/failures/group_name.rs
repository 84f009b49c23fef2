//! Which group failed, as far as the name of the topic for its failures tells.

/// Parts of a name that say that a topic is for failures, whosoever they are. Lower case.
const FAILURE_WORDS: &[&str] = &[
    "backoff",
    "channel",
    "dead",
    "deadletter",
    "deadletters",
    "delayed",
    "dlq",
    "dlt",
    "dlx",
    "err",
    "error",
    "errors",
    "failed",
    "failure",
    "failures",
    "garbage",
    "invalid",
    "letter",
    "letters",
    "lot",
    "parking",
    "parkinglot",
    "poison",
    "poisoned",
    "quarantine",
    "queue",
    "redelivery",
    "rejected",
    "resq",
    "retries",
    "retry",
    "skipped",
    "store",
    "topic",
    "undelivered",
    "unprocessed",
];

/// What Spring's retry topics put behind the name of a group, before their number.
const RETRY: &str = "retry";

/// What it puts there for the group of the dead-letter topic.
const DEAD_LETTER: &str = "dlt";

/// True when the name of the failure topic is that of `group`, apart from the name of the topic of `origin`, words of
/// failure and separators: `orders-loyalty-dlt` is `loyalty`'s. False when `origin` alone explains the whole name.
///
/// No proof by itself: for groups that are known to read the origin.
pub fn named_in(topic: &str, origin: Option<&str>, group: &str) -> bool {
    let name = parts(topic);
    let origin = origin.map(parts).unwrap_or_default();
    if without(&name, &origin).any(|rest| is_of_failure(&rest)) {
        return false;
    }
    let named = |group: &[&str]| {
        without(&name, group)
            .any(|rest| is_of_failure(&rest) || without(&rest, &origin).any(|rest| is_of_failure(&rest)))
    };
    named(&parts(group)) || named(&parts(base_group(group)))
}

/// The group that an application gave itself: frameworks that read retry topics by groups of their own put `-retry`,
/// `-retry-1000`, `-retry-1000-1` or `-dlt` behind its name.
pub fn base_group(group: &str) -> &str {
    let mut base = group;
    while let Some(shorter) = without_suffix(base) {
        base = shorter;
    }
    base
}

fn without_suffix(group: &str) -> Option<&str> {
    let (mut rest, mut last) = group.rsplit_once('-')?;
    let mut numbers = 0;
    while is_number(last) && numbers < 2 {
        (rest, last) = rest.rsplit_once('-')?;
        numbers += 1;
    }
    let is_suffix = last == RETRY || (last == DEAD_LETTER && numbers == 0);
    (is_suffix && !rest.is_empty()).then_some(rest)
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// The parts of a name: between separators, and `ordersDlq` is two.
fn parts(name: &str) -> Vec<&str> {
    name.split(['.', '_', '-']).flat_map(humps).filter(|part| !part.is_empty()).collect()
}

fn humps(part: &str) -> Vec<&str> {
    let begins = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let mut humps = Vec::new();
    let mut from = 0;
    for (at, _) in part.as_bytes().windows(2).enumerate().filter(|(_, pair)| begins(pair)) {
        humps.push(&part[from..=at]);
        from = at + 1;
    }
    humps.push(&part[from..]);
    humps
}

/// What remains of `name` without `taken`, for each place where that stands in it.
fn without<'n>(name: &[&'n str], taken: &[&str]) -> impl Iterator<Item = Vec<&'n str>> {
    let len = taken.len();
    let places = if len == 0 || len > name.len() { 0..0 } else { 0..name.len() - len + 1 };
    let stands = move |at: &usize| name[*at..at + len].iter().zip(taken).all(|(a, b)| a.eq_ignore_ascii_case(b));
    places.filter(stands).map(move |at| [&name[..at], &name[at + len..]].concat()).collect::<Vec<_>>().into_iter()
}

/// True when nothing is left but words of failure, of which there is one at least.
fn is_of_failure(rest: &[&str]) -> bool {
    let is_word = |part: &str| FAILURE_WORDS.binary_search(&part.to_ascii_lowercase().as_str()).is_ok();
    let is_delay = |part: &str| part.trim_end_matches(|c: char| "msdh".contains(c)).bytes().all(|b| b.is_ascii_digit());
    rest.iter().any(|part| is_word(part)) && rest.iter().all(|part| is_word(part) || is_delay(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order() {
        assert!(FAILURE_WORDS.is_sorted());
    }

    #[test]
    fn groups_in_names_of_topics() {
        for (topic, origin, group) in [
            ("orders-loyalty-dlt", Some("orders"), "loyalty"),
            ("orders.loyalty.dlq", Some("orders"), "loyalty"),
            ("error.orders.billing", Some("orders"), "billing"),
            ("shop.orders-billing-svc.dead-letter", Some("shop.orders"), "billing-svc"),
            ("billing-dlq", Some("orders"), "billing"),
            ("billing-dlq", None, "billing"),
            ("dlq.billing", None, "billing"),
            ("orders-kitchen-retry", Some("orders"), "kitchen"),
            ("kitchen.orders.retry.30s", Some("orders"), "kitchen"),
            ("orders-billing-retry-5000-1", Some("orders"), "billing"),
            ("orders-svc-dlq", Some("orders"), "orders-svc"),
            ("ordersBillingDlq", Some("orders"), "billing"),
            ("Orders.Billing.DLT", Some("orders"), "billing"),
            ("orders-loyalty-dlt", Some("orders"), "loyalty-retry-1000"),
            ("orders-loyalty-dlt", Some("orders"), "loyalty-dlt"),
        ] {
            assert!(named_in(topic, origin, group), "{topic} of {origin:?} names {group}");
        }
    }

    #[test]
    fn names_that_tell_no_group() {
        for (topic, origin, group) in [
            // The name of the origin explains all.
            ("orders-dlt", Some("orders"), "orders"),
            ("orders-dlt", Some("orders"), "billing"),
            ("billing.orders.dlq", Some("orders"), "bill"),
            ("orders-billing-dlt", Some("orders"), "svc-billing"),
            ("orders-eu-billing-dlt", Some("orders"), "billing"),
            ("orders-billing", Some("orders"), "billing"),
            ("dlq", None, "dlq"),
            ("dlq", Some("orders"), "billing"),
            ("", None, ""),
            ("---", Some("-"), "--"),
            ("dlt", None, ""),
        ] {
            assert!(!named_in(topic, origin, group), "{topic} of {origin:?} does not name {group}");
        }
    }

    #[test]
    fn groups_of_retry_topics_are_their_bases() {
        for (group, base) in [
            ("loyalty", "loyalty"),
            ("loyalty-retry", "loyalty"),
            ("loyalty-retry-1000", "loyalty"),
            ("loyalty-retry-1000-1", "loyalty"),
            ("loyalty-retry-1-2-3", "loyalty-retry-1-2-3"),
            ("loyalty-dlt", "loyalty"),
            ("loyalty-retry-dlt", "loyalty"),
            ("loyalty-1000", "loyalty-1000"),
            ("dlt", "dlt"),
            ("-dlt", "-dlt"),
            ("retry-1000", "retry-1000"),
            ("", ""),
        ] {
            assert_eq!(base_group(group), base, "{group}");
        }
    }
}
