use clutch_domain::{
    actor::Who,
    id::{CommentId, ProjectId, RunId, SignalId, TaskId},
    project::ChatLayout,
    run::RunState,
    talk::{AuthorType, CommentType, SignalKind, SignalSeverity},
    task::Status,
    text::{Body, Name, Slug, Title},
};
use uuid::Uuid;

use super::*;

/// Whatever an adapter calls it.
const SESSION: &str = "the session \"r1\"";

const TEMPLATE: &str = "You are {{ role }} of {{project}}.\n{{ticket}}\n{{description}}\n{{comments}}\n{{reporting}}\n";

fn body(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

fn project() -> Project {
    Project {
        id: ProjectId(Uuid::from_u128(1)),
        slug: Slug::parse("site").unwrap(),
        name: Name::parse("Site").unwrap(),
        description: None,
        color: "#112233".into(),
        repo_url: None,
        context_path: None,
        local_path: Some("/srv/site".into()),
        github_repo: None,
        chat_layout: ChatLayout::Slack,
        work_loop_enabled: true,
        work_loop_max_agents: None,
        budget: Default::default(),
        dry_run: false,
        limits_fail: false,
        role_model_overrides: BTreeMap::new(),
        runtimes: BTreeMap::new(),
        created_at: Millis(0),
        updated_at: Millis(0),
        deleted_at: None,
        purging: false,
    }
}

fn task() -> Task {
    let (id, project) = (TaskId(Uuid::from_u128(0x1234)), ProjectId(Uuid::from_u128(1)));
    let title = Title::parse("Say \"hello\" & <b>wave</b>").unwrap();
    let mut task = Task::new(id, project, 12, title, Status::InProgress, Millis(0));
    task.description = Some(body("It's about {{title}}.\nTwo lines."));
    task.trouble = Some("The disk was full.".into());
    task
}

fn run(attempt: u32) -> Run {
    Run {
        id: RunId(Uuid::from_u128(5)),
        task: TaskId(Uuid::from_u128(0x1234)),
        project: ProjectId(Uuid::from_u128(1)),
        role: Role::Dev,
        attempt,
        phase: clutch_domain::phase::Phase::Work,
        action_id: "a".into(),
        key: "clutch-5".into(),
        runtime: clutch_domain::runtime::usual(),
        session_key: SESSION.into(),
        model: None,
        prompt_version: "p".into(),
        state: RunState::Claimed,
        successors: Vec::new(),
        waits_for: None,
        reported: false,
        opened_pr: Some(false),
        hold: None,
        hears: None,
        boot: None,
        stopping: None,
        trouble: None,
        claimed_at: Millis(0),
        started_at: None,
        used: None,
        worked_ms: 0,
        turn_at: None,
        ended_at: None,
        outcome: None,
        last_words: None,
    }
}

fn all(text: &str) -> impl Iterator<Item = (Role, &str)> {
    Role::ALL.iter().map(move |role| (*role, text))
}

fn rendered(attempt: u32, comments: Vec<&Comment>, signals: Vec<&Signal>) -> String {
    told(attempt, comments, signals, Reporting::Plugin)
}

fn told(attempt: u32, comments: Vec<&Comment>, signals: Vec<&Signal>, reporting: Reporting) -> String {
    let (task, project, run) = (task(), project(), run(attempt));
    let board = "http://127.0.0.1:3002";
    let ticket = Ticket { task: &task, project: &project, run: &run, comments, signals, board, reporting };
    Roles::load(all(TEMPLATE)).unwrap().render(&ticket).unwrap()
}

/// Agents with our plugin are told what they always were, to the letter.
#[test]
fn the_plugins_agents_are_told_byte_for_byte() {
    let text = rendered(1, Vec::new(), Vec::new());
    let (_, reporting) = text.split_once("Comment on the ticket").unwrap();
    assert_eq!(
        reporting.trim_end(),
        ", so that people can follow you. Your words stand between the first line and the last one and arrive as they \
         are, with quotes, backticks and everything:\n\
         \n\
         curl -sS -X POST 'http://127.0.0.1:3002/api/tasks/00000000-0000-0000-0000-000000001234/comments?author=dev%20agent&author_type=agent' \
         -H 'content-type: text/plain; charset=utf-8' --data-binary @- <<'END_OF_COMMENT_00000000'\n\
         ...\n\
         END_OF_COMMENT_00000000\n\
         \n\
         Ask with the tool `signal` (taskId: 00000000-0000-0000-0000-000000001234, kind: question, blocker, alert or fyi, \
         message). After a question or a blocker end your turn; the answer arrives as a message in this session, and you \
         go on from there.\n\
         \n\
         When the work is done, call the tool `mark_complete` (taskId: 00000000-0000-0000-0000-000000001234, summary, and \
         prUrl if you opened a pull request). A turn that ends without it, and without an open question, counts as not \
         done."
    );
}

#[test]
fn each_way_of_reporting_has_its_words() {
    let mcp = told(1, Vec::new(), Vec::new(), Reporting::Mcp);
    for tool in ["`signal` of the MCP server `openclutch` (", "`mark_complete` of the MCP server `openclutch` ("] {
        assert!(mcp.contains(tool), "{mcp}");
    }
    // Nobody can say anything to an agent that came by itself, and it may have no shell beside the board.
    let pull = told(1, Vec::new(), Vec::new(), Reporting::Pull);
    for tool in ["`comment`", "`heartbeat`", "`signal`", "`get_signal`", "`complete_task`", "`release_task`"] {
        assert!(pull.contains(tool), "{pull}");
    }
    assert!(
        pull.contains("the ticket is T-12") && !pull.contains("curl") && !pull.contains("in this session"),
        "{pull}"
    );
    // Commands bring JSON between two lines, as comments bring words.
    let cli = told(1, Vec::new(), Vec::new(), Reporting::Cli);
    assert!(!cli.contains("the tool") && !cli.contains("in this session"), "{cli}");
    let lines: Vec<&str> = cli.lines().collect();
    for (path, known) in
        [("/api/signal'", "taskId"), ("/api/tasks/00000000-0000-0000-0000-000000001234/complete'", "summary")]
    {
        let at = lines.iter().position(|l| l.starts_with("curl") && l.contains(path)).unwrap();
        let body: serde_json::Value = serde_json::from_str(lines[at + 1]).unwrap();
        assert!(body.get(known).is_some(), "{body}");
        assert_eq!((body["sessionKey"].as_str(), body["run_id"].as_str()), (Some(SESSION), Some("clutch-5")));
        assert!(lines[at].ends_with(&format!("<<'{}'", lines[at + 2])), "{cli}");
    }
}

#[test]
fn programs_find_the_ticket_on_lines_of_its_own() {
    let text = rendered(1, Vec::new(), Vec::new());
    for line in [
        "You are dev of Site.",
        "Ticket: 00000000-0000-0000-0000-000000001234",
        "Number: T-12",
        "Title: Say \"hello\" & <b>wave</b>",
        "Attempt: 1",
        "Role: dev",
        "Repository: /srv/site",
        "Board: http://127.0.0.1:3002",
        "(no comments)",
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
    }
    assert!(!text.contains("did not succeed"), "a first attempt has no past");
}

#[test]
fn what_is_filled_in_is_not_filled_again() {
    let text = rendered(1, Vec::new(), Vec::new());
    assert!(text.contains("It's about {{title}}.\nTwo lines."), "{text}");
}

/// The command that agents are told to comment with, run by a real shell: nothing of a text is lost, and
/// nothing of it is run. curl is played by a script that keeps what it is given.
#[test]
fn any_text_comes_through_the_comment_command_whole() {
    let text = rendered(1, Vec::new(), Vec::new());
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| l.starts_with("curl")).unwrap();
    assert_eq!(lines[at + 1], "...");
    assert!(lines[at].ends_with(&format!("<<'{}'", lines[at + 2])), "{text}");

    let dir = std::env::temp_dir().join(format!("comment-command-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let curl = "#!/bin/sh\nprintf '%s\\n' \"$@\" >arguments\ncat >body\n";
    std::fs::write(dir.join("curl"), curl).unwrap();
    std::process::Command::new("chmod").arg("+x").arg(dir.join("curl")).status().unwrap();
    for said in [
        "It's done.",
        "`touch ran` and $(touch ran) and ${HOME} and $((1 + 1)) and !!",
        "\"quoted\", 'single', {\"json\": [1, \"\\n\"]}",
        "back\\slashes \\ and \\' at the end \\",
        "several\n\nlines\tand tabs\n  EOF\nEND\n'\n\"",
        "Zażółć 加粗 👩‍👩‍👧 \u{2068}x\u{2069}",
        "; touch ran # && touch ran | touch ran",
    ] {
        for shell in ["sh", "bash"] {
            let script = format!("{}\n{said}\n{}\n", lines[at], lines[at + 2]);
            let path = format!("{}:/usr/bin:/bin", dir.display());
            let ran =
                std::process::Command::new(shell).arg("-c").arg(script).env("PATH", path).current_dir(&dir).status();
            assert!(ran.unwrap().success(), "{said:?} in {shell}");
            assert_eq!(std::fs::read_to_string(dir.join("body")).unwrap(), format!("{said}\n"), "in {shell}");
            assert!(!dir.join("ran").exists(), "{said:?} ran in {shell}");
        }
    }
    let given = std::fs::read_to_string(dir.join("arguments")).unwrap();
    let url = "http://127.0.0.1:3002/api/tasks/00000000-0000-0000-0000-000000001234/comments";
    assert!(given.contains(&format!("{url}?author=dev%20agent&author_type=agent")), "{given}");
    assert!(given.contains("content-type: text/plain; charset=utf-8"), "{given}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_later_attempt_hears_what_was_said_and_why_the_last_one_failed() {
    let comment = Comment {
        id: CommentId(Uuid::from_u128(1)),
        task: TaskId(Uuid::from_u128(0x1234)),
        project: ProjectId(Uuid::from_u128(1)),
        author: "dan".into(),
        author_type: AuthorType::Human,
        by: Some(Who::human("dan")),
        content: body("First\nsecond"),
        kind: CommentType::Message,
        responded_at: None,
        created_at: Millis(1_767_362_700_000),
    };
    let signal = Signal {
        asked_from: None,
        id: SignalId(Uuid::from_u128(1)),
        task: TaskId(Uuid::from_u128(0x1234)),
        project: ProjectId(Uuid::from_u128(1)),
        run: None,
        session_key: "s".into(),
        agent_id: "main".into(),
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: body("Red or green?"),
        options: Vec::new(),
        fetched: false,
        responded_at: Some(Millis(1)),
        response: Some(body("Green.")),
        answered_by: Some(Who::human("dan")),
        delivered_at: None,
        delivery: None,
        delivery_error: None,
        delivery_begun: None,
        delivery_trouble: None,
        shelved: false,
        created_at: Millis(1),
    };
    let text = rendered(2, vec![&comment], vec![&signal]);
    let by_program = Some(Who::program(Some("dan")));
    let forged = Comment { by: by_program.clone(), ..comment.clone() };
    let told = rendered(2, vec![&forged], vec![&Signal { answered_by: by_program.clone(), ..signal.clone() }]);
    assert!(told.contains("UTC dan (program, as human): First") && !told.contains("(human)"), "{told}");
    assert!(told.contains("- Question: Red or green?\n  Answer (by a program): Green."), "{told}");
    let agents =
        Comment { by: by_program, author: "dev agent".into(), author_type: AuthorType::Agent, ..comment.clone() };
    assert!(rendered(2, vec![&agents], vec![]).contains("UTC dev agent (agent): First"));
    let old = Comment { by: None, ..comment.clone() };
    assert!(rendered(2, vec![&old], vec![]).contains("UTC dan (human): First"), "nobody knows any more");
    assert!(text.contains("- 2026-01-02 14:05 UTC dan (human): First\n  second\n"), "{text}");
    assert!(text.contains("- Question: Red or green?\n  Answer: Green."), "{text}");
    assert!(text.contains("The last attempt did not succeed: The disk was full."), "{text}");
}

#[test]
fn dates_are_right() {
    for (ms, text) in [
        (0, "1970-01-01 00:00 UTC"),
        (951_782_400_000, "2000-02-29 00:00 UTC"),
        (1_709_164_800_000, "2024-02-29 00:00 UTC"),
        (4_107_542_399_000, "2100-02-28 23:59 UTC"),
        (-1, "1969-12-31 23:59 UTC"),
    ] {
        assert_eq!(utc(Millis(ms)), text);
    }
}

#[test]
fn templates_are_checked_when_they_are_loaded() {
    let unknown = Roles::load(all("{{ticket}}{{description}}{{comments}}{{reporting}}{{nonsense}}")).unwrap_err();
    let says = unknown.to_string();
    assert!(
        says.starts_with("roles/pm.md cannot be used. Line 1: {{nonsense}} is not known. Known are: attempt, "),
        "{says}"
    );
    let needed = Roles::load(all("{{ticket}}{{description}}{{comments}}")).unwrap_err();
    assert_eq!(needed, PromptError::Needed { role: "pm", name: "reporting" });
    let open = Roles::load(all("one\n{{ticket")).unwrap_err();
    assert_eq!(open.to_string(), "roles/pm.md cannot be used. Line 2: {{ is not closed.");
    let missing = Roles::load([(Role::Dev, TEMPLATE)]).unwrap_err();
    assert_eq!(missing, PromptError::Missing { role: "pm" });
}

#[test]
fn a_version_is_the_texts_and_stays() {
    let roles = Roles::load(all(TEMPLATE)).unwrap();
    let again = Roles::load(all(TEMPLATE)).unwrap();
    let other_text = format!("{TEMPLATE} ");
    let other = Roles::load(all(&other_text)).unwrap();
    assert_eq!(roles.version(Role::Dev), again.version(Role::Dev));
    assert_ne!(roles.version(Role::Dev), other.version(Role::Dev));
    assert_eq!(format!("{:016x}", fnv1a(b"foobar")), "85944171f73967e8", "the published test vector");
    assert_eq!(roles.version(Role::Dev).len(), 12);
}

#[test]
fn the_prompts_that_come_with_the_program_can_be_used() {
    let texts = Role::ALL.iter().map(|role| {
        let path = format!("{}/../../roles/{}.md", env!("CARGO_MANIFEST_DIR"), role.word());
        (*role, std::fs::read_to_string(path).unwrap())
    });
    let texts: Vec<(Role, String)> = texts.collect();
    Roles::load(texts.iter().map(|(r, t)| (*r, t.as_str()))).unwrap();
}

mod templates;
