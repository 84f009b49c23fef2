SELECT * FROM failures(since := $1, until := $2, orphans := $3);
