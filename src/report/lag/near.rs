//! What somebody may have meant.

/// Names that are suggested.
const NEAR_MAX: usize = 5;
/// Longer names are compared by their beginning: a distance costs the product of both lengths.
const COMPARED_MAX: usize = 100;

/// Names like `asked`, the nearest first: those that hold it or are held by it, and those a third of whose letters differ at
/// most.
pub fn near<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = lower(asked);
    let far = wanted.len() / 3;
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower = lower(name);
            let held = !wanted.is_empty() && !lower.is_empty() && (holds(&lower, &wanted) || holds(&wanted, &lower));
            let distance = distance(&wanted, &lower);
            (held || distance <= far.max(1)).then_some((if held { 0 } else { distance }, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(NEAR_MAX).map(|(_, name)| name).collect()
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).take(COMPARED_MAX).collect()
}

fn holds(long: &[char], short: &[char]) -> bool {
    long.windows(short.len()).any(|window| window == short)
}

/// Letters to put in, take out or change.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (n, with) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != with);
            diagonal = row[n + 1];
            row[n + 1] = changed.min(row[n] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_meant_are_near() {
        let names = ["billing", "billing-eu", "loyalty", "mailer", ""];
        let near = |asked| near(asked, names.into_iter());
        assert_eq!(near("biling"), ["billing"]);
        assert_eq!(near("Billing"), ["billing", "billing-eu"]);
        assert_eq!(near("eu"), ["billing-eu"]);
        assert_eq!(near("loyalti"), ["loyalty"]);
        assert!(near("kitchen").is_empty());
        assert_eq!(distance(&lower("kitten"), &lower("sitting")), 3);
    }
}
