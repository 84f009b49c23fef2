//! Asks a running tap through its door, or opens a closed file.
