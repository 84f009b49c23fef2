SELECT name, value FROM counter ORDER BY name;
