SELECT ordinal, cluster, topic, CAST(topic_id AS VARCHAR), partition, incarnation, base, class FROM partition ORDER BY ordinal;
