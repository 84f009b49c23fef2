SELECT * FROM parked();
