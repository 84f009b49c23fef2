-- How the failures $1, between commas, stood at $2; those that had not been seen then are left out.
SELECT
    f.ref,
    CASE WHEN h.ref IS NULL THEN f.state ELSE h.state END AS state,
    CASE WHEN h.ref IS NULL THEN f.consumer_group ELSE h.consumer_group END AS consumer_group,
    orphan_reason_name(CASE WHEN h.ref IS NULL THEN f.orphan_reason ELSE h.orphan_reason END) AS orphan_reason,
    CASE WHEN h.ref IS NULL THEN f.healed_by ELSE h.healed_by END AS healed_by,
    healed_evidence_name(CASE WHEN h.ref IS NULL THEN f.healed_evidence ELSE h.healed_evidence END) AS healed_evidence
FROM failure_row f
LEFT JOIN failure_history_row h ON h.ref = f.ref AND coalesce(h.since <= $2, true) AND h.until > $2
WHERE f.ref IN (SELECT CAST(unnest(string_split($1, ',')) AS BIGINT)) AND coalesce(f.seen_time <= $2, true);
