SELECT n.coordinates FROM named_event n WHERE n.ref IN (SELECT ref FROM erased) ORDER BY n.ref LIMIT $1
