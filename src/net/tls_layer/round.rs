//! One step of rustls: what it has read, what it wants to send, and what is written by it.

use crate::net::tls_layer::failure::client_error;
use crate::record::ClientError;
use crate::tls::{MOST_RECORD_DATA, RECORD_BYTES_1_2};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};

/// What a flight of a handshake takes, as a rule.
const FLIGHT_BYTES: usize = 2048;
/// What an alert takes at most.
const ALERT_BYTES: usize = 64;

/// What is written once the connection takes it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write<'a> {
    /// Bytes of the protocol.
    Data(&'a [u8]),
    /// That nothing more is sent.
    Close,
}

/// What follows a step.
#[derive(Debug)]
pub(super) enum TlsStep {
    /// Another one.
    Again,
    /// The peer has said that it sends nothing more. Then another one.
    Notified,
    /// More must come.
    Waits,
    /// The handshake is over, and what was to be written is.
    Open,
    /// The connection can carry nothing more.
    Failed(ClientError),
}

/// Handles a state of rustls. Returns how many bytes were read of what had come.
pub(super) fn round<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut Vec<u8>,
    records: &mut Vec<u8>,
    write: Option<Write<'_>>,
) -> (usize, TlsStep) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => TlsStep::Failed(client_error(&error)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut step = TlsStep::Again;
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(error) => step = TlsStep::Failed(client_error(&error)),
                }
            }
            step
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            append(records, FLIGHT_BYTES, |into| {
                data.encode(into).map_err(|error| match error {
                    EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                        required_size
                    }
                    EncodeError::AlreadyEncoded => 0,
                })
            });
            TlsStep::Again
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            TlsStep::Again
        }
        Ok(ConnectionState::PeerClosed) => TlsStep::Notified,
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            if let Some(write) = write {
                write_to(&mut traffic, records, write);
            }
            TlsStep::Open
        }
        Ok(_) => TlsStep::Waits,
    };
    (discard, step)
}

fn write_to<Data>(traffic: &mut WriteTraffic<'_, Data>, records: &mut Vec<u8>, write: Write<'_>) {
    let required = |error: EncryptError| match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => required_size,
        // Nobody sends so much: keys are changed long before.
        EncryptError::EncryptExhausted => 0,
    };
    match write {
        Write::Data(bytes) => {
            let most = bytes.len().div_ceil(MOST_RECORD_DATA as usize) * RECORD_BYTES_1_2 as usize;
            append(records, bytes.len() + most, |into| {
                traffic.encrypt(bytes, into).map_err(required)
            });
        }
        Write::Close => {
            append(records, ALERT_BYTES, |into| traffic.queue_close_notify(into).map_err(required));
        }
    }
}

/// Appends what `write` writes; it returns how many bytes that was, or how many it needs.
fn append(
    records: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, usize>,
) {
    let at = records.len();
    let mut room = guess;
    loop {
        records.resize(at + room, 0);
        match write(&mut records[at..]) {
            Ok(written) => return records.truncate(at + written),
            Err(required) if required > room => room = required,
            Err(_) => return records.truncate(at),
        }
    }
}
