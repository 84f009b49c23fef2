-- Merges before $1 whose old id no event carries and no other merge leads to, at most $2.
DELETE FROM alias_row
WHERE rowid IN (
    SELECT a.rowid
    FROM alias_row a
    ANTI JOIN (
        SELECT o.old_id
        FROM alias_row o
        JOIN id_slice i ON i.bucket = hash_bucket(id_hash(o.old_id, 0))
        WHERE o.merged_at < $1 AND contains(i.codes, hash_code(id_hash(o.old_id, 0)))
    ) h ON h.old_id = a.old_id
    ANTI JOIN (
        SELECT e.conversation FROM event_row e WHERE e.slice = open_slice()
    ) o ON o.conversation = a.old_id
    ANTI JOIN alias_row b ON b.current_id = a.old_id
    WHERE a.merged_at < $1
    LIMIT $2
);
