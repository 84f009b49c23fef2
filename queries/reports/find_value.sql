-- Halves are asked for as ranges: of an equality the optimizer expects one row, and then reads all slices. What a correlation
-- id repeats stands in `form`; where that is the event's own id or its trace id, it matches as those.
CREATE OR REPLACE MACRO find_value(hi, lo, at_most := 100) AS TABLE
WITH place AS MATERIALIZED (FROM slices_of(hi, lo) LIMIT 100000),
hit AS (
    SELECT e.ref, e.time, e.kind, e.profile, e.form, e.id_hi, e.id_lo, e.id_text, e.conversation, 1 AS means
    FROM event_row e
    WHERE e.slice IN (FROM place)
      AND e.id_hi >= CAST(hi AS BIGINT) AND e.id_hi <= CAST(hi AS BIGINT)
      AND e.id_lo >= CAST(lo AS BIGINT) AND e.id_lo <= CAST(lo AS BIGINT)
    UNION ALL
    SELECT e.ref, e.time, e.kind, e.profile, e.form, e.id_hi, e.id_lo, e.id_text, e.conversation, 2 AS means
    FROM event_row e
    WHERE e.slice IN (FROM place)
      AND e.trace_hi >= CAST(hi AS BIGINT) AND e.trace_hi <= CAST(hi AS BIGINT)
      AND e.trace_lo >= CAST(lo AS BIGINT) AND e.trace_lo <= CAST(lo AS BIGINT)
    UNION ALL
    SELECT e.ref, e.time, e.kind, e.profile, e.form, e.id_hi, e.id_lo, e.id_text, e.conversation, 3 AS means
    FROM event_row e
    WHERE e.slice IN (FROM place)
      AND e.correlation_hi >= CAST(hi AS BIGINT) AND e.correlation_hi <= CAST(hi AS BIGINT)
      AND e.correlation_lo >= CAST(lo AS BIGINT) AND e.correlation_lo <= CAST(lo AS BIGINT)
    UNION ALL
    SELECT e.ref, e.time, e.kind, e.profile, e.form, e.id_hi, e.id_lo, e.id_text, e.conversation, CASE (e.form >> 7) & 3 WHEN 2 THEN 3 ELSE 4 END AS means
    FROM event_row e
    WHERE e.slice IN (FROM place)
      AND e.causation_hi >= CAST(hi AS BIGINT) AND e.causation_hi <= CAST(hi AS BIGINT)
      AND e.causation_lo >= CAST(lo AS BIGINT) AND e.causation_lo <= CAST(lo AS BIGINT)
),
member AS MATERIALIZED (SELECT DISTINCT ON (h.ref) h.* FROM hit h ORDER BY h.ref, h.means LIMIT 100000)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    ['id', 'trace_id', 'correlation_id', 'causation_id'][e.means] AS matched
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.means, e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_value IS 'Events by the two halves of a value of 128 bits. At most at_most rows: those whose own id it is, then those of the trace, of the correlation, and those that name it as their cause; earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (id, trace_id, correlation_id or causation_id).';
