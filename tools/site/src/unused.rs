//! Functions that the page has and never calls. Views without their types keep a way to everything that a view
//! can do, so no compiler can see which of it nobody asks for, and all of it travels: a tenth of the page's code.
//! Here the bodies of those functions become a trap, before the WASM is cut into chunks; what only they reached
//! is reached by nothing then, and stays behind.
//!
//! A call of one of them would end the page as a panic does. The browser tests run on what is made here. And what makes
//! code small makes one function of two that do the same, under the name of either: nothing may stand here that could do
//! the same as something that is called (attributes of `template!`, which wake as others are built, did).

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{KnownCustom, Name, Parser, Payload, RelocAddendKind, RelocationEntry, TypeRef};

use crate::Failed;

/// Words of a function's name that all have to be there, whatever way of mangling it has (`^` before what it begins
/// with), and why nobody calls it.
const UNUSED: [&[&str]; 4] = [
    // Waking a page view by view, each after its code: `leptos::mount::hydrate_lazy` does, and the page wakes at once.
    &["IntoAny", "into_any", "hydrate_async"],
    // The list of routes, which the server makes.
    &["IntoAnyNestedRoute", "into_any_nested_route", "generate_routes"],
    // Streams that Rust makes for JavaScript, of `wasm-streams`: the page sends none.
    &["^intounderlying"],
    &["^__wbg_intounderlying"],
];

const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const END: u8 = 0x0b;

#[derive(Default)]
struct Seen {
    /// What each section is, and where its content lies.
    sections: Vec<(u8, Range<usize>)>,
    imported: usize,
    bodies: Vec<Range<usize>>,
    /// Which section the code is, and where its content begins.
    code: Option<(usize, usize)>,
    names: Vec<(usize, String)>,
    relocations: Vec<Relocations>,
}

struct Relocations {
    /// Which section they are.
    at: usize,
    name: String,
    /// Of which section they are.
    of: usize,
    entries: Vec<RelocationEntry>,
}

/// The WASM with a trap for each body of those functions, and without their relocations.
pub fn leave_out(mut wasm: Vec<u8>) -> Result<Vec<u8>, Failed> {
    let seen = look(&wasm).map_err(|error| Failed::Split(error.to_string()))?;
    let (code, start) = seen.code.ok_or_else(|| Failed::Split("there is no code".to_owned()))?;
    let mut emptied = BTreeSet::new();
    for words in UNUSED {
        let before = emptied.len();
        let fits = seen.names.iter().filter(|(_, name)| words.iter().all(|word| has(name, word)));
        emptied.extend(fits.filter_map(|(index, _)| index.checked_sub(seen.imported)));
        if emptied.len() == before {
            return Err(Failed::Split(format!(
                "no function has all of {words:?} in its name: does leptos call it otherwise now?"
            )));
        }
    }
    // In the order of the code, as functions are numbered by it.
    let emptied: Vec<Range<usize>> = emptied.into_iter().filter_map(|n| seen.bodies.get(n).cloned()).collect();
    for body in &emptied {
        if let [locals, trap, rest @ .., end] = &mut wasm[body.clone()] {
            (*locals, *trap, *end) = (0, UNREACHABLE, END);
            rest.fill(NOP);
        }
    }
    let is_left = |offset: usize| {
        let at = start + offset;
        let next = emptied.partition_point(|body| body.end <= at);
        emptied.get(next).is_none_or(|body| at < body.start)
    };
    let mut out = wasm[..8].to_vec();
    for (n, (id, range)) in seen.sections.iter().enumerate() {
        let content = match seen.relocations.iter().find(|all| all.of == code && all.at == n) {
            Some(all) => without(all, is_left),
            None => wasm[range.clone()].to_vec(),
        };
        out.push(*id);
        put(&mut out, content.len() as u64);
        out.extend(content);
    }
    Ok(out)
}

fn has(name: &str, word: &str) -> bool {
    word.strip_prefix('^').map_or_else(|| name.contains(word), |begin| name.starts_with(begin))
}

fn look(wasm: &[u8]) -> wasmparser::Result<Seen> {
    let mut seen = Seen::default();
    let here = |range: Range<u64>| range.start as usize..range.end as usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let n = seen.sections.len();
        match &payload {
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    seen.imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionStart { range, .. } => seen.code = Some((n, range.start as usize)),
            Payload::CodeSectionEntry(body) => seen.bodies.push(here(body.range())),
            Payload::CustomSection(custom) => match custom.as_known() {
                KnownCustom::Name(parts) => {
                    for part in parts {
                        let Name::Function(names) = part? else { continue };
                        for name in names {
                            let name = name?;
                            seen.names.push((name.index as usize, name.name.to_owned()));
                        }
                    }
                }
                KnownCustom::Reloc(reader) => {
                    seen.relocations.push(Relocations {
                        at: n,
                        name: custom.name().to_owned(),
                        of: reader.section_index() as usize,
                        entries: reader.entries().into_iter().collect::<Result<_, _>>()?,
                    });
                }
                _ => {}
            },
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            seen.sections.push((id, here(range)));
        }
    }
    Ok(seen)
}

/// A section of relocations with those that are left.
fn without(all: &Relocations, is_left: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut content = Vec::new();
    put(&mut content, all.name.len() as u64);
    content.extend(all.name.as_bytes());
    put(&mut content, all.of as u64);
    let left: Vec<_> = all.entries.iter().filter(|entry| is_left(entry.offset as usize)).collect();
    put(&mut content, left.len() as u64);
    for entry in left {
        content.push(entry.ty as u8);
        put(&mut content, u64::from(entry.offset));
        put(&mut content, u64::from(entry.index));
        if entry.ty.addend_kind() != RelocAddendKind::None {
            put_signed(&mut content, entry.addend);
        }
    }
    content
}

/// Writes a number as WASM does.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn put_signed(out: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if (number == 0 && byte & 0x40 == 0) || (number == -1 && byte & 0x40 != 0) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_wasm_does() {
        let all = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        assert_eq!(all(&|out| put(out, 624_485)), [0xe5, 0x8e, 0x26]);
        assert_eq!(all(&|out| put_signed(out, -123_456)), [0xc0, 0xbb, 0x78]);
        assert_eq!(all(&|out| put_signed(out, 64)), [0xc0, 0x00]);
    }

    /// A module with a function for each rule and one that is called; each body is `call 0` with a relocation.
    fn module(names: &[&str]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0".to_vec();
        let mut section = |id: u8, content: Vec<u8>| {
            wasm.push(id);
            put(&mut wasm, content.len() as u64);
            wasm.extend(content);
        };
        let count = names.len() as u8;
        section(3, [vec![count], vec![0; names.len()]].concat());
        const BODY: [u8; 9] = [8, 0, 0x10, 0x80, 0x80, 0x80, 0x80, 0x00, END];
        section(10, [vec![count], BODY.repeat(names.len())].concat());
        let custom =
            |name: &str, content: Vec<u8>| [vec![name.len() as u8], name.as_bytes().to_vec(), content].concat();
        // Of section 2 (the third), type 0: the index of a function.
        let entries = (0..count).flat_map(|n| [0, 1 + n * 9 + 3, 0]).collect();
        section(0, custom("reloc.CODE", [vec![2, count], entries].concat()));
        let named = names
            .iter()
            .enumerate()
            .flat_map(|(n, name)| [vec![n as u8, name.len() as u8], name.as_bytes().to_vec()].concat());
        let named: Vec<u8> = std::iter::once(count).chain(named).collect();
        let mut part = vec![1];
        put(&mut part, named.len() as u64);
        section(0, custom("name", [part, named].concat()));
        wasm
    }

    #[test]
    fn what_is_never_called_becomes_a_trap_and_reaches_nothing() {
        let names = [
            "called",
            "__wbindgen_describe_intounderlyingsource_pull",
            "IntoAnyAttribute::into_any_attr::hydrate_from_template",
            "IntoAny::into_any::hydrate_async",
            "IntoAnyNestedRoute::into_any_nested_route::generate_routes",
            "intounderlyingsource_pull",
            "__wbg_intounderlyingsource_free",
        ];
        let left = look(&leave_out(module(&names)).unwrap()).unwrap();
        let wasm = leave_out(module(&names)).unwrap();
        let bodies: Vec<&[u8]> = left.bodies.iter().map(|body| &wasm[body.clone()]).collect();
        for body in &bodies[..3] {
            assert_eq!(*body, [0, 0x10, 0x80, 0x80, 0x80, 0x80, 0x00, END]);
        }
        for body in &bodies[3..] {
            assert_eq!(*body, [0, UNREACHABLE, NOP, NOP, NOP, NOP, NOP, END]);
        }
        assert_eq!(left.relocations[0].entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [4, 13, 22]);
    }

    #[test]
    fn a_rule_that_fits_nothing_is_an_error() {
        let said = leave_out(module(&["called"])).unwrap_err().to_string();
        assert!(said.contains("hydrate_async"), "{said}");
    }
}
