-- The graph of a large conversation in few bytes: numbers between colons, entries between commas, many entries a row. A
-- million events as rows of columns would be a million allocations for each column, here and for whoever asks.

-- Each event: ref, time in µs, profile, resolution, 1 for a failure record; and cause and evidence where it has them.
CREATE OR REPLACE MACRO points_within(ids, slices, at_most) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.ref, e.time, e.profile, e.resolution, e.cause, e.evidence FROM rows_within(ids, slices) e LIMIT at_most
),
failed AS (
    SELECT DISTINCT f.ref FROM failure_row f WHERE f.ref IN (SELECT m.ref FROM member m)
)
SELECT string_agg(t.entry, ',') AS entries
FROM (
    SELECT
        concat_ws(
            ':', m.ref, epoch_us(m.time), m.profile, m.resolution, CAST(failed.ref IS NOT NULL AS INTEGER), m.cause,
            m.evidence
        ) AS entry,
        row_number() OVER () // 4096 AS part
    FROM member m
    LEFT JOIN failed ON failed.ref = m.ref
) t
GROUP BY t.part;

-- Each further edge into them: effect, cause, evidence.
CREATE OR REPLACE MACRO links_within(ids, slices, at_most) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.ref FROM rows_within(ids, slices) e LIMIT at_most
)
SELECT string_agg(t.entry, ',') AS entries
FROM (
    SELECT concat_ws(':', r.effect, r.cause, r.evidence) AS entry, row_number() OVER () // 4096 AS part
    FROM cause_row r
    WHERE r.effect IN (FROM member)
    LIMIT at_most
) t
GROUP BY t.part;

-- Some of its events, whose refs are written between commas: the columns of `nodes_within`.
CREATE OR REPLACE MACRO nodes_of(refs, slices) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (SELECT CAST(unnest(string_split(slices, ',')) AS INTEGER) LIMIT 100000)
      AND e.ref IN (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) LIMIT 100000)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    p.cluster,
    p.topic,
    p.partition,
    p.base + (e.ref & 1099511627775) AS "offset",
    e.time,
    e.seen_time,
    kind_name(e.kind) AS kind,
    f.type,
    f.source,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    resolution_name(e.resolution) AS resolution,
    orphan_reason_name(e.orphan_reason) AS orphan_reason,
    e.conversation
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref;

-- The edges into them: the columns of `edges_within`.
CREATE OR REPLACE MACRO edges_of(refs, slices) AS TABLE
WITH wanted AS MATERIALIZED (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000)
SELECT
    c.effect,
    c.cause,
    evidence_name(c.evidence) AS evidence,
    class_name(evidence_rank(c.evidence)) AS class,
    round(CAST(c.confidence AS DOUBLE), 4) AS confidence
FROM (
    SELECT e.ref AS effect, e.cause, e.evidence, 1 AS confidence
    FROM event_row e
    WHERE e.slice IN (SELECT CAST(unnest(string_split(slices, ',')) AS INTEGER) LIMIT 100000)
      AND e.ref IN (SELECT w.ref FROM wanted w)
      AND e.cause IS NOT NULL
    UNION ALL
    SELECT r.effect, r.cause, r.evidence, r.confidence FROM cause_row r WHERE r.effect IN (SELECT w.ref FROM wanted w)
) c
ORDER BY c.effect, c.cause;
