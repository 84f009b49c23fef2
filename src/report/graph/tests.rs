use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

struct Plain;

impl Facts<i64, bool> for Plain {
    fn event(&self, event: &i64) -> (i64, Timestamp) {
        (*event, Timestamp(*event * 10))
    }

    fn certain(&self, edge: &bool) -> bool {
        *edge
    }
}

fn graph(nodes: usize, edges: &[(usize, usize)]) -> DiGraph<i64, bool> {
    let mut graph = DiGraph::new();
    (0..nodes as i64).for_each(|node| {
        graph.add_node(node);
    });
    edges.iter().for_each(|&(cause, effect)| {
        graph.add_edge(NodeIndex::new(cause), NodeIndex::new(effect), true);
    });
    graph
}

fn shape(graph: &DiGraph<i64, bool>) -> Shape {
    Shape::of(graph, &Layers::of(graph), &Plain)
}

#[test]
fn a_diamond_has_levels_a_join_and_the_chain_that_ended_last() {
    let mut graph = graph(5, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
    let shape = shape(&graph);
    assert_eq!((shape.levels, shape.widest_level, shape.widest_events, shape.joining), (3, 0, 2, 1));
    let hop = |reference, after_us| Hop { reference, after_us };
    assert_eq!(shape.chain, [hop(0, 0), hop(2, 20), hop(3, 10)], "by way of the later of two causes");
    assert_eq!((shape.hops, shape.chain_us, shape.cycle_count), (2, 30, 0));
    let guessed = graph.find_edge(NodeIndex::new(2), NodeIndex::new(3)).unwrap();
    graph[guessed] = false;
    assert_eq!(
        super::tests::shape(&graph).chain[1].reference,
        1,
        "what records name counts more than what is inferred"
    );
}

#[test]
fn cycles_are_told_and_counted() {
    let shape = shape(&graph(7, &[(0, 1), (1, 2), (2, 3), (3, 1), (2, 1), (4, 4), (5, 6)]));
    assert_eq!((shape.cycle_count, &shape.cycles), (2, &vec![vec![1, 2], vec![4]]));
    assert_eq!(shape.levels, 4);
}

#[test]
fn a_chain_as_long_as_a_conversation_takes_no_stack() {
    let edges: Vec<_> = (1..100_000).map(|n| (n - 1, n)).collect();
    let shape = shape(&graph(100_000, &edges));
    assert_eq!((shape.levels, shape.hops, shape.chain.len()), (100_000, 99_999, CHAIN_MAX));
    assert_eq!(shape.chain_us, 999_990);
    assert_eq!(shape.chain.last().unwrap().reference, 99_999);
    assert_eq!(shape.slowest.iter().map(|hop| hop.reference).collect::<Vec<_>>(), [1, 2, 3]);
}

fn edges() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (1usize..14).prop_flat_map(|nodes| (Just(nodes), prop::collection::vec((0..nodes, 0..nodes), 0..30)))
}

/// Whether a way of at least one edge leads from one event to another.
fn leads(edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut reached = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(at) = stack.pop() {
        stack.extend(edges.iter().filter(|edge| edge.0 == at && reached.insert(edge.1)).map(|edge| edge.1));
    }
    reached.contains(&to)
}

proptest! {
    #[test]
    fn every_graph_has_levels_below_its_causes_and_true_cycles((nodes, edges) in edges()) {
        let graph = graph(nodes, &edges);
        let layers = Layers::of(&graph);
        let shape = Shape::of(&graph, &layers, &Plain);
        for &(cause, effect) in &edges {
            let apart = !leads(&edges, effect, cause);
            prop_assert!(!apart || layers.level[cause] < layers.level[effect], "{} -> {}", cause, effect);
        }
        let on_cycle = |at: usize| leads(&edges, at, at);
        let alike: BTreeSet<BTreeSet<usize>> = (0..nodes)
            .filter(|&at| on_cycle(at))
            .map(|at| (0..nodes).filter(|&o| o == at || leads(&edges, at, o) && leads(&edges, o, at)).collect())
            .collect();
        prop_assert_eq!(shape.cycle_count, alike.len());
        for cycle in &shape.cycles {
            for (n, at) in cycle.iter().enumerate() {
                let next = cycle[(n + 1) % cycle.len()];
                prop_assert!(edges.contains(&(*at as usize, next as usize)), "{:?}", cycle);
            }
        }
        for pair in shape.chain.windows(2) {
            prop_assert!(edges.contains(&(pair[0].reference as usize, pair[1].reference as usize)));
        }
    }
}
