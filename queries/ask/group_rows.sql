SELECT * FROM group_row ORDER BY cluster, consumer_group;
