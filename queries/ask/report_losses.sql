SELECT
    c.flow,
    c.state,
    c.consumer_group,
    c.error_class,
    arg_max(c.error_message, c.started) AS error_message,
    count(*) AS cases,
    arg_max(c.coordinates, c.started) AS sample
FROM business_cases(flow := $1, since := $2, until := $3) c
WHERE c.state IN ('failed', 'stuck')
GROUP BY c.flow, c.state, c.consumer_group, c.error_class
ORDER BY c.flow, cases DESC, c.state, c.consumer_group, c.error_class;
