//! Which of the groups that read a topic makes a hop.

/// Parts of names that many services share.
const COMMON: &[&str] =
    &["app", "api", "consumer", "event", "events", "group", "kafka", "service", "svc", "topic", "worker"];

/// Shorter parts say nothing.
const SHORTEST: usize = 3;

/// Those of `groups` whose name has a word in common with one of `names`; the first of these that tells decides.
pub fn by_name<'g>(groups: &[&'g str], names: &[&str]) -> Vec<&'g str> {
    for name in names {
        let words = words(name);
        let named: Vec<&str> =
            groups.iter().copied().filter(|group| self::words(group).iter().any(|word| words.contains(word))).collect();
        if !named.is_empty() && named.len() < groups.len() {
            return named;
        }
    }
    groups.to_vec()
}

/// The words that tell a name from others, in the singular.
fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    let telling = parts.filter(|part| part.len() >= SHORTEST && !COMMON.contains(&part.as_str()));
    telling.map(|part| part.strip_suffix('s').map_or(part.clone(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_common_tells_groups_apart() {
        let groups = ["kitchen-svc", "payment-svc"];
        assert_eq!(by_name(&groups, &["/shop/payment"]), ["payment-svc"]);
        assert_eq!(by_name(&groups, &["", "payments"]), ["payment-svc"]);
        assert_eq!(by_name(&groups, &["kitchen.tickets", "payments"]), ["kitchen-svc"], "the first that tells");
        assert_eq!(by_name(&groups, &["some-svc", "orders"]), groups);
        assert_eq!(by_name(&["a-payment", "b-payment"], &["payments"]), ["a-payment", "b-payment"]);
        assert!(by_name(&[], &["x"]).is_empty());
    }
}
