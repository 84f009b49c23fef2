INSERT INTO slice_row VALUES ($1, $2, $3, $4);
