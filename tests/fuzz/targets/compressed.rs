//! Any bytes as frames with compressed messages, in any pieces: no panic, and the same texts however they are cut. Any
//! text as what is offered and selected of extensions: what a server answers to an offer is what was offered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|input: (Vec<u8>, u8, bool, String, String)| {
    let (bytes, cut, keeps_window, offer, answer) = input;
    let whole = readers::compressed_frames(keeps_window, [&bytes[..]].into_iter());
    let pieces = bytes.chunks(usize::from(cut).max(1));
    let again = readers::compressed_frames(keeps_window, pieces);
    // Of a message that breaks a rule as much is shown as came before it.
    assert_eq!((again.messages, again.is_broken), (whole.messages, whole.is_broken));
    if !whole.is_broken {
        assert_eq!(again.text, whole.text);
    }
    readers::extensions(&offer, &answer);
    readers::extensions("permessage-deflate; client_max_window_bits", &answer);
});
