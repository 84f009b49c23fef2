-- All is summed up from the events that were seen in the window, which zone maps find: nothing is joined over the table.
CREATE OR REPLACE MACRO conversations(since := NULL, until := NULL) AS TABLE
WITH RECURSIVE written AS MATERIALIZED (
    SELECT e.ref, e.time, e.conversation, e.resolution, e.profile, e.cause
    FROM event_row e
    WHERE e.seen_time >= window_start(since) AND e.seen_time < window_end(until)
),
-- Conversations are written under the id that they had then: each is followed to the one it belongs to now.
followed(id, current_id) AS (
    SELECT a.old_id, a.current_id FROM alias_row a WHERE a.old_id IN (SELECT w.conversation FROM written w)
    UNION
    SELECT f.id, a.current_id FROM followed f JOIN alias_row a ON a.old_id = f.current_id
),
current AS MATERIALIZED (
    SELECT f.id, f.current_id FROM followed f ANTI JOIN alias_row a ON a.old_id = f.current_id
),
seen AS (
    SELECT w.* REPLACE (coalesce(c.current_id, w.conversation) AS conversation)
    FROM written w
    LEFT JOIN current c ON c.id = w.conversation
),
-- An event carries one cause, so nothing is walked twice, and what goes round is never begun. A chain may have as many
-- steps as a conversation has events: who asks for depth wants the long ones, and 64 are long.
walk(ref, conversation, depth) AS (
    SELECT s.ref, s.conversation, 0
    FROM seen s
    ANTI JOIN written o ON o.ref = s.cause
    UNION ALL
    SELECT n.ref, w.conversation, w.depth + 1
    FROM walk w
    JOIN written n ON n.cause = w.ref
    WHERE w.depth < 64
),
place AS (
    SELECT p.ordinal, p.topic_number, CAST(1 AS BIGINT) << least(dense_rank() OVER (ORDER BY p.cluster) - 1, 62) AS cluster_bit
    FROM partition p
),
-- The earliest root is the smallest pair of time and ref, in one number.
by_topic AS (
    SELECT
        s.conversation,
        p.topic_number,
        any_value(p.cluster_bit) AS cluster_bits,
        count(*) AS events,
        min(s.time) AS first_time,
        max(s.time) AS last_time,
        count(*) FILTER (WHERE s.resolution = 5) AS orphaned,
        count(*) FILTER (WHERE s.resolution = 4) AS waiting,
        min(CAST(epoch_us(s.time) AS HUGEINT) * 9223372036854775808 + s.ref) FILTER (WHERE s.resolution = 0) AS root
    FROM seen s
    JOIN place p ON p.ordinal = s.ref >> 40
    GROUP BY s.conversation, p.topic_number
),
failed AS (
    SELECT s.conversation, f.failure_case, bit_or(f.marks) AS marks
    FROM failure_row f
    JOIN seen s ON s.ref = f.ref
    WHERE f.seen_time >= window_start(since) AND f.seen_time < window_end(until)
    GROUP BY s.conversation, f.failure_case
),
counted AS (
    SELECT
        t.conversation, t.topic_number, t.cluster_bits, t.events, t.first_time, t.last_time, t.orphaned, t.waiting, t.root,
        0 AS depth, 0 AS failed, 0 AS dead, 0 AS retrying
    FROM by_topic t
    UNION ALL
    SELECT w.conversation, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, max(w.depth), 0, 0, 0
    FROM walk w
    GROUP BY w.conversation
    UNION ALL
    SELECT
        f.conversation, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, count(*),
        count(*) FILTER (WHERE f.marks & 3 = 2), count(*) FILTER (WHERE f.marks & 3 = 0)
    FROM failed f
    GROUP BY f.conversation
),
summed AS MATERIALIZED (
    SELECT
        c.conversation,
        min(c.first_time) AS first_time,
        max(c.last_time) AS last_time,
        CAST(sum(c.events) AS BIGINT) AS events,
        max(c.depth) AS depth,
        count(c.topic_number) AS topics,
        bit_count(bit_or(c.cluster_bits)) AS clusters,
        CAST((min(c.root) % 9223372036854775808 + 9223372036854775808) % 9223372036854775808 AS BIGINT) AS root,
        CAST(sum(c.failed) AS BIGINT) AS failed,
        CAST(sum(c.dead) AS BIGINT) AS dead,
        CAST(sum(c.retrying) AS BIGINT) AS retrying,
        CAST(sum(c.orphaned) AS BIGINT) AS orphaned,
        CAST(sum(c.waiting) AS BIGINT) AS waiting
    FROM counted c
    GROUP BY c.conversation
)
SELECT
    s.conversation,
    s.first_time,
    s.last_time,
    (epoch_us(s.last_time) - epoch_us(s.first_time)) // 1000 AS took_ms,
    s.events,
    CAST(s.depth AS INTEGER) AS depth,
    s.topics,
    CAST(s.clusters AS INTEGER) AS clusters,
    s.root,
    coordinates_name(p.topic, p.partition, p.base + (s.root & 1099511627775)) AS root_coordinates,
    f.type AS root_type,
    s.failed,
    s.dead,
    s.orphaned,
    s.waiting,
    CASE
        WHEN s.dead > 0 THEN 'failed'
        WHEN s.retrying > 0 THEN 'retrying'
        WHEN s.failed > 0 THEN 'healed'
        WHEN s.orphaned > 0 THEN 'orphaned'
        WHEN s.waiting > 0 THEN 'waiting'
        ELSE 'no_failure'
    END AS outcome
FROM summed s
LEFT JOIN written r ON r.ref = s.root
LEFT JOIN partition p ON p.ordinal = s.root >> 40
LEFT JOIN profile f ON f.profile = r.profile;

COMMENT ON MACRO TABLE conversations IS 'One row a conversation of which the tap saw events in a window: what it was in that window. since, until: whole minutes by the time the tap saw the events (UTC; since is rounded down, until up and left out); macro conversation_events has all events of one. Columns: conversation (its id now, merges resolved), first_time and last_time (its events'' own times, UTC), took_ms (between the two), events, depth (steps of its longest chain of declared and transactional causes, at most 64), topics, clusters, root, root_coordinates and root_type (the earliest event that says itself that nothing caused it; NULL where it was not seen in the window), failed (distinct origin and group, a lower bound), dead (of these, given up), orphaned and waiting (events), outcome (failed, retrying, healed, orphaned, waiting or no_failure: the first of these that is true).';
