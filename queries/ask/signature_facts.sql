-- What the failures of signature $1 have in common, by kind of fact; each failure counts once a fact and name.
WITH begun AS MATERIALIZED (
    SELECT DISTINCT f.root AS ref FROM failure_row f WHERE f.signature = $1 AND f.root IS NOT NULL AND f.root_profile IS NULL
),
-- Roots that were not known when their failures were written.
found AS (
    SELECT e.ref, e.profile
    FROM event_row e
    WHERE e.slice IN (
        SELECT s.slice
        FROM slice_range s
        JOIN begun ON s.ordinal = begun.ref >> 40 AND s.first_ref <= begun.ref AND s.last_ref >= begun.ref
        UNION ALL
        SELECT open_slice() FROM begun
    )
      AND e.ref IN (SELECT begun.ref FROM begun)
),
one AS MATERIALIZED (
    SELECT
        f.failure_case,
        any_value(f.consumer_group) AS consumer_group,
        any_value(group_evidence_name(f.group_evidence)) AS group_evidence,
        any_value(array_to_string(f.candidate_groups, ', ')) AS candidates,
        any_value(f.root) AS root,
        any_value(t.type) AS root_type,
        max(healed_evidence_name(f.healed_evidence)) FILTER (WHERE f.state = 'healed') AS healed_evidence,
        max(orphan_reason_name(f.orphan_reason)) AS orphan_reason,
        any_value(f.origin_topic) AS origin_topic,
        any_value(p.topic) FILTER (WHERE f.marks >= 8) AS letter_topic,
        any_value(CASE WHEN f.marks >= 8 AND f.ref < a.next_ref THEN a.consumer_group END) AS attended_by
    FROM failure_row f
    JOIN partition p ON p.ordinal = f.ref >> 40
    LEFT JOIN found ON found.ref = f.root
    LEFT JOIN profile t ON t.profile = coalesce(f.root_profile, found.profile)
    LEFT JOIN attending a ON a.ordinal = f.ref >> 40
    WHERE f.signature = $1
    GROUP BY f.failure_case
)
SELECT 'group' AS fact, coalesce(o.consumer_group, o.candidates) AS name,
    CASE WHEN o.consumer_group IS NOT NULL THEN coalesce(o.group_evidence, 'named')
        WHEN o.candidates IS NOT NULL THEN 'candidates' ELSE 'unknown' END AS note,
    count(*) AS failures
FROM one o
GROUP BY ALL
UNION ALL
SELECT 'root', o.root_type, CASE WHEN o.root IS NULL THEN 'unknown' ELSE 'known' END, count(*) FROM one o GROUP BY ALL
UNION ALL
SELECT 'origin', o.origin_topic, NULL, count(*) FROM one o WHERE o.origin_topic IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'healed', o.healed_evidence, NULL, count(*) FROM one o WHERE o.healed_evidence IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'orphaned', o.orphan_reason, NULL, count(*) FROM one o WHERE o.orphan_reason IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'letter', o.letter_topic, NULL, count(*) FROM one o WHERE o.letter_topic IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'attended', o.attended_by, NULL, count(*) FROM one o WHERE o.attended_by IS NOT NULL GROUP BY ALL
ORDER BY ALL;
