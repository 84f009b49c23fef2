ATTACH {file} AS rewritten;
