CREATE OR REPLACE MACRO failed(since := NULL, until := NULL) AS TABLE
SELECT
    c.minute AS time,
    coalesce(p.cluster, c.cluster) AS cluster,
    c.consumer_group,
    coalesce(p.topic, c.topic) AS topic,
    f.type,
    1 AS failed,
    CAST(c.healed AS INTEGER) AS healed
FROM failure_case c
LEFT JOIN partition p ON p.ordinal = c.topic_number
LEFT JOIN profile f ON f.profile = c.profile
WHERE c.minute >= window_start(since) AND c.minute < window_end(until);

COMMENT ON MACRO TABLE failed IS 'What a chart of failures draws, one row a failure as people count them (an origin and group with all its attempts); macro failures tells what they were. since, until: whole minutes (UTC; since is rounded down, until up and left out). Columns: time (minute of the origin, or of the first failure record where that was not seen), cluster, consumer_group (NULL when not known), topic (of the origin), type (of the origin; NULL where it was not seen or names none), failed (1), healed (1 if it is, else 0).';
