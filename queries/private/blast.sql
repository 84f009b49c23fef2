-- What hangs on failures, and whether what usually follows came all the same. Failure records are named by their refs,
-- written between commas.

-- Failures of one signature that are looked into, the latest: enough to tell what kind of harm was done.
CREATE OR REPLACE MACRO blast_failures_max() AS 1000;
-- Events of their conversations that are looked at.
CREATE OR REPLACE MACRO blast_events_max() AS 1000000;
-- Failures in one list of what should be given to its group again.
CREATE OR REPLACE MACRO redrive_max() AS 10000;
-- What is usual is learned from so many other events of the topic and type, the latest, …
CREATE OR REPLACE MACRO usual_sample_max() AS 200;
-- … but of fewer than these nothing is; …
CREATE OR REPLACE MACRO usual_sample_min() AS 20;
-- … and usual is an effect that at least this share of them has.
CREATE OR REPLACE MACRO usual_share() AS 0.95;

-- The newest events have no effects yet: those of the last minute are left out, or of the last tenth of the time that is
-- looked at, where that is shorter.
CREATE OR REPLACE MACRO usual_after(oldest, newest) AS
    newest - to_microseconds(least(60000000, (epoch_us(newest) - epoch_us(oldest)) // 10));

-- Up to when the tap has seen what there is, in µs.
CREATE OR REPLACE MACRO seen_to_us() AS (
    SELECT greatest(
        (SELECT max(epoch_us(e.seen_time)) FROM event_row e WHERE e.slice IN (SELECT open_slice())),
        (SELECT max(epoch_us(g.sampled_at)) FROM progress_row g),
        (SELECT max(epoch_us(s.last_seen)) FROM slice_row s)
    )
);

-- Slices of a topic that are looked into for such events, counted back from its newest.
CREATE OR REPLACE MACRO usual_slices_max() AS 2;

-- Retries, dead letters, faults and forwards: copies of an event, and no effects of it.
CREATE OR REPLACE MACRO is_copy(kind) AS kind IN (3, 4, 5, 6);

CREATE OR REPLACE MACRO refs_in(refs) AS TABLE
SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000;

-- The failures that the records belong to, one row each; an event that did not fail is its own origin, and no failure.
CREATE OR REPLACE MACRO failed_cases(refs) AS TABLE
WITH record AS (
    SELECT f.*
    FROM failure_row f
    WHERE f.failure_case IN (SELECT w.failure_case FROM failure_row w WHERE w.ref IN (SELECT r.ref FROM refs_in(refs) r))
)
SELECT
    r.failure_case,
    any_value(coalesce(r.origin, r.ref)) AS origin,
    any_value(r.consumer_group) AS consumer_group,
    bit_or(r.marks) AS marks,
    min(r.time) AS first_time,
    any_value(r.root) AS root,
    max(r.ref) FILTER (WHERE r.marks >= 8) AS letter,
    max(r.ref) AS newest,
    any_value(r.origin_topic) AS origin_topic,
    any_value(r.origin_partition) AS origin_partition,
    any_value(r.origin_offset) AS origin_offset
FROM record r
GROUP BY r.failure_case
UNION ALL
SELECT NULL, r.ref, NULL, NULL, NULL, NULL, NULL, r.ref, NULL, NULL, NULL
FROM refs_in(refs) r
WHERE r.ref NOT IN (SELECT f.ref FROM failure_row f);

-- Topic, type and time of events.
CREATE OR REPLACE MACRO kinds_of(refs) AS TABLE
WITH row AS MATERIALIZED (
    SELECT e.ref, e.time, e.profile
    FROM event_row e
    WHERE e.slice IN (FROM slices_holding(refs)) AND e.ref IN (FROM refs_in(refs))
)
SELECT r.ref, epoch_us(r.time) AS us, p.topic_number, coalesce(t.type, '') AS type
FROM row r
JOIN partition p ON p.ordinal = r.ref >> 40
JOIN profile t ON t.profile = r.profile;

-- Direct effects of events, among those that lie in some slices; no copies. An event's own edge says all that is wanted of
-- it, so that it is looked up by no other.
CREATE OR REPLACE MACRO effects_within(refs, slices) AS TABLE
WITH wanted AS MATERIALIZED (FROM refs_in(refs)),
place AS MATERIALIZED (SELECT CAST(unnest(string_split(slices, ',')) AS INTEGER) AS slice LIMIT 100000),
link AS MATERIALIZED (
    SELECT DISTINCT r.effect, r.cause FROM cause_row r WHERE r.cause IN (SELECT w.ref FROM wanted w)
),
linked AS MATERIALIZED (
    SELECT e.ref, e.time, e.kind, e.profile
    FROM event_row e
    WHERE e.slice IN (SELECT place.slice FROM place LIMIT 100000) AND e.ref IN (SELECT link.effect FROM link LIMIT 1000000)
)
SELECT e.ref, e.cause, e.profile, epoch_us(e.time) AS us
FROM event_row e
WHERE e.slice IN (SELECT place.slice FROM place LIMIT 100000)
  AND e.cause IN (SELECT w.ref FROM wanted w)
  AND NOT is_copy(e.kind)
UNION
SELECT e.ref, link.cause, e.profile, epoch_us(e.time)
FROM link
JOIN linked e ON e.ref = link.effect
WHERE NOT is_copy(e.kind);

-- What usually follows events of the origins' topics and types: their direct effects by topic and type.
CREATE OR REPLACE MACRO usual_effects(refs) AS TABLE
WITH failed AS MATERIALIZED (FROM failed_cases(refs)),
origins AS MATERIALIZED (SELECT string_agg(DISTINCT f.origin, ',') AS refs FROM failed f),
origin AS MATERIALIZED (FROM kinds_of((SELECT origins.refs FROM origins))),
place AS MATERIALIZED (SELECT DISTINCT o.topic_number, o.type FROM origin o),
kind_of AS MATERIALIZED (
    SELECT t.profile, coalesce(t.type, '') AS type FROM profile t WHERE coalesce(t.type, '') IN (SELECT place.type FROM place)
),
-- Where they are, and up to where the groups that failed have come: what they have not passed can have no effect of theirs.
log AS MATERIALIZED (
    SELECT
        p.ordinal,
        p.topic_number,
        min((CAST(p.ordinal AS BIGINT) << 40) + greatest(g.committed_offset - p.base, 0))
            FILTER (WHERE g.committed_offset IS NOT NULL) AS next_ref
    FROM partition p
    LEFT JOIN progress_row g
        ON g.ordinal = p.ordinal AND g.consumer_group IN (SELECT f.consumer_group FROM failed f WHERE f.consumer_group IS NOT NULL)
    WHERE p.topic_number IN (SELECT place.topic_number FROM place)
    GROUP BY p.ordinal, p.topic_number
),
near AS MATERIALIZED (
    SELECT DISTINCT s.slice
    FROM (
        SELECT r.slice, dense_rank() OVER (PARTITION BY l.topic_number ORDER BY r.slice DESC) AS back
        FROM slice_range r
        JOIN log l ON l.ordinal = r.ordinal
    ) s
    WHERE s.back <= usual_slices_max()
    UNION
    SELECT open_slice()
),
recent AS MATERIALIZED (
    SELECT e.ref, e.profile, e.seen_time, epoch_us(e.time) AS us
    FROM event_row e
    WHERE e.slice IN (SELECT near.slice FROM near LIMIT 100000)
      AND e.profile IN (SELECT k.profile FROM kind_of k)
      AND NOT is_copy(e.kind)
),
taken AS MATERIALIZED (
    SELECT
        s.topic_number,
        s.type,
        unnest(arg_max({'ref': s.ref, 'us': s.us}, s.seen_time, usual_sample_max()), recursive := true)
    FROM (
        SELECT l.topic_number, k.type, e.ref, e.seen_time, e.us
        FROM recent e
        JOIN log l ON l.ordinal = e.ref >> 40 AND (l.next_ref IS NULL OR e.ref < l.next_ref)
        JOIN kind_of k ON k.profile = e.profile
        WHERE e.seen_time <= (SELECT usual_after(min(r.seen_time), max(r.seen_time)) FROM recent r)
          AND e.ref NOT IN (SELECT f.origin FROM failure_row f WHERE f.origin IS NOT NULL)
    ) s
    SEMI JOIN place ON place.topic_number = s.topic_number AND place.type = s.type
    GROUP BY s.topic_number, s.type
),
around AS MATERIALIZED (
    SELECT string_agg(a.slice, ',') AS slices
    FROM (SELECT near.slice FROM near UNION SELECT near.slice + 1 FROM near) a
),
causes AS MATERIALIZED (SELECT string_agg(t.ref, ',') AS refs FROM taken t),
child AS MATERIALIZED (FROM effects_within((SELECT causes.refs FROM causes), (SELECT around.slices FROM around))),
came AS (
    SELECT e.cause, p.topic_number AS to_topic, coalesce(t.type, '') AS to_type, min(e.us) AS us
    FROM child e
    JOIN partition p ON p.ordinal = e.ref >> 40
    JOIN profile t ON t.profile = e.profile
    GROUP BY ALL
),
size AS (SELECT t.topic_number, t.type, count(*) AS sampled FROM taken t GROUP BY ALL)
SELECT
    s.topic_number,
    s.type,
    c.to_topic,
    c.to_type,
    any_value(s.sampled) AS sampled,
    count(*) AS had,
    max(c.us - t.us) AS longest_us
FROM came c
JOIN taken t ON t.ref = c.cause
JOIN size s ON s.topic_number = t.topic_number AND s.type = t.type
GROUP BY s.topic_number, s.type, c.to_topic, c.to_type
HAVING any_value(s.sampled) >= usual_sample_min() AND count(*) >= usual_share() * any_value(s.sampled);

-- Of each failure each usual effect of its origin, and whether it came: of the origin itself or of one of its copies. `late`:
-- after the failure, and later than any that was taken as a sample. One that has not come and may still be on its way has no
-- row.
CREATE OR REPLACE MACRO usual_judged(refs, slices) AS TABLE
WITH failed AS MATERIALIZED (FROM failed_cases(refs)),
carrier AS MATERIALIZED (
    SELECT f.failure_case, f.origin, f.origin AS ref FROM failed f
    UNION
    SELECT f.failure_case, f.origin, r.ref FROM failure_row r JOIN failed f ON f.origin = r.origin
    UNION
    SELECT f.failure_case, f.origin, r.healed_by FROM failure_row r JOIN failed f ON f.origin = r.origin WHERE r.healed_by IS NOT NULL
),
origins AS MATERIALIZED (SELECT string_agg(DISTINCT f.origin, ',') AS refs FROM failed f),
origin AS MATERIALIZED (FROM kinds_of((SELECT origins.refs FROM origins))),
causes AS MATERIALIZED (SELECT string_agg(DISTINCT c.ref, ',') AS refs FROM carrier c),
child AS MATERIALIZED (FROM effects_within((SELECT causes.refs FROM causes), slices)),
came AS MATERIALIZED (
    SELECT c.failure_case, c.origin, p.topic_number AS to_topic, coalesce(t.type, '') AS to_type, max(e.us) AS us
    FROM child e
    JOIN carrier c ON c.ref = e.cause
    JOIN partition p ON p.ordinal = e.ref >> 40
    JOIN profile t ON t.profile = e.profile
    GROUP BY ALL
)
SELECT
    f.failure_case,
    f.origin,
    u.to_topic,
    u.to_type,
    u.sampled,
    u.had,
    c.us IS NOT NULL AS came,
    coalesce(c.us > epoch_us(f.first_time) AND c.us - o.us > u.longest_us, false) AS late
FROM failed f
JOIN origin o ON o.ref = f.origin
JOIN usual_effects(refs) u ON u.topic_number = o.topic_number AND u.type = o.type
LEFT JOIN came c
    ON c.failure_case IS NOT DISTINCT FROM f.failure_case AND c.origin = f.origin AND c.to_topic = u.to_topic
    AND c.to_type = u.to_type
WHERE c.us IS NOT NULL OR (SELECT seen_to_us()) - o.us > u.longest_us;

-- The failure records of an event or of its failures; the event itself where it did not fail.
CREATE OR REPLACE MACRO failures_at(of_ref) AS (
    SELECT coalesce(string_agg(w.ref, ','), CAST(any_value(w.asked) AS VARCHAR))
    FROM (
        SELECT f.ref, a.asked
        FROM (SELECT CAST(of_ref AS BIGINT) AS asked) a
        LEFT JOIN failure_row f ON f.ref = a.asked OR f.origin = a.asked
        LIMIT blast_failures_max()
    ) w
);

-- The latest failures of a signature.
CREATE OR REPLACE MACRO failures_like(of_signature) AS (
    SELECT string_agg(w.ref, ',')
    FROM (
        SELECT f.ref
        FROM failure_row f
        WHERE f.signature = CAST(of_signature AS VARCHAR) AND f.case_marks IS NOT NULL
        ORDER BY f.time DESC, f.ref DESC
        LIMIT blast_failures_max()
    ) w
);

-- What hangs on failures: see macro `blast`. Each question to the lists of conversations and slices is asked once.
CREATE OR REPLACE MACRO blast_rows(refs) AS TABLE
WITH RECURSIVE failed AS MATERIALIZED (FROM failed_cases(refs)),
named AS MATERIALIZED (
    SELECT string_agg(DISTINCT n.ref, ',') AS refs
    FROM (SELECT f.origin AS ref FROM failed f UNION SELECT f.newest FROM failed f) n
),
scope AS MATERIALIZED (FROM scope_of_events((SELECT named.refs FROM named))),
member AS MATERIALIZED (
    SELECT e.ref, e.time, e.kind, e.profile, e.cause, e.conversation
    FROM rows_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope)) e
    LIMIT blast_events_max()
),
same(id, other) AS (
    SELECT m.conversation, m.conversation FROM (SELECT DISTINCT conversation FROM member) m
    UNION
    SELECT same.id, link.other FROM same JOIN alias_link link ON link.id = same.other
),
-- One name for each conversation, whatever it was called.
called AS MATERIALIZED (SELECT same.id, min(same.other) AS name FROM same GROUP BY same.id),
edge AS MATERIALIZED (
    SELECT m.ref AS effect, m.cause FROM member m WHERE m.cause IS NOT NULL
    UNION
    SELECT r.effect, r.cause FROM cause_row r WHERE r.effect IN (SELECT m.ref FROM member m)
),
carrier AS MATERIALIZED (
    SELECT f.origin AS ref FROM failed f
    UNION
    SELECT r.ref FROM failure_row r WHERE r.origin IN (SELECT f.origin FROM failed f)
    UNION
    SELECT r.ref FROM failure_row r WHERE r.failure_case IN (SELECT f.failure_case FROM failed f)
),
below(ref) AS (
    SELECT c.ref FROM carrier c
    UNION
    SELECT edge.effect FROM below JOIN edge ON edge.cause = below.ref
),
above(ref) AS (
    SELECT f.origin FROM failed f
    UNION
    SELECT edge.cause FROM above JOIN edge ON edge.effect = above.ref
),
part AS MATERIALIZED (
    SELECT
        m.ref,
        c.name,
        p.cluster,
        p.topic,
        t.type,
        CASE
            WHEN m.ref IN (SELECT carrier.ref FROM carrier) OR is_copy(m.kind) THEN 'failed'
            WHEN m.ref IN (SELECT below.ref FROM below) THEN 'effect'
            WHEN m.ref IN (SELECT above.ref FROM above) THEN 'cause'
            ELSE 'sibling'
        END AS what
    FROM member m
    JOIN called c ON c.id = m.conversation
    JOIN partition p ON p.ordinal = m.ref >> 40
    JOIN profile t ON t.profile = m.profile
),
worth AS (
    SELECT c.name, arg_min(r.number, (m.time, m.ref)) AS number
    FROM attribute_row r
    JOIN member m ON m.ref = r.ref
    JOIN called c ON c.id = m.conversation
    WHERE r.name = lag_field() AND r.number IS NOT NULL
    GROUP BY c.name
),
judged AS MATERIALIZED (FROM usual_judged(refs, (SELECT scope.slices FROM scope))),
missing AS MATERIALIZED (
    SELECT j.to_topic, j.to_type, count(*) FILTER (WHERE NOT j.came) AS events, max(j.sampled) AS sampled, max(j.had) AS had
    FROM judged j
    GROUP BY ALL
),
place AS (
    SELECT p.topic_number, any_value(p.cluster) AS cluster, any_value(p.topic) AS topic FROM partition p GROUP BY p.topic_number
),
told AS (
    SELECT
        0 AS rank, 'failure' AS what, any_value(p.cluster) AS cluster, coalesce(p.topic, f.origin_topic) AS topic,
        CAST(NULL AS VARCHAR) AS type, f.consumer_group, count(*) AS events, CAST(NULL AS BIGINT) AS conversations,
        CAST(NULL AS DOUBLE) AS value, CAST(NULL AS BIGINT) AS sampled, CAST(NULL AS BIGINT) AS had
    FROM failed f
    LEFT JOIN partition p ON p.ordinal = f.origin >> 40
    WHERE f.failure_case IS NOT NULL
    GROUP BY coalesce(p.topic, f.origin_topic), f.consumer_group
    UNION ALL
    SELECT
        1, 'conversation', NULL, NULL, NULL, NULL, (SELECT count(*) FROM member), count(DISTINCT c.name),
        (SELECT sum(w.number) FROM worth w), NULL, NULL
    FROM called c
    HAVING count(*) > 0
    UNION ALL
    SELECT 2, 'root', p.cluster, p.topic, p.type, NULL, count(DISTINCT p.ref), count(DISTINCT p.name), NULL, NULL, NULL
    FROM part p
    WHERE p.ref IN (SELECT f.root FROM failed f)
    GROUP BY ALL
    UNION ALL
    SELECT
        CASE p.what WHEN 'effect' THEN 3 ELSE 4 END, p.what, p.cluster, p.topic, p.type, NULL, count(*), count(DISTINCT p.name),
        NULL, NULL, NULL
    FROM part p
    WHERE p.what IN ('effect', 'sibling')
    GROUP BY ALL
    UNION ALL
    SELECT
        5, 'missing', p.cluster, p.topic, nullif(m.to_type, ''), NULL, m.events, NULL, NULL, m.sampled, m.had
    FROM missing m
    JOIN place p ON p.topic_number = m.to_topic
    WHERE m.events > 0
    UNION ALL
    SELECT
        6, 'waiting', p.cluster, p.topic, nullif(m.to_type, ''), g.consumer_group, m.events, NULL, NULL, NULL, NULL
    FROM missing m
    JOIN place p ON p.topic_number = m.to_topic
    JOIN (
        SELECT DISTINCT r.consumer_group, o.topic_number
        FROM progress_row r
        JOIN partition o ON o.ordinal = r.ordinal
        WHERE r.consumer_group NOT IN (FROM not_attending)
    ) g ON g.topic_number = m.to_topic
    WHERE m.events > 0
    UNION ALL
    SELECT 7, 'seems_healed', NULL, NULL, NULL, NULL, count(*), NULL, NULL, NULL, NULL
    FROM (
        SELECT j.failure_case
        FROM judged j
        JOIN failed f ON f.failure_case = j.failure_case AND f.marks & 3 = 2
        GROUP BY j.failure_case
        HAVING bool_and(j.came) AND bool_or(j.late)
    )
    HAVING count(*) > 0
    UNION ALL
    SELECT 8, 'limit', NULL, NULL, NULL, NULL, blast_events_max(), NULL, NULL, NULL, NULL
    WHERE (SELECT count(*) FROM member) >= blast_events_max()
)
SELECT
    t.what, t.cluster, t.topic, t.type, t.consumer_group, t.events, t.conversations, t.value,
    CASE WHEN t.value IS NOT NULL THEN lag_field() END AS value_field, t.sampled, t.had
FROM told t
ORDER BY t.rank, t.events DESC, t.topic, t.type, t.consumer_group;
