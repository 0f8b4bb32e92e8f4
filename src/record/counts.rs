//! What happened, as whole numbers.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// Events of one phase. Every field adds up over threads, processes and repeats.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_zero")] pub $field: u64,)+
        }
        impl AddAssign for Counts {
            fn add_assign(&mut self, o: Counts) {
                // Numbers of a server's messages, and so what is missing, may be any.
                $(self.$field = self.$field.saturating_add(o.$field);)+
            }
        }
    };
}

/// Fewer updates of a client say nothing of the usual time between two.
pub(crate) const LEAST_UPDATES: u64 = 5;

fn is_zero(n: &u64) -> bool {
    *n == 0
}

counts! {
    /// Turns whose intended time came: a poll to send, or nothing for the `null` transport.
    turns,
    /// Turns that began late, since their client waited for its last answer or a connection.
    turns_waited,
    /// Exchanges that ended as they should, a whole response with status 200, and messages that a
    /// push transport delivered: what a figure "per message" is divided by.
    completed,
    /// Updates received that the client did not have yet; for a server without our stamp, every
    /// message received.
    messages,
    /// Polls answered with an update that the client had already.
    repeated,
    /// Updates that came and went unseen between two polls (the sequence number jumped).
    superseded,
    /// Updates that a push transport should have delivered in order and did not.
    lost,
    /// Messages without our stamp: their delivery latency is unknown.
    unstamped,
    /// Messages in the server's own form that have a time or a number where the scenario says.
    identified,
    /// Messages with a number in the server's own form.
    numbered,
    /// Messages with a number that is too far from the client's first to be counted with the others.
    unplaced_numbers,
    /// Of `numbered`, messages with a number that is lower than every one before it: the numbers count down.
    numbers_down,
    /// Messages with a time that is earlier than that of the message before, by more than both are exact.
    times_back,
    /// Messages with the same time as the one before, though they came later than the time is exact.
    times_same,
    /// Times that the numbers began again at their lowest, since they had come to their highest.
    numbers_wrapped,
    /// Connections made anew on which the first message was newer by its time, and its number between the
    /// lowest and the highest that had come: the client counts from there.
    numbers_anew,
    /// JSON texts that came behind another in the same message.
    joined_texts,
    /// Updates in an array of several, of which one at most was read.
    listed_updates,
    /// Messages with a number above the one before, and two others before it in the same way.
    numbers_followed,
    /// Of these, messages whose distance to the one before, and that of all before them, is a multiple of a
    /// step above one.
    numbers_stepped,
    /// The steps of these, added up.
    number_steps,
    /// Clients whose last message had begun before the end of the measured window and was not whole at the end.
    unended_messages,
    /// What came of these messages, in bytes.
    unended_bytes,
    /// Clients of a server of one's own to which no update came in the measured window.
    silent_clients,
    /// Such clients to which one came and no more.
    once_clients,
    /// Such clients to which updates stopped to come before its end.
    stopped_clients,
    /// How long they got none, up to its end, in microseconds, all of them.
    stopped_silence_us,
    /// The usual time between two updates of each before, in microseconds, all of them.
    stopped_usual_us,
    /// What they got in the window.
    stopped_updates,
    /// Clients to which no update came once for far longer than usual, and then others.
    paused_clients,
    /// For how long, in microseconds, all of them.
    paused_us,
    /// The usual time between two updates of each, in microseconds, all of them.
    paused_usual_us,
    /// Clients of whose window a part was pauses: several periods of the rate without an update.
    uneven_clients,
    /// Their pauses, in microseconds, all of them.
    uneven_pauses_us,
    /// The longest pause of each, in microseconds, all of them.
    uneven_longest_us,
    /// Clients that were not connected for a part of the measured window, after they had been set up.
    away_clients,
    /// How long they were not, in microseconds, all of them.
    away_us,
    /// Messages that are no updates, as the scenario says: heartbeats. They are among no other count.
    ignored,
    /// Messages without any payload, or with separators alone.
    empty_messages,
    /// Messages whose time lies before their connection was made.
    /// Their age is no delivery latency.
    replayed,
    /// Messages with a time that lies ahead of their arrival by less than it is exact: their latency
    /// counts as zero.
    early_times,
    /// Messages with a time that cannot be right. They are in no histogram.
    wrong_times,
    /// Messages with a time that may be of before a step of the wall clock. They are in no histogram.
    stepped_times,
    /// Messages whose time is exact to less than a microsecond.
    times_in_ns,
    /// To a microsecond, and less than a millisecond.
    times_in_us,
    /// To a millisecond, and less than a second.
    times_in_ms,
    /// To a second.
    times_in_s,
    /// Latencies that came out negative: two clocks disagree. They are in no histogram.
    negative_latencies,
    /// Connections opened.
    connects,
    /// Connections opened again after the first, unless the scenario wants one for each request.
    reconnects,
    /// Control frames received (ping, pong, close).
    control_frames_down,
    /// Control frames sent.
    control_frames_up,
    /// Turns or clients that ended with a fault.
    faults,
    /// Exchanges that brought nothing new: a poll answered with what the client had or with
    /// nothing, a held poll that ran out.
    empty_polls,
    /// Bytes at the socket of these exchanges, both ways.
    empty_poll_bytes,
    /// Answers with status 304, which counts as success.
    answers_not_modified,
    /// Answers with another status beyond 2xx that counts as success: they bring nothing either.
    answers_beyond_2xx,
    /// Exchanges whose bytes are not known: a library had closed the socket before the kernel could
    /// be asked.
    unmeasured,
    /// Requests that were sent again on a new connection, since the server had closed one that had carried others
    /// before and not answered (RFC 9112 §9.3.1); of long polling all that it closed one without an answer to.
    resent,
    /// Chunked answers of which a library does not show what is of heads and what is framing.
    undivided,
    /// Exchanges over HTTP/2 of which a library shows the payload alone: not what is of heads, frames, the connection
    /// and TLS.
    payload_only,
    /// Answers of whose heads a library does not show how many bytes are line ends.
    unusual_heads,
    /// Exchanges that brought nothing new and ended at once, though the server should have held the
    /// request.
    polls_not_held,
    /// Answers to polls that set a cookie, which the clients do not send back.
    cookies_ignored,
    /// Cookies marked `Secure` that were set without TLS, so that no client sends them back, though cookies
    /// are kept.
    cookies_secure,
    /// Cookies with the `Domain` of another host, in the same way.
    cookies_of_other_hosts,
    /// Fields `Set-Cookie` without a name and a value, or with a control character in them, in the same way.
    cookies_malformed,
    /// Cookies beyond those that a client keeps, in the same way.
    cookies_too_many,
    /// Answers to held polls that brought something and no cursor for the next request.
    cursors_missing,
    /// Answers with a compressed body, from which no stamp can be read.
    compressed,
    /// Bytes of the messages that came compressed, decompressed.
    decoded_bytes,
    /// Bytes of payload that these were sent as.
    coded_bytes,
    /// WebSockets whose server selected no extension, though one was offered.
    extensions_declined,
    /// Bytes after an answer that has no body (204, 304), though its head says that they come.
    stray_bytes,
    /// Updates that came in several chunks of a stream, each of which counts as a message.
    split_updates,
    /// Chunks of a stream that were not one message each, if the scenario says what delimits
    /// messages.
    uneven_chunks,
    /// Messages that came behind another in the same chunk of a stream, by what is readable, if the scenario
    /// does not say what delimits messages.
    joined_messages,
    /// Chunks of a stream that go on with a message of an earlier one, in the same way.
    continued_chunks,
    /// Chunks of a stream of another server that count as a message each, though the scenario does not say
    /// what delimits messages.
    undelimited_chunks,
    /// Times that the server asked a client to wait before it connects again for longer than the
    /// measured window.
    endless_waits,
    /// Messages that clients sent.
    sent,
    /// Updates published within the measured window for clients that were there: by the feed's own
    /// arithmetic, not by what came; of a server that is not the bundled one, by the numbers of what came in
    /// that window.
    updates_published,
    /// Of these, updates that reached their client, each counted once.
    updates_delivered,
    /// Of these, updates that a later one replaced before they were sent.
    updates_superseded,
    /// Of these, updates that never came.
    updates_missing,
    /// Updates that came again.
    updates_duplicated,
    /// Updates that came after a later one.
    updates_reordered,
    /// Reconnects after which updates were missing.
    reconnect_gaps,
    /// Time over which the age of information was observed, in microseconds, all clients.
    age_time_us,
    /// The age of information integrated over that time, in units of 10⁹ ns² (µs·ms).
    age_area_us_ms,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_no_counter_holds_is_the_largest() {
        let mut sum = Counts { lost: 1 << 63, turns: 1, ..Counts::default() };
        sum += sum;
        assert_eq!((sum.lost, sum.turns), (u64::MAX, 2));
    }
}
