//! Chance that can be repeated, and what it picks from.

/// `SplitMix64`: one number makes a whole run.
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `most`, without it.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// Text of every odd kind.
pub fn text(chance: &mut Chance, ids: &[String]) -> String {
    const ODD: [&str; 30] = [
        "",
        " ",
        "\0",
        "\r\n",
        "a\nb",
        "\u{202e}abc",
        "\u{feff}",
        "\u{200b}",
        "💥",
        "é\u{301}",
        "\u{1b}[31m",
        "'; DROP TABLE docs; --",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%s%n",
        "%00",
        "-1",
        "0",
        "1e309",
        "NaN",
        "18446744073709551616",
        "true",
        "null",
        "T-1",
        "t-99999999999",
        "/restart",
        "[x](javascript:alert(1))",
        "\u{fffd}",
        "undefined",
    ];
    match chance.below(6) {
        0..=2 => ODD[chance.below(ODD.len())].to_owned(),
        3 if !ids.is_empty() => chance.pick(ids).clone(),
        4 => ODD[chance.below(ODD.len())].repeat(chance.below(400)),
        _ => String::from_utf8_lossy(&chance.bytes(60)).into_owned(),
    }
}

/// As a form or a query writes it.
pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A JSON value of any kind.
pub fn value(chance: &mut Chance, ids: &[String], deep: usize) -> serde_json::Value {
    use serde_json::{Value, json};
    match chance.below(if deep == 0 { 8 } else { 10 }) {
        0 => Value::Null,
        1 => json!(chance.once_in(2)),
        2 => json!(*chance.pick(&[0_i64, 1, -1, 5, i64::MAX, i64::MIN, 1_700_000_000_000])),
        3 => json!(*chance.pick(&[0.5, -0.0, 1e300, f64::MIN_POSITIVE])),
        4..=7 => json!(text(chance, ids)),
        8 => (0..chance.below(4)).map(|_| value(chance, ids, deep - 1)).collect(),
        _ => Value::Object((0..chance.below(4)).map(|_| (text(chance, ids), value(chance, ids, deep - 1))).collect()),
    }
}
