DELETE FROM business_flow_row;
