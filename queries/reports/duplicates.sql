CREATE OR REPLACE MACRO duplicates(since := NULL, until := NULL, at_most := 1000) AS TABLE
WITH bounds AS MATERIALIZED (
    SELECT
        coalesce(
            CAST(since AS TIMESTAMP),
            least(CAST(until AS TIMESTAMP), (SELECT max(m.last_seen) FROM minute_row m)) - to_hours(24)
        ) AS begins,
        coalesce(CAST(until AS TIMESTAMP), 'infinity'::TIMESTAMP) AS ends
),
-- What a record repeats by itself is no duplicate: retries, dead letters, faults and copies.
seen AS (
    SELECT
        e.ref, e.seen_time, coalesce(e.record_time, e.time) AS record_time, e.profile, e.key_hash, e.id_hi, e.id_lo,
        CASE WHEN e.evidence <> 4 THEN e.cause END AS cause,
        t.topic_number
    FROM event_row e
    JOIN (SELECT CAST(ordinal AS BIGINT) AS ordinal, topic_number FROM partition) t ON t.ordinal = e.ref >> 40
    WHERE e.seen_time >= (SELECT b.begins FROM bounds b)
        AND e.seen_time < (SELECT b.ends FROM bounds b)
        AND e.kind IN (0, 1, 2, 7)
),
-- All that there is of a topic and type, and what is there more than once: the shares follow from the two, so that nothing
-- is kept of what comes once.
total AS MATERIALIZED (
    SELECT s.topic_number, s.profile, count(s.id_hi) AS ids, count(s.cause) AS effects
    FROM seen s
    GROUP BY s.topic_number, s.profile
),
id_twice AS MATERIALIZED (
    SELECT s.topic_number, s.profile, s.id_hi, s.id_lo, count(*) AS times
    FROM seen s
    WHERE s.id_hi IS NOT NULL
    GROUP BY s.topic_number, s.profile, s.id_hi, s.id_lo
    HAVING count(*) > 1
),
id_usual AS (
    SELECT
        t.topic_number, t.profile,
        t.ids - sum(w.times - 1) AS known,
        (t.ids - sum(w.times)) / (t.ids - sum(w.times - 1)) AS usual
    FROM total t
    JOIN id_twice w ON w.topic_number = t.topic_number AND w.profile = t.profile
    GROUP BY t.topic_number, t.profile, t.ids
),
id_again AS MATERIALIZED (
    SELECT
        s.ref, s.seen_time, s.topic_number, s.profile, s.cause, u.known, u.usual,
        first_value(s.ref) OVER runs AS first_ref,
        first_value(s.seen_time) OVER runs AS first_seen,
        row_number() OVER runs AS nth
    FROM seen s
    JOIN id_twice w ON w.topic_number = s.topic_number AND w.profile = s.profile AND w.id_hi = s.id_hi
        AND w.id_lo = s.id_lo
    JOIN id_usual u ON u.topic_number = s.topic_number AND u.profile = s.profile
    WHERE u.usual >= 0.95 AND u.known >= 20
    WINDOW runs AS (PARTITION BY s.topic_number, s.profile, s.id_hi, s.id_lo ORDER BY s.seen_time, s.ref)
),
-- What two events of one id made was made for one of them.
made AS (
    SELECT s.* REPLACE (coalesce(i.first_ref, s.cause) AS cause), s.cause AS own_cause
    FROM seen s
    LEFT JOIN (SELECT a.ref, a.first_ref FROM id_again a WHERE a.nth > 1) i ON i.ref = s.cause
    WHERE s.cause IS NOT NULL
),
twice AS MATERIALIZED (
    SELECT s.topic_number, s.profile, s.cause
    FROM made s
    GROUP BY s.topic_number, s.profile, s.cause
    HAVING count(*) > 1
),
effect_row AS MATERIALIZED (
    SELECT s.*
    FROM made s
    JOIN twice w ON w.topic_number = s.topic_number AND w.profile = s.profile AND w.cause = s.cause
),
effect_group AS MATERIALIZED (
    SELECT e.topic_number, e.profile, e.cause, count(*) AS times, count(DISTINCT e.own_cause) AS causes
    FROM effect_row e
    GROUP BY e.topic_number, e.profile, e.cause
),
effect_usual AS (
    SELECT
        t.topic_number, t.profile,
        t.effects - sum(g.times - g.causes) AS known,
        1 - sum(least(g.causes, g.times - g.causes)) / (t.effects - sum(g.times - g.causes)) AS usual
    FROM total t
    JOIN effect_group g ON g.topic_number = t.topic_number AND g.profile = t.profile
    GROUP BY t.topic_number, t.profile, t.effects
),
effect_again AS MATERIALIZED (
    SELECT
        e.ref, e.seen_time, e.record_time, e.topic_number, e.profile, e.cause, e.key_hash, g.causes, u.known, u.usual,
        first_value(e.ref) OVER runs AS first_ref,
        first_value(e.seen_time) OVER runs AS first_seen,
        first_value(e.key_hash) OVER runs AS first_key,
        row_number() OVER runs AS nth
    FROM effect_row e
    JOIN effect_group g ON g.topic_number = e.topic_number AND g.profile = e.profile AND g.cause = e.cause
    JOIN effect_usual u ON u.topic_number = e.topic_number AND u.profile = e.profile
    WINDOW runs AS (PARTITION BY e.topic_number, e.profile, e.cause ORDER BY e.seen_time, e.ref)
),
-- A group that came back to a cause after it had dealt with a later one of the same partition did not fan out: it ran
-- twice. Of the later ones, the next few are looked at.
later AS (
    SELECT s.topic_number, s.profile, n.cause, min(s.record_time) AS record_time
    FROM seen s
    JOIN (SELECT w.topic_number, w.profile, w.cause, w.cause + unnest(range(1, 17)) AS later_cause FROM twice w) n
        ON n.topic_number = s.topic_number AND n.profile = s.profile AND n.later_cause = s.cause
    GROUP BY s.topic_number, s.profile, n.cause
),
effect_back AS MATERIALIZED (
    SELECT a.*, coalesce(a.record_time > l.record_time, false) AS came_back
    FROM effect_again a
    LEFT JOIN later l ON l.topic_number = a.topic_number AND l.profile = a.profile AND l.cause = a.cause
    WHERE a.nth > 1
),
-- The last cause of such a run has no later one that was dealt with before: those before it tell.
run_back AS MATERIALIZED (
    SELECT DISTINCT b.topic_number, b.profile, b.cause + unnest(range(0, 17)) AS cause
    FROM effect_back b
    WHERE b.came_back
),
again AS MATERIALIZED (
    SELECT
        'same_id' AS kind, i.ref, i.first_ref, i.cause, i.seen_time, i.first_seen, i.nth, i.profile, i.usual, i.known,
        false AS came_back, true AS plain
    FROM id_again i
    WHERE i.nth > 1 AND i.ref NOT IN (SELECT f.healed_by FROM failure_row f WHERE f.healed_by IS NOT NULL)
    UNION ALL
    SELECT
        'same_effect', b.ref, b.first_ref, b.cause, b.seen_time, b.first_seen, b.nth, b.profile, b.usual, b.known,
        r.cause IS NOT NULL,
        (b.usual >= 0.95 AND b.known >= 20)
            OR (b.usual >= 0.8 AND r.cause IS NOT NULL AND b.key_hash IS NOT DISTINCT FROM b.first_key)
            OR (b.usual >= 0.8 AND b.causes > 1)
    FROM effect_back b
    LEFT JOIN run_back r ON r.topic_number = b.topic_number AND r.profile = b.profile AND r.cause = b.cause
),
-- Where the ledger saw it: the last time that a group went back before the cause, between the two.
rewound AS MATERIALIZED (
    SELECT
        a.kind, a.ref,
        max_by(r.consumer_group, r.sampled_at) AS consumer_group,
        max_by(r.from_offset, r.sampled_at) AS from_offset,
        max_by(r.to_offset, r.sampled_at) AS to_offset,
        max(r.sampled_at) AS rewound_at
    FROM again a
    JOIN partition p ON p.ordinal = a.cause >> 40
    JOIN rewind_row r ON r.ordinal = p.ordinal
    WHERE r.to_offset <= p.base + (a.cause & 1099511627775)
        AND r.from_offset > p.base + (a.cause & 1099511627775)
        AND r.sampled_at >= a.first_seen
        AND r.sampled_at - to_milliseconds(r.resolution_ms) <= a.seen_time
    GROUP BY a.kind, a.ref
)
SELECT
    a.kind,
    p.cluster,
    p.topic,
    f.type,
    a.ref,
    coordinates_name(p.topic, p.partition, p.base + (a.ref & 1099511627775)) AS coordinates,
    a.first_ref,
    coordinates_name(o.topic, o.partition, o.base + (a.first_ref & 1099511627775)) AS first_coordinates,
    a.cause,
    coordinates_name(c.topic, c.partition, c.base + (a.cause & 1099511627775)) AS cause_coordinates,
    a.seen_time,
    a.first_seen,
    a.nth,
    round(a.usual, 4) AS usual,
    CAST(a.known AS BIGINT) AS known,
    a.came_back,
    r.consumer_group,
    r.from_offset,
    r.to_offset,
    r.rewound_at,
    c.partition AS cause_partition,
    c.topic AS cause_topic
FROM again a
JOIN partition p ON p.ordinal = a.ref >> 40
JOIN partition o ON o.ordinal = a.first_ref >> 40
LEFT JOIN partition c ON c.ordinal = a.cause >> 40
JOIN profile f ON f.profile = a.profile
LEFT JOIN rewound r ON r.kind = a.kind AND r.ref = a.ref
WHERE a.plain OR r.ref IS NOT NULL
ORDER BY a.seen_time DESC, a.ref DESC, a.kind
LIMIT at_most;

COMMENT ON MACRO TABLE duplicates IS 'Events that came again, the latest first: one id twice on a topic, and one cause with effects of the same topic and type twice where there is one as a rule. since, until: when the second was seen (UTC); without them the last 24 h. at_most rows. Told only where at least 95 % of at least 20 come once; or, of effects, where 80 % do and their cause came twice itself, or a group came back to it after it had dealt with a later one of its partition; or where the ledger saw the group go back before the cause. Retries, dead letters, copies and redrives that healed are no duplicates. Columns: kind (same_id or same_effect), cluster, topic, type, ref and coordinates (of the one that came again), first_ref and first_coordinates (of the first), cause and cause_coordinates (of what both come from, of an event that came twice itself the first; NULL for an event without a cause), seen_time and first_seen (UTC), nth (2 for the second), usual (share of ids or causes of this topic and type with one only), known (how many these are), came_back (a later cause was dealt with before), consumer_group, from_offset, to_offset and rewound_at (UTC; the group that went back, from where, where to, and when; NULL where the ledger saw none), cause_partition, cause_topic.';
