//! The size of a terminal.

use std::os::fd::AsFd;

/// Columns of a terminal; `None` if it is none, or does not say.
pub(crate) fn terminal_width(terminal: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}
