-- Merges before $1 whose old id no event carries and no other merge leads to, at most $2.
DELETE FROM alias_row
WHERE rowid IN (
    SELECT a.rowid
    FROM alias_row a
    ANTI JOIN id_slice i ON i.value_hash = id_hash(a.old_id, 0)
    ANTI JOIN (
        SELECT e.conversation FROM event_row e WHERE e.slice = open_slice()
    ) o ON o.conversation = a.old_id
    ANTI JOIN alias_row b ON b.current_id = a.old_id
    WHERE a.merged_at < $1
    LIMIT $2
);
