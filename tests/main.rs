//! One integration binary: everything links once.
