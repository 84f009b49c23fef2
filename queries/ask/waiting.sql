FROM waiting($1, topic := $2, at_most := $3);
