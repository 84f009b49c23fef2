//! A simulated company on an in-process Kafka.
