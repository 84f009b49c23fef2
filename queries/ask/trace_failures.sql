SELECT * FROM trace_failures($1);
