//! The composition root: starts the stages, joins them by bounded channels and stops them in flow order.

mod catalog;
mod core;

pub use self::core::Core;
