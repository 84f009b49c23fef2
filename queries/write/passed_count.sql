-- Events of this commit are written by now. $1 is a time before which none of the ranges' events was seen: it only
-- spares the scan of what is older.
INSERT INTO passed_stage
SELECT
    date_trunc('minute', e.seen_time),
    s.consumer_group,
    p.topic_number,
    e.profile,
    CAST(sum(s.sign) AS BIGINT)
FROM any_event e
JOIN range_stage s ON s.ordinal = e.ref >> 40 AND e.ref >= s.first_ref AND e.ref < s.end_ref
JOIN partition p ON p.ordinal = s.ordinal
WHERE e.seen_time >= $1
GROUP BY ALL;
