SELECT * FROM business(flow := $1, since := $2, until := $3);
