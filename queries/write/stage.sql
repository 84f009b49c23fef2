-- The writer checkpoints when it closes. A database that is closed because something failed is not to be trusted: its
-- tables in memory may be spoiled, while file and log are whole.
PRAGMA disable_checkpoint_on_shutdown;

-- Where small rows of one commit wait until one statement takes them over: DuckDB changes many rows at once far cheaper
-- than one by one. Empty between commits.
CREATE TEMP TABLE settled_stage (
    ref BIGINT, resolution TINYINT, orphan_reason TINYINT, conversation BIGINT, cause BIGINT, evidence TINYINT
);
CREATE TEMP TABLE retracted_stage AS FROM settled_stage LIMIT 0;
CREATE TEMP TABLE verdict_stage AS SELECT *, 0 AS slice FROM settled_stage LIMIT 0;
CREATE TEMP TABLE changed_stage AS
SELECT
    v.*,
    e.seen_time,
    e.profile,
    e.resolution AS old_resolution,
    e.cause AS old_cause,
    e.evidence AS old_evidence
FROM verdict_stage v, event_row e
LIMIT 0;
CREATE TEMP TABLE topic_flow_stage AS FROM topic_flow_row LIMIT 0;
CREATE TEMP VIEW topic_flow_change AS
SELECT from_topic, to_topic, evidence, CAST(sum(events) AS BIGINT) AS events
FROM topic_flow_stage
GROUP BY from_topic, to_topic, evidence
HAVING sum(events) <> 0;
CREATE TEMP TABLE range_stage (first_ref BIGINT, end_ref BIGINT);
CREATE TEMP TABLE failure_stage AS
SELECT
    * EXCLUDE (failure_kind, failure_case, counted_topic, marks, case_marks, case_letter, candidate_groups),
    '' AS listed_groups
FROM failure_row
LIMIT 0;

CREATE TEMP TABLE numbered_stage AS FROM failure_row LIMIT 0;
CREATE TEMP TABLE replaced_stage (place BIGINT, failure_case BIGINT);
CREATE TEMP TABLE case_stage (failure_case BIGINT);
CREATE TEMP TABLE coverage_stage AS FROM coverage_row LIMIT 0;
CREATE TEMP TABLE progress_stage AS FROM progress_row LIMIT 0;
CREATE TEMP TABLE group_stage AS FROM group_row LIMIT 0;
CREATE TEMP TABLE policy_stage AS FROM policy_row LIMIT 0;
CREATE TEMP TABLE gone_stage (cluster VARCHAR, consumer_group VARCHAR);
CREATE TEMP TABLE forgotten_stage (consumer_group VARCHAR, ordinal INTEGER);
CREATE TEMP TABLE passed_stage AS FROM passed_row LIMIT 0;
CREATE TEMP TABLE passed_to_stage AS FROM passed_to_row LIMIT 0;
CREATE TEMP TABLE minute_stage AS FROM minute_row LIMIT 0;
CREATE TEMP VIEW minute_change AS
SELECT
    minute,
    topic_number,
    profile,
    CAST(sum(received) AS BIGINT) AS received,
    CAST(sum(retried) AS BIGINT) AS retried,
    CAST(sum(roots) AS BIGINT) AS roots,
    CAST(sum(caused) AS BIGINT) AS caused,
    CAST(sum(inferred) AS BIGINT) AS inferred,
    CAST(sum(unlinked) AS BIGINT) AS unlinked,
    CAST(sum(waiting) AS BIGINT) AS waiting,
    CAST(sum(orphaned) AS BIGINT) AS orphaned,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM minute_stage
GROUP BY minute, topic_number, profile;
CREATE TEMP VIEW hour_change AS
SELECT
    date_trunc('hour', minute) AS hour,
    topic_number,
    profile,
    CAST(sum(received) AS BIGINT) AS received,
    CAST(sum(retried) AS BIGINT) AS retried,
    CAST(sum(roots) AS BIGINT) AS roots,
    CAST(sum(caused) AS BIGINT) AS caused,
    CAST(sum(inferred) AS BIGINT) AS inferred,
    CAST(sum(unlinked) AS BIGINT) AS unlinked,
    CAST(sum(waiting) AS BIGINT) AS waiting,
    CAST(sum(orphaned) AS BIGINT) AS orphaned,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM minute_stage
GROUP BY ALL;
CREATE TEMP VIEW passed_hour_change AS
SELECT
    date_trunc('hour', minute) AS hour,
    consumer_group,
    topic_number,
    profile,
    CAST(sum(passed) AS BIGINT) AS passed,
    min(minute) AS first_minute
FROM passed_stage
GROUP BY ALL;
CREATE TEMP TABLE type_stage AS FROM type_row LIMIT 0;
CREATE TEMP TABLE trial_stage AS FROM trial_row LIMIT 0;
CREATE TEMP TABLE counter_stage AS FROM counter LIMIT 0;
CREATE TEMP TABLE told_stage AS SELECT ref, conversation, seen_time, resolution, orphan_reason, late FROM outbox_held LIMIT 0;
CREATE TEMP TABLE merge_stage (old_id BIGINT, current_id BIGINT);
CREATE TEMP TABLE edge_stage AS FROM outbox_edge LIMIT 0;
CREATE TEMP TABLE release_stage AS FROM outbox_held LIMIT 0;
CREATE TEMP TABLE wanted_stage (ref BIGINT);
CREATE TEMP TABLE seed_stage AS FROM trace_seed LIMIT 0;
CREATE TEMP TABLE handed_stage AS FROM trace_seed LIMIT 0;
CREATE TEMP TABLE known_stage (ref BIGINT, seed BIGINT, seen_time TIMESTAMP);
CREATE TEMP TABLE trace_stage (seq BIGINT, ref BIGINT, seed BIGINT, parent BIGINT);
CREATE TEMP TABLE late_stage AS FROM outbox_edge LIMIT 0;
CREATE TEMP TABLE range_told_stage AS
SELECT consumer_group, first_ref, next_ref, not_before, not_after, seen_from FROM outbox_pass LIMIT 0;
CREATE TEMP TABLE pass_stage AS SELECT * EXCLUDE (seq) FROM outbox_pass LIMIT 0;
CREATE TEMP TABLE retired_stage (slice INTEGER);
CREATE TEMP TABLE deleted_stage AS FROM deleted_row LIMIT 0;
