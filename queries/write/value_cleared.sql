DELETE FROM meta WHERE name = 'lag_value';
