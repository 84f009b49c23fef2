SELECT * FROM failure_history($1);
