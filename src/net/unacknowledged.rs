//! What the system still holds of what was written to a connection, by the kernel's table of them (proc(5)). SIOCOUTQ
//! says the same, and needs unsafe code.

use rustix::fs::fstat;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

/// Bytes written to `tcp` that its other side has not acknowledged; `None`: there is no such table.
pub fn bytes(tcp: &TcpStream) -> Option<u64> {
    let inode = fstat(tcp).ok()?.st_ino.to_string();
    let table = if tcp.local_addr().ok()?.is_ipv6() { "/proc/self/net/tcp6" } else { "/proc/self/net/tcp" };
    BufReader::new(File::open(table).ok()?).lines().map_while(Result::ok).find_map(|line| of_line(&line, &inode))
}

/// The number in a line of the table, if it is the one of this socket.
fn of_line(line: &str, inode: &str) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace();
    // Number, local and remote address, state; behind the queues timer, retransmissions, user, timeout, inode.
    let queues = fields.nth(4)?;
    let is_ours = fields.nth(4) == Some(inode);
    u64::from_str_radix(queues.split_once(':')?.0, 16).ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn lines_of_the_table() {
        let line =
            "   7: 0100007F:9D3B 0100007F:8AE2 01 0001F4A0:00000002 01:00000014 00000000  1000        0 4711 2 00";
        assert_eq!((of_line(line, "4711"), of_line(line, "1000")), (Some(0x1_f4a0), None));
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        assert_eq!((of_line(head, "4711"), of_line("", "4711")), (None, None));
    }

    #[test]
    fn what_is_not_read_is_held() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert_eq!(bytes(&client), Some(0));
            client.set_nonblocking(true).unwrap();
            let mut written = 0;
            while let Ok(count) = client.write(&[0; 65_536]) {
                written += count as u64;
            }
            let held = bytes(&client).unwrap();
            assert!(held > 0 && held <= written, "{held} of {written}");
        }
    }
}
