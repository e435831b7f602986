//! One request as bytes, and its answer.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than anything may take; the program's own bounds are shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer; its body without chunks and compression.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }
}

/// The connection stays open, as programs leave it, so the answer's own words tell where it ends.
pub fn exchange(to: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may refuse before it has read everything.
    let _ = stream.write_all(request);
    let (mut all, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        if let Some(answer) = whole(&all) {
            return answer;
        }
        let read = stream.read(&mut piece).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(request)));
        assert!(read > 0, "half an answer: {:?}", String::from_utf8_lossy(&all));
        all.extend(&piece[..read]);
    }
}

fn whole(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    let rest = &all[end + 4..];
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(rest)?;
    } else {
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = rest.get(..length)?.to_vec();
    }
    if answer.header("content-encoding") == Some("gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap();
        answer.body = plain;
    }
    Some(answer)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + size)?;
        rest = rest.get(end + 4 + size..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend(chunk);
    }
}
