//! What is exported; words in braces are filled in.

queries! {
    "export",
    /// Limits what the connection may reach to {folder}.
    CONFINE "confine",
    /// The view {view} into {file}.
    WHOLE "whole",
    /// The view {view} where {column} lies from {since} to {until}, into {file}.
    WINDOW "window",
    /// The view {view} where {column} is an event that was seen from {since} to {until}, into {file}.
    OF_EVENTS "of_events",
}
