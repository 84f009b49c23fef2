SELECT * FROM barrier_of($1);
