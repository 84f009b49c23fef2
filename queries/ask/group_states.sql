FROM consumer_group WHERE consumer_group = $1 ORDER BY cluster;
