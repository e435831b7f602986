//! What the functions on Convex know of documents follows from the domain's table of kinds.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use clutch_domain::doc::{Body, FoundBy, INDEX_VERSION, Kind, RETIRED_KINDS};
use serde_json::{Value, json};
use uuid::Uuid;

/// `convex/functions/kinds.ts` as the table of kinds has it.
fn generated() -> String {
    let mut text = String::from(
        "// Made from the table of kinds in crates/domain/src/doc.rs. Do not edit it; change the table, then run\n\
         //   CLUTCH_WRITE_KINDS=1 cargo test -p clutch-store --test kinds\n\
         import { v } from \"convex/values\";\n\n\
         /**\n \
         * What documents of a kind can be found by, besides their id. A kind whose documents never hang on a\n \
         * parent needs no index for children: nothing would ever be in it, and each index is a copy in storage.\n \
         * `docs:apply` refuses a document that says more about itself than its table can find.\n */\n\
         export const FOUND_BY = {\n",
    );
    let kinds = Kind::ALL.iter().map(|kind| (kind.word(), kind.found_by())).chain(RETIRED_KINDS.iter().copied());
    for (word, FoundBy { parent, link, status, .. }) in kinds {
        writeln!(text, "  {word}: {{ parent: {parent}, link: {link}, status: {status} }},").unwrap();
    }
    text.push_str(
        "} as const;\n\n\
         /** The kinds of documents, also those that only older programs know; each has a table of this name. */\n\
         export type Kind = keyof typeof FOUND_BY;\n\n\
         /** Kinds that programs of before had. `retention:retire` removes such documents. */\n",
    );
    let retired: Vec<String> = RETIRED_KINDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    writeln!(text, "export const RETIRED: Kind[] = [{}];\n", retired.join(", ")).unwrap();
    text.push_str(
        "/** The kinds that a program of this age knows. */\n\
         export const KINDS = (Object.keys(FOUND_BY) as Kind[]).filter((kind) => !RETIRED.includes(kind));\n\n",
    );
    writeln!(
        text,
        "/** Version of the words that documents are found by: whoever writes older ones would hide documents from newer programs. */\n\
         export const INDEX_VERSION = {INDEX_VERSION};\n"
    )
    .unwrap();
    text.push_str("/** One of the kinds. */\nexport const kind = v.union(\n");
    for word in Kind::ALL.iter().map(|kind| kind.word()).chain(RETIRED_KINDS.iter().map(|(word, _)| *word)) {
        writeln!(text, "  v.literal(\"{word}\"),").unwrap();
    }
    text.push_str(");\n\n/** Names one document. */\nexport const key = v.object({ kind, id: v.string() });\n");
    text
}

#[test]
fn the_functions_know_the_same_kinds() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../convex/functions/kinds.ts");
    let text = generated();
    if std::env::var_os("CLUTCH_WRITE_KINDS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        text,
        "run: CLUTCH_WRITE_KINDS=1 cargo test -p clutch-store --test kinds"
    );
}

/// A document of each kind, in the state in which it says most about itself.
fn samples() -> BTreeMap<Kind, Value> {
    let id = |n: u128| json!(Uuid::from_u128(n));
    let target = json!({ "kind": "task", "id": "1" });
    BTreeMap::from([
        (
            Kind::Project,
            json!({ "id": id(1), "slug": "a", "name": "A", "color": "#000000", "created_at": 1, "updated_at": 1 }),
        ),
        (Kind::Counts, json!({ "project": id(1), "by_status": [1, 2, 3, 4, 5, 6] })),
        (
            Kind::Task,
            json!({ "id": id(1), "project": id(2), "number": 1, "title": "T", "status": "ready", "priority": "low",
                    "position": 2.5, "created_at": 1, "updated_at": 1, "status_changed_at": 1 }),
        ),
        (
            Kind::Dependency,
            json!({ "id": id(1), "project": id(2), "task": id(3), "depends_on": id(4), "created_at": 1 }),
        ),
        (
            Kind::Comment,
            json!({ "id": id(1), "task": id(2), "project": id(3), "author": "dan", "author_type": "human",
                    "content": "C", "kind": "message", "created_at": 1 }),
        ),
        (
            Kind::Signal,
            json!({ "id": id(1), "task": id(2), "project": id(3), "session_key": "s", "agent_id": "a",
                    "kind": "question", "severity": "high", "message": "?", "created_at": 1 }),
        ),
        (
            Kind::Activity,
            json!({ "id": id(1), "project": id(2), "task": id(3), "what": "w", "actor": { "who": "loop" }, "at": 1 }),
        ),
        (
            Kind::Run,
            json!({ "id": id(1), "task": id(2), "project": id(3), "role": "dev", "attempt": 1, "action_id": "a",
                    "key": "k", "session_key": "s", "prompt_version": "p", "state": "started", "claimed_at": 1 }),
        ),
        (Kind::LoopState, json!({ "project": id(1), "updated_at": 1 })),
        (Kind::Lease, json!({ "holder": "a" })),
        (Kind::Chat, json!({ "id": id(1), "project": id(2), "title": "C", "created_at": 1, "updated_at": 1 })),
        (
            Kind::Message,
            json!({ "id": id(1), "chat": id(2), "author": "dan", "content": "M", "delivery_status": "sent", "created_at": 1 }),
        ),
        (Kind::Unique, json!({ "key": "k", "target": target })),
        (Kind::Counter, json!({ "name": "n", "last": 1 })),
        (
            Kind::Token,
            json!({ "digest": "d", "name": "N", "scope": "read", "made_by": { "who": "loop" }, "created_at": 1 }),
        ),
        (Kind::Account, json!({ "name": "dan", "password": "$", "created_at": 1, "password_set_at": 2 })),
        (
            Kind::BrowserSession,
            json!({ "digest": "d", "account": "dan", "browser": "B", "from": "F", "created_at": 1, "seen_at": 2 }),
        ),
        (
            Kind::Notification,
            json!({ "id": id(1), "project": id(2), "kind": "system", "severity": "info", "title": "T", "message": "M",
                    "created_at": 1 }),
        ),
        (
            Kind::PromptVersion,
            json!({ "id": id(1), "role": "dev", "version": 1, "content": "Do it.", "created_by": "dan",
                    "by": { "who": "loop" }, "created_at": 1 }),
        ),
        (
            Kind::Webhook,
            json!({ "id": id(1), "project": id(2), "url": "https://example.com/", "on": true,
                    "secret": { "generation": 1, "key": "k" }, "since": 1, "place": 1, "made_by": { "who": "loop" },
                    "created_at": 1 }),
        ),
        (
            Kind::Delivery,
            json!({ "id": id(1), "webhook": id(2), "project": id(3), "line": id(4), "what": "w", "state": "waiting",
                    "due": 1, "created_at": 1 }),
        ),
    ])
}

#[test]
fn documents_say_of_themselves_what_the_table_says() {
    let samples = samples();
    for kind in Kind::ALL {
        let mut wrapped = serde_json::Map::new();
        wrapped.insert(kind.word().into(), samples[kind].clone());
        let body: Body = serde_json::from_value(Value::Object(wrapped)).unwrap();
        let index = body.index();
        let says = FoundBy {
            parent: !index.parent.is_empty(),
            order: index.order.total_cmp(&(index.at.0 as f64)).is_ne(),
            link: !index.link.is_empty(),
            status: !index.status.is_empty(),
            ..kind.found_by()
        };
        assert_eq!(says, kind.found_by(), "{}: {index:?}", kind.word());
    }
}
