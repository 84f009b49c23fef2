CREATE OR REPLACE MACRO business_cases(flow := NULL, since := NULL, until := NULL) AS TABLE
WITH RECURSIVE chosen AS (
    SELECT b.* FROM business_flow_row b WHERE flow IS NULL OR b.flow = flow
),
begun AS (
    SELECT c.flow, c.completed_by, c.within_ms, e.ref, e.time, e.seen_time, e.conversation
    FROM event_row e
    JOIN profile f ON f.profile = e.profile
    JOIN chosen c ON c.started_by = f.type
    JOIN partition p ON p.ordinal = e.ref >> 40
    WHERE e.seen_time >= window_start(since) AND e.seen_time < window_end(until) AND p.class = 'business'
),
-- What ends a case may have been read before what begins it, but not a day before.
finish AS (
    SELECT c.flow, e.time, e.conversation
    FROM event_row e
    JOIN profile f ON f.profile = e.profile
    JOIN chosen c ON c.completed_by = f.type
    JOIN partition p ON p.ordinal = e.ref >> 40
    WHERE e.seen_time >= window_start(since) - to_days(1) AND p.class = 'business'
),
broken AS (
    SELECT r.ref, r.time, r.error_class, r.error_message, r.consumer_group, e.conversation
    FROM failure_row r
    JOIN event_row e ON e.ref = r.ref
    WHERE r.state = 'dead' AND r.seen_time >= window_start(since) - to_days(1)
      AND e.seen_time >= window_start(since) - to_days(1)
),
-- Conversations are written under the id that they had then: each is followed to the one it belongs to now.
followed(id, current_id) AS (
    SELECT a.old_id, a.current_id FROM alias_row a
    UNION
    SELECT f.id, a.current_id FROM followed f JOIN alias_row a ON a.old_id = f.current_id
),
current AS (
    SELECT f.id, f.current_id FROM followed f ANTI JOIN alias_row a ON a.old_id = f.current_id
),
finished AS (
    SELECT f.flow, coalesce(c.current_id, f.conversation) AS conversation, min(f.time) AS time
    FROM finish f
    LEFT JOIN current c ON c.id = f.conversation
    GROUP BY ALL
),
failed AS (
    SELECT
        coalesce(c.current_id, b.conversation) AS conversation,
        min(b.time) AS time,
        arg_min(b.ref, (b.time, b.ref)) AS ref
    FROM broken b
    LEFT JOIN current c ON c.id = b.conversation
    GROUP BY ALL
),
latest AS (
    SELECT max(last_seen) AS seen_time FROM minute_row
),
judged AS (
    SELECT
        b.flow,
        b.ref,
        coalesce(c.current_id, b.conversation) AS conversation,
        b.time,
        f.time AS finished,
        x.time AS failed,
        x.ref AS failure_ref,
        CASE
            WHEN f.time IS NOT NULL THEN 'completed'
            WHEN x.time IS NOT NULL THEN 'failed'
            WHEN epoch_us(latest.seen_time) - epoch_us(b.time) > b.within_ms * 1000 THEN 'stuck'
            ELSE 'open'
        END AS state
    FROM begun b
    CROSS JOIN latest
    LEFT JOIN current c ON c.id = b.conversation
    LEFT JOIN finished f ON f.flow = b.flow AND f.conversation = coalesce(c.current_id, b.conversation)
    LEFT JOIN failed x ON x.conversation = coalesce(c.current_id, b.conversation)
)
SELECT
    j.flow,
    j.ref,
    coordinates_name(p.topic, p.partition, p.base + (j.ref & 1099511627775)) AS coordinates,
    j.conversation,
    j.time AS started,
    CASE j.state WHEN 'completed' THEN j.finished WHEN 'failed' THEN j.failed END AS ended,
    j.state,
    (epoch_us(CASE j.state WHEN 'completed' THEN j.finished WHEN 'failed' THEN j.failed END) - epoch_us(j.time)) // 1000
        AS took_ms,
    r.ref AS failure_ref,
    r.error_class,
    r.error_message,
    r.consumer_group
FROM judged j
JOIN partition p ON p.ordinal = j.ref >> 40
LEFT JOIN broken r ON r.ref = j.failure_ref AND j.state = 'failed'
ORDER BY j.time, j.ref;

COMMENT ON MACRO TABLE business_cases IS 'Each event that starts a business flow, and what became of it. flow: only this one; since, until: whole minutes by the time the tap saw the starting event (UTC; since is rounded down, until up and left out). Columns: flow, ref, coordinates (of the event that started it), conversation, started, ended (by the events'' own times: of the completing event or of the first dead failure; NULL while neither is there), state (completed; failed = a dead failure in its conversation, and not completed; stuck = neither, and older than within at the latest time that the tap has seen; open), took_ms, failure_ref, error_class, error_message, consumer_group (of the first dead failure, where it failed).';
