SELECT * FROM orphans();
