SELECT coordinates_name(n.topic, n.partition, n."offset") FROM named_event n WHERE n.ref IN (SELECT ref FROM erased) ORDER BY n.ref LIMIT $1
