-- Where to look for an event: which slices may hold it. The one that is open may always.

-- 36 bits of a value of 128 bits; a value of 64 bits has 0 as its second half. The program does the same when it writes.
CREATE OR REPLACE MACRO id_hash(hi, lo) AS CAST(
    (CAST(xor(CAST(hi AS BIGINT), CAST(lo AS BIGINT)) & 9223372036854775807 AS HUGEINT) * 5871781006564002453 >> 36)
        & 68719476735 AS BIGINT
);

-- The first 13 bits of a hash, and the next 17 as three characters, of which only the first is below 64.
CREATE OR REPLACE MACRO hash_bucket(value_hash) AS CAST(value_hash >> 23 AS SMALLINT);

CREATE OR REPLACE MACRO hash_code(value_hash) AS
    chr(CAST(32 + ((value_hash >> 18) & 31) AS INTEGER))
    || chr(CAST(64 + ((value_hash >> 12) & 63) AS INTEGER))
    || chr(CAST(64 + ((value_hash >> 6) & 63) AS INTEGER));

-- Of a record key all bits: people look for hundreds at a time, since a key can be written in so many ways.
CREATE OR REPLACE MACRO key_code(value_hash) AS hash_code(value_hash) || chr(CAST(64 + (value_hash & 63) AS INTEGER));

CREATE OR REPLACE MACRO open_slice() AS (SELECT coalesce(max(s.slice) + 1, 0) FROM slice_row s);

-- By a value: an id, a trace, a key or a conversation.
CREATE OR REPLACE MACRO slices_of(hi, lo) AS TABLE
SELECT i.slice
FROM id_slice i
WHERE i.bucket = hash_bucket(id_hash(hi, lo)) AND contains(i.codes, hash_code(id_hash(hi, lo)))
UNION ALL
SELECT open_slice();

-- By any of several values of 64 bits, written between commas. The limit here and below, far beyond what there can be, is for
-- the optimizer: it takes an answer without one for as large as a table, and joins the wrong way round.
CREATE OR REPLACE MACRO slices_of_any(numbers) AS TABLE
WITH wanted AS (
    SELECT id_hash(CAST(n.number AS BIGINT), 0) AS value_hash FROM unnest(string_split(numbers, ',')) n(number)
)
FROM (
    SELECT i.slice
    FROM id_slice i
    JOIN wanted w ON i.bucket = hash_bucket(w.value_hash)
    WHERE contains(i.codes, hash_code(w.value_hash))
    UNION
    SELECT open_slice()
)
LIMIT 100000;

-- By ref.
CREATE OR REPLACE MACRO slices_at(at_ref) AS TABLE
SELECT r.slice
FROM slice_range r
WHERE r.ordinal = CAST(at_ref AS BIGINT) >> 40 AND r.first_ref <= CAST(at_ref AS BIGINT) AND r.last_ref >= CAST(at_ref AS BIGINT)
UNION ALL
SELECT open_slice();

-- By any of several refs, written between commas.
CREATE OR REPLACE MACRO slices_holding(refs) AS TABLE
FROM (
    SELECT r.slice
    FROM (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000) w
    JOIN slice_range r ON r.ordinal = w.ref >> 40 AND r.first_ref <= w.ref AND r.last_ref >= w.ref
    UNION
    SELECT open_slice()
)
LIMIT 100000;

-- Conversations that were merged with one.
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

-- All that is needed to find the events of a conversation: every id that it ever had, and the slices, written between
-- commas. Whoever asks several questions of one conversation asks this once.
CREATE OR REPLACE MACRO conversation_scope(conversation_id) AS TABLE
WITH same AS MATERIALIZED (SELECT string_agg(m.id, ',') AS ids FROM merged_with(conversation_id) m)
SELECT
    (SELECT same.ids FROM same) AS ids,
    (SELECT string_agg(s.slice, ',') FROM slices_of_any((SELECT same.ids FROM same)) s) AS slices;

CREATE OR REPLACE MACRO rows_within(ids, slices) AS TABLE
SELECT e.*
FROM event_row e
WHERE e.slice IN (SELECT CAST(unnest(string_split(slices, ',')) AS INTEGER) LIMIT 100000)
  AND e.conversation IN (SELECT CAST(unnest(string_split(ids, ',')) AS BIGINT) LIMIT 100000);
