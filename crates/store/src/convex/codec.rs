//! Between the port's types and Convex's own JSON (`convex_encoded_json`), without loss: 64-bit integers
//! travel as `{"$integer": base64}`, what is absent is left out (Convex tells it from null), and the
//! inside of a document is one string of JSON that Convex never looks into.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use clutch_domain::{
    change::Expect,
    doc::{Body, Doc, DocKey, INDEX_VERSION, Kind, Rev, Scope},
    id::{ChatId, ProjectId, TaskId},
    range::{After, Before, Docs, Fetch, Order, Range, Versioned},
};
use clutch_orchestrator::store::{Committed, Fault, IdempotencyKey};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    cache::Cache,
    prepare::{Prepared, Put},
    ranges, text,
};

/// Most documents that one range answers; the functions have the same number (`RANGE_MOST`).
const RANGE_MOST: usize = 8_192;
/// Bytes of an inside that one document of Convex holds; its limit is 1 MiB with everything beside it.
const PIECE: usize = 900_000;
/// Bytes of one change; Convex takes 16 MiB of arguments.
const CHANGE_MOST: usize = 15 << 20;
/// Whole numbers up to here are exact in a float, which is what Convex calls a number.
const WHOLE_MOST: f64 = 9_007_199_254_740_992.0;

/// What `docs:apply` says.
pub(super) enum Applied {
    /// It was applied, now or earlier.
    Done(Committed),
    /// The expectation with this place does not hold; this revision was found.
    Conflict { expect: usize, found: u64 },
}

fn integer(n: i64) -> Value {
    json!({ "$integer": BASE64.encode(n.to_le_bytes()) })
}

/// Sets a field, unless it is absent.
fn field(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Value::Object(fields), Some(value)) = (object, value) {
        fields.insert(name.into(), value);
    }
}

fn key(key: &DocKey) -> Value {
    json!({ "kind": key.kind.word(), "id": key.id })
}

/// Zero without a sign: Convex sorts -0 before 0, nobody else does.
fn order(order: f64) -> f64 {
    if order == 0.0 { 0.0 } else { order }
}

/// The arguments of `docs:fetch`.
pub(super) fn fetch(fetch: &Fetch) -> Value {
    let scopes: Vec<String> = fetch.scopes.iter().map(|scope| scope.word()).collect();
    json!({ "scopes": scopes, "ranges": fetch.ranges.iter().map(range).collect::<Vec<_>>(), "partly": true })
}

/// The arguments of `docs:whole`.
pub(super) fn whole_of(lacks: &[Lack<'_>]) -> Value {
    let docs = lacks.iter().map(|lack| json!({ "doc": key(&lack.key), "rev": lack.rev }));
    json!({ "docs": docs.collect::<Vec<_>>() })
}

/// The answer of `docs:whole`: the insides of so many documents, each unless it has another revision by now.
pub(super) fn wholes(answer: &Value, count: usize) -> Result<Vec<Option<&str>>, Fault> {
    let texts =
        answer.as_array().filter(|texts| texts.len() == count).ok_or_else(|| strange("another number of parts"))?;
    texts
        .iter()
        .map(|text| if text.is_null() { Ok(None) } else { text.as_str().map(Some).ok_or_else(|| strange("no text")) })
        .collect()
}

/// A document of an answer that has only the beginning of its inside.
pub(super) struct Lack<'a> {
    pub(super) key: DocKey,
    pub(super) rev: Rev,
    /// What is there.
    pub(super) head: &'a str,
    /// How many bytes are missing behind it.
    pub(super) bytes: usize,
}

/// What an answer of `docs:fetch` left out, each document once.
///
/// # Errors
/// An answer of other functions.
pub(super) fn lacks(answer: &Value) -> Result<Vec<Lack<'_>>, Fault> {
    let mut found: Vec<Lack<'_>> = Vec::new();
    for row in list(answer, "ranges")?.iter().filter_map(Value::as_array).flatten() {
        if let Some(bytes) = row.get("lacks") {
            let bytes = usize::try_from(self::whole(Some(bytes))?).map_err(|_| strange("a number too large"))?;
            found.push(Lack { key: row_key(row)?, rev: self::whole(row.get("rev"))?, head: word(row, "body")?, bytes });
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.dedup_by(|a, b| a.key == b.key);
    Ok(found)
}

fn range(range: &Range) -> Value {
    let before = |before: &Option<Before>| before.as_ref().map(|b| json!({ "at": integer(b.at.0), "id": b.id }));
    let place = |place: &Option<After>| place.as_ref().map(|p| json!({ "order": order(p.order), "id": p.id }));
    match range {
        Range::Doc { key: wanted } => json!({ "range": "doc", "key": key(wanted) }),
        Range::ByUnique { name } => json!({ "range": "by_unique", "name": name }),
        Range::Children { kind, parent, after, limit } => {
            let mut asked = json!({ "range": "children", "kind": kind.word(), "parent": parent, "limit": limit });
            field(&mut asked, "after", place(after));
            asked
        }
        Range::NewestChildren { kind, parent, before: moment, limit } => {
            let mut asked =
                json!({ "range": "newest_children", "kind": kind.word(), "parent": parent, "limit": limit });
            field(&mut asked, "before", before(moment));
            asked
        }
        Range::Linked { kind, link, limit } => {
            json!({ "range": "linked", "kind": kind.word(), "link": link, "limit": limit })
        }
        Range::ByStatus { kind, scope, status, order, limit } => {
            let order = match order {
                Order::Ordered => "ordered",
                Order::Newest => "newest",
            };
            let mut asked =
                json!({ "range": "by_status", "kind": kind.word(), "status": status, "order": order, "limit": limit });
            field(&mut asked, "scope", scope.map(|scope| scope.word().into()));
            asked
        }
        Range::StatusPage { kind, scope, status, from, back, limit } => {
            let mut asked = json!({
                "range": "status_page", "kind": kind.word(), "scope": scope.word(), "status": status, "back": back,
                "limit": limit,
            });
            field(&mut asked, "from", place(from));
            asked
        }
        Range::StatusBefore { kind, scope, status, before: Before { at, id }, limit } => json!({
            "range": "status_before", "kind": kind.word(), "scope": scope.word(), "status": status,
            "before": { "at": integer(at.0), "id": id }, "limit": limit,
        }),
        Range::Newest { kind, scope, before: moment, limit } => {
            let mut asked = json!({ "range": "newest", "kind": kind.word(), "scope": scope.word(), "limit": limit });
            field(&mut asked, "before", before(moment));
            asked
        }
        Range::All { kind, after, limit } => {
            let mut asked = json!({ "range": "all", "kind": kind.word(), "limit": limit });
            field(&mut asked, "after", after.clone().map(Value::from));
            asked
        }
    }
}

/// The arguments of `docs:apply`.
///
/// # Errors
/// A document that is no JSON, or more than Convex takes at once.
pub(super) fn apply(change: &Prepared, name: &IdempotencyKey) -> Result<Value, Fault> {
    let expects = change.expects.iter().map(|expect| match expect {
        Expect::Doc(wanted, rev) => json!({ "doc": key(wanted), "rev": rev }),
        Expect::Scope(scope, rev) => json!({ "scope": scope.word(), "rev": rev }),
    });
    let mut bytes = 0;
    let puts = change.puts.iter().map(|one| put(one, &mut bytes)).collect::<Result<Vec<_>, _>>()?;
    if bytes > CHANGE_MOST {
        return Err(Fault::new(format!(
            "This change has {bytes} bytes and Convex takes {CHANGE_MOST} at once. Do it in smaller parts."
        )));
    }
    let guards = change.guards.iter().map(|guard| {
        let seen = guard.seen.iter().map(|(wanted, rev)| json!({ "doc": key(wanted), "rev": rev }));
        json!({ "range": range(&guard.range), "seen": seen.collect::<Vec<_>>() })
    });
    let mut args = json!({
        "key": name.0,
        "guards": guards.collect::<Vec<_>>(),
        "expects": expects.collect::<Vec<_>>(),
        "deletes": change.deletes.iter().map(key).collect::<Vec<_>>(),
        "puts": puts,
        "touches": change.touches.iter().map(|scope| scope.word()).collect::<Vec<_>>(),
        "words": INDEX_VERSION,
    });
    field(&mut args, "made", change.made.as_ref().map(key));
    field(&mut args, "request", change.request.map(|call| json!({ "hash": call.hash, "decision": call.decision })));
    Ok(args)
}

fn put(put: &Put, bytes: &mut usize) -> Result<Value, Fault> {
    let Put { key, index, body, kept, .. } = put;
    let inside = text::write(body, kept.as_deref())?;
    *bytes += inside.len();
    let mut row = json!({
        "kind": key.kind.word(),
        "id": key.id,
        "scope": index.scope.word(),
        "parent": index.parent,
        "link": index.link,
        "status": index.status,
        "ord": order(index.order),
        "at": integer(index.at.0),
        "body": pieces(&inside),
    });
    if let Body::Unique(unique) = body {
        field(&mut row, "target", Some(self::key(&unique.target)));
    }
    Ok(row)
}

/// Cuts a text into pieces that fit into a document of Convex each; at least one.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut left) = (Vec::new(), text);
    while left.len() > PIECE {
        let (piece, rest) = left.split_at(left.floor_char_boundary(PIECE));
        pieces.push(piece);
        left = rest;
    }
    pieces.push(left);
    pieces
}

fn strange(what: &str) -> Fault {
    Fault::new(format!(
        "Convex's answer has {what} where it should not. Are its functions those of this program? Run: clutch convex deploy"
    ))
}

fn whole(value: Option<&Value>) -> Result<u64, Fault> {
    let number = value.and_then(Value::as_f64).filter(|n| n.fract() == 0.0 && (0.0..=WHOLE_MOST).contains(n));
    // Checked above: whole, not negative, and small enough to be exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    number.map(|n| n as u64).ok_or_else(|| strange("no whole number"))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, Fault> {
    value.get(name).and_then(Value::as_array).ok_or_else(|| strange("no list"))
}

fn word<'a>(value: &'a Value, name: &str) -> Result<&'a str, Fault> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| strange("no text"))
}

/// The documents that an answer left out a part of, whole.
pub(super) type Insides = BTreeMap<DocKey, Arc<Doc>>;

/// The answer of `docs:fetch`, with what it left out.
pub(super) fn fetched(
    cache: &Cache,
    asked: &Fetch,
    answer: &Value,
    insides: &Insides,
) -> Result<Versioned<Docs>, Fault> {
    let (revs, found) = (list(answer, "scopes")?, list(answer, "ranges")?);
    if revs.len() != asked.scopes.len() || found.len() != asked.ranges.len() {
        return Err(strange("another number of parts"));
    }
    let scopes = asked
        .scopes
        .iter()
        .zip(revs)
        .map(|(scope, rev)| Ok((*scope, whole(Some(rev))?)))
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut value = Docs::default();
    for (range, rows) in asked.ranges.iter().zip(found) {
        let rows = rows.as_array().ok_or_else(|| strange("no list"))?;
        if rows.len() >= RANGE_MOST && ranges::limit(range) > RANGE_MOST {
            return Err(Fault::new(format!(
                "More than {RANGE_MOST} documents were asked for at once: Convex answers no more. Ask in pages."
            )));
        }
        value.insert(range, rows.iter().map(|row| doc(cache, row, insides)).collect::<Result<_, _>>()?);
    }
    Ok(Versioned { version: scopes.iter().map(|(_, rev)| rev).sum(), scopes, value })
}

/// A document. What cannot be read of its inside spoils nothing else; an answer without one is no answer.
fn doc(cache: &Cache, row: &Value, insides: &Insides) -> Result<Arc<Doc>, Fault> {
    let key = row_key(row)?;
    if row.get("lacks").is_some() {
        return insides.get(&key).cloned().ok_or_else(|| strange("half a document"));
    }
    // A deployment forgets the revisions of what is gone without a word to us.
    Ok(cache.same_text(&key, whole(row.get("rev"))?, word(row, "body")?))
}

fn row_key(row: &Value) -> Result<DocKey, Fault> {
    let kind = word(row, "kind")?;
    let kind = *Kind::ALL.iter().find(|k| k.word() == kind).ok_or_else(|| strange("an unknown kind"))?;
    Ok(DocKey::new(kind, word(row, "id")?))
}

/// The answer of `docs:apply`.
pub(super) fn applied(answer: &Value) -> Result<Applied, Fault> {
    if let Some(conflict) = answer.get("conflict") {
        let expect = usize::try_from(whole(conflict.get("expect"))?).map_err(|_| strange("a number too large"))?;
        return Ok(Applied::Conflict { expect, found: whole(conflict.get("found"))? });
    }
    Ok(Applied::Done(committed(answer)?))
}

/// The answer of `docs:known`.
pub(super) fn known(answer: &Value) -> Result<Option<Committed>, Fault> {
    if answer.is_null() { Ok(None) } else { committed(answer).map(Some) }
}

fn committed(answer: &Value) -> Result<Committed, Fault> {
    let scopes = list(answer, "scopes")?
        .iter()
        .map(|one| Ok((scope(word(one, "scope")?)?, whole(one.get("rev"))?)))
        .collect::<Result<_, Fault>>()?;
    let read = |name: &str| answer.get(name).cloned();
    let made = read("made").map(serde_json::from_value).transpose().map_err(|_| strange("an unknown document"))?;
    let request = read("request").map(serde_json::from_value).transpose().map_err(|_| strange("an unknown call"))?;
    Ok(Committed { scopes, made, request })
}

/// The scope with this word.
fn scope(word: &str) -> Result<Scope, Fault> {
    let id = |id: &str| Uuid::parse_str(id).map_err(|_| strange("an unknown scope"));
    match word.split_once(':') {
        None if word == "installation" => Ok(Scope::Installation),
        None if word == "loop" => Ok(Scope::Loop),
        None if word == "outbox" => Ok(Scope::Outbox),
        None if word == "access" => Ok(Scope::Access),
        None if word == "webhooks" => Ok(Scope::Webhooks),
        Some(("project", project)) => Ok(Scope::Project(ProjectId(id(project)?))),
        Some(("chat", chat)) => Ok(Scope::Chat(ChatId(id(chat)?))),
        Some(("graph", project)) => Ok(Scope::Graph(ProjectId(id(project)?))),
        Some(("task", task)) => Ok(Scope::Task(TaskId(id(task)?))),
        Some(("chats", project)) => Ok(Scope::Chats(ProjectId(id(project)?))),
        _ => Err(strange("an unknown scope")),
    }
}

/// What `docs:about` says of a deployment.
pub(super) struct About {
    /// Version of the functions.
    pub(super) version: u64,
    /// Words of the kinds that they know.
    pub(super) kinds: Vec<String>,
    /// Tables of the original system that hold something.
    pub(super) original: Vec<String>,
}

/// The answer of `docs:about`.
pub(super) fn about(answer: &Value) -> Result<About, Fault> {
    let words = |name| -> Result<Vec<String>, Fault> {
        Ok(list(answer, name)?.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
    };
    Ok(About { version: whole(answer.get("version"))?, kinds: words("kinds")?, original: words("original")? })
}

/// No arguments.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use clutch_domain::time::Millis;

    use super::*;

    #[test]
    fn pieces_are_cut_between_characters_and_lose_nothing() {
        let long = "🦀é".repeat(PIECE / 3);
        let cut = pieces(&long);
        assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= PIECE && !piece.is_empty()));
        assert_eq!(cut.concat(), long);
        assert_eq!(pieces(""), [""]);
    }

    #[test]
    fn scopes_come_back() {
        let id = Uuid::from_u128(7);
        for one in [
            Scope::Installation,
            Scope::Loop,
            Scope::Outbox,
            Scope::Access,
            Scope::Webhooks,
            Scope::Project(ProjectId(id)),
            Scope::Chat(ChatId(id)),
            Scope::Graph(ProjectId(id)),
            Scope::Task(TaskId(id)),
            Scope::Chats(ProjectId(id)),
        ] {
            assert_eq!(scope(&one.word()).unwrap(), one);
        }
        for wrong in ["", "project", "project:", "chat:x", "loop:1", "other:1"] {
            assert!(scope(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_are_exact_or_refused() {
        assert_eq!(whole(Some(&json!(3.0))).unwrap(), 3);
        assert_eq!(whole(Some(&json!(9_007_199_254_740_992.0))).unwrap(), 9_007_199_254_740_992);
        for wrong in [json!(0.5), json!(-1.0), json!(1e17), json!("1"), json!(null)] {
            assert!(whole(Some(&wrong)).is_err(), "{wrong}");
        }
        assert!(whole(None).is_err());
    }

    #[test]
    fn what_is_absent_is_left_out_and_moments_are_integers() {
        let asked = Fetch {
            scopes: vec![Scope::Loop],
            ranges: vec![
                Range::Newest { kind: Kind::Run, scope: Scope::Loop, before: None, limit: 1 },
                Range::Newest {
                    kind: Kind::Run,
                    scope: Scope::Loop,
                    before: Some(Before { at: Millis(-2), id: "x".into() }),
                    limit: 1,
                },
                Range::All { kind: Kind::Run, after: None, limit: 1 },
            ],
        };
        let encoded = fetch(&asked);
        assert_eq!(encoded["ranges"][0], json!({ "range": "newest", "kind": "run", "scope": "loop", "limit": 1 }));
        assert_eq!(encoded["ranges"][2], json!({ "range": "all", "kind": "run", "limit": 1 }));
        assert_eq!(encoded["ranges"][1]["before"], json!({ "at": { "$integer": "/v////////8=" }, "id": "x" }));
    }

    #[test]
    fn an_answer_of_other_functions_is_no_answer() {
        let asked = Fetch { scopes: vec![Scope::Loop], ranges: vec![Range::unique("a")] };
        for wrong in [
            json!(null),
            json!({ "scopes": [], "ranges": [[]] }),
            json!({ "scopes": [1.0], "ranges": [] }),
            json!({ "scopes": [1.0], "ranges": [[{ "rev": 1.0, "body": "{\"task\":{}}" }]] }),
            json!({ "scopes": [1.0], "ranges": [[{ "kind": "planet", "id": "1", "rev": 1.0, "body": "{}" }]] }),
        ] {
            assert!(
                fetched(&Cache::default(), &asked, &wrong, &Insides::new())
                    .unwrap_err()
                    .what
                    .contains("clutch convex deploy"),
                "{wrong}"
            );
        }
    }
}
