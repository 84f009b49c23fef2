//! What erases; words in braces are filled in.

queries! {
    "erase",
    /// Collects what is to go: $1 keyed hashes between commas, $2 the key as it was typed.
    COLLECT "collect",
    /// Rows that go, by table.
    COUNTED "counted",
    /// Some of the records that go: at most $1.
    SAMPLE "sample",
    /// Removes what was collected.
    REMOVE "remove",
    /// Whether the file must be written anew, since it was left in the middle.
    IS_DUE "is_due",
    /// Makes the new file {file} reachable.
    ATTACH "attach",
    /// Lets go of the new file.
    DETACH "detach",
    /// All tables that hold what was stored.
    TABLES "tables",
    /// Empties the table {table} of the new file, and copies it.
    COPY "copy",
    /// What the new file is not to tell.
    SETTLE "settle",
}
