SELECT * FROM redrive(signature := $1, since := $2) ORDER BY position;
