//! What cpiofs promises, by small archives made in the test.

mod compressed;
mod malformed;
mod mounted;
mod sample;
mod tree;
