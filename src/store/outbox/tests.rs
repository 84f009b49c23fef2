use super::*;
use crate::event::{
    CauseRow, EventRow, Ordinal, PartitionRow, PassedRange, ProfileRow, Settled, TopicClass, TopicPartition,
};
use crate::store::{Settings, Writer};
use std::path::PathBuf;
use std::sync::Arc;

const WAITING: Resolution = Resolution::Waiting { blocked: false };

/// A database of its own, filled commit by commit.
struct Tape {
    file: PathBuf,
    writer: Option<Writer>,
    next: Changes,
}

impl Tape {
    fn new(name: &str) -> Self {
        let file = std::env::temp_dir().join(format!("headwater-outbox-{name}-{}.duckdb", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let (mut writer, _) = Writer::open(&file, Settings::default()).unwrap();
        writer.fill_outbox(true);
        let place = |ordinal: u32| PartitionRow {
            ordinal: Ordinal(ordinal),
            partition: Arc::new(TopicPartition {
                cluster: "c".into(),
                topic: format!("t{ordinal}").into(),
                topic_id: [0; 16],
                partition: 0,
            }),
            incarnation: 0,
            base: 0,
            class: TopicClass::Business,
        };
        let profile = ProfileRow { profile: 0, content: Default::default() };
        let next = Changes {
            partitions: vec![place(0), place(1)],
            profiles: vec![profile],
            at: Timestamp(1),
            ..Changes::default()
        };
        Self { file, writer: Some(writer), next }
    }

    /// Event `offset` of the first partition.
    fn event(&mut self, offset: i64, resolution: Resolution, conversation: i64) -> &mut Self {
        let row = EventRow {
            reference: EventRef(offset),
            time: Timestamp(offset * 10),
            record_time: Timestamp(offset * 10),
            seen_time: Timestamp(1_000_000 + offset),
            kind: Kind::Event,
            resolution,
            tombstone: false,
            profile: 0,
            producer: None,
            key_hash: None,
            conversation: EventRef(conversation),
            key_bytes: 0,
            value_bytes: 0,
            id: None,
            causation: None,
            correlation: None,
            trace: None,
            texts: None,
            cause: None,
        };
        match resolution {
            WAITING => self.next.pending.push(&row),
            _ => self.next.events.push(&row),
        }
        self
    }

    fn settled(&mut self, offset: i64, resolution: Resolution, conversation: i64) -> &mut Self {
        let conversation = EventRef(conversation);
        self.next.settled.push(Settled { reference: EventRef(offset), resolution, conversation, cause: None });
        self
    }

    fn cause(&mut self, effect: i64, cause: i64) -> &mut Self {
        let evidence = Evidence::CausationId;
        self.next.causes.push(CauseRow { effect: EventRef(effect), cause: EventRef(cause), evidence, confidence: 1.0 });
        self
    }

    fn merged(&mut self, old: i64, current: i64) -> &mut Self {
        self.next.aliases.push((EventRef(old), EventRef(current)));
        self
    }

    fn passed(&mut self, from: i64, to: i64, at: i64, direction: Direction) -> &mut Self {
        self.next.passed.push(PassedRange {
            group: "g".into(),
            ordinal: Ordinal(0),
            from,
            to,
            at: Timestamp(at),
            resolution_ms: 1,
            direction,
            seen_from: Timestamp(i64::MIN),
        });
        self
    }

    fn commit(&mut self) -> &mut Self {
        let changes = std::mem::take(&mut self.next);
        self.writer.as_mut().unwrap().append(changes).unwrap();
        self
    }

    fn all(&self, rows: usize) -> Vec<OutboxEntry> {
        let reader = self.writer.as_ref().unwrap().readers().reader().unwrap();
        let limits = Limits { rows, ..Limits::default() };
        let (mut cursor, mut all) = (OutboxCursor::default(), Vec::new());
        loop {
            let page = reader.outbox(cursor, limits).unwrap();
            assert!(page.entries.len() <= rows);
            all.extend(page.entries);
            if page.next == cursor {
                return all;
            }
            cursor = page.next;
        }
    }

    /// `(event, trace, parent)` of each event that was told.
    fn told(&self) -> Vec<(i64, i64, Option<i64>)> {
        let all = self.all(100);
        let told = all.iter().filter_map(|entry| match &entry.part {
            OutboxPart::Event { parent, .. } => Some((entry.reference.0, entry.seed.0, parent.map(|p| p.0))),
            _ => None,
        });
        told.collect()
    }

    /// `(event, end of the bracket)` of each passage that was told.
    fn passes(&self) -> Vec<(i64, i64)> {
        let all = self.all(3);
        let told = all.iter().filter_map(|entry| match &entry.part {
            OutboxPart::Pass { not_after, .. } => Some((entry.reference.0, not_after.0)),
            _ => None,
        });
        told.collect()
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        drop(self.writer.take());
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(self.file.with_extension("duckdb.wal"));
    }
}

#[test]
fn a_chain_is_one_trace_across_commits() {
    let mut tape = Tape::new("chain");
    tape.event(5, Resolution::Root, 5).commit();
    tape.event(7, Resolution::Caused, 5).cause(7, 5).event(8, Resolution::Caused, 5).cause(8, 7).commit();
    assert_eq!(tape.told(), [(5, 5, None), (7, 5, Some(5)), (8, 5, Some(7))]);
}

#[test]
fn a_settled_event_waits_for_the_waiting_one_above_it() {
    let mut tape = Tape::new("held");
    tape.event(7, WAITING, 7).event(8, Resolution::Caused, 7).cause(8, 7).commit();
    tape.event(9, Resolution::Caused, 7).cause(9, 8).commit();
    assert_eq!(tape.told(), []);
    tape.event(5, Resolution::Root, 5).settled(7, Resolution::Caused, 5).cause(7, 5).merged(7, 5).commit();
    assert_eq!(tape.told(), [(5, 5, None), (7, 5, Some(5)), (8, 5, Some(7)), (9, 5, Some(8))]);
}

#[test]
fn a_trace_outlives_the_id_of_its_conversation() {
    let mut tape = Tape::new("seed");
    tape.event(7, Resolution::Root, 7).commit();
    // A smaller member gives the conversation its id; then a yet smaller one, twice within one commit.
    tape.event(5, Resolution::Root, 5).merged(7, 5).commit();
    tape.event(3, Resolution::Root, 3).merged(5, 4).merged(4, 3).commit();
    tape.event(9, Resolution::Unlinked, 3).commit();
    let traces: Vec<_> = tape.told().into_iter().map(|(event, trace, _)| (event, trace)).collect();
    assert_eq!(traces, [(7, 7), (5, 7), (3, 7), (9, 7)]);
}

#[test]
fn two_traces_that_meet_stay_two_and_are_linked() {
    let mut tape = Tape::new("meet");
    tape.event(5, Resolution::Root, 5).event(7, Resolution::Orphaned(OrphanReason::NeverSeen), 7).commit();
    tape.event(8, Resolution::Caused, 7).cause(8, 7).commit();
    // The cause came after all: the orphan's own span is out already.
    tape.next.retracted.push(Settled {
        reference: EventRef(7),
        resolution: Resolution::Caused,
        conversation: EventRef(5),
        cause: None,
    });
    tape.event(6, Resolution::Caused, 5).cause(6, 5).cause(7, 6).merged(7, 5).commit();
    tape.event(9, Resolution::Caused, 5).cause(9, 8).commit();
    let told = tape.told();
    assert_eq!(told, [(5, 5, None), (7, 7, None), (8, 7, Some(7)), (6, 5, Some(5)), (9, 7, Some(8))]);
    let late: Vec<_> = tape.all(100).into_iter().filter(|entry| entry.part == OutboxPart::LateCause).collect();
    assert_eq!(late.len(), 1);
    assert_eq!((late[0].reference.0, late[0].seed.0), (7, 7));
    assert_eq!(late[0].links.len(), 1);
    assert_eq!((late[0].links[0].cause.0, late[0].links[0].seed), (6, Some(EventRef(5))));
}

#[test]
fn what_was_settled_before_is_linked_and_never_a_parent() {
    let mut tape = Tape::new("before");
    tape.writer.as_mut().unwrap().fill_outbox(false);
    tape.event(5, Resolution::Root, 5).commit();
    tape.writer.as_mut().unwrap().fill_outbox(true);
    tape.event(7, Resolution::Caused, 5).cause(7, 5).commit();
    assert_eq!(tape.told(), [(7, 5, None)]);
    let links = &tape.all(100)[0].links;
    assert_eq!(links.iter().map(|link| (link.cause.0, link.seed)).collect::<Vec<_>>(), [(5, None)]);
}

#[test]
fn a_circle_has_no_parents() {
    let mut tape = Tape::new("circle");
    let caused = Resolution::Caused;
    tape.event(5, caused, 5).event(6, caused, 5).cause(5, 6).cause(6, 5).event(7, caused, 5).cause(7, 7).commit();
    let mut told = tape.told();
    told.sort_unstable();
    assert_eq!(told, [(5, 5, None), (6, 5, None), (7, 5, None)]);
    assert!(tape.all(100).iter().all(|entry| entry.links.len() == 1));
}

#[test]
fn each_group_passes_each_event_once_however_it_rewinds_and_however_late_the_event_settles() {
    let mut tape = Tape::new("passes");
    tape.event(5, Resolution::Root, 5).event(6, WAITING, 6).event(7, Resolution::Root, 7);
    tape.passed(5, 7, 100, Direction::Forward).commit();
    assert_eq!(tape.passes(), [(5, 100)]);
    tape.passed(7, 8, 200, Direction::Forward).commit();
    tape.passed(5, 8, 300, Direction::Back).commit();
    tape.event(8, Resolution::Root, 8).passed(5, 9, 400, Direction::Forward).commit();
    assert_eq!(tape.passes(), [(5, 100), (7, 200), (8, 400)]);
    tape.settled(6, Resolution::Orphaned(OrphanReason::NeverSeen), 6).commit();
    assert_eq!(tape.passes(), [(5, 100), (7, 200), (8, 400), (6, 100)]);
}

#[test]
fn pages_of_any_size_tell_the_same() {
    let mut tape = Tape::new("pages");
    for offset in 5..40 {
        tape.event(offset, Resolution::Root, offset);
        if offset % 7 == 0 {
            tape.passed(offset - 6, offset + 1, offset * 100, Direction::Forward).commit();
        }
    }
    tape.commit();
    let whole = tape.all(1000);
    assert_eq!(whole.len(), 35 + 31, "each event, and each that was passed");
    for rows in [1, 2, 3, 7, 20] {
        assert_eq!(tape.all(rows), whole, "pages of {rows}");
    }
}

#[test]
fn the_cursor_is_kept() {
    let mut tape = Tape::new("cursor");
    tape.event(5, Resolution::Root, 5).commit();
    tape.next.sent = Some(OutboxCursor { seq: 1, reference: 5 });
    tape.commit();
    let state = tape.writer.as_ref().unwrap().readers().reader().unwrap().outbox_state(Limits::default()).unwrap();
    assert_eq!((state.sent, state.last_seq), (OutboxCursor { seq: 1, reference: 5 }, 1));
}
