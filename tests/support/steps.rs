//! Scripted WebSocket servers: the steps of a conversation, and then updates.

use super::{World, answer_upgrade, client_frame, number, serve, server_frame};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// Opcodes of frames.
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;

/// A step of a scripted server: what it sends, and what it must get next.
#[derive(Clone, Copy)]
pub enum Step {
    Send(u8, &'static [u8]),
    Get(u8, &'static [u8]),
}

/// Makes the frame of an update: its opcode and payload.
pub type Wrap = fn(&[u8]) -> (u8, Vec<u8>);

/// The fields that an answer to an upgrade must have.
pub const UPGRADED: &str =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

/// Plays the steps; `None` if the client does something else.
fn play(stream: &mut TcpStream, steps: &[Step]) -> Option<()> {
    for step in steps {
        match step {
            Step::Send(opcode, payload) => {
                stream.write_all(&server_frame(*opcode, payload)).ok()?;
            }
            Step::Get(opcode, payload) => {
                let (got, bytes) = client_frame(stream)?;
                if got != *opcode || bytes != *payload {
                    let _ = stream.write_all(&server_frame(CLOSE, b"\x0f\xa0another message"));
                    return None;
                }
            }
        }
    }
    Some(())
}

/// Serves a set-up, and then ten updates a second with a ping and its pong after each. Further lines
/// of the answer to the upgrade may follow the usual ones.
pub fn updates(
    lines: &'static str,
    set_up: &'static [Step],
    wrap: Wrap,
    ping: &'static [Step],
) -> SocketAddr {
    serve(move |mut stream| {
        let mut serve = || {
            answer_upgrade(&mut stream, &format!("{UPGRADED}{lines}"))?;
            play(&mut stream, set_up)?;
            for sequence in 1..=60 {
                let mut payload = [0; 21];
                Stamp { sequence, published_ns: now_ns() }.write(
                    PayloadKind::Text,
                    1,
                    &mut payload,
                );
                let (opcode, message) = wrap(&payload);
                stream.write_all(&server_frame(opcode, &message)).ok()?;
                play(&mut stream, ping)?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Some(())
        };
        let _ = serve();
        // Until the client is gone.
        while client_frame(&mut stream).is_some() {}
    })
}

/// A scenario of three clients of such a server, with these settings of the series.
pub fn world(address: SocketAddr, settings: &str) -> World {
    World::new(&format!(
        "clients = [3]\nwarmup = \"300ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
         cooldown = \"100ms\"\ndrain = \"1s\"\ntimeout = \"2s\"\n[server]\nurl = \"http://{address}\"\n\
         [[series]]\n{settings}\n"
    ))
}

/// A layer's bytes in the measured window, in one direction.
pub fn steady(world: &World, direction: &str, layer: &str) -> f64 {
    let rows = world.csv("bytes.csv");
    let wanted = rows.iter().filter(|row| {
        row["phase"] == "steady" && row["direction"] == direction && row["layer"] == layer
    });
    let wanted = wanted.filter(|row| row["series"] == "websocket");
    wanted.map(|row| number(row, "total")).sum()
}
