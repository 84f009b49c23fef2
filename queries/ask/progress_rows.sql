SELECT * FROM progress_row ORDER BY consumer_group, ordinal;
