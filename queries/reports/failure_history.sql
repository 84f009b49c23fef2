CREATE OR REPLACE MACRO failure_history(ref) AS TABLE
FROM history_of(ref);

COMMENT ON MACRO TABLE failure_history IS 'How one failure record stood, the oldest first. Columns: since, until (UTC; NULL is until now), state (retrying, dead or healed), consumer_group, orphan_reason, healed_by, healed_evidence: as in view failure.';
