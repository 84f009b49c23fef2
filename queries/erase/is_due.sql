SELECT count(*) > 0 FROM meta WHERE name = 'erasing'
