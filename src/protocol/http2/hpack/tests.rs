//! Blocks of the RFC, and laws of encoder and decoder together.

use super::{Decoder, Encoder, HpackError, HpackPolicy};
use crate::protocol::http2::fields::{FieldList, PreparedFields};
use proptest::prelude::*;

fn list(fields: &[(&str, &str)]) -> FieldList {
    let mut list = FieldList::default();
    fields.iter().for_each(|(name, value)| list.push(name.as_bytes(), value.as_bytes()));
    list
}

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<FieldList, HpackError> {
    let mut list = FieldList::default();
    decoder.decode(block, &mut Default::default(), |name, value, _| list.push(name, value))?;
    Ok(list)
}

fn encoded(encoder: &mut Encoder, fields: &FieldList) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(&PreparedFields::new(fields.clone()), &mut out);
    out
}

/// The three requests of RFC 7541 §C.4.
fn requests_of_the_rfc() -> [(FieldList, Vec<u8>); 3] {
    let first = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ];
    let second = [&first[..], &[("cache-control", "no-cache")]].concat();
    let third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    [
        (
            list(&first),
            vec![
                0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
                0x90, 0xf4, 0xff,
            ],
        ),
        (
            list(&second),
            vec![0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf],
        ),
        (
            list(&third),
            vec![
                0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f,
                0x89, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
            ],
        ),
    ]
}

#[test]
fn requests_of_the_rfc_are_read_and_written_as_there() {
    let mut decoder = Decoder::new();
    let mut encoder = Encoder::new(HpackPolicy::Dynamic);
    for (fields, block) in requests_of_the_rfc() {
        assert_eq!(decoded(&mut decoder, &block), Ok(fields.clone()));
        assert_eq!(encoded(&mut encoder, &fields), block);
    }
}

#[test]
fn responses_of_the_rfc_are_read_through_a_table_of_256_bytes() {
    // RFC 7541 §C.6.
    let mut decoder = Decoder::new();
    decoder.allow(256);
    let first = [
        0x48, 0x82, 0x64, 0x02, 0x58, 0x85, 0xae, 0xc3, 0x77, 0x1a, 0x4b, 0x61, 0x96, 0xd0, 0x7a,
        0xbe, 0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05, 0x95, 0x04, 0x0b, 0x81, 0x66, 0xe0,
        0x82, 0xa6, 0x2d, 0x1b, 0xff, 0x6e, 0x91, 0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f,
        0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae, 0x43, 0xd3,
    ];
    let of_first = list(&[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ]);
    assert_eq!(decoded(&mut decoder, &first), Ok(of_first));
    let second = [0x48, 0x83, 0x64, 0x0e, 0xff, 0xc1, 0xc0, 0xbf];
    let of_second = list(&[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ]);
    assert_eq!(decoded(&mut decoder, &second), Ok(of_second));
    assert_eq!(decoder.table_bytes(), 222);
}

#[test]
fn a_policy_says_what_is_indexed() {
    let fields = list(&[(":path", "/ticker"), ("cookie", "a=1"), ("x-y", "z")]);
    let blocks = |policy| {
        let mut encoder = Encoder::new(policy);
        [encoded(&mut encoder, &fields), encoded(&mut encoder, &fields)]
    };
    let [first, second] = blocks(HpackPolicy::Static);
    assert_eq!(first, second, "nothing is indexed");
    let [first, second] = blocks(HpackPolicy::Dynamic);
    assert!(second.len() < first.len());
    assert_eq!(second[second.len() - 2..], [0xbf, 0xbe], "cookie and x-y have an index");
    let [_, second] = blocks(HpackPolicy::CookiesNeverIndexed);
    let cookie = second.len() - 6;
    // The name's index is 32 = 15 + 17; `a=1` has two bytes by Huffman's code.
    assert_eq!(second[cookie..], [0x1f, 0x11, 0x82, 0x1c, 0x01, 0xbe]);
}

#[test]
fn a_smaller_table_is_announced_with_the_next_block() {
    let mut encoder = Encoder::new(HpackPolicy::Dynamic);
    let mut decoder = Decoder::new();
    let fields = list(&[("x-y", "z")]);
    let block = encoded(&mut encoder, &fields);
    assert_eq!(decoded(&mut decoder, &block), Ok(fields.clone()));
    encoder.allow(0);
    encoder.allow(100);
    decoder.allow(100);
    let block = encoded(&mut encoder, &fields);
    assert_eq!(block[..3], [0x20, 0x3f, 69], "first the smallest size, then the last");
    assert_eq!(decoded(&mut decoder, &block), Ok(fields.clone()));
    assert_eq!(encoded(&mut encoder, &fields), [0xbe]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let read = |block: &[u8]| decoded(&mut Decoder::new(), block);
    assert_eq!(read(&[0x80]), Err(HpackError::Index));
    assert_eq!(read(&[0xbe]), Err(HpackError::Index));
    assert_eq!(read(&[0x40, 0x01]), Err(HpackError::Cut));
    assert_eq!(read(&[0x82, 0x20]), Err(HpackError::TableSize), "not at the block's beginning");
    assert_eq!(read(&[0x3f, 0xe2, 0x1f]), Err(HpackError::TableSize), "4,097 bytes");
    assert_eq!(read(&[0x3f, 0xe1, 0x1f]), Ok(FieldList::default()), "4,096 bytes");
}

fn any_fields() -> impl Strategy<Value = FieldList> {
    let name = prop_oneof![
        Just(":path".to_owned()),
        Just("cookie".to_owned()),
        Just("accept".to_owned()),
        "[a-z-]{1,12}",
    ];
    let value = prop_oneof![Just(String::new()), "[a-c]{1,2}", "[ -~]{0,300}"];
    proptest::collection::vec((name, value), 0..12).prop_map(|fields| {
        let mut list = FieldList::default();
        fields.iter().for_each(|(name, value)| list.push(name.as_bytes(), value.as_bytes()));
        list
    })
}

proptest! {
    #[test]
    fn a_decoder_reads_what_an_encoder_wrote(
        blocks in proptest::collection::vec((any_fields(), 0_usize..6_000), 1..20),
        policy in prop_oneof![
            Just(HpackPolicy::Static),
            Just(HpackPolicy::Dynamic),
            Just(HpackPolicy::CookiesNeverIndexed),
        ],
    ) {
        let mut encoder = Encoder::new(policy);
        let mut decoder = Decoder::new();
        for (fields, size) in blocks {
            // Every third block has another size of the table before it.
            if size % 3 == 0 {
                encoder.allow(size);
                decoder.allow(size.min(4_096));
            }
            let block = encoded(&mut encoder, &fields);
            prop_assert_eq!(decoded(&mut decoder, &block), Ok(fields));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(block in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded(&mut Decoder::new(), &block);
    }
}
