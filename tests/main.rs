//! One integration binary: everything links once.

mod conventions;
mod hostile;
