//! What the proxies' own tests stand in front of.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::sandbox::any_port;

/// Starts a server that answers every byte with the same byte.
pub(crate) fn echo() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).and_then(|()| stream.write_all(&byte)).is_ok() {}
            });
        }
    });
    address
}
