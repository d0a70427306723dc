//! Host-side tests.
