-- Where to look for an event: which slices may hold it. The one that is open may always.

-- 32 bits of a value of 128 bits; a value of 64 bits has 0 as its second half. The program does the same when it writes.
CREATE OR REPLACE MACRO id_hash(hi, lo) AS CAST(
    (CAST(xor(CAST(hi AS BIGINT), CAST(lo AS BIGINT)) & 9223372036854775807 AS HUGEINT) * 5871781006564002453 >> 40)
        & 4294967295 AS UINTEGER
);

CREATE OR REPLACE MACRO open_slice() AS (SELECT coalesce(max(s.slice) + 1, 0) FROM slice_row s);

-- By a value: an id, a trace, a key or a conversation.
CREATE OR REPLACE MACRO slices_of(hi, lo) AS TABLE
SELECT i.slice FROM id_slice i WHERE i.value_hash = id_hash(hi, lo)
UNION ALL
SELECT open_slice();

-- By ref.
CREATE OR REPLACE MACRO slices_at(at_ref) AS TABLE
SELECT r.slice
FROM slice_range r
WHERE r.ordinal = CAST(at_ref AS BIGINT) >> 40 AND r.first_ref <= CAST(at_ref AS BIGINT) AND r.last_ref >= CAST(at_ref AS BIGINT)
UNION ALL
SELECT open_slice();

-- Conversations that were merged with one. The limit, far beyond what there can be, is for the optimizer: it
-- takes an answer without one for as large as a table, and joins the wrong way round.
CREATE OR REPLACE MACRO merged_with(conversation_id) AS TABLE
WITH RECURSIVE same(id) AS (
    SELECT CAST(conversation_id AS BIGINT)
    UNION
    SELECT link.other FROM same JOIN alias_link link ON link.id = same.id
)
SELECT same.id FROM same LIMIT 100000;

-- The conversation of an event. Its ref is asked for as a range: of an equality the optimizer expects one row, and then
-- reads all refs instead of two slices.
CREATE OR REPLACE MACRO conversation_of(of_ref) AS (
    SELECT any_value(e.conversation)
    FROM event_row e
    WHERE e.slice IN (FROM slices_at(of_ref)) AND e.ref >= CAST(of_ref AS BIGINT) AND e.ref <= CAST(of_ref AS BIGINT)
);

-- The rows of a conversation, merges resolved.
CREATE OR REPLACE MACRO conversation_rows(conversation_id) AS TABLE
WITH same AS MATERIALIZED (FROM merged_with(conversation_id)),
place AS MATERIALIZED (
    FROM (
        SELECT i.slice FROM id_slice i WHERE i.value_hash IN (SELECT id_hash(same.id, 0) FROM same)
        UNION
        SELECT open_slice()
    )
    LIMIT 100000
)
SELECT e.* FROM event_row e WHERE e.slice IN (FROM place) AND e.conversation IN (FROM same);
