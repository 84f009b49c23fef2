SELECT * FROM counts(since := $1, until := $2);
