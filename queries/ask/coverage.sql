SELECT * FROM coverage ORDER BY cluster, topic, incarnation, partition, reason NULLS FIRST;
