CREATE OR REPLACE MACRO business_flows() AS TABLE
SELECT
    b.flow,
    b.started_by,
    b.completed_by,
    b.within_ms,
    u.unit_topic
FROM business_flow_row b
LEFT JOIN (
    SELECT f.type, arg_max(p.topic, t.events) AS unit_topic
    FROM type_row t
    JOIN profile f ON f.profile = t.profile
    JOIN partition p ON p.ordinal = t.topic_number
    WHERE p.class = 'business'
    GROUP BY f.type
) u ON u.type = b.started_by
ORDER BY b.flow;

COMMENT ON MACRO TABLE business_flows IS 'Business flows as configured: flow (its name), started_by and completed_by (event types), within_ms (older ones are stuck), unit_topic (the business topic that holds most of the events it starts with; NULL while none was seen).';
