SELECT * FROM orphans() ORDER BY time, ref, what;
