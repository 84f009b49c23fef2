//! Whether a registry answers, and whether its schemas can be used.

use super::ask::{Asker, segment};
use super::error::Error;
use super::fetch;
use crate::event::ClientProperties;

/// Subjects whose newest schema is read: enough to see what the registry is like, few enough to be no load.
const LOOKED_AT: usize = 50;

/// What a registry answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Its addresses, without secrets.
    pub addresses: Vec<String>,
    /// Subjects that it lists.
    pub subjects: usize,
    /// Of so many, the newest schema was asked for.
    pub looked_at: usize,
    /// Of so many, it can be used.
    pub usable: usize,
    /// Why the first of the others cannot.
    pub trouble: Option<String>,
}

/// Asks the registry that `settings` name; `None` when they name none.
///
/// # Errors
/// Settings that mean nothing, and a registry that does not answer.
pub fn check(settings: &ClientProperties) -> Result<Option<Answer>, Error> {
    let Some(mut asker) = Asker::new(settings)? else { return Ok(None) };
    let listed = asker.get("/subjects")?;
    let subjects = listed.as_ref().and_then(|listed| listed.as_array()).ok_or_else(|| Error::Odd {
        address: asker.addresses().join(","),
        what: "without a list of subjects".to_owned(),
    })?;
    let mut answer = Answer { subjects: subjects.len(), ..Answer::default() };
    for subject in subjects.iter().filter_map(|subject| subject.as_str()).take(LOOKED_AT) {
        answer.looked_at += 1;
        let found = asker.get(&format!("/subjects/{}/versions/latest", segment(subject)));
        let read = found.and_then(|found| found.map(|found| fetch::understood(&mut asker, &found)).transpose());
        match read {
            Ok(Some(_)) => answer.usable += 1,
            Ok(None) => _ = answer.trouble.get_or_insert_with(|| format!("{subject}: it has no version")),
            Err(error) => _ = answer.trouble.get_or_insert_with(|| format!("{subject}: {error}")),
        }
    }
    answer.addresses = asker.addresses().to_vec();
    Ok(Some(answer))
}
