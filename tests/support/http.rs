//! A plain HTTP server that is a closure of the test, for what no real server can be brought to do. TLS by nginx.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Request line and headers, with the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Sends it on as it is to a plain HTTP server on loopback, and gives the whole reply.
    pub(crate) fn forward(&self, port: u16) -> Vec<u8> {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (line, rest) = self.head.split_once("\r\n").unwrap();
        let others = rest.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let head: Vec<&str> = std::iter::once(line).chain(["Connection: close"]).chain(others).collect();
        server.write_all((head.join("\r\n") + "\r\n").as_bytes()).unwrap();
        server.write_all(&self.body).unwrap();
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).unwrap();
        reply
    }
}

/// Serves for as long as the test program lives, each connection in a thread of its own, and gives the port.
pub(crate) fn serve(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let Ok(request) = read(&mut stream) else { return };
                let _ = stream.write_all(&answer(&request));
            });
        }
    });
    port
}

/// A reply with `Connection: close` and these further headers.
pub(crate) fn reply(status: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Reads one request.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut request = Request { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(request)
}
