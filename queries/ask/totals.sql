SELECT * FROM totals(since := $1, until := $2);
