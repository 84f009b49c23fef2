//! NDJSON captures: records, markers, commits and log ends from files.
