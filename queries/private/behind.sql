-- Who is behind, and which events wait.

-- Whether a record is among those that a group finished beyond its committed offset: `812-815,820-821`, each first to the
-- one after the last. What is no such list (`?`) says nothing of any record.
CREATE OR REPLACE MACRO is_done(beyond, at_offset) AS coalesce(
    len(list_filter(
        string_split(beyond, ','),
        lambda range: at_offset >= TRY_CAST(split_part(range, '-', 1) AS BIGINT)
            AND at_offset < TRY_CAST(split_part(range, '-', 2) AS BIGINT)
    )) > 0,
    false
);

-- The worse, the smaller: which of a group's partitions is shown for all.
CREATE OR REPLACE MACRO state_rank(state) AS CASE state
    WHEN 'stuck' THEN 0 WHEN 'blocked_by_transaction' THEN 1 WHEN 'rewound' THEN 2 WHEN 'stalled' THEN 3
    WHEN 'dead' THEN 4 WHEN 'rebalancing' THEN 5 WHEN 'never_committed' THEN 6 ELSE 7 END;

-- The attribute that is summed up over what waits, as it is configured; NULL where none is.
CREATE OR REPLACE MACRO lag_field() AS (SELECT any_value(m.value) FROM meta m WHERE m.name = 'lag_value');

-- How each group stands on each partition, of the newest incarnation that it reads. Of a share group no offset is lag.
CREATE OR REPLACE VIEW stand AS
SELECT
    r.*,
    p.cluster,
    p.topic,
    p.partition,
    p.incarnation,
    p.base,
    g.kind,
    g.phase,
    g.members,
    g.denied,
    coalesce(g.kind = 'share', r.state = 'no_offset_lag') AS shared
FROM progress_row r
JOIN partition p ON p.ordinal = r.ordinal
LEFT JOIN group_row g ON g.cluster = p.cluster AND g.consumer_group = r.consumer_group
QUALIFY p.incarnation = max(p.incarnation) OVER (PARTITION BY p.cluster, r.consumer_group, p.topic);

-- The partitions on which something waits: refs from `next_ref` on, up to the log's end at the sample. `reader` is a number
-- for group and topic, since names are slow to compare; `sparse` where something beyond the committed offset is done.
CREATE OR REPLACE VIEW behind AS
SELECT
    dense_rank() OVER (ORDER BY s.cluster, s.consumer_group, s.topic) AS reader,
    s.cluster,
    s.consumer_group,
    s.topic,
    s.partition,
    s.ordinal,
    s.base,
    (CAST(s.ordinal AS BIGINT) << 40) + greatest(s.committed_offset - s.base, 0) AS next_ref,
    (CAST(s.ordinal AS BIGINT) << 40) + least(s.log_end_offset - s.base, 1099511627776) AS end_ref,
    s.sampled_at,
    s.beyond,
    s.beyond IS NOT NULL AND s.beyond <> '?' AS sparse
FROM stand s
WHERE NOT s.shared AND s.lag_offsets > 0;

-- The refs that wait for groups that finish records out of order: what is done beyond the committed offset is taken out in
-- one pass, in the order of refs. NULL stands for all groups, topics and clusters.
CREATE OR REPLACE MACRO sparse_refs(of_group, of_topic, of_cluster) AS TABLE
WITH late AS MATERIALIZED (
    SELECT b.*
    FROM behind b
    WHERE b.sparse
      AND (of_group IS NULL OR b.consumer_group = of_group)
      AND (of_topic IS NULL OR b.topic = of_topic)
      AND (of_cluster IS NULL OR b.cluster = of_cluster)
),
done AS (
    SELECT
        d.reader,
        d.first_ref + (TRY_CAST(split_part(d.range, '-', 1) AS BIGINT) - d.base) AS first_ref,
        least(d.first_ref + (TRY_CAST(split_part(d.range, '-', 2) AS BIGINT) - d.base), d.end_ref) AS after_ref
    FROM (
        SELECT
            late.reader,
            late.base,
            CAST(late.ordinal AS BIGINT) << 40 AS first_ref,
            late.end_ref,
            unnest(string_split(late.beyond, ',')) AS range
        FROM late
    ) d
),
told AS (
    SELECT l.reader, e.ref, CAST(NULL AS BIGINT) AS after_ref, true AS is_event
    FROM event_row e
    JOIN late l ON l.ordinal = e.ref >> 40 AND e.ref >= l.next_ref AND e.ref < l.end_ref
    WHERE e.slice IN (
        SELECT r.slice
        FROM slice_range r
        JOIN late l ON r.ordinal = l.ordinal AND r.last_ref >= l.next_ref AND r.first_ref < l.end_ref
        UNION ALL
        SELECT open_slice()
    )
    UNION ALL
    SELECT d.reader, d.first_ref, d.after_ref, false FROM done d
)
SELECT o.reader, o.ref
FROM (
    SELECT
        t.reader,
        t.ref,
        t.is_event,
        max(t.after_ref) OVER (
            PARTITION BY t.reader ORDER BY t.ref, t.is_event ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS done_to
    FROM told t
) o
WHERE o.is_event AND coalesce(o.ref >= o.done_to, true);

-- The events that wait, one row for each group that has not passed them. Only slices that hold some of them are read. Most
-- groups pass in order, and nothing has to be taken out of theirs: they are joined by themselves.
CREATE OR REPLACE MACRO waiting_rows(of_group, of_topic, of_cluster) AS TABLE
WITH late AS MATERIALIZED (
    SELECT b.reader, b.ordinal, b.next_ref, b.end_ref, b.sparse
    FROM behind b
    WHERE (of_group IS NULL OR b.consumer_group = of_group)
      AND (of_topic IS NULL OR b.topic = of_topic)
      AND (of_cluster IS NULL OR b.cluster = of_cluster)
)
SELECT e.*, l.reader
FROM event_row e
JOIN late l ON l.ordinal = e.ref >> 40 AND e.ref >= l.next_ref AND e.ref < l.end_ref
WHERE NOT l.sparse
  AND e.slice IN (
    SELECT r.slice
    FROM slice_range r
    JOIN late l ON r.ordinal = l.ordinal AND r.last_ref >= l.next_ref AND r.first_ref < l.end_ref
    UNION ALL
    SELECT open_slice()
)
UNION ALL
SELECT e.*, o.reader
FROM event_row e
JOIN sparse_refs(of_group, of_topic, of_cluster) o ON o.ref = e.ref
WHERE e.slice IN (
    SELECT r.slice
    FROM slice_range r
    JOIN late l ON r.ordinal = l.ordinal AND r.last_ref >= l.next_ref AND r.first_ref < l.end_ref
    WHERE l.sparse
    UNION ALL
    SELECT open_slice()
);

-- The configured field of the events that wait, where they carry it.
CREATE OR REPLACE MACRO waiting_values(of_group, of_topic, of_cluster) AS TABLE
WITH carried AS (
    SELECT r.ref, any_value(r.number) AS number
    FROM attribute_row r
    WHERE r.name = lag_field() AND r.number IS NOT NULL
    GROUP BY r.ref
)
SELECT b.reader, c.ref, c.number
FROM carried c
JOIN behind b ON b.ordinal = c.ref >> 40 AND c.ref >= b.next_ref AND c.ref < b.end_ref
WHERE NOT b.sparse
  AND (of_group IS NULL OR b.consumer_group = of_group)
  AND (of_topic IS NULL OR b.topic = of_topic)
  AND (of_cluster IS NULL OR b.cluster = of_cluster)
UNION ALL
SELECT o.reader, c.ref, c.number FROM carried c JOIN sparse_refs(of_group, of_topic, of_cluster) o ON o.ref = c.ref;
