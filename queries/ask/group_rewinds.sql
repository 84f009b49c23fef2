FROM rewinds() r WHERE r.consumer_group = $1 AND ($2 IS NULL OR r.topic = $2) LIMIT 100;
