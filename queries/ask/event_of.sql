-- What was decoded of one event.
SELECT * FROM event WHERE ref = CAST($1 AS BIGINT);
