//! The live feed: frames that make no sense, floods, and tabs that go in the middle.

use std::net::TcpStream;

use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};

use crate::{
    nonsense::{Chance, text, value},
    program::{PATIENCE, Program},
};

/// One tab that says odd things; answers how many frames it said.
pub fn tab(program: &Program, who: &[String], chance: &mut Chance, ids: &[String]) -> Result<usize, String> {
    let stream = TcpStream::connect(program.address).map_err(|why| why.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("ws://{}/live", program.address).into_client_request().unwrap();
    for (name, value) in who.iter().filter_map(|line| line.split_once(": ")) {
        let name: tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let mut socket = match tungstenite::client(request, stream) {
        Ok((socket, _)) => socket,
        Err(why) => return Err(format!("no tab is taken: {why}")),
    };
    let frames = 1 + chance.below(20);
    for said in 0..frames {
        let sub = chance.below(40);
        let message = match chance.below(10) {
            0 => Message::text(text(chance, ids)),
            1 => Message::binary(chance.bytes(200)),
            2 => Message::text(value(chance, ids, 3).to_string()),
            3 => Message::Ping(chance.bytes(100).into()),
            4 if chance.once_in(4) => Message::text(r#"{"t":"beat"}"#),
            4 => Message::text(format!("{{\"t\":\"close\",\"sub\":{sub}}}")),
            5 => Message::text(format!(
                "{{\"t\":\"typing\",\"chat\":\"{}\",\"on\":{}}}",
                chance.pick(ids),
                chance.once_in(2)
            )),
            6 => Message::text("x".repeat(chance.below(40_000))),
            _ => {
                let query = match chance.below(5) {
                    0 => r#"{"query":"home"}"#.to_owned(),
                    1 => format!(r#"{{"query":"board","project":"{}"}}"#, chance.pick(ids)),
                    2 => format!(r#"{{"query":"chat","chat":"{}"}}"#, chance.pick(ids)),
                    3 => format!(r#"{{"query":"task","project":"{}","task":"{}"}}"#, ids[0], chance.pick(ids)),
                    _ => format!(r#"{{"query":"chats","project":"{}"}}"#, chance.pick(ids)),
                };
                let version = *chance.pick(&["null", "0", "7", "18446744073709551615", "-1"]);
                Message::text(format!(r#"{{"t":"open","sub":{sub},"query":{query},"version":{version}}}"#))
            }
        };
        if socket.send(message).is_err() {
            return Ok(said);
        }
    }
    if chance.once_in(2) {
        let _ = socket.close(None);
        while socket.read().is_ok() {}
    }
    Ok(frames)
}

/// Floods of what costs most, from many tabs at once, while somebody asks how it is.
#[test]
fn floods_keep_nobody_waiting() {
    use std::{
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
        time::{Duration, Instant},
    };
    let mut program = Program::start();
    let ids = program.furnish(0);
    let (over, said) = (AtomicBool::new(false), AtomicUsize::new(0));
    let longest = std::thread::scope(|scope| {
        for n in 0..12 {
            let (program, ids, over, said) = (&program, &ids, &over, &said);
            scope.spawn(move || {
                let stream = TcpStream::connect(program.address).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                let (mut socket, _) = tungstenite::client(format!("ws://{}/live", program.address), stream).unwrap();
                let mut k = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    k += 1;
                    let frame = match n % 3 {
                        0 => format!(r#"{{"t":"open","sub":{},"query":{{"query":"board","project":"{}"}},"version":null}}"#, k % 32, ids[0]),
                        1 => format!(r#"{{"t":"open","sub":{},"query":{{"query":"chat","chat":"00000000-0000-4000-8000-{k:012}"}},"version":null}}"#, k % 32),
                        _ => format!(r#"{{"t":"typing","chat":"{}","on":{}}}"#, ids[3], k.is_multiple_of(2)),
                    };
                    // It takes what it can in its pace; the rest waits in the socket.
                    if socket.send(Message::text(frame)).is_err() {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    said.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < Duration::from_secs(4) {
            let one = Instant::now();
            assert_eq!(program.get("/health").status, 200);
            longest = longest.max(one.elapsed());
        }
        over.store(true, Ordering::Relaxed);
        longest
    });
    println!("measured: {} frames from 12 tabs in 4 s, /health at most {longest:?}", said.load(Ordering::Relaxed));
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    program.is_well();
}
