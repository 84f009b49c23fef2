-- How failures stand, or stood at some time.

-- Kinds of failure (signature and group) in one answer: more than anybody reads. The others are summed up in one row.
CREATE OR REPLACE MACRO failure_kinds_max() AS 1000;

-- The group that had come furthest on each partition by then, as `attending` says it of now.
CREATE OR REPLACE MACRO attending_at(as_of) AS TABLE
SELECT
    g.ordinal,
    g.consumer_group,
    (p.ordinal << 40) + least(greatest(g.committed_offset - p.base, 0), 1099511627776) AS next_ref
FROM (
    SELECT s.ordinal, max(s.committed_offset) AS committed_offset, arg_max(s.consumer_group, s.committed_offset) AS consumer_group
    FROM (
        SELECT m.ordinal, m.consumer_group, arg_max(m.committed_offset, m.sampled_at) AS committed_offset
        FROM progress_mark m
        WHERE m.sampled_at <= CAST(as_of AS TIMESTAMP) AND m.consumer_group NOT IN (FROM not_attending)
        GROUP BY m.ordinal, m.consumer_group
    ) s
    GROUP BY s.ordinal
) g
JOIN (SELECT CAST(ordinal AS BIGINT) AS ordinal, base FROM partition) p ON p.ordinal = g.ordinal;

-- What had changed since: how each failure stood then, where it stands otherwise now.
CREATE OR REPLACE MACRO failure_before(as_of) AS TABLE
SELECT h.*
FROM failure_history_row h
WHERE h.until > CAST(as_of AS TIMESTAMP)
QUALIFY row_number() OVER (PARTITION BY h.ref ORDER BY h.until) = 1;

-- Failure records with what they are summed up by; NULL is now. `marks` as in `failure_row`, and 16 for a dead letter that
-- no group has passed. `alone`: the only record of its failure, which needs no grouping.
CREATE OR REPLACE MACRO failure_stood(as_of) AS TABLE
SELECT
    f.ref,
    f.failure_kind,
    f.failure_case,
    f.time,
    f.seen_time,
    f.signature,
    f.marks | CASE WHEN f.marks >= 8 AND coalesce(f.ref >= a.next_ref, true) THEN 16 ELSE 0 END AS marks,
    coalesce(f.case_marks >= 64, false) AS alone,
    f.consumer_group,
    f.root_profile,
    f.root
FROM failure_row f
LEFT JOIN attending a ON a.ordinal = f.ref >> 40
WHERE as_of IS NULL
UNION ALL
SELECT
    f.ref,
    CASE WHEN h.ref IS NULL THEN f.failure_kind ELSE
        CAST(md5_number_lower(f.signature || chr(31) || coalesce('g' || h.consumer_group, '')) >> 1 AS BIGINT) END,
    f.failure_case,
    f.time,
    f.seen_time,
    f.signature,
    CASE WHEN h.ref IS NULL THEN f.marks ELSE
        CASE h.state WHEN 'healed' THEN 1 WHEN 'dead' THEN 2 ELSE 0 END
            + CASE WHEN h.orphan_reason IS NULL THEN 0 ELSE 4 END
            + CASE WHEN f.kind = 'dead_letter' AND h.state <> 'healed' THEN 8 ELSE 0 END END
        | CASE WHEN f.kind = 'dead_letter' AND coalesce(h.state, f.state) <> 'healed' AND coalesce(f.ref >= a.next_ref, true)
            THEN 16 ELSE 0 END,
    false,
    CASE WHEN h.ref IS NULL THEN f.consumer_group ELSE h.consumer_group END,
    f.root_profile,
    f.root
FROM failure_row f
LEFT JOIN failure_before(as_of) h ON h.ref = f.ref
LEFT JOIN attending_at(as_of) a ON a.ordinal = f.ref >> 40
WHERE as_of IS NOT NULL AND f.seen_time <= CAST(as_of AS TIMESTAMP);

-- When a record may be deleted by age. A time of 10,000 years is none: so people write "for ever".
CREATE OR REPLACE MACRO may_go_at(record_time, retention_ms) AS CASE WHEN retention_ms < 315000000000000 THEN
    make_timestamp(CAST(least(
        CAST(epoch_us(record_time) AS HUGEINT) + CAST(retention_ms AS HUGEINT) * 1000, 9223371331200000000
    ) AS BIGINT)) END;

-- How one failure record stood.
CREATE OR REPLACE MACRO history_of(of_ref) AS TABLE
SELECT
    h.since,
    h.until,
    h.state,
    h.consumer_group,
    orphan_reason_name(h.orphan_reason) AS orphan_reason,
    h.healed_by,
    healed_evidence_name(h.healed_evidence) AS healed_evidence
FROM (
    SELECT
        coalesce(h.since, f.seen_time) AS since, h.until, h.state, h.consumer_group, h.orphan_reason, h.healed_by,
        h.healed_evidence
    FROM failure_history_row h
    LEFT JOIN failure_row f ON f.ref = h.ref
    WHERE h.ref = CAST(of_ref AS BIGINT)
    UNION ALL
    SELECT
        coalesce(f.changed_at, f.seen_time), NULL, f.state, f.consumer_group, f.orphan_reason, f.healed_by, f.healed_evidence
    FROM failure_row f
    WHERE f.ref = CAST(of_ref AS BIGINT)
) h
ORDER BY h.until IS NULL, h.until;
