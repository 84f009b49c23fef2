DELETE FROM rewritten.main.meta WHERE name = 'erasing';
