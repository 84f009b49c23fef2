SELECT * FROM audit(since := $1, topic := $2);
