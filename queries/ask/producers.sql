SELECT producer, cluster, producer_id, epoch FROM producer_row ORDER BY producer;
