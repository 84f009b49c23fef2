//! Which branches of a forest are drawn when there are more than a person reads, and what is said of the rest.

use super::conversation::Conversation;
use std::collections::{BTreeMap, VecDeque};

/// Branches drawn: some screens full. Larger conversations are summarised level by level.
pub(super) const BRANCHES_MAX: usize = 400;
/// Branches with a failure that are drawn wherever they lie.
const FAILURES_MAX: usize = 60;
/// Causes drawn above such a branch before the rest of the way is summarised.
const WAY_MAX: usize = 4;
/// Types named in the summary of what is not drawn.
const TYPES_MAX: usize = 3;

/// One line of the forest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The branch.
    pub branch: usize,
    /// Its depth among what is drawn.
    pub depth: usize,
    /// Lines of its siblings follow.
    pub more_siblings: bool,
    /// Branches between it and the one that it is drawn under.
    pub skipped: usize,
    /// What lies below it and is not drawn.
    pub hidden: Option<Hidden>,
    /// Something is drawn below it.
    pub has_children: bool,
}

/// Branches below one that is drawn, which are not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hidden {
    /// How many.
    pub branches: usize,
    /// The most frequent types among them.
    pub types: Vec<(String, usize)>,
    /// Those of other types.
    pub others: usize,
}

/// The lines below `tops`, parents before children, at most [`BRANCHES_MAX`] in all of `shown`.
pub(super) fn lines(conversation: &Conversation, shown: &[bool], tops: &[usize]) -> Vec<Line> {
    let mut drawn: BTreeMap<usize, Drawn> = BTreeMap::new();
    let mut first: Vec<usize> = Vec::new();
    let mut counts: BTreeMap<usize, BTreeMap<String, usize>> = BTreeMap::new();
    // (branch, nearest drawn above it, branches skipped since)
    let mut stack: Vec<(usize, Option<usize>, usize)> = tops.iter().rev().map(|&top| (top, None, 0)).collect();
    while let Some((at, above, skipped)) = stack.pop() {
        let below = match (shown[at], above) {
            (true, above) => {
                match above {
                    Some(above) => drawn.entry(above).or_default().children.push(at),
                    None => first.push(at),
                }
                drawn.entry(at).or_default().skipped = skipped;
                (Some(at), 0)
            }
            (false, above) => {
                if let Some(above) = above {
                    *counts.entry(above).or_default().entry(name(conversation, at)).or_default() += 1;
                }
                (above, skipped + 1)
            }
        };
        stack.extend(conversation.branches[at].children.iter().rev().map(|&child| (child, below.0, below.1)));
    }
    unroll(&drawn, &first, counts)
}

#[derive(Default)]
struct Drawn {
    children: Vec<usize>,
    skipped: usize,
}

fn unroll(
    drawn: &BTreeMap<usize, Drawn>,
    first: &[usize],
    mut counts: BTreeMap<usize, BTreeMap<String, usize>>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut stack: Vec<(usize, usize, bool)> = first.iter().rev().map(|&top| (top, 0, false)).collect();
    while let Some((branch, depth, more_siblings)) = stack.pop() {
        let Some(here) = drawn.get(&branch) else { continue };
        let hidden = counts.remove(&branch).map(summary);
        let last = here.children.len().saturating_sub(1);
        let children = here.children.iter().enumerate().rev();
        // What is hidden gets a line of its own after the children, so none of them is the last.
        stack.extend(children.map(|(n, &child)| (child, depth + 1, n < last || hidden.is_some())));
        let has_children = !here.children.is_empty();
        lines.push(Line { branch, depth, more_siblings, skipped: here.skipped, hidden, has_children });
    }
    lines
}

fn summary(types: BTreeMap<String, usize>) -> Hidden {
    let branches = types.values().sum();
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let others = types.iter().skip(TYPES_MAX).map(|(_, n)| n).sum();
    types.truncate(TYPES_MAX);
    Hidden { branches, types, others }
}

/// What a person calls the event: its type, else its topic.
pub(super) fn name(conversation: &Conversation, branch: usize) -> String {
    let node = conversation.head(branch);
    node.event_type.clone().unwrap_or_else(|| node.topic.clone())
}

/// Which branches are drawn: all, or the event that was asked for, failures with the last steps of their way, and then
/// level by level from the roots until [`BRANCHES_MAX`] is reached.
pub(super) fn choose(conversation: &Conversation, focus: &[i64]) -> Vec<bool> {
    choose_of(conversation, focus, BRANCHES_MAX)
}

/// As [`choose`], with another bound.
pub(super) fn choose_of(conversation: &Conversation, focus: &[i64], most: usize) -> Vec<bool> {
    let branches = &conversation.branches;
    if branches.len() <= most {
        return vec![true; branches.len()];
    }
    let mut shown = vec![false; branches.len()];
    let mut left = most;
    let mut show = |at: usize, left: &mut usize| {
        if *left > 0 && !shown[at] {
            shown[at] = true;
            *left -= 1;
        }
    };
    let holds = |at: &usize, reference: i64| {
        branches[*at].events.iter().any(|&event| conversation.graph[event].reference == reference)
    };
    let asked = (0..branches.len()).filter(|at| focus.iter().any(|&reference| holds(at, reference)));
    let failed = (0..branches.len()).filter(|&at| {
        let fatal = |reference: i64| conversation.failures.get(&reference).is_some_and(|f| f[0].kind != "retry");
        branches[at].events.iter().any(|&event| fatal(conversation.graph[event].reference))
    });
    for &root in conversation.roots.iter().take(FAILURES_MAX) {
        show(root, &mut left);
    }
    for at in asked.take(FAILURES_MAX).chain(failed.take(FAILURES_MAX)) {
        let way = std::iter::successors(Some(at), |&at| branches[at].parent);
        for at in way.take(WAY_MAX) {
            show(at, &mut left);
        }
    }
    let mut level: VecDeque<usize> = conversation.roots.iter().chain(&conversation.detached).copied().collect();
    while let Some(at) = level.pop_front() {
        show(at, &mut left);
        if left == 0 {
            break;
        }
        level.extend(&branches[at].children);
    }
    shown
}
