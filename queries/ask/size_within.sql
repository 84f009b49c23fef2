SELECT count(*) AS events FROM rows_within($1, $2);
