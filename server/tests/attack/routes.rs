//! What there is to ask, read where it is declared, so that nothing new is forgotten.

use std::collections::BTreeMap;

use serde_json::Value;

/// A route for programs.
#[derive(Debug)]
pub struct Route {
    pub method: String,
    /// Whether something is behind it: of what is not built there is one answer only.
    pub built: bool,
    /// With `{…}` where something is filled in.
    pub path: String,
    /// Names of what its query and its body may have.
    pub query: Vec<String>,
    pub fields: Vec<String>,
}

/// A function of pages: its address and the names of its arguments.
pub type Function = (String, Vec<String>);

/// Everything.
pub struct Known {
    pub routes: Vec<Route>,
    pub functions: Vec<Function>,
    /// Forms without script: address and fields.
    pub forms: Vec<Function>,
    /// Words of the closed lists, by the name of the field that takes them.
    pub words: BTreeMap<String, Vec<String>>,
    /// Addresses that people open.
    pub pages: Vec<String>,
    /// Names that tools may have.
    pub tools: Vec<String>,
}

impl Known {
    pub fn read() -> Self {
        let (mut routes, words) = of_document();
        routes.extend(of_original());
        routes.extend(beside(&routes));
        assert!(routes.len() > 150, "{}", routes.len());
        Self { routes, functions: functions(), forms: forms(), words, pages: pages(), tools: tools() }
    }
}

fn source(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// All below a folder.
fn sources(folder: &str) -> Vec<String> {
    named(folder, "").collect()
}

/// Those below a folder with this in their path.
fn named(folder: &str, part: &str) -> impl Iterator<Item = String> {
    let mut folders = vec![std::path::PathBuf::from(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR")))];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "rs") && path.to_str().unwrap().contains(part));
    files.sort();
    files.into_iter().map(|path| std::fs::read_to_string(path).unwrap())
}

/// Words with an underscore where tools are put together; none, where there are no tools.
fn tools() -> Vec<String> {
    let all: Vec<String> = named("src/http", "/mcp").collect();
    let is_name = |word: &&str| word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut tools: Vec<String> = all.iter().flat_map(|text| quoted(text)).filter(is_name).map(str::to_owned).collect();
    tools.sort_unstable();
    tools.dedup();
    tools
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Those of docs/wire-compatibility.md, also what is not built, with the fields of `compat/fields.rs`.
fn of_original() -> Vec<Route> {
    let table = source("src/http/compat/fields.rs");
    let table = table.split_once("pub const BODIES").unwrap().1.split_once("\n];").unwrap().0;
    let mut fields: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    // A row begins with a method, and no field is called as one.
    let mut at = None;
    for word in quoted(table) {
        match (word, &at) {
            ("POST" | "PATCH" | "PUT" | "DELETE", _) => at = Some((word.to_owned(), None)),
            (path, Some((method, None))) => at = Some((method.clone(), Some(path.to_owned()))),
            (field, Some((method, Some(path)))) => {
                // `*` takes any name; a name after a dot lies deeper.
                let names = fields.entry((method.clone(), bare(path))).or_default();
                names.extend((field != "*").then(|| field.rsplit('.').next().unwrap().to_owned()));
            }
            (_, None) => panic!("{word}"),
        }
    }
    assert!(fields.len() > 35, "{}", fields.len());
    let rows = source("../docs/wire-compatibility.md");
    let rows = rows.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, method, path, _, status, ..] = cells[..] else { return None };
        let path = path.strip_prefix("`/")?.trim_end_matches('`').to_owned();
        Some((method.to_owned(), path, status != "not built yet"))
    });
    let asked = [
        "projectId",
        "status",
        "limit",
        "before",
        "task_id",
        "kind",
        "unread",
        "role",
        "model",
        "now",
        "offset",
        "sessionId",
        "age_minutes",
        "depends_on_id",
        "id",
        "type",
        "blocking",
        "unresponded",
    ];
    rows.map(|(method, path, built)| {
        let parts = path.split('/').map(|part| match part.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => part.replace('*', "{name}"),
        });
        let path = format!("/{}", parts.collect::<Vec<_>>().join("/"));
        let fields = fields.get(&(method.clone(), bare(&path))).cloned().unwrap_or_default();
        Route { method, built, path, query: asked.map(str::to_owned).to_vec(), fields }
    })
    .collect()
}

/// The same path whatever its parts are called.
fn bare(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// Those of docs/openapi.json, and the words of its closed lists.
fn of_document() -> (Vec<Route>, BTreeMap<String, Vec<String>>) {
    let document: Value = serde_json::from_str(&source("../docs/openapi.json")).unwrap();
    let schemas = &document["components"]["schemas"];
    let named =
        |schema: &Value| schema["$ref"].as_str().and_then(|name| schemas.get(name.rsplit('/').next()?)).cloned();
    let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for schema in schemas.as_object().unwrap().values() {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let one = property["oneOf"].as_array().and_then(|all| all.first()).unwrap_or(property);
            let list = named(one).unwrap_or_else(|| one.clone());
            let list = list["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            let list: Vec<String> = list.collect();
            if !list.is_empty() {
                words.entry(name.clone()).or_default().extend(list);
            }
        }
    }
    assert!(words["status"].contains(&"ready".to_owned()), "{words:?}");
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let query = about["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "query");
            let schema = named(&about["requestBody"]["content"]["application/json"]["schema"]).unwrap_or_default();
            routes.push(Route {
                method: method.to_uppercase(),
                built: true,
                path: path.clone(),
                query: query.map(|p| p["name"].as_str().unwrap().to_owned()).collect(),
                fields: schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            });
        }
    }
    assert!(routes.len() > 25, "{}", routes.len());
    (routes, words)
}

/// Whatever else is quoted as an address where routes are put together.
fn beside(known: &[Route]) -> Vec<Route> {
    let all = [sources("src/http"), vec![source("src/compose.rs")]].concat();
    let mut paths: Vec<&str> = all.iter().flat_map(|text| text.split("#[cfg(test)]").next()).flat_map(quoted).collect();
    paths.retain(|path| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/{}-_.".contains(&b);
        path.len() > 1 && path.starts_with('/') && path.bytes().all(plain) && !path.starts_with("//")
    });
    paths.retain(|path| !known.iter().any(|route| bare(&route.path) == bare(path)));
    paths.sort_unstable();
    paths.dedup();
    assert!(paths.contains(&"/health") && paths.contains(&"/words/{kind}/{id}"), "{paths:?}");
    let route = |method: &str, path: &str| Route {
        method: method.to_owned(),
        built: true,
        path: path.to_owned(),
        query: Vec::new(),
        fields: ["jsonrpc", "id", "method", "params"].map(str::to_owned).to_vec(),
    };
    paths.iter().flat_map(|path| [route("GET", path), route("POST", path)]).collect()
}

/// Server functions: their path and the names of their arguments.
fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for text in sources("../app/src/api") {
        for part in text.split("endpoint = \"").skip(1) {
            let Some((name, rest)) = part.split_once('"') else { continue };
            let Some((_, rest)) = rest.split_once("fn ") else { continue };
            let Some((arguments, _)) = rest.split_once('(').and_then(|(_, rest)| rest.split_once(") ->")) else {
                continue;
            };
            let arguments = arguments.split(',').filter_map(|a| a.split_once(": ").map(|(name, _)| name));
            let arguments =
                arguments.filter_map(|a| a.split_whitespace().last().map(|a| a.trim_end_matches(':').to_owned()));
            found.push((format!("/fn/{name}"), arguments.collect::<Vec<String>>()));
        }
    }
    assert!(
        found.len() >= 25 && found.iter().any(|(p, a)| p == "/fn/move_task" && a.contains(&"task".to_owned())),
        "{found:?}"
    );
    found
}

/// Forms of the pages that the server writes: their addresses, and the names of all that such forms have.
fn forms() -> Vec<Function> {
    let places = ["/http/access", "/http/login", "/http/needs", "/http/agent_sessions"];
    let all: Vec<String> = places.iter().flat_map(|place| named("src/http", place)).collect();
    let all: Vec<&str> = all.iter().flat_map(|text| text.split("#[cfg(test)]").next()).collect();
    let begins = ["/acc", "/needs-you/", "/sessions/{key}/"];
    let is_form =
        |path: &&str| begins.iter().any(|begin| path.starts_with(begin)) || ["/login", "/logout"].contains(path);
    let mut paths: Vec<&str> = all.iter().flat_map(|text| quoted(text)).filter(is_form).collect();
    let names = all.iter().flat_map(|text| text.split("name=\\\"").skip(1)).filter_map(|rest| rest.split('\\').next());
    let mut names: Vec<String> =
        names.filter(|n| n.bytes().all(|b| b.is_ascii_alphanumeric())).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    names.sort_unstable();
    names.dedup();
    let known = ["id", "name", "password", "role", "scope"];
    assert!(paths.len() > 12 && known.iter().all(|name| names.contains(&(*name).to_owned())), "{paths:?} {names:?}");
    paths.into_iter().map(|path| (path.to_owned(), names.clone())).collect()
}

/// The pages of `pages/routes.rs` and those that the server writes.
fn pages() -> Vec<String> {
    let table = source("../app/src/pages/routes.rs");
    let table = table.split("pages! {").last().unwrap().split("\n}").next().unwrap();
    let mut pages: Vec<String> = quoted(table)
        .filter(|path| path.starts_with('/'))
        .map(|path| {
            path.split('/').map(|p| if let Some(n) = p.strip_prefix(':') { format!("{{{n}}}") } else { p.into() })
        })
        .map(|parts| parts.collect::<Vec<_>>().join("/"))
        .collect();
    assert!(pages.len() > 4, "{pages:?}");
    let more = [
        "/login",
        "/logout",
        "/access",
        "/audit",
        "/needs-you",
        "/sessions",
        "/sessions/{name}",
        "/{name}",
        "/pkg/{name}",
        "/uploads/images/{name}",
        "/t/{number}",
    ];
    pages.extend(more.map(str::to_owned));
    pages
}
