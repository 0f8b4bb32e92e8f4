//! Reads a server's own messages: the time, number, name and channel of an update, by a
//! [`MessageSpec`].

mod decimal;
mod joined;
mod place;

use crate::feed::{Ignored, MessageSpec, Place, TimeSpec, TimeUnit};
use crate::protocol::json_pointer::JsonPointer;
use crate::protocol::message::place::{Finder, Value};

pub(crate) use joined::JsonTexts;

/// What of a message could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageFields {
    /// When it was published.
    pub time: Option<MessageTime>,
    /// Its number, which may be negative.
    pub sequence: Option<i128>,
    /// Its name, as a hash.
    pub id: Option<u64>,
    /// Its channel, as a hash; 0 if messages have none.
    pub channel: u64,
    /// JSON texts that stand behind the first one in it.
    pub texts_behind: u32,
    /// Further updates in an array in which it is one, or all of them if it is none.
    pub listed: u32,
}

/// A time in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageTime {
    /// Nanoseconds of its clock.
    pub ns: u128,
    /// How exact it is, in nanoseconds.
    pub resolution_ns: u64,
}

/// A [`MessageSpec`], ready to read messages.
#[derive(Debug)]
pub struct MessageReader {
    time: Option<(Finder, TimeSpec)>,
    sequence: Option<Finder>,
    id: Option<Finder>,
    channel: Option<Finder>,
    ignore: Vec<IgnoreRule>,
}

#[derive(Debug)]
enum IgnoreRule {
    Text(Vec<u8>),
    Prefix(Vec<u8>),
    Value(JsonPointer, Vec<u8>),
}

impl MessageReader {
    /// Makes a specification ready.
    ///
    /// # Errors
    /// A sentence, if one of its places is none.
    pub fn new(spec: &MessageSpec) -> Result<MessageReader, String> {
        let finder = |place: &Option<Place>| place.as_ref().map(Finder::new).transpose();
        let time = match &spec.time {
            Some(time) => Some((Finder::new(&time.place)?, time.clone())),
            None => None,
        };
        let rule = |ignored: &Ignored| {
            Ok::<_, String>(match ignored {
                Ignored::Text(text) => IgnoreRule::Text(text.clone().into_bytes()),
                Ignored::Prefix(text) => IgnoreRule::Prefix(text.clone().into_bytes()),
                Ignored::Value { pointer, value } => IgnoreRule::Value(
                    JsonPointer::try_from(pointer.clone())?,
                    value.clone().into_bytes(),
                ),
            })
        };
        Ok(MessageReader {
            time,
            sequence: finder(&spec.sequence)?,
            id: finder(&spec.id)?,
            channel: finder(&spec.channel)?,
            ignore: spec.ignore.iter().map(rule).collect::<Result<_, _>>()?,
        })
    }

    /// The time's specification, if messages have one.
    pub(crate) fn time(&self) -> Option<&TimeSpec> {
        self.time.as_ref().map(|(_, spec)| spec)
    }
    /// Whether messages have numbers.
    pub(crate) fn has_sequence(&self) -> bool {
        self.sequence.is_some()
    }
    /// Whether messages belong to channels.
    pub(crate) fn has_channels(&self) -> bool {
        self.channel.is_some()
    }

    /// Reads a whole message; `None` if it is no update.
    pub fn read(&self, message: &[u8]) -> Option<MessageFields> {
        if self.ignore.iter().any(|rule| rule.holds(message)) {
            return None;
        }
        let find = |finder: &Option<Finder>| finder.as_ref().and_then(|f| f.find(message));
        let time = self.time.as_ref();
        let time = time.map(|(finder, spec)| (finder, finder.find(message), spec));
        let sequence = find(&self.sequence);
        let listed = match (&self.sequence, time) {
            (Some(finder), _) => finder.listed(message, sequence.is_some()),
            (None, Some((finder, found, _))) => finder.listed(message, found.is_some()),
            (None, None) => 0,
        };
        Some(MessageFields {
            time: time.and_then(|(_, found, spec)| read_time(found?, spec)),
            sequence: sequence.and_then(Value::whole),
            listed,
            id: find(&self.id).map(Value::hash),
            channel: find(&self.channel).map_or(0, Value::hash),
            texts_behind: joined::texts_behind(message),
        })
    }
}

/// Whether a name with this hash is a number: as digits, as digits in quotes, or in binary.
pub(crate) fn is_named(hash: u64, number: u64) -> bool {
    // Room for the digits of any number between two quotes.
    let mut quoted = [b'"'; 22];
    let mut at = quoted.len() - 1;
    let mut rest = number;
    loop {
        at -= 1;
        // A digit.
        quoted[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let last = quoted.len() - 1;
    let forms =
        [Value::Text(&quoted[at..last]), Value::Text(&quoted[at - 1..]), Value::Number(number)];
    forms.into_iter().any(|form| form.hash() == hash)
}

impl IgnoreRule {
    fn holds(&self, message: &[u8]) -> bool {
        match self {
            IgnoreRule::Text(text) => message == text.as_slice(),
            IgnoreRule::Prefix(text) => message.starts_with(text),
            IgnoreRule::Value(pointer, value) => pointer.find(message) == Some(value),
        }
    }
}

fn read_time(value: Value<'_>, spec: &TimeSpec) -> Option<MessageTime> {
    let (ns, power) = value.number()?.times_ten_to(spec.unit.power())?;
    let written_ns = 10u64.pow(power.min(spec.unit.power()));
    Some(MessageTime {
        ns,
        resolution_ns: seen_resolution(ns, written_ns, spec.unit).max(spec.resolution_ns),
    })
}

/// Returns how exact a time is: as it is written, and if that is finer than its digits say, as these
/// are. Nobody's clock has a whole millisecond by chance, again and again.
fn seen_resolution(ns: u128, written_ns: u64, unit: TimeUnit) -> u64 {
    if matches!(unit, TimeUnit::Seconds | TimeUnit::Milliseconds) {
        return written_ns;
    }
    match () {
        () if ns.is_multiple_of(1_000_000) => 1_000_000,
        () if ns.is_multiple_of(1_000) => written_ns.max(1_000),
        () => written_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{ByteForm, MessageClock};

    fn time(place: Place, unit: TimeUnit) -> MessageSpec {
        let time = TimeSpec {
            place,
            unit,
            clock: MessageClock::Realtime,
            resolution_ns: 0,
            clock_bound_ns: Some(0),
            replay_ns: 0,
        };
        MessageSpec { time: Some(time), ..MessageSpec::default() }
    }

    fn pointer(text: &str) -> Place {
        Place::Pointer(text.to_owned())
    }

    fn time_of(spec: MessageSpec, message: &[u8]) -> Option<(u128, u64)> {
        let fields = MessageReader::new(&spec).unwrap().read(message)?;
        fields.time.map(|time| (time.ns, time.resolution_ns))
    }

    const MS: u128 = 1_000_000;

    #[test]
    fn a_name_may_be_a_number_in_any_form() {
        let spec = MessageSpec { id: Some(Place::Pointer("/id".into())), ..MessageSpec::default() };
        let reader = MessageReader::new(&spec).expect("a place");
        let id =
            |text: &str| reader.read(text.as_bytes()).and_then(|found| found.id).expect("an id");
        for number in [0, 7, 10, u64::MAX] {
            assert!(is_named(id(&format!("{{\"id\":{number}}}")), number), "{number}");
            assert!(is_named(id(&format!("{{\"id\":\"{number}\"}}")), number), "{number}");
            assert!(!is_named(id(&format!("{{\"id\":\"{number}\"}}")), number / 2 + 1), "{number}");
        }
        assert!(is_named(Value::Number(5).hash(), 5));
    }

    #[test]
    fn a_price_of_a_ticker_has_a_time_and_a_number() {
        let spec = MessageSpec {
            sequence: Some(pointer("/seq")),
            channel: Some(pointer("/s")),
            ..time(pointer("/t"), TimeUnit::Milliseconds)
        };
        let format = MessageReader::new(&spec).unwrap();
        let fields = |text: &str| format.read(text.as_bytes()).unwrap();
        let found = fields(r#"{"t": 1700000000123, "seq": 5, "price": 12.3}"#);
        let expected = MessageTime { ns: 1_700_000_000_123 * MS, resolution_ns: 1_000_000 };
        assert_eq!((found.time, found.sequence, found.channel), (Some(expected), Some(5), 0));
        let text = fields(r#"{"seq":"7","t":"1700000000123.5","s":"A"}"#);
        assert_eq!(text.sequence, Some(7));
        assert_eq!(text.time.unwrap().resolution_ns, 100_000);
        assert_ne!(text.channel, fields(r#"{"s":"B"}"#).channel);
        assert_eq!(fields("hello"), MessageFields::default());
        let negative = MessageFields { sequence: Some(-1), ..MessageFields::default() };
        assert_eq!(fields(r#"{"t":null,"seq":-1}"#), negative);
        assert_eq!(fields(r#"{"t":-1,"seq":" -12 "}"#).sequence, Some(-12));
        for none in ["--1", "-", "+1", "-1.5", "- 1"] {
            assert_eq!(
                fields(&format!("{{\"seq\":{none:?}}}")),
                MessageFields::default(),
                "{none}"
            );
        }
    }

    #[test]
    fn a_time_is_as_exact_as_it_is_written() {
        let read = |unit, text: &str| time_of(time(pointer(""), unit), text.as_bytes()).unwrap();
        assert_eq!(read(TimeUnit::Seconds, "17"), (17_000 * MS, 1_000_000_000));
        assert_eq!(read(TimeUnit::Seconds, "17.25"), (17_250 * MS, 10_000_000));
        // As Python's time.time() is printed by "%.7f".
        assert_eq!(read(TimeUnit::Seconds, "17.2500001"), (17_250_000_100, 100));
        assert_eq!(read(TimeUnit::Seconds, "17.2500000"), (17_250 * MS, 100));
        assert_eq!(read(TimeUnit::Milliseconds, "17000.5"), (17_000_500_000, 100_000));
        assert_eq!(read(TimeUnit::Seconds, "1.7e1"), (17_000 * MS, 1_000_000_000));
        assert_eq!(read(TimeUnit::Milliseconds, "17000"), (17_000 * MS, 1_000_000));
        assert_eq!(read(TimeUnit::Microseconds, "17000"), (17 * MS, 1_000_000));
        assert_eq!(read(TimeUnit::Microseconds, "17001"), (17_001_000, 1_000));
        assert_eq!(read(TimeUnit::Nanoseconds, "17000000"), (17 * MS, 1_000_000));
        assert_eq!(read(TimeUnit::Nanoseconds, "17000001"), (17_000_001, 1));
        let mut stated = time(pointer(""), TimeUnit::Milliseconds);
        stated.time.as_mut().unwrap().resolution_ns = 15_600_000;
        assert_eq!(time_of(stated, b"17"), Some((17 * MS, 15_600_000)));
    }

    #[test]
    fn times_are_found_by_bytes_and_by_a_regular_expression() {
        let bytes = |form, length| Place::Bytes { offset: 2, length, form };
        let read = |place, message: &[u8]| {
            time_of(time(place, TimeUnit::Milliseconds), message).map(|(ns, _)| ns / MS)
        };
        assert_eq!(read(bytes(ByteForm::Digits, 3), b"t=123x"), Some(123));
        assert_eq!(read(bytes(ByteForm::Digits, 3), b"t=12"), None);
        assert_eq!(read(bytes(ByteForm::BigEndian, 2), &[9, 9, 1, 2, 3]), Some(258));
        assert_eq!(read(bytes(ByteForm::LittleEndian, 2), &[9, 9, 1, 2, 3]), Some(513));
        let regex = |text: &str| Place::Regex(text.to_owned());
        assert_eq!(read(regex(r"ts=(\d+)"), b"a=1 ts=77\xff"), Some(77));
        assert_eq!(read(regex(r"ts=(\d+)"), b"a=1"), None);
        for (wrong, why) in [
            (regex("("), "no regular expression"),
            (regex("a"), "one group in parentheses, and has 0"),
            (regex("(a)(b)"), "and has 2"),
            (regex("(a{1000}){1000}"), "no regular expression"),
            (bytes(ByteForm::BigEndian, 9), "1 to 8 bytes"),
            (bytes(ByteForm::Digits, 0), "at least 1"),
            (pointer("t"), "begins with"),
        ] {
            let spec = time(wrong, TimeUnit::Milliseconds);
            let error = MessageReader::new(&spec).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn heartbeats_are_no_updates() {
        let ignore = vec![
            Ignored::Text("{}".to_owned()),
            Ignored::Prefix("ping".to_owned()),
            Ignored::Value { pointer: "/type".to_owned(), value: "\"ka\"".to_owned() },
        ];
        let format = MessageReader::new(&MessageSpec { ignore, ..MessageSpec::default() }).unwrap();
        for ignored in ["{}", "ping", "pinging", r#"{ "type" : "ka" }"#] {
            assert_eq!(format.read(ignored.as_bytes()), None, "{ignored}");
        }
        for update in ["", "{ }", "{}\n", r#"{"type":"update"}"#] {
            assert!(format.read(update.as_bytes()).is_some(), "{update}");
        }
    }
}
