SELECT * FROM trace_nodes($1);
