SELECT CAST(coalesce(sum(events), 0) AS BIGINT) AS events, max(last_seen) AS last_seen FROM deleted;
