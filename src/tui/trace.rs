//! One conversation as rows that can be walked, opened and closed.

use crate::report::conversation::Conversation;
use crate::report::rows::{CoverageLine, PassageRow, TraceFailure, TraceNode};
use crate::report::skeleton::Group;
use std::collections::{BTreeMap, BTreeSet};

/// Levels whose guide lines are drawn: one bit each. Deeper rows say their level instead.
pub const GUIDES_MAX: usize = 24;

/// The trace that is shown.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The event that was asked for.
    pub asked: i64,
    /// Its conversation.
    pub conversation: Conversation,
    /// How far each group has come on these events.
    pub passage: Vec<PassageRow>,
    /// Coverage of the topics that they lie on.
    pub coverage: Vec<CoverageLine>,
    /// What the events say about themselves, by ref.
    pub identity: BTreeMap<i64, Identity>,
    /// The rows that are drawn.
    pub rows: Vec<Row>,
    /// The selected row.
    pub selected: usize,
    /// Branches whose children are hidden.
    pub collapsed: BTreeSet<usize>,
    /// What is downstream of one event, if that was asked for.
    pub downstream: Option<Downstream>,
    /// The details have the cursor keys.
    pub in_details: bool,
    /// First line of the details that is drawn.
    pub details_top: usize,
    /// Rows were left out of the answer.
    pub cut: bool,
}

/// What an event says about itself, beside its type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: Option<String>,
    /// Its source.
    pub source: Option<String>,
}

/// One drawn row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A branch of the conversation.
    Branch {
        /// Which.
        branch: usize,
        /// Levels above it.
        depth: usize,
        /// For each level above it, whether more of that level follows: bit 0 is the outermost.
        guides: u32,
        /// No sibling follows.
        last: bool,
        /// Branches below it that are hidden.
        hidden: usize,
    },
    /// So many branches without a path to the root follow.
    Detached(usize),
    /// Of a conversation that is too large, what is not drawn follows.
    Summed,
    /// Events that are summed up: which group.
    Group(usize),
}

/// All effects of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downstream {
    /// The event.
    pub from: i64,
    /// Branches that hold an effect of it.
    pub branches: BTreeSet<usize>,
    /// Effects.
    pub events: usize,
    /// Of these, failure records.
    pub failures: usize,
    /// Topics that they lie on.
    pub topics: usize,
    /// The conversation is summed up: only the effects that are shown are marked and counted.
    pub partly: bool,
}

impl Trace {
    /// The branch under the cursor.
    pub fn branch(&self) -> Option<usize> {
        match self.rows.get(self.selected) {
            Some(Row::Branch { branch, .. }) => Some(*branch),
            _ => None,
        }
    }

    /// The event under the cursor: the last of a folded branch.
    pub fn event(&self) -> Option<&TraceNode> {
        let branch = &self.conversation.branches[self.branch()?];
        branch.events.last().map(|&event| &self.conversation.graph[event])
    }

    /// The group under the cursor.
    pub fn group(&self) -> Option<&Group> {
        match self.rows.get(self.selected) {
            Some(Row::Group(at)) => self.conversation.summed.as_ref()?.groups.get(*at),
            _ => None,
        }
    }

    /// What failed at the event, if anything did.
    pub fn failure(&self, reference: i64) -> Option<&TraceFailure> {
        self.conversation.failures.get(&reference).and_then(|all| all.first())
    }

    /// The branch that holds the event.
    pub fn branch_of(&self, reference: i64) -> Option<usize> {
        let holds = |at: &usize| {
            let events = &self.conversation.branches[*at].events;
            events.iter().any(|&event| self.conversation.graph[event].reference == reference)
        };
        (0..self.conversation.branches.len()).find(holds)
    }

    /// Puts the cursor on the branch, and opens whatever hides it.
    pub fn select(&mut self, branch: usize) {
        let mut above = self.conversation.branches[branch].parent;
        while let Some(at) = above {
            self.collapsed.remove(&at);
            above = self.conversation.branches[at].parent;
        }
        self.lay_out();
        self.selected = self.place(branch).unwrap_or(0);
        self.details_top = 0;
    }

    /// To the root of what is selected.
    pub fn to_root(&mut self) {
        let Some(mut at) = self.branch() else { return };
        while let Some(parent) = self.conversation.branches[at].parent {
            at = parent;
        }
        self.select(at);
    }

    /// Hides what is below the cursor; where nothing is open below, goes up to the cause.
    pub fn collapse(&mut self) {
        let Some(at) = self.branch() else { return };
        let branch = &self.conversation.branches[at];
        if !branch.children.is_empty() && self.collapsed.insert(at) {
            self.lay_out();
        } else if let Some(parent) = branch.parent {
            self.select(parent);
        }
    }

    /// Shows what is below the cursor; where it is open, goes down into it.
    pub fn expand(&mut self) {
        let Some(at) = self.branch() else { return };
        if self.collapsed.remove(&at) {
            self.lay_out();
        } else if !self.conversation.branches[at].children.is_empty() {
            self.step(1);
        }
    }

    /// Moves the cursor by so many rows; rows that hold no event are passed over.
    pub fn step(&mut self, by: i64) {
        let last = self.rows.len().saturating_sub(1);
        let to = (self.selected as i64).saturating_add(by).clamp(0, last as i64) as usize;
        let away = |to: usize| if by < 0 { to.saturating_sub(1) } else { (to + 1).min(last) };
        self.selected = if matches!(self.rows.get(to), Some(Row::Detached(_) | Row::Summed)) { away(to) } else { to };
        self.details_top = 0;
    }

    /// Marks and counts all effects of the event under the cursor; once more takes the marks away.
    pub fn mark_downstream(&mut self) {
        let Some(from) = self.event().map(|event| event.reference) else { return };
        if self.downstream.take().is_some_and(|known| known.from == from) {
            return;
        }
        self.downstream = self.downstream_of(from);
    }

    /// All effects of `from`, by every cause that is known, not only by those that are drawn.
    fn downstream_of(&self, from: i64) -> Option<Downstream> {
        let graph = &self.conversation.graph;
        let branch = &self.conversation.branches[self.branch_of(from)?];
        // A folded branch stands for all its events: what one of them caused is below the row.
        let mut stack: Vec<_> = branch.events.clone();
        let own: BTreeSet<_> = stack.iter().copied().collect();
        let mut effects = BTreeSet::new();
        while let Some(at) = stack.pop() {
            stack.extend(graph.neighbors(at).filter(|effect| !own.contains(effect) && effects.insert(*effect)));
        }
        let failed = effects.iter().filter(|&&at| self.conversation.failures.contains_key(&graph[at].reference));
        let failures = failed.count();
        let topics: BTreeSet<&str> = effects.iter().map(|&at| graph[at].topic.as_str()).collect();
        let branches = self.conversation.branches.iter().enumerate();
        let branches = branches.filter(|(_, b)| b.events.iter().any(|e| effects.contains(e))).map(|(at, _)| at);
        let partly = self.conversation.summed.is_some();
        let (events, topics) = (effects.len(), topics.len());
        Some(Downstream { from, branches: branches.collect(), events, failures, topics, partly })
    }

    /// Takes over where a former picture of the same conversation stood.
    pub fn resume(&mut self, former: &Self) {
        let head = |at: usize| former.conversation.head(at).reference;
        let collapsed: Vec<i64> = former.collapsed.iter().map(|&at| head(at)).collect();
        self.collapsed = collapsed.into_iter().filter_map(|reference| self.branch_of(reference)).collect();
        self.in_details = former.in_details;
        self.downstream = former.downstream.as_ref().and_then(|known| self.downstream_of(known.from));
        self.lay_out();
        if let Some(at) = former.branch().and_then(|at| self.branch_of(head(at))) {
            self.selected = self.place(at).unwrap_or(self.selected);
        }
        self.details_top = former.details_top;
    }

    fn place(&self, branch: usize) -> Option<usize> {
        self.rows.iter().position(|row| matches!(row, Row::Branch { branch: at, .. } if *at == branch))
    }

    /// Makes the rows anew. Takes time linear in branches, and recurses nowhere.
    pub fn lay_out(&mut self) {
        let kept = self.branch();
        let mut rows = Vec::new();
        self.unroll(&self.conversation.roots, &mut rows);
        if !self.conversation.detached.is_empty() {
            rows.push(Row::Detached(self.conversation.detached.len()));
            self.unroll(&self.conversation.detached, &mut rows);
        }
        if let Some(summed) = &self.conversation.summed {
            rows.push(Row::Summed);
            rows.extend((0..summed.groups.len()).map(Row::Group));
        }
        self.rows = rows;
        let at = kept.and_then(|branch| self.place(branch)).unwrap_or(self.selected);
        self.selected = at.min(self.rows.len().saturating_sub(1));
    }

    fn unroll(&self, tops: &[usize], rows: &mut Vec<Row>) {
        let mut stack: Vec<(usize, usize, u32, bool)> = tops.iter().rev().map(|&top| (top, 0, 0, true)).collect();
        while let Some((branch, depth, guides, last)) = stack.pop() {
            let children = &self.conversation.branches[branch].children;
            let closed = self.collapsed.contains(&branch);
            let hidden = if closed { self.below(branch) } else { 0 };
            rows.push(Row::Branch { branch, depth, guides, last, hidden });
            if closed {
                continue;
            }
            // The top level has no guide: its rows begin at the edge.
            let own = if depth > 0 && depth <= GUIDES_MAX && !last { 1 << (depth - 1) } else { 0 };
            let end = children.len().saturating_sub(1);
            let inner = children.iter().enumerate().rev();
            stack.extend(inner.map(|(n, &child)| (child, depth + 1, guides | own, n == end)));
        }
    }

    /// Branches below one.
    fn below(&self, branch: usize) -> usize {
        let mut count = 0;
        let mut stack: Vec<usize> = self.conversation.branches[branch].children.clone();
        while let Some(at) = stack.pop() {
            count += 1;
            stack.extend(&self.conversation.branches[at].children);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_cursor_starts_at_the_event_that_was_asked_for_and_finds_the_root() {
        let mut trace = sample::trace();
        assert_eq!(trace.event().unwrap().reference, trace.asked);
        trace.to_root();
        assert_eq!(trace.event().unwrap().event_type.as_deref(), Some("order.placed"));
        assert_eq!(trace.selected, 0);
    }

    #[test]
    fn what_is_closed_is_counted_and_opens_when_something_in_it_is_selected() {
        let mut trace = sample::trace();
        let all = trace.rows.len();
        trace.to_root();
        trace.collapse();
        assert!(matches!(trace.rows[0], Row::Branch { hidden, .. } if hidden > 3), "{:?}", trace.rows);
        assert!(trace.rows.len() < all);
        let failed = trace.branch_of(trace.asked).unwrap();
        trace.select(failed);
        assert_eq!(trace.rows.len(), all);
        assert_eq!(trace.event().unwrap().reference, trace.asked);
    }

    #[test]
    fn downstream_of_the_root_is_everything_else_that_is_linked() {
        let mut trace = sample::trace();
        trace.to_root();
        trace.mark_downstream();
        let downstream = trace.downstream.clone().unwrap();
        assert_eq!(downstream.events, trace.conversation.graph.node_count() - 1 - trace.conversation.detached.len());
        assert_eq!(downstream.failures, 4);
        trace.mark_downstream();
        assert_eq!(trace.downstream, None);
    }

    #[test]
    fn a_newer_picture_of_the_same_conversation_stands_where_the_former_stood() {
        let mut former = sample::trace();
        former.step(-2);
        former.collapse();
        let mut newer = sample::trace();
        newer.resume(&former);
        assert_eq!((newer.selected, &newer.rows), (former.selected, &former.rows));
    }
}
