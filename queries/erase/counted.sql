SELECT 'event_row' AS name, count(*) AS n FROM event_row WHERE ref IN (SELECT ref FROM erased)
UNION ALL
SELECT 'pending_row', count(*) FROM pending_row WHERE ref IN (SELECT ref FROM erased)
UNION ALL
SELECT 'cause_row', count(*) FROM cause_row
WHERE effect IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased)
UNION ALL
SELECT 'failure_row', count(*) FROM erased_failure
UNION ALL
SELECT 'attribute_row', count(*) FROM attribute_row WHERE ref IN (SELECT ref FROM erased)
UNION ALL
SELECT 'outbox_event', count(*) FROM outbox_event WHERE ref IN (SELECT ref FROM erased)
UNION ALL
SELECT 'outbox_link', count(*) FROM outbox_link
WHERE ref IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased)
UNION ALL
SELECT 'outbox_held', count(*) FROM outbox_held WHERE ref IN (SELECT ref FROM erased)
UNION ALL
SELECT 'outbox_edge', count(*) FROM outbox_edge
WHERE effect IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased)
UNION ALL
SELECT 'ids in rows of others', count(*) FROM erased_name
