SELECT * FROM failures(since := $1, orphans := $2);
