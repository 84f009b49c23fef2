//! Numbers in words: shares, lengths of time, flows.

use super::page::Piece;
use crate::report::style;

/// Said once on a page: what "passed" means.
pub(super) const PASSED: &str =
    "Passed = consumed, as far as Kafka can show: the group's committed offset is beyond the event";
/// Said once on a page: what "failed" means.
pub(super) const LOWER_BOUND: &str =
    "Failed = evidenced by a dead letter, a retry or a fault, once per event and group: a lower bound";

/// A share of 1 in percent with `places` decimals (0 to 2), never rounded up to 100 nor down to 0.
pub(super) fn share(of_one: f64, places: u8) -> String {
    let scale = 10f64.powi(i32::from(places.min(2)));
    if !of_one.is_finite() || of_one >= 1.0 {
        return "100 %".to_owned();
    }
    let percent = (of_one.max(0.0) * 100.0 * scale + 1e-9).floor() / scale;
    if percent == 0.0 && of_one > 0.0 {
        return format!("less than {} %", 1.0 / scale);
    }
    format!("{percent} %")
}

/// A share of 1 in percent, to the nearest tenth, with the same ends as [`share`].
pub(super) fn rounded(of_one: f64) -> String {
    let between = of_one > 0.0 && of_one < 1.0;
    share(if between { (of_one + 0.000_5).min(0.999) } else { of_one }, 1)
}

/// `share` of what may be unknown.
pub(super) fn coverage(of_one: Option<f64>) -> String {
    of_one.map_or_else(|| "not known".to_owned(), |ratio| share(ratio, 2))
}

/// A length of time, ms: `31 s`, `2 m 10 s`, `0.21 s`.
pub(super) fn took(ms: f64) -> String {
    let us = (ms * 1000.0).clamp(0.0, i64::MAX as f64) as i64;
    let text = style::span(us);
    let whole = text.strip_suffix(" 00 s").or_else(|| text.strip_suffix(" 00 m")).or_else(|| text.strip_suffix(" 0 h"));
    if let Some(whole) = whole {
        return whole.to_owned();
    }
    match text.strip_suffix(" s").map(|number| number.trim_end_matches('0').trim_end_matches('.')) {
        Some(number) if text.contains('.') => format!("{} s", if number.is_empty() { "0" } else { number }),
        _ => text,
    }
}

/// `31 s`, for whole numbers of ms.
pub(super) fn took_ms(ms: i64) -> String {
    took(ms as f64)
}

/// A flow's name as the first word of a sentence.
pub(super) fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `n` cases of `flow`: `121 orders`, `1 order`; a flow whose name is no plural has cases.
pub(super) fn cases(n: i64, flow: &str) -> String {
    let plural = flow.chars().all(char::is_alphabetic) && flow.ends_with('s') && !flow.ends_with("ss");
    match (plural, n) {
        (true, 1) => format!("1 {}", &flow[..flow.len() - 1]),
        (true, n) => format!("{} {flow}", style::count(n)),
        (false, n) => style::plural(n, "case"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The parts of a number that are not zero, each with its word: `12 healed, 35 dead`.
pub(super) fn parts(of: &[(i64, &str)]) -> String {
    let named: Vec<String> =
        of.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", style::count(*n))).collect();
    named.join(", ")
}

/// A number in a cell; nothing reads as nothing.
pub(super) fn number(n: Option<i64>) -> Piece {
    match n {
        None => Piece::plain(""),
        Some(0) => Piece::plain("–"),
        Some(n) => Piece::plain(style::count(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_says_neither_all_nor_nothing_when_it_is_not() {
        let shares = [0.0, 0.000_01, 0.5, 0.984, 0.999_999, 1.0, f64::NAN];
        let words = ["0 %", "less than 0.01 %", "50 %", "98.4 %", "99.99 %", "100 %", "100 %"];
        assert_eq!(shares.map(|of| share(of, 2)), words);
        assert_eq!([share(0.9841, 1), share(0.29, 0), share(0.999, 0)], ["98.4 %", "29 %", "99 %"]);
    }

    #[test]
    fn a_rounded_share_keeps_its_ends() {
        let shares = [0.0, 0.000_1, 0.983_9, 0.983_4, 0.999_9, 1.0].map(rounded);
        assert_eq!(shares, ["0 %", "less than 0.1 %", "98.4 %", "98.3 %", "99.9 %", "100 %"]);
    }

    #[test]
    fn times_are_as_short_as_they_are_said() {
        let ms = [0.0, 0.4, 12.0, 210.0, 2_000.0, 31_000.0, 31_500.0, 60_000.0, 130_000.0, 1_800_000.0, 7_200_000.0];
        let words = ["0 ms", "0 ms", "12 ms", "0.21 s", "2 s", "31 s", "31.5 s", "1 m", "2 m 10 s", "30 m", "2 h"];
        assert_eq!(ms.map(took), words);
        assert_eq!([took(10_000.0), took(20_000.0), took(f64::MAX).as_str().to_owned()][..2], ["10 s", "20 s"]);
        assert_eq!([took_ms(-5), took_ms(172_800_000)], ["0 ms", "2 d"]);
    }

    #[test]
    fn cases_are_called_by_the_name_of_the_flow() {
        assert_eq!([cases(121, "orders"), cases(1, "orders")], ["121 orders", "1 order"]);
        assert_eq!([cases(2, "order-to-cash"), cases(1, "business")], ["2 cases", "1 case"]);
        assert_eq!([capital("orders"), capital("ärger"), capital("")], ["Orders", "Ärger", ""]);
    }

    #[test]
    fn lists_end_with_and() {
        let [a, b, c] = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([list(&[]), list(std::slice::from_ref(&a)), list(&[a.clone(), b.clone()])], ["", "a", "a and b"]);
        assert_eq!(list(&[a, b, c]), "a, b and c");
        assert_eq!(parts(&[(12, "healed"), (0, "dead"), (3, "retrying")]), "12 healed, 3 retrying");
    }
}
