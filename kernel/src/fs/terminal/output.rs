//! What is made of what is written, and where the cursor is thereby.

use heapless::Vec;

use super::settings::{self, Settings};

const TAB: usize = 8;

/// What may wait to be shown while the output is stopped: echoes, for who writes waits.
const HELD_MAX: usize = 1024;

/// Bytes on their way to the line, some at a time.
struct Batch<'s> {
    bytes: Vec<u8, 64>,
    show: &'s mut dyn FnMut(&[u8]),
}

impl Batch<'_> {
    fn push(&mut self, byte: u8) {
        if self.bytes.push(byte).is_err() {
            self.flush();
            // There is room now.
            let _ = self.bytes.push(byte);
        }
    }

    fn flush(&mut self) {
        (self.show)(&self.bytes);
        self.bytes.clear();
    }
}

/// The way out.
pub struct Output {
    /// Where the cursor is, as far as can be told.
    column: usize,
    /// Where it was when the last line began that is being edited.
    pub line_column: usize,
    is_stopped: bool,
    held: Vec<u8, HELD_MAX>,
}

impl Output {
    pub(super) const fn new() -> Self {
        Self { column: 0, line_column: 0, is_stopped: false, held: Vec::new() }
    }

    /// Whether nothing goes out for now (^S).
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Lets nothing go out until [`Output::start`].
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Lets what was held back go out, and all that follows.
    pub fn start(&mut self, show: &mut dyn FnMut(&[u8])) {
        self.is_stopped = false;
        show(&self.held);
        self.held.clear();
    }

    /// Forgets what was held back.
    pub fn flush(&mut self) {
        self.held.clear();
    }

    /// A line begins where the cursor is.
    pub fn begin_line(&mut self) {
        self.line_column = self.column;
    }

    /// Writes as the settings have it. While the output is stopped this is for echoes alone, of which those are lost for
    /// which there is no room.
    pub fn write(&mut self, settings: &Settings, text: &[u8], show: &mut dyn FnMut(&[u8])) {
        if self.is_stopped {
            let mut held = core::mem::take(&mut self.held);
            self.process_all(settings, text, &mut |bytes| held.extend_from_slice(bytes).unwrap_or_default());
            self.held = held;
        } else {
            self.process_all(settings, text, show);
        }
    }

    fn process_all(&mut self, settings: &Settings, text: &[u8], show: &mut dyn FnMut(&[u8])) {
        let mut batch = Batch { bytes: Vec::new(), show };
        if settings.output.contains(settings::Output::OPOST) {
            text.iter().for_each(|&byte| self.process(settings, byte, &mut batch));
        } else {
            text.iter().for_each(|&byte| batch.push(byte));
        }
        batch.flush();
    }

    fn process(&mut self, settings: &Settings, byte: u8, batch: &mut Batch<'_>) {
        use settings::Output as Flag;
        let has = |flag| settings.output.contains(flag);
        match byte {
            b'\n' => {
                if has(Flag::ONLCR) {
                    batch.push(b'\r');
                }
                if has(Flag::ONLCR) || has(Flag::ONLRET) {
                    self.column = 0;
                }
                self.line_column = self.column;
            }
            b'\r' if has(Flag::ONOCR) && self.column == 0 => return,
            b'\r' if has(Flag::OCRNL) => {
                if has(Flag::ONLRET) {
                    self.column = 0;
                }
                return batch.push(b'\n');
            }
            b'\r' => (self.column, self.line_column) = (0, 0),
            b'\t' => {
                let blanks = TAB - self.column % TAB;
                self.column += blanks;
                if has(Flag::XTABS) {
                    return (0..blanks).for_each(|_| batch.push(b' '));
                }
            }
            b'\x08' => self.column = self.column.saturating_sub(1),
            _ if byte.is_ascii_control() || settings.is_continuation(byte) => {}
            _ => self.column += 1,
        }
        batch.push(if has(Flag::OLCUC) { byte.to_ascii_uppercase() } else { byte });
    }

    /// How many columns back a tab ends that follows `count` columns: since the tab before it, or since the line began.
    pub fn tab_width(&self, count: usize, follows_tab: bool) -> usize {
        let begun = if follows_tab { 0 } else { self.line_column };
        TAB - (begun + count) % TAB
    }
}
