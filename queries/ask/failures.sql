SELECT *
FROM failures(since := $1, until := $2, orphans := $3, unattended := $4, signature := $5, as_of := $6);
