//! Host-side tools.
