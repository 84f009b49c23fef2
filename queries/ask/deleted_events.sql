SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM deleted_row;
