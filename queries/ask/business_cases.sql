SELECT * FROM business_cases(flow := $1, since := $2, until := $3);
