-- What `audit` looks at: so many of the newest events, as they were written, so that it takes one to two seconds on two cores
-- and 1.2 GB whatever the database holds. The last closed slice holds more: it and the open one have them all.
CREATE OR REPLACE MACRO audited_events() AS 250000;

CREATE OR REPLACE MACRO audited_after() AS (
    SELECT coalesce(max(e.rowid), 0) - audited_events() FROM event_row e WHERE e.slice >= open_slice() - 1
);

-- Those events. `counts`: of the window; others are there as causes. Events of Kafka and of frameworks are left out.
CREATE OR REPLACE MACRO audited_rows(since) AS TABLE
SELECT
    e.ref,
    p.topic_number,
    e.profile,
    e.kind,
    e.resolution,
    e.orphan_reason,
    e.seen_time,
    e.id_hi,
    e.id_lo,
    e.causation_hi IS NOT NULL AS names_cause,
    e.trace_hi,
    e.trace_lo,
    (e.form & 512) <> 0 AS malformed,
    (e.form & 1024) <> 0 AS appended,
    CASE (e.form >> 7) & 3 WHEN 1 THEN e.id_hi WHEN 2 THEN e.causation_hi WHEN 3 THEN e.trace_hi ELSE e.correlation_hi END
        AS flow_hi,
    CASE (e.form >> 7) & 3 WHEN 1 THEN e.id_lo WHEN 2 THEN e.causation_lo WHEN 3 THEN e.trace_lo ELSE e.correlation_lo END
        AS flow_lo,
    e.cause,
    e.evidence,
    since IS NULL OR e.seen_time >= CAST(since AS TIMESTAMP) AS counts
FROM event_row e
JOIN partition p ON p.ordinal = e.ref >> 40
WHERE e.slice >= open_slice() - 1 AND e.rowid > audited_after() AND e.kind <> 8 AND NOT is_plumbing(p.class);

-- Fields without which an event of its convention is not whole: the required attributes of CloudEvents, and what envelopes
-- with metadata beside their data are read by.
CREATE OR REPLACE MACRO wants_fields(convention) AS CASE
    WHEN starts_with(convention, 'cloudevents') THEN 'id,source,type'
    WHEN convention IN ('metadata-envelope', 'generic-envelope', 'protean') THEN 'id,type,version,trace'
    ELSE '' END;

CREATE OR REPLACE MACRO lacks(convention, field, is_there) AS
    NOT is_there AND list_contains(string_split(wants_fields(convention), ','), field);

-- What the records of one topic, type and source carry.
CREATE OR REPLACE MACRO audited_topics(since) AS TABLE
WITH looked AS NOT MATERIALIZED (FROM audited_rows(since)),
again AS (
    SELECT a.topic_number, a.profile, sum(a.more) AS reused
    FROM (
        SELECT l.topic_number, min(l.profile) AS profile, count(*) - 1 AS more
        FROM looked l
        WHERE l.counts AND l.id_hi IS NOT NULL AND l.kind NOT IN (3, 4)
        GROUP BY l.topic_number, l.id_hi, l.id_lo
        HAVING count(*) > 1
    ) a
    GROUP BY a.topic_number, a.profile
),
summed AS (
    SELECT
        l.topic_number,
        l.profile,
        count(*) AS events,
        count(l.trace_hi) AS traced,
        count(*) FILTER (WHERE l.malformed) AS malformed,
        count(l.id_hi) AS with_id,
        count(*) FILTER (WHERE l.names_cause) AS with_causation,
        count(*) FILTER (WHERE l.names_cause AND l.resolution IN (0, 1)) AS resolved,
        count(*) FILTER (WHERE l.names_cause AND l.resolution = 4) AS waiting,
        count(*) FILTER (WHERE l.names_cause AND l.resolution = 5) AS orphaned,
        mode(l.orphan_reason) FILTER (WHERE l.names_cause AND l.resolution = 5) AS orphan_reason,
        count(l.flow_hi) AS with_flow,
        count(*) FILTER (WHERE l.resolution IN (0, 3)) AS without_cause
    FROM looked l
    WHERE l.counts
    GROUP BY l.topic_number, l.profile
),
named AS (
    SELECT
        p.cluster, p.topic, f.type, f.source, f.convention, coalesce(a.reused, 0) AS reused, s.*,
        CASE WHEN lacks(f.convention, 'trace', false) THEN s.events - s.traced ELSE 0 END AS without_trace,
        CASE WHEN lacks(f.convention, 'id', false) THEN s.events - s.with_id ELSE 0 END AS without_id,
        CASE WHEN lacks(f.convention, 'type', f.type IS NOT NULL) THEN s.events ELSE 0 END AS without_type,
        CASE WHEN lacks(f.convention, 'source', f.source IS NOT NULL) THEN s.events ELSE 0 END AS without_source,
        CASE WHEN lacks(f.convention, 'version', f.version IS NOT NULL) THEN s.events ELSE 0 END AS without_version
    FROM summed s
    JOIN partition p ON p.ordinal = s.topic_number
    JOIN profile f ON f.profile = s.profile
    LEFT JOIN again a ON a.topic_number = s.topic_number AND a.profile = s.profile
)
SELECT
    n.cluster,
    n.topic,
    n.type,
    n.source,
    mode(n.convention) AS convention,
    CAST(sum(n.events) AS BIGINT) AS events,
    CAST(sum(n.traced) AS BIGINT) AS traced,
    CAST(sum(n.malformed) AS BIGINT) AS malformed_traces,
    CAST(sum(n.with_id) AS BIGINT) AS with_id,
    CAST(sum(n.reused) AS BIGINT) AS reused_ids,
    CAST(sum(n.with_flow) AS BIGINT) AS correlated,
    CAST(sum(n.with_causation) AS BIGINT) AS naming_cause,
    CAST(sum(n.resolved) AS BIGINT) AS resolved,
    CAST(sum(n.waiting) AS BIGINT) AS waiting,
    CAST(sum(n.orphaned) AS BIGINT) AS orphaned,
    orphan_reason_name(mode(n.orphan_reason)) AS orphan_reason,
    CAST(sum(n.without_cause) AS BIGINT) AS without_cause,
    CAST(sum(greatest(n.without_trace, n.without_id, n.without_type, n.without_source, n.without_version)) AS BIGINT)
        AS incomplete,
    list_filter([
        CASE WHEN sum(n.without_id) > 0 THEN 'id' END,
        CASE WHEN sum(n.without_type) > 0 THEN 'type' END,
        CASE WHEN sum(n.without_source) > 0 THEN 'source' END,
        CASE WHEN sum(n.without_version) > 0 THEN 'version' END,
        CASE WHEN sum(n.without_trace) > 0 THEN 'trace' END
    ], lambda x: x IS NOT NULL) AS missing_fields
FROM named n
GROUP BY n.cluster, n.topic, n.type, n.source;

-- What becomes of trace and correlation id from cause to effect, where the cause is certain, by topics and types.
CREATE OR REPLACE MACRO audited_hops(since) AS TABLE
WITH looked AS MATERIALIZED (FROM audited_rows(since)),
edge AS (
    SELECT l.ref AS effect, l.cause, l.evidence FROM looked l WHERE l.counts AND l.cause IS NOT NULL
    UNION ALL
    SELECT r.effect, r.cause, r.evidence FROM cause_row r JOIN looked l ON l.ref = r.effect AND l.counts
),
step AS MATERIALIZED (
    SELECT
        d.effect,
        d.cause,
        d.evidence,
        o.topic_number AS from_number,
        o.profile AS from_profile,
        e.topic_number AS to_number,
        e.profile AS to_profile,
        e.trace_hi,
        e.trace_lo,
        e.appended,
        o.trace_hi IS NULL AS untraced,
        o.trace_hi IS NOT NULL AND e.trace_hi = o.trace_hi AND e.trace_lo = o.trace_lo AS kept,
        o.trace_hi IS NOT NULL AND e.trace_hi IS NULL AS lost,
        o.trace_hi IS NOT NULL AND (e.trace_hi <> o.trace_hi OR e.trace_lo <> o.trace_lo) AS restarted,
        o.flow_hi IS NOT NULL AND e.flow_hi = o.flow_hi AND e.flow_lo = o.flow_lo AS flow_kept,
        o.flow_hi IS NOT NULL AND e.flow_hi IS NULL AS flow_lost,
        o.flow_hi IS NOT NULL AND (e.flow_hi <> o.flow_hi OR e.flow_lo <> o.flow_lo) AS flow_switched
    FROM edge d
    JOIN looked e ON e.ref = d.effect
    JOIN looked o ON o.ref = d.cause
    WHERE evidence_rank(d.evidence) < 2
),
-- A new trace that effects of several causes share was begun for a batch; one that several effects of one cause share, for
-- whatever handled the record.
batch AS (
    SELECT s.trace_hi, s.trace_lo, s.from_number
    FROM step s
    WHERE s.restarted
    GROUP BY s.trace_hi, s.trace_lo, s.from_number
    HAVING min(s.cause) <> max(s.cause)
),
together AS (
    SELECT s.trace_hi, s.trace_lo, s.cause
    FROM step s
    WHERE s.restarted
    GROUP BY s.trace_hi, s.trace_lo, s.cause
    HAVING count(*) > 1
),
weighed AS (
    SELECT s.*, s.restarted AND b.trace_hi IS NOT NULL AS batched, s.restarted AND h.cause IS NOT NULL AS handled_together
    FROM step s
    LEFT JOIN batch b ON b.trace_hi = s.trace_hi AND b.trace_lo = s.trace_lo AND b.from_number = s.from_number
    LEFT JOIN together h ON h.trace_hi = s.trace_hi AND h.trace_lo = s.trace_lo AND h.cause = s.cause
),
reader AS (
    SELECT p.topic_number, list(DISTINCT r.consumer_group ORDER BY r.consumer_group) AS groups
    FROM progress_row r
    JOIN partition p ON p.ordinal = r.ordinal
    GROUP BY p.topic_number
),
failing AS (
    SELECT w.from_number, w.to_number, list(DISTINCT f.consumer_group ORDER BY f.consumer_group) AS groups
    FROM weighed w
    JOIN failure_row f ON f.ref = w.effect
    WHERE f.consumer_group IS NOT NULL
    GROUP BY w.from_number, w.to_number
)
SELECT
    h.* EXCLUDE (sample_ref),
    coordinates_name(p.topic, p.partition, p.base + (h.sample_ref & 1099511627775)) AS sample
FROM (
    SELECT
        p.cluster,
        p.topic AS from_topic,
        fp.type AS from_type,
        t.topic AS to_topic,
        tp.type AS to_type,
        evidence_name(mode(w.evidence)) AS evidence,
        mode(tp.source) AS source,
        mode(fp.convention) AS from_convention,
        mode(tp.convention) AS convention,
        coalesce(any_value(g.groups), any_value(r.groups), []) AS consumer_groups,
        count(*) AS events,
        count(*) FILTER (WHERE w.kept) AS trace_kept,
        count(*) FILTER (WHERE w.restarted) AS trace_restarted,
        count(*) FILTER (WHERE w.lost) AS trace_lost,
        count(*) FILTER (WHERE w.untraced) AS cause_untraced,
        count(*) FILTER (WHERE w.batched) AS batched,
        count(*) FILTER (WHERE w.handled_together AND NOT w.batched) AS handled_together,
        count(*) FILTER (WHERE w.appended) AS appended,
        count(*) FILTER (WHERE w.flow_kept) AS correlation_kept,
        count(*) FILTER (WHERE w.flow_switched) AS correlation_switched,
        count(*) FILTER (WHERE w.flow_lost) AS correlation_lost,
        coalesce(
            max(w.effect) FILTER (WHERE w.restarted OR w.lost),
            max(w.effect) FILTER (WHERE w.flow_switched OR w.flow_lost)
        ) AS sample_ref
    FROM weighed w
    JOIN partition p ON p.ordinal = w.from_number
    JOIN partition t ON t.ordinal = w.to_number
    JOIN profile fp ON fp.profile = w.from_profile
    JOIN profile tp ON tp.profile = w.to_profile
    LEFT JOIN reader r ON r.topic_number = w.from_number
    LEFT JOIN failing g ON g.from_number = w.from_number AND g.to_number = w.to_number
    GROUP BY p.cluster, p.topic, fp.type, t.topic, tp.type
) h
LEFT JOIN partition p ON p.ordinal = h.sample_ref >> 40;
