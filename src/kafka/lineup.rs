//! The partitions that one broker connection reads, and what its fetch session knows of them.

use super::batch::{Front, RecordBatch, Run, Unread};
use super::clock;
use super::error::code;
use super::fetch::{self, Answer, Divergence, FETCH_BYTES, Part, Request, SessionMark, Wanted};
use crate::event::{Start, TopicPartition};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One partition while it is read. It moves between threads with its next offset, so it is always read by one only.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) partition: Arc<TopicPartition>,
    pub(super) leader_epoch: i32,
    /// The offset that is asked for next.
    pub(super) next: i64,
    /// The leader epochs of what was read last.
    pub(super) epochs: Epochs,
    /// Read at its leader until then, however near other replicas are: one of them failed.
    pub(super) stays: Option<Instant>,
    /// Read from a follower of its leader.
    pub(super) follower: bool,
    /// Still to be told to the sink: reading begins.
    pub(super) begins: Option<Start>,
    /// Still to be told to the sink: retention took these before they could be read.
    pub(super) lost: Range<i64>,
}

/// Leader epochs of what was read of a partition, each with the offset from which on its batches came.
#[derive(Debug, Clone, Default)]
pub(super) struct Epochs(VecDeque<(i32, i64)>);

/// Epochs that are remembered per partition. More leaders than that do not lose their logs between two fetches.
const EPOCHS_KEPT: usize = 8;

impl Epochs {
    /// That of the last batch; -1 when it is not known.
    pub(super) fn last(&self) -> i32 {
        self.0.back().map_or(-1, |&(epoch, _)| epoch)
    }

    /// A batch of `epoch` was read at `offset`. The field is not under the checksum: what goes back is not believed.
    fn note(&mut self, epoch: i32, offset: i64) {
        if epoch > self.last() {
            self.0.push_back((epoch, offset));
            if self.0.len() > EPOCHS_KEPT {
                self.0.pop_front();
            }
        }
    }

    /// The offset from which on the log no longer holds what was read; it is forgotten from there on.
    fn part(&mut self, from: Divergence, next: i64) -> i64 {
        let newer = self.0.iter().find(|(epoch, _)| *epoch > from.epoch).map_or(next, |&(_, start)| start);
        let cut = from.end_offset.min(newer).min(next);
        self.0.retain(|&(epoch, start)| epoch <= from.epoch && start < cut);
        cut
    }

    /// Forgets all: a broker that does not know them refuses every offset.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Why a partition is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// Its leader, epoch or id is another one now, or may be.
    Moved,
    /// Its next offset is not in the log.
    OutOfRange,
    /// The tap may not read it.
    Refused,
    /// Its leader names a nearer replica.
    Nearer(i32),
}

/// A run of offsets of one partition of the lineup.
pub(super) struct Piece<'a> {
    pub(super) at: usize,
    pub(super) run: Run<'a>,
}

/// What one answer brought.
#[derive(Default)]
pub(super) struct Absorbed<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) errors: u64,
    /// Bytes of partitions that are read from a follower.
    pub(super) follower_bytes: u64,
    /// Records came, and no partition got any further.
    pub(super) stuck: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// The next request names all partitions and asks for a session.
    Asked,
    /// The broker keeps the list; requests name what changed.
    Open(SessionMark),
    /// The broker keeps no session.
    Without,
}

struct Seat {
    reading: Reading,
    /// The position that the session knows.
    told: Option<i64>,
    leaving: Option<Departure>,
}

impl Seat {
    /// An unclean election took back what was read: reading begins anew where the log parts from it.
    fn cut(&mut self, from: Divergence, log_start: i64) {
        let reading = &mut self.reading;
        // No election since the last batch, so that none has cut the log: this is another topic of the same name.
        let again = !reading.partition.has_topic_id() && reading.leader_epoch <= reading.epochs.last();
        let position = if again {
            reading.epochs.clear();
            tracing::info!(partition = %reading.partition, "the topic was created again, reading begins anew");
            log_start
        } else {
            let position = reading.epochs.part(from, reading.next).max(log_start);
            tracing::warn!(
                partition = %reading.partition,
                read_to = reading.next,
                cut_at = position,
                "the log was cut by an unclean election: what was read from there on is counted as truncated"
            );
            position
        };
        let partition = Arc::clone(&reading.partition);
        reading.next = position;
        reading.begins = Some(Start { partition, log_start, position, cut: true });
        self.leaving.get_or_insert(Departure::Moved);
    }
}

/// See the module.
pub(super) struct Lineup {
    version: i16,
    seats: Vec<Seat>,
    index: HashMap<Box<[u8]>, HashMap<i32, usize>>,
    session: Session,
    forgotten: Vec<Arc<TopicPartition>>,
    /// Which partition comes first, as long as the broker does not rotate them itself.
    first: usize,
    behind: bool,
    /// Where the tap stands; empty where it does not say.
    rack: String,
}

impl Lineup {
    pub(super) fn new() -> Self {
        Self {
            version: fetch::LEAST,
            seats: Vec::new(),
            index: HashMap::new(),
            session: Session::Asked,
            forgotten: Vec::new(),
            first: 0,
            behind: true,
            rack: String::new(),
        }
    }

    /// Tells leaders where the tap stands, so that they name nearer replicas.
    pub(super) fn stand_in(&mut self, rack: &str) {
        rack.clone_into(&mut self.rack);
    }

    /// What a request says of the rack: nothing while a partition shall stay with its leader, for one word holds for all.
    fn rack(&self) -> &str {
        let stays = |seat: &Seat| seat.reading.stays.is_some_and(|until| clock::now() < until);
        if self.rack.is_empty() || self.seats.iter().any(stays) { "" } else { &self.rack }
    }

    /// A new connection, which speaks `version`: no session, and everything is told again.
    pub(super) fn reconnect(&mut self, version: i16) {
        self.version = version;
        self.restart_session();
        self.reindex();
    }

    fn restart_session(&mut self) {
        self.session = Session::Asked;
        self.forgotten.clear();
        self.seats.iter_mut().for_each(|seat| seat.told = None);
    }

    /// Whether all its topics have an id, so that they can be asked for by it.
    pub(super) fn has_topic_ids(&self) -> bool {
        self.seats.iter().all(|seat| seat.reading.partition.has_topic_id())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(super) fn partition(&self, at: usize) -> &Arc<TopicPartition> {
        &self.seats[at].reading.partition
    }

    pub(super) fn adopt(&mut self, readings: Vec<Reading>) {
        if readings.is_empty() {
            return;
        }
        for reading in readings {
            self.forgotten.retain(|known| *known != reading.partition);
            self.seats.push(Seat { reading, told: None, leaving: None });
        }
        // The request groups neighbours by topic.
        self.seats.sort_by(|a, b| a.reading.partition.cmp(&b.reading.partition));
        self.behind = true;
        self.reindex();
    }

    fn find(&self, topic: &[u8], partition: i32) -> Option<usize> {
        self.index.get(topic)?.get(&partition).copied()
    }

    /// Marks a partition as leaving.
    pub(super) fn release(&mut self, partition: &TopicPartition) {
        if let Some(at) = self.find(fetch::topic_key(partition, self.version), partition.partition) {
            self.seats[at].leaving.get_or_insert(Departure::Moved);
        }
    }

    pub(super) fn someone_leaves(&self) -> bool {
        self.seats.iter().any(|seat| seat.leaving.is_some())
    }

    /// Takes out the partitions that leave.
    pub(super) fn departures(&mut self) -> Vec<(Reading, Departure)> {
        let mut departed = Vec::new();
        let (leaving, staying): (Vec<Seat>, Vec<Seat>) =
            std::mem::take(&mut self.seats).into_iter().partition(|seat| seat.leaving.is_some());
        self.seats = staying;
        for Seat { reading, told, leaving } in leaving {
            if told.is_some() {
                self.forgotten.push(Arc::clone(&reading.partition));
            }
            departed.push((reading, leaving.unwrap_or(Departure::Moved)));
        }
        self.reindex();
        departed
    }

    fn reindex(&mut self) {
        self.index.clear();
        for (at, seat) in self.seats.iter().enumerate() {
            let key = fetch::topic_key(&seat.reading.partition, self.version);
            let of_topic = match self.index.get_mut(key) {
                Some(of_topic) => of_topic,
                None => self.index.entry(key.into()).or_default(),
            };
            of_topic.insert(seat.reading.partition.partition, at);
        }
    }

    /// Writes the next request into `out`.
    pub(super) fn write_request(&mut self, correlation: i32, max_wait: Duration, max_bytes: i32, out: &mut Vec<u8>) {
        let session = match self.session {
            Session::Asked => SessionMark { id: 0, epoch: 0 },
            Session::Open(mark) => mark,
            Session::Without => SessionMark { id: 0, epoch: -1 },
        };
        let incremental = matches!(self.session, Session::Open(_));
        if !incremental {
            self.forgotten.clear();
            self.first = (self.first + 1) % self.seats.len().max(1);
        }
        let first = if incremental { 0 } else { self.first };
        let (behind_first, from_first) = self.seats.split_at(first.min(self.seats.len()));
        let wanted: Vec<Wanted<'_>> = from_first
            .iter()
            .chain(behind_first)
            .filter(|seat| !incremental || seat.told != Some(seat.reading.next))
            .map(|seat| Wanted {
                partition: &seat.reading.partition,
                leader_epoch: seat.reading.leader_epoch,
                position: seat.reading.next,
                last_epoch: seat.reading.epochs.last(),
            })
            .collect();
        let forgotten: Vec<&TopicPartition> = self.forgotten.iter().map(Arc::as_ref).collect();
        Request {
            version: self.version,
            correlation,
            max_wait,
            max_bytes,
            rack: self.rack(),
            behind: self.behind,
            session,
            wanted: &wanted,
            forgotten: &forgotten,
        }
        .write(out);
        self.forgotten.clear();
        self.seats.iter_mut().for_each(|seat| seat.told = Some(seat.reading.next));
    }

    /// Takes note of the answer's session; an error that is not about the session is given back.
    pub(super) fn follow_session(&mut self, answer: &Answer<'_>) -> Result<(), i16> {
        match answer.error {
            code::NONE => {
                self.session = match self.session {
                    Session::Asked if answer.session != 0 => {
                        Session::Open(SessionMark { id: answer.session, epoch: 1 })
                    }
                    Session::Asked => Session::Without,
                    Session::Open(SessionMark { id, epoch }) => {
                        // KIP-227: epochs go round within the positive numbers.
                        Session::Open(SessionMark { id, epoch: epoch.checked_add(1).unwrap_or(1) })
                    }
                    Session::Without => Session::Without,
                };
                Ok(())
            }
            code::FETCH_SESSION_ID_NOT_FOUND
            | code::INVALID_FETCH_SESSION_EPOCH
            | code::FETCH_SESSION_TOPIC_ID_ERROR => {
                self.restart_session();
                Ok(())
            }
            error => Err(error),
        }
    }

    /// Moves every partition on to where the next fetch begins, by headers and checksums alone.
    pub(super) fn absorb<'a>(&mut self, answer: &'a Answer<'a>) -> Absorbed<'a> {
        let mut absorbed = Absorbed::default();
        let (mut bytes, mut progress) = (0, false);
        self.behind = false;
        for part in &answer.parts {
            let Some(at) = self.find(part.topic, part.partition) else { continue };
            if part.error != code::NONE {
                absorbed.errors += 1;
                self.depart(at, part);
                continue;
            }
            let seat = &mut self.seats[at];
            if let Some(from) = part.diverging {
                seat.cut(from, part.log_start);
                continue;
            }
            if part.nearer >= 0 && part.records.is_empty() && !seat.reading.follower {
                seat.leaving.get_or_insert(Departure::Nearer(part.nearer));
                self.behind = true;
                continue;
            }
            if seat.reading.follower {
                absorbed.follower_bytes += part.records.len() as u64;
            }
            let unread = Unread {
                records: part.records,
                position: seat.reading.next,
                end: part.high_watermark,
                aborted: &part.aborted,
            };
            let epochs = &mut seat.reading.epochs;
            let next = unread.walk(&mut |run| {
                epochs.note(run.epoch, run.covers.start);
                absorbed.pieces.push(Piece { at, run });
            });
            bytes += part.records.len();
            progress |= next > seat.reading.next;
            seat.reading.next = next;
            self.behind |= next < part.last_stable.min(part.high_watermark);
        }
        // A session leaves out partitions for which there was no room: a full answer hides more.
        self.behind |= bytes >= FETCH_BYTES as usize / 2;
        absorbed.stuck = bytes > 0 && !progress;
        absorbed
    }

    /// Goes on behind a batch that is too large to be read, of which only the front is here. Gives its partition and
    /// its offsets.
    pub(super) fn skip(&mut self, part: &Part<'_>) -> Option<(Arc<TopicPartition>, Range<i64>)> {
        // What is whole can be read: the answer is too large for another reason.
        let Front::Cut = RecordBatch::front(part.records) else { return None };
        let at = self.find(part.topic, part.partition)?;
        let reading = &mut self.seats[at].reading;
        let last = RecordBatch::last_offset_of(part.records)?;
        let covers = reading.next..last.saturating_add(1).min(part.high_watermark);
        if covers.is_empty() {
            return None;
        }
        reading.next = covers.end;
        Some((Arc::clone(&reading.partition), covers))
    }

    fn depart(&mut self, at: usize, part: &Part<'_>) {
        let seat = &mut self.seats[at];
        let why = match part.error {
            code::OFFSET_OUT_OF_RANGE => Departure::OutOfRange,
            code::TOPIC_AUTHORIZATION_FAILED => Departure::Refused,
            _ => Departure::Moved,
        };
        tracing::debug!(partition = %seat.reading.partition, code = part.error, ?why, "the broker refused a partition");
        seat.leaving.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(batches: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        batches.iter().for_each(|&(epoch, offset)| epochs.note(epoch, offset));
        epochs
    }

    #[test]
    fn a_log_parts_where_both_sides_stop_sharing_their_epochs() {
        let cut = |epoch, end_offset| {
            let mut epochs = read(&[(2, 0), (2, 50), (5, 100), (7, 110)]);
            let at = epochs.part(Divergence { epoch, end_offset }, 120);
            (at, epochs.last())
        };
        assert_eq!(cut(7, 115), (115, 7), "the last epoch ended sooner there");
        assert_eq!(cut(5, 110), (110, 5));
        assert_eq!(cut(4, 105), (100, 2), "epoch 5 is all ours, whatever the other side has there");
        assert_eq!(cut(2, 60), (60, 2));
        assert_eq!(cut(1, 0), (0, -1));
    }

    #[test]
    fn epochs_that_go_back_are_not_believed_and_few_are_kept() {
        assert_eq!(read(&[(3, 0), (1, 10), (-1, 11)]).last(), 3);
        let many: Vec<(i32, i64)> = (0..100).map(|n| (n, i64::from(n))).collect();
        assert_eq!((read(&many).0.len(), read(&many).last()), (EPOCHS_KEPT, 99));
    }
}
