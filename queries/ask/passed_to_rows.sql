SELECT consumer_group, ordinal, passed_to FROM passed_to_row ORDER BY consumer_group, ordinal;
