SELECT * FROM trace_edges($1);
