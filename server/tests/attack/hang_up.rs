//! Readers that go while their page is being made.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use crate::program::Program;

/// Readers at once, and how often each goes.
const READERS: u64 = 8;
const TIMES: u64 = 250;

#[test]
fn who_hangs_up_on_a_page_leaves_nothing_half_done() {
    let mut program = Program::start();
    for n in 0..5 {
        program.furnish(n);
    }
    let host = program.host();
    thread::scope(|scope| {
        for reader in 0..READERS {
            let (address, host) = (program.address, &host);
            scope.spawn(move || {
                for time in 0..TIMES {
                    let pages = [
                        "/projects/site-1/board",
                        "/projects/site-1/chat",
                        "/projects/site-1/settings",
                        "/",
                        "/nowhere",
                    ];
                    let page = pages[usize::try_from((reader + time) % pages.len() as u64).unwrap()];
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream
                        .write_all(format!("GET {page} HTTP/1.1\r\naccept: text/html\r\n{host}\r\n\r\n").as_bytes())
                        .unwrap();
                    // At any moment of its making: the pause is what is tried, and nothing is waited for.
                    thread::sleep(Duration::from_millis((reader * 7 + time * 3) % 16));
                    // It may have closed by itself.
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        }
    });
    assert_eq!(program.get("/projects/site-1/board").status, 200);
    program.is_well();
}
