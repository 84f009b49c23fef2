SELECT * FROM failures_within($1, $2, $3);
