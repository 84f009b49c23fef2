SELECT * FROM ancestors($1);
