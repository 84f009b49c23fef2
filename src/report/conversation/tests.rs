use super::*;
use crate::event::Timestamp;
use crate::report::rows::{CoverageLine, PassageRow};
use crate::report::tree::{self, Question};
use crate::report::{Style, outline};

/// 2025-11-20 10:41:07.120 UTC.
pub const START: i64 = 1_763_635_267_120_000;

/// Event `reference` on `orders/0`, so many ms after [`START`].
pub fn node(reference: i64, event_type: &str, resolution: &str, ms: i64) -> TraceNode {
    TraceNode {
        reference,
        cluster: "kafka".to_owned(),
        topic: "orders".to_owned(),
        partition: 0,
        offset: reference,
        time: Timestamp(START + ms * 1000),
        kind: "event".to_owned(),
        event_type: Some(event_type.to_owned()),
        resolution: resolution.to_owned(),
        orphan_reason: None,
        conversation: 1,
    }
}

fn on(topic: &str, node: TraceNode) -> TraceNode {
    TraceNode { topic: topic.to_owned(), ..node }
}

pub fn edge(cause: i64, effect: i64, evidence: &str) -> TraceEdge {
    let class = if evidence == "trace_order" { "inferred" } else { "declared" };
    let confidence = if class == "inferred" { 0.97 } else { 1.0 };
    TraceEdge { effect, cause, evidence: evidence.to_owned(), class: class.to_owned(), confidence }
}

pub fn failure(reference: i64, kind: &str, state: &str, attempt: Option<i64>) -> TraceFailure {
    TraceFailure {
        reference,
        topic: "loyalty-retry".to_owned(),
        kind: kind.to_owned(),
        state: state.to_owned(),
        origin: Some(5),
        origin_evidence: Some("failure_coordinates".to_owned()),
        origin_confidence: Some(1.0),
        origin_topic: Some("loyalty".to_owned()),
        origin_partition: Some(0),
        origin_offset: Some(5),
        consumer_group: Some("loyalty".to_owned()),
        group_evidence: Some("named".to_owned()),
        candidate_groups: Vec::new(),
        attempt,
        error_class: Some("com.pizza.loyalty.AccountMissing".to_owned()),
        error_message: Some("no account for customer 9".to_owned()),
        signature: Some("8f3a".to_owned()),
        time: Timestamp(START),
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        attended_by: None,
    }
}

fn passed(reference: i64, group: &str, state: &str) -> PassageRow {
    PassageRow { reference, consumer_group: group.to_owned(), state: state.to_owned() }
}

fn coverage() -> Vec<CoverageLine> {
    let line = |reason: Option<&str>, seen: Option<i64>, missing: Option<i64>| CoverageLine {
        cluster: "kafka".to_owned(),
        topic: "orders".to_owned(),
        partition: 0,
        reason: reason.map(str::to_owned),
        first_offset: 0,
        next_offset: 10_000,
        seen,
        missing,
    };
    vec![line(None, Some(9_996), None), line(Some("aborted"), None, Some(4))]
}

fn draw(conversation: &Conversation, asked: &[i64], passage: &[PassageRow]) -> String {
    tree::render(conversation, &Question { asked, passage, coverage: &coverage(), reach: "" }, &Style::default())
}

pub fn order() -> (Vec<TraceNode>, Vec<TraceEdge>) {
    let nodes = vec![
        node(1, "order.placed", "root", 0),
        node(2, "order.confirmed", "caused", 210),
        on("payments", node(3, "payment.taken", "caused", 480)),
        on("kitchen", node(4, "kitchen.accepted", "caused", 510)),
        on("loyalty", node(5, "points.requested", "caused", 500)),
        on("kitchen", node(6, "pizza.boxed", "inferred", 1900)),
    ];
    let edges = vec![
        edge(1, 2, "causation_id"),
        edge(2, 3, "causation_id"),
        edge(2, 4, "causation_id"),
        edge(2, 5, "parent_span"),
        edge(4, 6, "trace_order"),
    ];
    (nodes, edges)
}

#[test]
fn a_conversation_without_failure() {
    let (nodes, edges) = order();
    let conversation = Conversation::new(nodes, edges, Vec::new());
    let passage = [passed(2, "payment", "passed"), passed(4, "delivery", "waiting")];
    insta::assert_snapshot!(draw(&conversation, &[3], &passage), @r#"
        conversation of 6 events over 1.90 s · started 2025-11-20 10:41:07.120 UTC by order.placed   ✓ no failure seen

          ● order.placed          orders/0/1    10:41:07.120  root
          └─● order.confirmed     orders/0/2    +0.21 s       causation id
            ├─● payment.taken     payments/0/3  +0.48 s       causation id  ◀ asked for
            ├─● points.requested  loyalty/0/5   +0.50 s       parent span
            └─● kitchen.accepted  kitchen/0/4   +0.51 s       causation id
              └╌● pizza.boxed     kitchen/0/6   +1.90 s       trace order, 0.97 (inferred)

          groups   delivery … not reached  payment ✓ passed
          path     1.90 s in 3 hops: order.placed → order.confirmed +0.21 s → kitchen.accepted +0.30 s → pizza.boxed +1.39 s
          seen     99.96 % of offsets in 1 partition of 1 topic; not seen: 4 aborted (these hold no events)
        "#);
}

/// An order whose points could not be given: three retries and a dead letter.
pub fn broken() -> Conversation {
    let (mut nodes, mut edges) = order();
    for (reference, ms) in [(7, 900), (8, 1900), (9, 3900)] {
        nodes.push(TraceNode {
            kind: "retry".into(),
            ..on("loyalty-retry", node(reference, "points.requested", "caused", ms))
        });
        edges.push(edge(5, reference, "failure_coordinates"));
        edges.push(edge(2, reference, "causation_id"));
    }
    nodes.push(TraceNode {
        kind: "dead_letter".into(),
        ..on("loyalty.dlt", node(12, "points.requested", "caused", 4000))
    });
    edges.push(edge(5, 12, "failure_coordinates"));
    let at = |ms: i64, failure: TraceFailure| TraceFailure { time: Timestamp(START + ms * 1000), ..failure };
    let failures = vec![
        at(3900, failure(9, "retry", "dead", Some(3))),
        at(900, failure(7, "retry", "dead", Some(1))),
        at(1900, failure(8, "retry", "dead", Some(2))),
        at(4000, failure(12, "dead_letter", "dead", Some(4))),
    ];
    Conversation::new(nodes, edges, failures)
}

/// One root with `events - 1` effects in chains of ten.
pub fn large(events: i64) -> Conversation {
    let nodes = (1..=events).map(|n| node(n, "order.placed", if n == 1 { "root" } else { "caused" }, n)).collect();
    let cause = |n: i64| if n % 10 == 2 { 1 } else { n - 1 };
    let edges = (2..=events).map(|n| edge(cause(n), n, "causation_id")).collect();
    Conversation::new(nodes, edges, Vec::new())
}

#[test]
fn a_dead_letter_with_its_retries() {
    let conversation = broken();
    assert_eq!(conversation.outcome(), Outcome::Failed(vec!["loyalty".to_owned()]));
    assert_eq!(conversation.first_failure, Some(7));
    let passage = [passed(2, "payment", "passed"), passed(5, "loyalty", "passed")];
    insta::assert_snapshot!(draw(&conversation, &[12], &passage), @r#"
        conversation of 10 events over 4.00 s · started 2025-11-20 10:41:07.120 UTC by order.placed   ✗ FAILED at loyalty

          ● order.placed          orders/0/1           10:41:07.120  root
          └─● order.confirmed     orders/0/2           +0.21 s       causation id
            ├─● payment.taken     payments/0/3         +0.48 s       causation id
            ├─● points.requested  loyalty/0/5          +0.50 s       parent span  ✗ failed in loyalty
            │ ├─↻ retry 1, 2, 3   loyalty-retry/0/7…9  +0.90 s, +1.90 s, +3.90 s  failure coordinates  failed in group loyalty
            │ │     also caused by orders/0/2 (causation id)
            │ └─✗ dead letter     loyalty.dlt/0/12     +4.00 s       failure coordinates  given up by group loyalty after 4 attempts  ◀ asked for
            │       AccountMissing: no account for customer 9
            └─● kitchen.accepted  kitchen/0/4          +0.51 s       causation id
              └╌● pizza.boxed     kitchen/0/6          +1.90 s       trace order, 0.97 (inferred)

          failures (1):
          ✗ points.requested loyalty/0/5
              group   loyalty (named by the record)
              state   dead, unattended
              attempt 1               10:41:08.020                loyalty-retry/0/7
                AccountMissing: no account for customer 9
              attempt 2               10:41:09.020  after 1.00 s  loyalty-retry/0/8
              attempt 3               10:41:11.020  after 2.00 s  loyalty-retry/0/9
              dead letter, attempt 4  10:41:11.120  after 0.10 s  loyalty.dlt/0/12

          failed   first on points.requested loyalty/0/5 in group loyalty, 0.90 s after the start
          groups   loyalty ✗ gave up  payment ✓ passed
          path     4.00 s in 3 hops: order.placed → order.confirmed +0.21 s → points.requested +0.29 s → dead letter +3.50 s
          seen     99.96 % of offsets in 1 partition of 1 topic; not seen: 4 aborted (these hold no events)
        "#);
}

#[test]
fn an_orphan_and_an_event_that_waits_are_not_linked() {
    let (mut nodes, edges) = order();
    let named = |reference, resolution: &str, reason: Option<&str>| TraceNode {
        orphan_reason: reason.map(str::to_owned),
        ..node(reference, "mail.sent", resolution, reference * 100)
    };
    nodes.push(named(21, "orphaned", Some("never_seen")));
    nodes.push(named(22, "waiting", Some("barrier_blocked")));
    nodes.push(node(23, "audit.written", "unlinked", 2500));
    let conversation = Conversation::new(nodes, edges, Vec::new());
    assert_eq!(conversation.outcome(), Outcome::Orphaned(1));
    insta::assert_snapshot!(draw(&conversation, &[], &[]), @r#"
        conversation of 9 events over 2.50 s · started 2025-11-20 10:41:07.120 UTC by order.placed   ? 1 ORPHANED, no failure seen

          ● order.placed          orders/0/1    10:41:07.120  root
          └─● order.confirmed     orders/0/2    +0.21 s       causation id
            ├─● payment.taken     payments/0/3  +0.48 s       causation id
            ├─● points.requested  loyalty/0/5   +0.50 s       parent span
            └─● kitchen.accepted  kitchen/0/4   +0.51 s       causation id
              └╌● pizza.boxed     kitchen/0/6   +1.90 s       trace order, 0.97 (inferred)

          not linked to the root (3):
          ? mail.sent      orders/0/21  +2.10 s  ? orphaned: never seen
          … mail.sent      orders/0/22  +2.20 s  … waiting for the cause it names (barrier blocked)
          ○ audit.written  orders/0/23  +2.50 s  names no cause

          groups   no consumer group was seen on these topics
          path     1.90 s in 3 hops: order.placed → order.confirmed +0.21 s → kitchen.accepted +0.30 s → pizza.boxed +1.39 s
          seen     99.96 % of offsets in 1 partition of 1 topic; not seen: 4 aborted (these hold no events)
        "#);
}

#[test]
fn a_dead_letter_whose_origin_was_concluded() {
    let mut bare = failure(12, "dead_letter", "dead", None);
    bare.origin_evidence = Some("same_value".to_owned());
    bare.origin_confidence = Some(0.9);
    let letter =
        TraceNode { kind: "dead_letter".into(), ..on("loyalty.dlt", node(12, "points.requested", "inferred", 0)) };
    let drawn = draw(&Conversation::new(vec![letter], Vec::new(), vec![bare]), &[12], &[]);
    assert!(drawn.contains("may repeat loyalty/0/5: same value, 0.90 (inferred)\n"), "{drawn}");
    assert!(!drawn.contains("names loyalty"), "{drawn}");
}

#[test]
fn a_dead_letter_whose_origin_was_not_seen() {
    let mut lost = failure(12, "dead_letter", "dead", None);
    lost.origin = None;
    lost.orphan_reason = Some("retention".to_owned());
    lost.consumer_group = None;
    lost.candidate_groups = vec!["loyalty".to_owned(), "mailer".to_owned()];
    let letter = TraceNode {
        kind: "dead_letter".into(),
        orphan_reason: Some("retention".into()),
        ..on("loyalty.dlt", node(12, "points.requested", "orphaned", 0))
    };
    let conversation = Conversation::new(vec![letter], Vec::new(), vec![lost]);
    insta::assert_snapshot!(draw(&conversation, &[12], &[]), @r#"
        conversation of 1 event over 0 ms · started 2025-11-20 10:41:07.120 UTC root not known, earliest points.requested   ✗ FAILED at loyalty or mailer

          ✗ dead letter  loyalty.dlt/0/12  10:41:07.120  ? orphaned: retention  given up by group loyalty or mailer  ◀ asked for
              names loyalty/0/5 as the record that failed, which was not seen
              AccountMissing: no account for customer 9

          failures (1):
          ✗ loyalty/0/5, which was not seen
              group   one of: loyalty, mailer
              state   dead, unattended
              way     orphaned: retention
              dead letter  10:41:07.120    loyalty.dlt/0/12
                AccountMissing: no account for customer 9

          failed   first seen as loyalty.dlt/0/12 in group loyalty or mailer, 0 ms after the start
          groups   loyalty or mailer ✗ gave up
          seen     no partition of these was read
          root     not known: no event of this conversation says that it is the first
        "#);
}

#[test]
fn a_circle_is_cut_at_its_earliest_event_and_said() {
    let nodes = (1..=4).map(|n| node(n, "ping", "caused", n * 10)).collect();
    let edges =
        vec![edge(1, 2, "reply"), edge(2, 3, "reply"), edge(3, 1, "reply"), edge(3, 4, "reply"), edge(4, 4, "reply")];
    let conversation = Conversation::new(nodes, edges, Vec::new());
    assert_eq!(conversation.roots, [0]);
    assert!(conversation.detached.is_empty());
    insta::assert_snapshot!(draw(&conversation, &[], &[]), @r#"
        conversation of 4 events over 30 ms · started 2025-11-20 10:41:07.130 UTC root not known, earliest ping   ✓ no failure seen

          ● ping        orders/0/1  10:41:07.130
          │   circle cut here: reply names orders/0/3, which it caused itself
          └─● ping      orders/0/2  +10 ms        reply
            └─● ping    orders/0/3  +20 ms        reply
              └─● ping  orders/0/4  +30 ms        reply
                    circle cut here: reply names orders/0/4, which it caused itself

          groups   no consumer group was seen on these topics
          path     30 ms in 3 hops: ping → ping +10 ms → ping +10 ms → ping +10 ms
          cycle    orders/0/1 → orders/0/2 → orders/0/3 → orders/0/1: each is named as a cause of the next
          cycle    orders/0/4 → orders/0/4: names itself as its cause
          seen     99.96 % of offsets in 1 partition of 1 topic; not seen: 4 aborted (these hold no events)
          root     not known: no event of this conversation says that it is the first
        "#);
}

#[test]
fn hostile_and_wide_text_stays_in_its_columns() {
    let nodes = vec![
        node(1, "注文が入りました", "root", 0),
        on("bestellungen-für-große-küchen", node(2, "\u{1b}[2J\u{202e}evil\r\n", "caused", 5)),
        node(3, &"x".repeat(500), "caused", -20),
    ];
    let edges = vec![edge(1, 2, "causation_id"), edge(1, 3, "causation_id")];
    let mut bad = failure(2, "fault", "dead", None);
    bad.error_message = Some(format!("\u{1b}]0;owned\u{7}{}", "y".repeat(5_000)));
    let drawn = draw(&Conversation::new(nodes, edges, vec![bad]), &[], &[]);
    assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
    assert!(!drawn.contains('\u{202e}'));
    insta::assert_snapshot!(drawn, @r#"
        conversation of 3 events over 25 ms · started 2025-11-20 10:41:07.120 UTC by 注文が入りました   ✗ FAILED at loyalty

          ● 注文が入りました                                      orders/0/1                         10:41:07.120  root
          ├─● xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  orders/0/3                         -20 ms        causation id
          └─✗ �[2J�evil                                           bestellungen-für-große-küchen/0/2  +5 ms         causation id  fault in group loyalty
                names loyalty/0/5 as the record that failed, which was not seen
                AccountMissing: �]0;owned�yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…

          failures (1):
          ✗ loyalty/0/5, which was not seen
              group   loyalty (named by the record)
              state   dead
              fault  10:41:07.120    bestellungen-für-große-küchen/0/2
                AccountMissing: �]0;owned�yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…

          failed   first seen as bestellungen-für-große-küchen/0/2 in group loyalty, 5 ms after the start
          groups   loyalty ✗ gave up
          seen     99.96 % of offsets in 1 partition of 1 topic; not seen: 4 aborted (these hold no events)
        "#);
}

#[test]
fn retries_that_cause_each_other_fold_without_a_circle() {
    // Each retry names the one before, and an event in between names both.
    let retry = |n: i64| TraceNode { kind: "retry".into(), ..node(n, "t", "caused", n) };
    let nodes = vec![node(1, "a", "root", 0), retry(2), node(3, "b", "caused", 3), retry(4), retry(7)];
    let edges = vec![
        edge(1, 4, "causation_id"),
        edge(4, 3, "causation_id"),
        edge(3, 2, "causation_id"),
        edge(2, 7, "causation_id"),
    ];
    let failures = [2, 4, 7].map(|n| failure(n, "retry", "retrying", Some(n))).to_vec();
    let conversation = Conversation::new(nodes, edges, failures);
    assert_eq!(conversation.branches.len(), 3);
    let drawn = draw(&conversation, &[], &[]);
    assert!(drawn.contains("retry 2, 4, 7"), "{drawn}");
    assert!(drawn.contains("RETRYING at loyalty"), "{drawn}");
}

/// Every event stands in exactly one branch, and every branch is reached from a root or a detached top.
fn is_a_forest(conversation: &Conversation) {
    let mut events: Vec<usize> = conversation.branches.iter().flat_map(|b| &b.events).map(|at| at.index()).collect();
    events.sort_unstable();
    assert_eq!(events, (0..conversation.graph.node_count()).collect::<Vec<_>>());
    let mut seen = vec![false; conversation.branches.len()];
    let mut stack: Vec<usize> = conversation.roots.iter().chain(&conversation.detached).copied().collect();
    while let Some(at) = stack.pop() {
        assert!(!std::mem::replace(&mut seen[at], true), "branch {at} is drawn twice");
        stack.extend(&conversation.branches[at].children);
    }
    assert!(seen.into_iter().all(|seen| seen));
}

#[test]
fn any_edges_make_a_forest() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let n = random.i64(1..30);
        let nodes: Vec<_> = (0..n)
            .map(|r| node(r, "t", random.choice(["root", "caused", "orphaned"]).unwrap(), random.i64(0..50)))
            .collect();
        let edges = (0..random.i64(0..60))
            .map(|_| {
                edge(
                    random.i64(0..n + 2),
                    random.i64(0..n),
                    random.choice(["reply", "causation_id", "trace_order"]).unwrap(),
                )
            })
            .collect();
        let failures = (0..random.i64(0..10)).map(|_| {
            let kind = if random.bool() { "retry" } else { "dead_letter" };
            let mut failure = failure(random.i64(0..n), kind, "dead", None);
            failure.origin = Some(random.i64(0..3));
            failure
        });
        let failures = failures.collect();
        let conversation = Conversation::new(nodes, edges, failures);
        println!("seed {seed}");
        is_a_forest(&conversation);
        assert!(!draw(&conversation, &[0], &[]).is_empty());
    }
}

#[test]
fn large_conversations_are_summarised_in_time_and_without_recursion() {
    const N: i64 = 100_000;
    type Parent = fn(i64) -> i64;
    let shapes: [(&str, Parent); 3] = [("chain", |n| n - 1), ("star", |_| 0), ("tree", |n| (n - 1) / 3)];
    for (shape, parent) in shapes {
        let nodes = (0..N).map(|n| node(n, "step", if n == 0 { "root" } else { "caused" }, n)).collect();
        let edges = (1..N).map(|n| edge(parent(n), n, "causation_id")).collect();
        let letter = failure(N - 5, "dead_letter", "dead", Some(1));
        let conversation = Conversation::new(nodes, edges, vec![letter]);
        is_a_forest(&conversation);
        let drawn = draw(&conversation, &[N - 9], &[]);
        let lines = drawn.lines().count();
        assert!(lines < 3 * outline::BRANCHES_MAX, "{shape}: {lines} lines");
        assert!(drawn.contains("◀ asked for") && drawn.contains("✗ dead letter"), "{shape}");
        assert!(drawn.contains("of 100,000 lines are summarised above"), "{shape}");
        assert!(drawn.lines().all(|line| line.chars().count() < 400), "{shape}");
    }
}

#[test]
fn many_tops_take_linear_time_too() {
    let nodes = (0..100_000).map(|n| node(n, "lone", if n % 2 == 0 { "root" } else { "unlinked" }, n)).collect();
    let conversation = Conversation::new(nodes, Vec::new(), Vec::new());
    is_a_forest(&conversation);
    assert_eq!((conversation.roots.len(), conversation.detached.len()), (50_000, 50_000));
    assert!(draw(&conversation, &[], &[]).lines().count() < 3 * outline::BRANCHES_MAX);
}

#[test]
fn a_class_is_named_once_and_without_its_package() {
    let what = |class, message| tree::what(class, message).unwrap();
    assert_eq!(what(Some("a.b.Outer$Missing"), Some("no account")), "Missing: no account");
    assert_eq!(what(Some("TimeoutError"), Some("TimeoutError: gateway")), "TimeoutError: gateway");
    assert_eq!(what(Some("java.io.IOException"), None), "IOException");
    assert_eq!(tree::what(None, None), None);
}
