SELECT * FROM flow ORDER BY events DESC, cluster, from_topic, from_type, to_topic, to_type, evidence;
