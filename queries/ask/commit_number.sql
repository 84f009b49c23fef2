SELECT coalesce(max(CAST(value AS BIGINT)), 0) FROM meta WHERE name = 'commits';
