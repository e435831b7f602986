//! Role prompts (facts §2.16): versions, of which one counts for each role and model.
//!
//! A version is told as the original's store had it: what is absent is left out, and its variables are JSON in a
//! string. What is beyond it is ours, added: `by`, who wrote it, and `warnings`.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State, http::HeaderMap};
use clutch_domain::{
    command::{Command, NewPrompt},
    doc::{Counter, Kind, Unique, prompt_counter, prompt_in_force, prompt_number, prompts_of},
    id::PromptId,
    prompt::{Line, Version},
    range::{Before, Docs, Fetch, Range},
    refusal::Refusal,
    rule::prompt::newest,
    task::Role,
    text::{Excerpt, Handle, ModelName, PromptText},
};
use clutch_orchestrator::{
    office::Office,
    prompt::{
        Roles,
        template::{Faults, Template},
        variables::{VARIABLES, Variable, of_role},
    },
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    error::Failure,
    once::Call,
    tasks::ROLES,
};

type Answer = Result<Json<Value>, Failure>;

/// Versions of a page where nobody says how many, and most of one: each may have a hundred kilobytes.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 100;

/// Query of whatever is asked about a role's prompts.
#[derive(Deserialize)]
pub struct LineQuery {
    role: Option<String>,
    model: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

impl LineQuery {
    /// The role and model; both as they were meant.
    fn line(&self) -> Result<Line, Failure> {
        let missing = || Failure::invalid("field_missing", "Missing required query parameter: role");
        let role = self.role.as_deref().filter(|role| !role.is_empty()).ok_or_else(missing)?;
        let model = self.model.as_deref().map(ModelName::parse).transpose()?.flatten();
        Ok(Line { role: role.parse().map_err(|()| no_role())?, model: model.map(String::from) })
    }

    fn limit(&self) -> Result<u32, Failure> {
        let limit = self.limit.as_deref().filter(|limit| !limit.is_empty()).map_or(Ok(PAGE), str::parse);
        let wrong = || Failure::invalid("invalid_field", format!("limit must be a whole number from 1 to {PAGE_MAX}"));
        limit.ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(wrong)
    }
}

fn no_role() -> Failure {
    Failure::invalid("invalid_field", format!("Invalid role. Must be one of: {}", ROLES.join(", ")))
}

fn no_place() -> Failure {
    Failure::invalid("invalid_field", "before must be the cursor of an earlier answer")
}

/// A name that a template may use, as programs know it.
fn described(variable: &Variable) -> Value {
    let Variable { name, shape, required, about, .. } = variable;
    json!({ "name": name, "type": shape.word(), "required": required, "description": about })
}

fn shape(version: &Version, active: bool) -> Value {
    let Version { id, role, model, version, content, change_summary, parent, created_by, by, variables, created_at } =
        version;
    let mut shape = json!({
        "_id": id, "_creationTime": created_at, "id": id, "role": role, "version": version, "content": content,
        "created_by": created_by, "active": active, "created_at": created_at, "by": by.kind,
    });
    let named: Vec<Value> = VARIABLES.iter().filter(|v| variables.iter().any(|n| n == v.name)).map(described).collect();
    let optional = [
        ("model", model.clone()),
        ("change_summary", change_summary.clone()),
        ("parent_version_id", parent.map(|parent| parent.to_string())),
        ("template_variables", (!named.is_empty()).then(|| Value::Array(named).to_string())),
    ];
    for (name, text) in optional {
        if let Some(text) = text {
            shape[name] = text.into();
        }
    }
    shape
}

/// The document that tells which version counts.
fn counts(line: &Line) -> Range {
    Range::doc(Kind::Unique, prompt_in_force(line))
}

fn is_active(docs: &Docs, version: &Version) -> bool {
    docs.first::<Unique>(&counts(&version.line())).is_some_and(|unique| unique.target.id == version.id.to_string())
}

async fn read(office: &Office, ranges: Vec<Range>) -> Result<Docs, Failure> {
    Ok(office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value)
}

async fn shown(office: &Office, version: &Version) -> Result<Value, Failure> {
    let docs = read(office, vec![counts(&version.line())]).await?;
    Ok(shape(version, is_active(&docs, version)))
}

/// `GET /api/prompts?role=&model=`, the newest first: of all models, or of one. Where there are more than `limit`,
/// `cursor` is where the next page begins, for its `before`.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<LineQuery>) -> Answer {
    let (line, limit) = (query.line()?, query.limit()?);
    let before = query.before.as_deref().filter(|before| !before.is_empty());
    let (versions, cursor) = match line.model {
        None => of_role_page(&office, line.role, before, limit).await?,
        Some(_) => of_line_page(&office, &line, before, limit).await?,
    };
    Ok(Json(json!({ "versions": versions, "hasMore": cursor.is_some(), "cursor": cursor })))
}

type Page = (Vec<Value>, Option<String>);

async fn of_role_page(office: &Office, role: Role, before: Option<&str>, limit: u32) -> Result<Page, Failure> {
    let before = match before {
        None => None,
        Some(cursor) => {
            let (at, id) = cursor.split_once(':').ok_or_else(no_place)?;
            let at = clutch_domain::time::Millis(at.parse().map_err(|_| no_place())?);
            Some(Before { at, id: id.parse::<PromptId>().map_err(|_| no_place())?.to_string() })
        }
    };
    let page = Range::NewestChildren { kind: Kind::PromptVersion, parent: prompts_of(role), before, limit: limit + 1 };
    // Which of them count is read in one look with them, once it is known whose they are.
    let mut lines: BTreeSet<Line> = BTreeSet::from([Line::any(role)]);
    loop {
        let ranges = lines.iter().map(counts).chain([page.clone()]).collect();
        let docs = read(office, ranges).await?;
        let found: Vec<&Version> = docs.all(&page).collect();
        let before = lines.len();
        lines.extend(found.iter().map(|version| version.line()));
        if lines.len() > before {
            continue;
        }
        let take = limit as usize;
        let shapes = found.iter().take(take).map(|version| shape(version, is_active(&docs, version))).collect();
        let more = (found.len() > take).then(|| found.get(take - 1)).flatten();
        return Ok((shapes, more.map(|last| format!("{}:{}", last.created_at.0, last.id))));
    }
}

/// They are found by their numbers, which have no gaps.
async fn of_line_page(office: &Office, line: &Line, before: Option<&str>, limit: u32) -> Result<Page, Failure> {
    let counter = Range::doc(Kind::Counter, prompt_counter(line));
    let last = read(office, vec![counter.clone()]).await?.first::<Counter>(&counter).map_or(0, |counter| counter.last);
    let newest = match before {
        None => last,
        Some(cursor) => cursor.parse::<u64>().map_err(|_| no_place())?.saturating_sub(1).min(last),
    };
    let oldest = newest.saturating_sub(limit.into()) + 1;
    let numbers: Vec<Range> = (oldest..=newest).rev().map(|n| Range::unique(prompt_number(line, n))).collect();
    let docs = read(office, numbers.iter().cloned().chain([counts(line)]).collect()).await?;
    let found = numbers.iter().filter_map(|number| docs.first::<Version>(number));
    let shapes = found.map(|version| shape(version, is_active(&docs, version))).collect();
    Ok((shapes, (oldest > 1).then(|| oldest.to_string())))
}

/// `GET /api/prompts/:id`.
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let id: PromptId = path_id(&id, Refusal::PromptNotFound)?;
    let version = office.get::<Version>(id).await?.ok_or(Refusal::PromptNotFound)?;
    Ok(Json(json!({ "version": shown(&office, &version).await? })))
}

/// `GET /api/prompts/active?role=&model=`: what agents of this role and model are told, so one for any model where
/// there is none for this.
pub async fn active(State(office): State<Arc<Office>>, Query(query): Query<LineQuery>) -> Answer {
    let line = query.line()?;
    let ranges = [&line, &Line::any(line.role)].map(|line| Range::unique(prompt_in_force(line)));
    let docs = read(&office, ranges.to_vec()).await?;
    let version = ranges.iter().find_map(|range| docs.first::<Version>(range)).ok_or(Refusal::PromptNotFound)?;
    Ok(Json(json!({ "promptVersion": shape(version, true), "ab_test": false })))
}

/// `GET /api/prompts/roles`: those that have versions.
pub async fn roles(State(office): State<Arc<Office>>) -> Answer {
    let docs = read(&office, Role::ALL.iter().map(|role| newest(*role, 1)).collect()).await?;
    let has = |role: &&Role| docs.get(&newest(**role, 1)).is_some_and(|found| !found.is_empty());
    let mut roles: Vec<&str> = Role::ALL.iter().filter(has).map(|role| role.word()).collect();
    roles.sort_unstable();
    Ok(Json(json!({ "roles": roles })))
}

/// Role and template of a body.
fn template_of(body: &Body) -> Result<(Role, PromptText), Failure> {
    let missing = || Failure::invalid("field_missing", "Missing required fields: role, content");
    let role = body.word::<Role>("role", ROLES)?.ok_or_else(missing)?;
    let content = match body.some("content") {
        None => None,
        Some(Value::String(text)) => PromptText::parse(text)?,
        Some(_) => return Err(Failure::invalid("invalid_field", "content must be a string")),
    };
    Ok((role, content.ok_or_else(missing)?))
}

/// `POST /api/prompts`: the version counts at once. One that cannot be filled in is refused, unless the caller says
/// that it is not to be looked at: then it is kept as it is, and no agent of its role starts until another one counts.
pub async fn create(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    let (role, content) = template_of(&body)?;
    let unlooked = body.switch("skip_validation")?.unwrap_or(false);
    let parent = match body.text("parent_version_id")?.filter(|id| !id.is_empty()) {
        Some(id) => Some(path_id(id, Refusal::PromptParentUnknown)?),
        None => None,
    };
    let (variables, warnings) = match Template::compile(role, content.as_str()) {
        Ok(template) => (template.variables(), warnings(&template)),
        Err(faults) if unlooked => (Vec::new(), vec![cannot_be_used(&faults)]),
        Err(faults) => return Err(Failure::invalid("prompt_invalid", faults.sentences())),
    };
    let new = NewPrompt {
        line: Line { role, model: body.parsed("model", ModelName::parse)?.map(String::from) },
        content,
        variables,
        change_summary: body.text("change_summary")?.filter(|text| !text.trim().is_empty()).map(Excerpt::from),
        parent,
        created_by: body.parsed("created_by", Handle::parse)?.unwrap_or_else(Handle::somebody),
    };
    let call = Call::of(&caller, &headers, "prompts", "", &body)?;
    let actor = caller.claiming(new.created_by.as_str());
    let done = call.run(&office, &actor, &Command::CreatePrompt(new)).await?;
    let version = done.made::<Version>().ok_or(Refusal::PromptNotFound)?;
    let mut answer = Map::from_iter([("version".to_owned(), shown(&office, version).await?)]);
    if !warnings.is_empty() {
        answer.insert("warnings".into(), json!(warnings));
    }
    Ok(Json(Value::Object(answer)))
}

fn cannot_be_used(faults: &Faults) -> String {
    format!("No agent of this role starts until another version counts. {}", faults.sentences())
}

/// What is put behind the template, as no agent can do without it.
fn warnings(template: &Template) -> Vec<String> {
    let says = |name: &str| format!("The template does not say {{{{{name}}}}}: it is put at the end of the prompt.");
    template.lacks().iter().map(|part| says(part.name_and_head().0)).collect()
}

/// `PATCH /api/prompts/:id/activate`. A body is not asked for.
pub async fn activate(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let id: PromptId = path_id(&id, Refusal::PromptNotFound)?;
    office.run(&caller.actor(), &Command::ActivatePrompt(id)).await?;
    Ok(Json(json!({ "success": true })))
}

/// `POST /api/prompts/seed`: the prompts that come with the program, for roles that have none. A body is not asked for.
pub async fn seed(State(office): State<Arc<Office>>, State(roles): State<Arc<Roles>>, caller: Caller) -> Answer {
    let mut results = Vec::new();
    let (mut created, mut skipped, mut errors) = (0, 0, 0);
    for role in Role::ALL {
        let result = match seeded(&office, &roles, &caller, *role).await {
            Ok(version) => {
                created += 1;
                json!({ "role": role, "status": "created", "version": version })
            }
            Err(failure) if failure.is(Refusal::PromptsExist) => {
                skipped += 1;
                json!({ "role": role, "status": "skipped" })
            }
            Err(failure) if failure.status() == StatusCode::FORBIDDEN => return Err(failure),
            Err(failure) => {
                errors += 1;
                json!({ "role": role, "status": "error", "error": failure.sentence() })
            }
        };
        results.push(result);
    }
    let summary = json!({ "created": created, "skipped": skipped, "errors": errors });
    Ok(Json(json!({ "success": errors == 0, "summary": summary, "results": results })))
}

async fn seeded(office: &Office, roles: &Roles, caller: &Caller, role: Role) -> Result<u64, Failure> {
    let text = roles.text(role);
    let new = NewPrompt {
        line: Line::any(role),
        content: PromptText::parse(text)?.ok_or(Refusal::ContentMissing)?,
        variables: Template::compile(role, text).map(|template| template.variables()).unwrap_or_default(),
        change_summary: None,
        parent: None,
        created_by: Handle::seed(),
    };
    let done = office.run(&caller.actor(), &Command::SeedPrompt(new)).await?;
    Ok(done.made::<Version>().map_or(1, |version| version.version))
}

/// `POST /api/prompts/validate`.
pub async fn validate(body: Body) -> Answer {
    let (role, content) = template_of(&body)?;
    let (faults, named) = match Template::compile(role, content.as_str()) {
        Ok(template) => (Faults::default(), template.variables().into_iter().collect()),
        Err(faults) => (faults.clone(), faults.named),
    };
    let undefined: Vec<&str> = faults.undefined.iter().map(|undefined| undefined.name.as_str()).collect();
    let unused: Vec<&str> = of_role(role).map(|variable| variable.name).filter(|name| !named.contains(name)).collect();
    Ok(Json(json!({
        "valid": faults.syntax.is_empty() && undefined.is_empty(), "syntaxErrors": faults.syntax,
        "undefinedVariables": undefined, "unusedVariables": unused,
        "schema": of_role(role).map(described).collect::<Vec<_>>(),
    })))
}
