//! An MQTT 5 broker of a few lines, which can hold the acknowledgement of a message.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};

use homing_sandbox::Certificates;

use crate::servers;

/// The broker.
pub(crate) struct Broker {
    pub(crate) port: u16,
    hold: Hold,
}

type Hold = Arc<Mutex<Option<(Sender<()>, Receiver<()>)>>>;

impl Broker {
    pub(crate) fn start(certificates: &Certificates) -> Self {
        let hold = Hold::default();
        let shared = Arc::clone(&hold);
        let port = servers::tls(certificates, move |mut stream| {
            while let Ok((kind, body)) = read_packet(&mut stream) {
                match kind >> 4 {
                    // CONNECT; CONNACK without properties.
                    1 => servers::write(&mut stream, &[0x20, 3, 0, 0, 0]),
                    // PUBLISH with QoS 1; PUBACK.
                    3 => {
                        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                        let id = &body[2 + topic..4 + topic];
                        if let Some((arriving, released)) = shared.lock().unwrap().take() {
                            let _ = arriving.send(());
                            let _ = released.recv();
                        }
                        servers::write(&mut stream, &[0x40, 2, id[0], id[1]]);
                    }
                    _ => return,
                }
            }
        });
        Self { port, hold }
    }

    /// Holds the next acknowledgement: tells that it is there, and waits.
    pub(crate) fn hold(&self, arriving: Sender<()>, released: Receiver<()>) {
        *self.hold.lock().unwrap() = Some((arriving, released));
    }
}

/// The first byte and what stands behind the length (MQTT 5.0, 2.1).
fn read_packet(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}
