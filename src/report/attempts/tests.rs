use super::*;
use crate::report::conversation::tests::{START, broken, failure, order};

#[test]
fn attempts_of_one_failure_are_one_case_with_the_time_between_them() {
    let conversation = broken();
    let cases = cases(&conversation);
    assert_eq!(cases.len(), 1);
    let after: Vec<Option<i64>> = cases[0].attempts.iter().map(|attempt| attempt.after_us).collect();
    assert_eq!(after, [None, Some(1_000_000), Some(2_000_000), Some(100_000)]);
    assert_eq!(cases[0].stands().kind, "dead_letter");
    insta::assert_snapshot!(render(&conversation, &Style::default()), @r"

      failures (1):
      ✗ points.requested loyalty/0/5
          group   loyalty (named by the record)
          state   dead, unattended
          attempt 1               10:41:08.020                loyalty-retry/0/7
            AccountMissing: no account for customer 9
          attempt 2               10:41:09.020  after 1.00 s  loyalty-retry/0/8
          attempt 3               10:41:11.020  after 2.00 s  loyalty-retry/0/9
          dead letter, attempt 4  10:41:11.120  after 0.10 s  loyalty.dlt/0/12
    ");
}

#[test]
fn two_groups_that_fail_on_one_record_are_two_failures() {
    let (nodes, edges) = order();
    let mut other = failure(4, "retry", "retrying", Some(1));
    other.consumer_group = None;
    other.group_evidence = None;
    other.candidate_groups = vec!["a".to_owned(), "b".to_owned()];
    let mut healed = failure(3, "dead_letter", "healed", Some(2));
    healed.healed_by = Some(6);
    healed.healed_evidence = Some("redrive".to_owned());
    healed.attended_by = Some("archiver".to_owned());
    healed.group_evidence = Some("ledger".to_owned());
    let conversation = Conversation::new(nodes, edges, vec![other, healed]);
    let text = render(&conversation, &Style::default());
    assert!(text.contains("failures (2)"), "{text}");
    assert!(text.contains("group   one of: a, b"), "{text}");
    assert!(text.contains("group   loyalty (the only group that reads the topic)"), "{text}");
    assert!(text.contains("state   healed by kitchen/0/6 (redrive: given to the group again, and no failure followed), attended by archiver"), "{text}");
}

#[test]
fn many_attempts_are_told_from_both_ends() {
    let (nodes, edges) = order();
    let attempts = (0..100).map(|n| {
        let mut one = failure(100 + n, "retry", "retrying", Some(n + 1));
        one.time = Timestamp(START + n * 1_000_000);
        one
    });
    let conversation = Conversation::new(nodes, edges, attempts.collect());
    let text = render(&conversation, &Style::default());
    assert!(
        text.contains("attempt 4 ") && text.contains("… 92 attempts more") && text.contains("attempt 97 "),
        "{text}"
    );
    assert!(!text.contains("attempt 5 "), "{text}");
}
