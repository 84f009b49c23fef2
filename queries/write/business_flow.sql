INSERT INTO business_flow_row VALUES ($1, $2, $3, $4);
