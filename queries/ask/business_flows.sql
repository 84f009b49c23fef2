SELECT * FROM business_flows();
