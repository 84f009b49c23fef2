SELECT * FROM pending_row ORDER BY ref;
