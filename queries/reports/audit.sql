CREATE OR REPLACE MACRO audit(since := NULL, topic := NULL) AS TABLE
WITH found AS (
    SELECT
        'inference' AS subject,
        f.cluster,
        f.topic AS from_topic,
        fp.type AS from_type,
        t.topic AS to_topic,
        tp.type AS to_type,
        evidence_name(r.evidence) AS evidence,
        CAST(sum(r.right_ones + r.wrong_ones + r.missed_ones) AS BIGINT) AS tried,
        CAST(sum(r.right_ones) AS BIGINT) AS right_ones,
        CAST(sum(r.wrong_ones) AS BIGINT) AS wrong_ones,
        CAST(sum(r.missed_ones) AS BIGINT) AS missed_ones,
        sum(r.right_ones) / nullif(sum(r.right_ones + r.wrong_ones), 0) AS precision,
        sum(r.right_ones) / nullif(sum(r.right_ones + r.wrong_ones + r.missed_ones), 0) AS recall,
        sum(r.claimed) / nullif(sum(r.right_ones + r.wrong_ones), 0) AS claimed
    FROM trial_row r
    JOIN partition f ON f.ordinal = r.from_ordinal
    JOIN partition t ON t.ordinal = r.to_ordinal
    JOIN profile fp ON fp.profile = r.from_profile
    JOIN profile tp ON tp.profile = r.to_profile
    GROUP BY f.cluster, f.topic, fp.type, t.topic, tp.type, r.evidence
    UNION ALL BY NAME
    SELECT
        'window' AS subject,
        count(*) AS events,
        min(l.seen_time) AS first_time,
        max(l.seen_time) AS last_time,
        (SELECT greatest(count(*) - audited_events(), 0) FROM event_row) AS left_out
    FROM audited_rows(since) l
    WHERE l.counts
    HAVING count(*) > 0
    UNION ALL BY NAME
    SELECT
        'group' AS subject,
        c.cluster,
        [c.consumer_group] AS consumer_groups,
        list(DISTINCT c.client ORDER BY c.client) AS clients,
        list(DISTINCT c.library ORDER BY c.library) FILTER (WHERE c.library IS NOT NULL) AS libraries
    FROM group_client_row c
    GROUP BY c.cluster, c.consumer_group
    UNION ALL BY NAME
    SELECT 'topic' AS subject, t.* RENAME (topic AS to_topic, type AS to_type) FROM audited_topics(since) t
    UNION ALL BY NAME
    SELECT 'hop' AS subject, h.* FROM audited_hops(since) h
)
SELECT f.*
FROM found f
WHERE topic IS NULL OR f.subject IN ('window', 'group') OR f.from_topic = topic OR f.to_topic = topic
ORDER BY
    list_position(['inference', 'window', 'hop', 'topic', 'group'], f.subject),
    f.tried DESC,
    f.trace_restarted + f.trace_lost DESC,
    f.events DESC,
    f.cluster, f.from_topic, f.from_type, f.to_topic, f.to_type, f.source, f.evidence, f.consumer_groups;

COMMENT ON MACRO TABLE audit IS 'Where propagation breaks, and how far to trust what is concluded. since: only events that the tap saw from then on (UTC); topic: only rows that name it. Looks at the newest 250,000 events. Columns by subject. inference: causes that records name were concluded as if they did not, and compared, one row a pair of topics and types: cluster, from_topic, from_type, to_topic, to_type (of cause and effect; types are NULL where records name none), evidence, tried (named causes that were compared), right_ones, wrong_ones, missed_ones (nothing was concluded), precision (right of those concluded), recall (right of those tried), claimed (mean confidence that was claimed; NULL where nothing was concluded). A pair of which more than one in fifty came out wrong is told as one of several causes, never as the cause. window: events (that were looked at), first_time and last_time (when the tap saw the first and the last of them), left_out (older events). topic: what the events of to_topic, to_type and source carry: convention, events, traced (with a trace that can be read), malformed_traces, with_id, reused_ids (events, no copies, whose id another on the topic had before), correlated, naming_cause, resolved, waiting and orphaned (of those naming a cause), orphan_reason (the most frequent), without_cause (roots, and events that name no cause and of which none was inferred), incomplete (events that lack a field of their envelope), missing_fields. group: what its members call themselves, as the log of commits tells: consumer_groups (one), clients (client ids), libraries (that they look like: java, librdkafka, kafkajs or aiokafka). hop: what becomes of the trace where the cause is certain and was looked at: evidence (the most frequent), source, from_convention, convention (of the effects), consumer_groups (that failed there, else that read from_topic: one of them makes the hop), events, trace_kept, trace_restarted, trace_lost, cause_untraced (the four add up to events), batched (restarted, and effects of other causes share the new trace), handled_together (restarted, and another effect of the same cause shares the new trace), appended (the effect has several traces under one header), correlation_kept, correlation_switched, correlation_lost, sample (coordinates of an effect that breaks the trace, else of one that switches or loses the correlation id).';
