//! Causes that are named by id and left memory, as the database knows them.

use super::query::{Query, ask};
use super::{Error, Limits, Readers};
use crate::event::{EventRef, FoundCause, LostCause};
use crate::report::Cell;
use std::collections::HashMap;
use std::time::Duration;

/// Nobody waits for the answer but verdicts, and whoever stops the tap.
const DEADLINE: Duration = Duration::from_secs(20);

type Halves = (i64, i64);

const fn halves(lost: &LostCause) -> Halves {
    (lost.id.hi as i64, lost.id.lo as i64)
}

impl Readers {
    /// The causes that `lost` name, all in one question: one answer each. Ids are compared in full.
    ///
    /// # Errors
    /// As [`super::Reader::ask`].
    pub fn lost_causes(&self, lost: &[LostCause]) -> Result<Vec<FoundCause>, Error> {
        let own = self.carriers(&ask::LOST_CAUSES, lost.iter().filter(|lost| !lost.request))?;
        let requests = self.carriers(&ask::LOST_REQUESTS, lost.iter().filter(|lost| lost.request))?;
        let answer = |lost: &LostCause| {
            let carriers = if lost.request { &requests } else { &own };
            FoundCause { effect: lost.effect, cause: carriers.get(&halves(lost)).copied() }
        };
        Ok(lost.iter().map(answer).collect())
    }

    /// By id, the event and its conversation.
    fn carriers<'a>(
        &self,
        query: &Query,
        lost: impl Iterator<Item = &'a LostCause>,
    ) -> Result<HashMap<Halves, (EventRef, EventRef)>, Error> {
        let ids: Vec<Halves> = lost.map(halves).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let list = |half: fn(&Halves) -> i64| {
            Cell::Text(ids.iter().map(|id| half(id).to_string()).collect::<Vec<_>>().join(","))
        };
        let limits = Limits { rows: ids.len(), deadline: DEADLINE };
        let answer = self.reader()?.answer(query, &[list(|id| id.0), list(|id| id.1)], limits)?;
        let row = |row: &Vec<Cell>| match row[..] {
            [Cell::Int(hi), Cell::Int(lo), Cell::Int(reference), Cell::Int(conversation)] => {
                Some(((hi, lo), (EventRef(reference), EventRef(conversation))))
            }
            _ => None,
        };
        Ok(answer.table.rows.iter().filter_map(row).collect())
    }
}
