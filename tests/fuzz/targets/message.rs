//! Any bytes as a server's own message, and as the pointer and the expression that find things in it: no
//! panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::feed::{
    ByteForm, Ignored, MessageClock, MessageSpec, Place, TimeSpec, TimeUnit,
};
use wsbench::internals::protocol::MessageReader;

fuzz_target!(|input: (&[u8], &str, u8)| {
    let (message, text, number) = input;
    let form = ByteForm::ALL[usize::from(number) % ByteForm::ALL.len()];
    let places = [
        Place::Pointer(text.to_owned()),
        Place::Regex(text.to_owned()),
        Place::Bytes { offset: number.into(), length: u32::from(number) % 9, form },
    ];
    for place in places {
        let time = TimeSpec {
            place: place.clone(),
            unit: TimeUnit::ALL[usize::from(number) % TimeUnit::ALL.len()],
            clock: MessageClock::Realtime,
            resolution_ns: 0,
            clock_bound_ns: Some(0),
            replay_ns: 0,
        };
        let ignore = Ignored::Prefix(text.to_owned());
        let spec = MessageSpec {
            time: Some(time),
            sequence: Some(place.clone()),
            id: Some(place.clone()),
            channel: Some(place),
            ignore: vec![ignore],
        };
        if let Ok(format) = MessageReader::new(&spec) {
            let _ = format.read(message);
        }
    }
});
