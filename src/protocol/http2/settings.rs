//! What each side of a connection announces (RFC 9113 §6.5).

use crate::protocol::http2::Http2Problem;
use crate::protocol::http2::frame::{
    DEFAULT_FRAME_BYTES, DEFAULT_WINDOW, FrameType, Http2FrameHeader, Http2Setting, LARGEST_WINDOW,
    PREFACE, SETTING_BYTES,
};

/// The window of each stream for what the server sends: Chromium's.
pub(crate) const STREAM_WINDOW: u32 = 6 << 20;
/// The window of the connection: Chromium's.
pub(crate) const CONNECTION_WINDOW: u32 = 15 << 20;
/// The longest list of fields that is read: Chromium's.
pub(crate) const HEADER_LIST_BYTES: u32 = 256 << 10;
/// What a client sends first, in bytes: the preface, four settings, and the window of the connection.
#[cfg(test)]
pub(super) const OPENING_BYTES: usize =
    PREFACE.len() + 2 * super::frame::FRAME_HEADER_BYTES + 4 * SETTING_BYTES + WINDOW_UPDATE_BYTES;
/// The payload of a WINDOW_UPDATE.
pub(crate) const WINDOW_UPDATE_BYTES: usize = 4;

/// Appends what a client sends first.
pub(crate) fn write_opening(header_table_bytes: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(PREFACE);
    let settings = [
        Http2Setting::HeaderTableSize(header_table_bytes),
        Http2Setting::EnablePush(0),
        Http2Setting::InitialWindowSize(STREAM_WINDOW),
        Http2Setting::MaxHeaderListSize(HEADER_LIST_BYTES),
    ];
    let length = (settings.len() * SETTING_BYTES) as u32;
    Http2FrameHeader { length, kind: FrameType::Settings, flags: 0, stream: 0 }.write(out);
    settings.iter().for_each(|setting| setting.write(out));
    write_window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW, out);
}

/// Appends more room for what the server sends on a stream, or on the connection (0).
pub(crate) fn write_window_update(stream: u32, bytes: u32, out: &mut Vec<u8>) {
    let length = WINDOW_UPDATE_BYTES as u32;
    Http2FrameHeader { length, kind: FrameType::WindowUpdate, flags: 0, stream }.write(out);
    out.extend_from_slice(&bytes.to_be_bytes());
}

/// What the server has announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerSettings {
    /// The table of its decoder, in bytes.
    pub header_table_bytes: u32,
    /// How many streams a client may have open; `None` if it has not said.
    pub most_streams: Option<u32>,
    /// The window of each new stream for what the client sends.
    pub stream_window: u32,
    /// The longest payload of a frame that it takes.
    pub frame_bytes: u32,
    /// Whether it takes a CONNECT with `:protocol` (RFC 8441).
    pub connect_protocol: bool,
}

impl Default for PeerSettings {
    fn default() -> PeerSettings {
        PeerSettings {
            header_table_bytes: 4_096,
            most_streams: None,
            stream_window: DEFAULT_WINDOW,
            frame_bytes: DEFAULT_FRAME_BYTES,
            connect_protocol: false,
        }
    }
}

impl PeerSettings {
    /// Applies the payload of a SETTINGS frame.
    ///
    /// # Errors
    /// If its length or a value is not allowed.
    pub(crate) fn apply(&mut self, payload: &[u8]) -> Result<(), Http2Problem> {
        let (settings, rest) = payload.as_chunks::<SETTING_BYTES>();
        if !rest.is_empty() {
            return Err(Http2Problem::FrameLength);
        }
        for setting in settings {
            match Http2Setting::read(setting) {
                Http2Setting::HeaderTableSize(bytes) => self.header_table_bytes = bytes,
                Http2Setting::MaxConcurrentStreams(most) => self.most_streams = Some(most),
                Http2Setting::InitialWindowSize(bytes) if i64::from(bytes) > LARGEST_WINDOW => {
                    return Err(Http2Problem::Window);
                }
                Http2Setting::InitialWindowSize(bytes) => self.stream_window = bytes,
                Http2Setting::MaxFrameSize(bytes) => {
                    if !(DEFAULT_FRAME_BYTES..1 << 24).contains(&bytes) {
                        return Err(Http2Problem::SettingValue);
                    }
                    self.frame_bytes = bytes;
                }
                Http2Setting::EnableConnectProtocol(value @ (0 | 1)) => {
                    self.connect_protocol = value == 1;
                }
                // A server never takes pushed requests (RFC 9113 §6.5.2).
                Http2Setting::EnablePush(0) => {}
                Http2Setting::EnablePush(_) | Http2Setting::EnableConnectProtocol(_) => {
                    return Err(Http2Problem::SettingValue);
                }
                Http2Setting::MaxHeaderListSize(_) | Http2Setting::Other(..) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_is_that_of_the_rfc_with_chromium_s_values() {
        let mut out = Vec::new();
        write_opening(0, &mut out);
        assert_eq!(out.len(), OPENING_BYTES);
        let expected = [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
            &[0, 0, 24, 4, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0],
            &[0, 2, 0, 0, 0, 0],
            &[0, 4, 0, 0x60, 0, 0],
            &[0, 6, 0, 4, 0, 0],
            &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0xef, 0, 1],
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn settings_are_applied_or_refused() {
        let mut settings = PeerSettings::default();
        let applied = settings.apply(&[0, 3, 0, 0, 0, 100, 0, 8, 0, 0, 0, 1, 0x7f, 0, 1, 2, 3, 4]);
        assert_eq!(applied, Ok(()));
        assert_eq!((settings.most_streams, settings.connect_protocol), (Some(100), true));
        assert_eq!(settings.apply(&[0, 3, 0, 0, 0]), Err(Http2Problem::FrameLength));
        assert_eq!(settings.apply(&[0, 4, 0x80, 0, 0, 0]), Err(Http2Problem::Window));
        assert_eq!(settings.apply(&[0, 5, 0, 0, 0x3f, 0xff]), Err(Http2Problem::SettingValue));
        assert_eq!(settings.apply(&[0, 5, 1, 0, 0, 0]), Err(Http2Problem::SettingValue));
        assert_eq!(settings.apply(&[0, 2, 0, 0, 0, 1]), Err(Http2Problem::SettingValue));
        assert_eq!(settings.apply(&[0, 8, 0, 0, 0, 2]), Err(Http2Problem::SettingValue));
    }
}
