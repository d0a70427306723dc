//! The language: what POSIX's shell language has for running one command after the other.
//!
//! There are quotes (`'…'`, `"…"`, `\`), variables (`$NAME`, `${NAME}`, `$?`, `NAME=value`), `;`, `&&`, `||`, `!`, pipes,
//! redirections (`<`, `>`, `>>`, `2>`, `2>>`, `2>&1`, `>&2`), comments, `\` at the end of a line, and the patterns `*`, `?`
//! and `[…]` for names. There are no functions, no conditionals and no loops.
//!
//! | file | step |
//! |---|---|
//! | [`syntax`] | what a parsed line consists of |
//! | [`parser`] | bytes to [`syntax::List`]s, one line at a time |
//! | [`expansion`] | words to fields: variables, splitting, removal of quotes |
//! | [`pattern`] | fields to names: matching |
//! | [`last_word`] | what the word before the cursor means, for completion |

pub mod expansion;
pub mod last_word;
pub mod parser;
pub mod pattern;
pub mod syntax;
