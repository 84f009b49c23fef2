SELECT * FROM effects($1);
