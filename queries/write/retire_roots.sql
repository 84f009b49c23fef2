-- What only deleted failures needed.
DELETE FROM root_row WHERE ref NOT IN (SELECT f.root FROM failure_row f WHERE f.root IS NOT NULL);
