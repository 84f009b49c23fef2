DELETE FROM meta WHERE name = 'not_attending';
