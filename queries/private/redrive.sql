-- What should be given to its group again, and in which order.

-- Failures that were given up and not healed, at most so many, the latest; NULL is all.
CREATE OR REPLACE MACRO given_up(of_signature, from_time) AS TABLE
SELECT f.ref, f.failure_case, f.signature
FROM failure_row f
WHERE f.case_marks IS NOT NULL
  AND f.case_marks & 3 = 2
  AND (of_signature IS NULL OR f.signature = CAST(of_signature AS VARCHAR))
  AND (from_time IS NULL OR f.seen_time >= CAST(from_time AS TIMESTAMP))
ORDER BY f.time DESC, f.ref DESC
LIMIT redrive_max();

-- Of some records, which comes from which: within conversations that several of them belong to.
CREATE OR REPLACE MACRO come_from(refs) AS TABLE
WITH RECURSIVE wanted AS MATERIALIZED (FROM refs_in(refs)),
own AS MATERIALIZED (
    SELECT e.ref, e.conversation
    FROM event_row e
    WHERE e.slice IN (FROM slices_holding(refs)) AND e.ref IN (SELECT w.ref FROM wanted w)
),
same(id, other) AS (
    SELECT o.conversation, o.conversation FROM (SELECT DISTINCT conversation FROM own) o
    UNION
    SELECT same.id, link.other FROM same JOIN alias_link link ON link.id = same.other
),
shared AS MATERIALIZED (
    SELECT string_agg(o.ref, ',') AS refs
    FROM (
        SELECT own.ref
        FROM own
        JOIN (SELECT same.id, min(same.other) AS name FROM same GROUP BY same.id) c ON c.id = own.conversation
        QUALIFY count(*) OVER (PARTITION BY c.name) > 1
    ) o
),
scope AS MATERIALIZED (FROM scope_of_events((SELECT shared.refs FROM shared))),
edge AS MATERIALIZED (
    SELECT e.ref AS effect, e.cause
    FROM rows_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope)) e
    WHERE e.cause IS NOT NULL
    LIMIT blast_events_max()
),
above(effect, cause) AS (
    SELECT s.ref, edge.cause FROM (FROM refs_in((SELECT shared.refs FROM shared))) s JOIN edge ON edge.effect = s.ref
    UNION
    SELECT above.effect, edge.cause FROM above JOIN edge ON edge.effect = above.cause
)
SELECT a.effect, a.cause FROM above a WHERE a.cause <> a.effect AND a.cause IN (SELECT w.ref FROM wanted w);

-- Records in an order that keeps each log's own, and puts what others come from before them. They are ordered by their time
-- in the log, in µs, which is moved on where it says otherwise: clocks differ. Twice is enough unless clocks contradict
-- each other along a chain of logs.
CREATE OR REPLACE MACRO in_order(refs) AS TABLE
WITH own AS MATERIALIZED (
    SELECT w.ref, w.ref >> 40 AS log, coalesce(epoch_us(coalesce(e.record_time, e.time)), 0) AS us
    FROM refs_in(refs) w
    LEFT JOIN (
        SELECT n.ref, n.record_time, n.time
        FROM event_row n
        WHERE n.slice IN (FROM slices_holding(refs)) AND n.ref IN (FROM refs_in(refs))
    ) e ON e.ref = w.ref
),
pair AS MATERIALIZED (FROM come_from(refs)),
numbered AS MATERIALIZED (
    SELECT o.ref, o.log, o.us, row_number() OVER (PARTITION BY o.log ORDER BY o.ref) AS place FROM own o
),
first_log AS MATERIALIZED (
    SELECT n.*, n.place + max(n.us - n.place) OVER (PARTITION BY n.log ORDER BY n.place) AS k FROM numbered n
),
first_pair AS (
    SELECT f.ref, f.log, f.place, greatest(f.k, coalesce(max(c.k) + 1, f.k)) AS us
    FROM first_log f
    LEFT JOIN pair ON pair.effect = f.ref
    LEFT JOIN first_log c ON c.ref = pair.cause
    GROUP BY f.ref, f.log, f.place, f.k
),
second_log AS MATERIALIZED (
    SELECT n.*, n.place + max(n.us - n.place) OVER (PARTITION BY n.log ORDER BY n.place) AS k FROM first_pair n
),
second_pair AS (
    SELECT f.ref, f.log, f.place, greatest(f.k, coalesce(max(c.k) + 1, f.k)) AS us
    FROM second_log f
    LEFT JOIN pair ON pair.effect = f.ref
    LEFT JOIN second_log c ON c.ref = pair.cause
    GROUP BY f.ref, f.log, f.place, f.k
)
SELECT n.ref, n.place + max(n.us - n.place) OVER (PARTITION BY n.log ORDER BY n.place) AS k, n.log FROM second_pair n;

-- See macro `redrive`.
CREATE OR REPLACE MACRO redrive_rows(of_signature, from_time) AS TABLE
WITH dead AS MATERIALIZED (FROM given_up(of_signature, from_time)),
named AS MATERIALIZED (SELECT string_agg(d.ref, ',') AS refs FROM dead d),
failed AS MATERIALIZED (FROM failed_cases((SELECT named.refs FROM named))),
origins AS MATERIALIZED (SELECT string_agg(DISTINCT f.origin, ',') AS refs FROM failed f),
later AS MATERIALIZED (
    SELECT string_agg(s.slice, ',') AS slices
    FROM (
        SELECT r.slice
        FROM slice_row r
        WHERE r.slice >= (SELECT min(h.slice) FROM slices_holding((SELECT origins.refs FROM origins)) h)
        UNION
        SELECT open_slice()
    ) s
),
judged AS (
    SELECT
        j.failure_case,
        CASE WHEN bool_and(j.came) THEN CASE WHEN bool_or(j.late) THEN 'effects_came' ELSE 'effects_before' END
            ELSE 'effects_missing' END AS reason
    FROM usual_judged((SELECT named.refs FROM named), (SELECT later.slices FROM later)) j
    GROUP BY j.failure_case
),
origin AS (
    SELECT e.ref, t.type, e.key_hash
    FROM event_row e
    JOIN profile t ON t.profile = e.profile
    WHERE e.slice IN (FROM slices_holding((SELECT origins.refs FROM origins)))
      AND e.ref IN (FROM refs_in((SELECT origins.refs FROM origins)))
)
SELECT
    row_number() OVER listed AS position,
    d.signature,
    p.cluster,
    f.consumer_group,
    l.topic AS dead_letter_topic,
    l.partition AS dead_letter_partition,
    l.base + (f.letter & 1099511627775) AS dead_letter_offset,
    coalesce(f.origin_topic, CASE WHEN f.origin <> f.newest THEN p.topic END) AS origin_topic,
    coalesce(f.origin_partition, CASE WHEN f.origin <> f.newest THEN p.partition END) AS origin_partition,
    coalesce(f.origin_offset, CASE WHEN f.origin <> f.newest THEN p.base + (f.origin & 1099511627775) END) AS origin_offset,
    o.type,
    o.key_hash,
    coalesce(j.reason, 'effects_unknown') AS reason,
    f.letter AS ref,
    f.origin
FROM failed f
JOIN dead d ON d.failure_case = f.failure_case
JOIN partition p ON p.ordinal = f.origin >> 40
LEFT JOIN partition l ON l.ordinal = f.letter >> 40
LEFT JOIN origin o ON o.ref = f.origin
LEFT JOIN judged j ON j.failure_case = f.failure_case
JOIN in_order((SELECT origins.refs FROM origins)) k ON k.ref = f.origin
WHERE coalesce(j.reason <> 'effects_came', true)
WINDOW listed AS (ORDER BY k.k, k.log, k.ref, f.consumer_group, f.letter)
ORDER BY position;
