CREATE OR REPLACE MACRO audit() AS TABLE
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
ORDER BY tried DESC, f.cluster, f.topic, fp.type, t.topic, tp.type, r.evidence;

COMMENT ON MACRO TABLE audit IS 'How far to trust what is concluded: causes that records name were concluded as if they did not, and compared. One row a pair of topics and types. Columns: subject (inference), cluster, from_topic, from_type, to_topic, to_type (of cause and effect; types are NULL where records name none), evidence, tried (named causes that were compared), right_ones, wrong_ones, missed_ones (nothing was concluded), precision (right of those concluded), recall (right of those tried), claimed (mean confidence that was claimed; NULL where nothing was concluded). A pair of which more than one in fifty came out wrong is told as one of several causes, never as the cause.';
