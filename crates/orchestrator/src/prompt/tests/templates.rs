//! The language of templates.

use super::*;
use crate::prompt::template::{Part, Undefined};

fn compile(role: Role, text: &str) -> Result<Template, Faults> {
    Template::compile(role, text)
}

/// What an agent of a role is told by a template, up to what is put behind it.
fn told_as(role: Role, text: &str) -> String {
    let (mut task, project, run) = (task(), project(), Run { role, ..run(1) });
    task.branch = Some("fix/gate".into());
    task.pr_number = Some(7);
    task.description = Some(body("Paint \"it\" <red> & {{title}}.\n\n![shot](/uploads/a.png)"));
    let comment = |n: u128, author: &str, content: &str, kind| Comment {
        id: CommentId(Uuid::from_u128(n)),
        task: task.id,
        project: project.id,
        author: author.into(),
        author_type: AuthorType::Human,
        by: Some(Who::human("dan")),
        content: body(content),
        kind,
        responded_at: None,
        created_at: Millis(1_767_362_700_123),
    };
    let comments = [
        comment(1, "dan", "First\nsecond {{taskId}}", CommentType::Message),
        comment(2, "dan", "Moved to ready.", CommentType::StatusChange),
        comment(3, "eve", "Third", CommentType::Message),
    ];
    let ticket = Ticket {
        task: &task,
        project: &project,
        run: &run,
        comments: comments.iter().collect(),
        signals: Vec::new(),
        board: "http://board",
        reporting: Reporting::Plugin,
    };
    let told = ticket.told_by(&compile(role, text).unwrap_or_else(|faults| panic!("{text}: {}", faults.sentences())));
    told.unwrap().split("\n\n---\n\n").next().unwrap().to_owned()
}

const ID: &str = "00000000-0000-0000-0000-000000001234";

#[test]
fn what_templates_of_the_original_say_is_filled_in() {
    for (text, told) in [
        ("{{taskId}}|{{ taskTitle }}|{{{projectSlug}}}|{{&repoDir}}", "ID|Say \"hello\" & <b>wave</b>|site|/srv/site"),
        ("{{taskDescription}}", "Paint \"it\" <red> & {{title}}.\n\n![shot](/uploads/a.png)"),
        ("{{branchName}} {{worktreeDir}} {{prNumber}}", "fix/gate /srv/site-worktrees/fix/gate 7"),
        ("{{#if hasPrNumber}}PR {{prNumber}}{{else}}none{{/if}}", "PR 7"),
        ("{{#unless hasPrNumber}}none{{/unless}}", ""),
        // Blocks that have lines for themselves leave none.
        (
            "Talk:\n{{#if hasComments}}\n{{#each comments}}\n- {{author}} ({{timestamp}}): {{content}}\n{{/each}}\n\
             {{else}}\nNobody said anything.\n{{/if}}\nEnd.",
            "Talk:\n- dan (2026-01-02T14:05:00.123Z): First\nsecond {{taskId}}\n- eve (2026-01-02T14:05:00.123Z): \
             Third\nEnd.",
        ),
        // What stands outside of the items is reached from within.
        (
            "{{#each comments}}{{this.author}}/{{../projectSlug}}/{{taskId}}/{{@root.prNumber}} {{/each}}",
            "dan/site/ID/7 eve/site/ID/7 ",
        ),
        (
            "{{#each comments}}{{@index}}{{#if @first}}f{{/if}}{{#if @last}}l{{/if}}{{#unless @last}}, {{/unless}}{{/each}}",
            "0f, 1l",
        ),
        ("{{#each comments as |c n|}}{{n}}{{c.author}}{{/each}}", "0dan1eve"),
        ("{{#if comments.length}}{{comments.length}}{{/if}}", "2"),
        ("{{#if prNumber}}{{else}}{{/if}}", ""),
        ("a {{~taskId~}} b {{! left out }}c {{!-- {{ left out }} --}}d", "aIDb c d"),
        ("one\n  {{! a line of its own }}\ntwo", "one\ntwo"),
        (r"\{{taskId}} \\{{taskId}}", r"{{taskId}} \ID"),
        ("{{#if prNumber}}a{{else if hasComments}}b{{else}}c{{/if}}", "a"),
        ("{{#unless prNumber}}a{{else if hasComments}}b{{else}}c{{/unless}}", "b"),
        ("{{bulletList comments}}", "- dan: First\n  second {{taskId}}\n- eve: Third"),
        (
            "{{section \"What to do\" taskDescription}}",
            "## What to do\n\nPaint \"it\" <red> & {{title}}.\n\n![shot](/uploads/a.png)",
        ),
        ("{{codeBlock 'a ``` b' \"sh\"}}", "````sh\na ``` b\n````"),
    ] {
        assert_eq!(told_as(Role::Reviewer, text), told.replace("ID", ID), "{text}");
    }
    for (text, told) in [
        ("{{#each imageUrls}}{{this}} {{/each}}{{#if hasImages}}!{{/if}}", "http://board/uploads/a.png !"),
        ("{{#each signalResponses}}{{question}}{{response}}{{else}}none {{taskId}}{{/each}}", "none ID"),
        ("{{bulletList imageUrls}}{{bulletList signalResponses}}", "- http://board/uploads/a.png"),
    ] {
        assert_eq!(told_as(Role::Pm, text), told.replace("ID", ID), "{text}");
    }
    // Where the task has no branch yet, it has the name that the original gives it.
    let (task, project, run) = (task(), project(), run(1));
    let board = "http://board";
    let (comments, signals, reporting) = (Vec::new(), Vec::new(), Reporting::Plugin);
    let ticket = Ticket { task: &task, project: &project, run: &run, comments, signals, board, reporting };
    let told =
        ticket.told_by(&compile(Role::Dev, "{{branchName}} {{#each comments}}{{else}}{{comments}}{{/each}}").unwrap());
    assert!(told.unwrap().starts_with("fix/00000000 (no comments)"));
}

#[test]
fn what_a_template_leaves_out_is_put_behind_it() {
    let parts = |text: &str| compile(Role::Dev, text).unwrap().lacks().to_vec();
    assert_eq!(parts("Do your best."), Part::ALL);
    assert_eq!(parts("{{taskId}} {{taskTitle}} {{taskDescription}}"), [Part::Comments, Part::Reporting]);
    // To ask whether there is something tells nothing of it.
    assert_eq!(parts("{{ticket}}{{description}}{{#if comments}}yes{{/if}}{{reporting}}"), [Part::Comments]);
    assert_eq!(parts("{{ticket}}{{description}}{{#each comments}}{{content}}{{/each}}{{reporting}}"), []);

    let (task, project, run) = (task(), project(), run(1));
    let board = "http://127.0.0.1:3002";
    let (comments, signals, reporting) = (Vec::new(), Vec::new(), Reporting::Plugin);
    let ticket = Ticket { task: &task, project: &project, run: &run, comments, signals, board, reporting };
    let told = ticket.told_by(&compile(Role::Dev, "Be brief. {{taskId}} {{taskTitle}}").unwrap()).unwrap();
    let (own, behind) = told.split_once("\n\n---\n\n").unwrap();
    assert!(own.starts_with("Be brief. 0000"), "{own}");
    assert!(behind.starts_with("### Description\n\nIt's about {{title}}.\nTwo lines.\n\n### Comments\n\n(no comments)\n\n## How to report\n\n"), "{behind}");
    assert!(behind.contains("`mark_complete`"), "{behind}");
}

#[test]
fn mistakes_are_told_with_their_place_and_what_was_meant() {
    let undefined = |role, text: &str| -> Vec<(String, usize)> {
        let faults = compile(role, text).unwrap_err();
        assert!(faults.syntax.is_empty(), "{text}: {faults:?}");
        faults.undefined.into_iter().map(|Undefined { name, line, .. }| (name, line)).collect()
    };
    let one = |name: &str, line| vec![(name.to_owned(), line)];
    assert_eq!(undefined(Role::Dev, "a\n{{taskTitel}}\n{{taskTitel}}"), one("taskTitel", 2));
    assert_eq!(undefined(Role::Dev, "{{#each comments}}\n{{autor}}{{/each}}"), one("autor", 2));
    assert_eq!(undefined(Role::Dev, "{{author}}"), one("author", 1));
    assert_eq!(undefined(Role::Dev, "{{#each coments}}{{anything}}{{/each}}"), one("coments", 1));
    assert_eq!(undefined(Role::Dev, "{{prNumber}}"), one("prNumber", 1));
    assert_eq!(undefined(Role::Dev, "{{#if x}}{{taskId}}{{else}}{{y}}{{/if}}").len(), 2);
    assert_eq!(undefined(Role::Dev, "{{../taskId}}"), one("../taskId", 1));
    assert_eq!(undefined(Role::Dev, "{{@index}}"), one("@index", 1));
    let says = |role, text: &str| compile(role, text).unwrap_err().sentences();
    assert_eq!(says(Role::Dev, "{{task_titel}}"), "Line 1: {{task_titel}} is not known; did you mean {{taskTitle}}?");
    assert_eq!(says(Role::Dev, "{{prNumber}}"), "Line 1: {{prNumber}} is not known for the role dev.");
    assert!(
        says(Role::Dev, "{{unheardOfEntirely}}")
            .starts_with("Line 1: {{unheardOfEntirely}} is not known. Known are: attempt,")
    );
    for (text, sentence) in [
        ("a\nb {{taskId", "Line 2: {{ is not closed."),
        ("{{#if taskId}}\nx", "Line 1: {{#if}} is not closed."),
        ("x{{/if}}", "Line 1: {{/if}} closes nothing."),
        ("{{else}}", "Line 1: {{else}} stands in no block."),
        ("{{#if taskId}}\n{{/each}}", "Line 2: {{/each}} closes {{#if}} of line 1."),
        ("{{#if taskId}}a{{else}}b\n{{else}}c{{/if}}", "Line 2: {{#if}} of line 1 has a second {{else}}."),
        ("{{#with taskId}}{{/with}}", "Line 1: there is no block {{#with}}: blocks are #if, #unless and #each."),
        ("{{#each taskId}}{{/each}}", "Line 1: {{#each taskId}}: that is not several."),
        ("{{#each comments}}{{#each comments}}{{/each}}{{/each}}", "Line 1: an #each stands within another."),
        ("{{shout taskId}}", "Line 1: there is no helper shout: helpers are bulletList, section, codeBlock."),
        ("{{section taskId}}", "Line 1: section takes 2 values."),
        ("{{codeBlock}}", "Line 1: codeBlock takes 1 or 2 values."),
        ("{{> header}}", "Line 1: {{> header}}: partials, decorators and subexpressions are not known."),
        (
            "{{bulletList (lookup a b)}}",
            "Line 1: {{bulletList (lookup a b)}}: partials, decorators and subexpressions are not known.",
        ),
        ("{{{{raw}}}}", "Line 1: raw blocks ({{{{) are not known."),
        ("{{}}", "Line 1: {{}} names nothing."),
        ("{{\"words\"}}", "Line 1: {{\"words\"}} names nothing."),
        ("{{section \"open taskId}}", "Line 1: {{section \"open taskId}} cannot be read."),
    ] {
        assert_eq!(says(Role::Dev, text), sentence, "{text}");
    }
}

#[test]
fn no_template_takes_long_or_grows_without_bound() {
    let deep = "{{#if taskId}}".repeat(6_000);
    assert_eq!(compile(Role::Dev, &deep).unwrap_err().syntax, ["Line 1: more than 30 blocks stand within each other."]);
    let deep = format!("{}x{}", "{{#if taskId}}".repeat(30), "{{/if}}".repeat(30));
    assert_eq!(told_as(Role::Dev, &deep), "x");
    for text in [
        "{{else}}",
        "{{/if}}",
        "{{",
        "{{{{",
        "((((",
        "{{((",
        "{{#if taskId}}{{else}}{{else}}",
        "{{#if a}}{{else if b}}",
        "{{~",
        "\\{{",
    ] {
        // Whatever it is, it is read to its end, and not too many mistakes are told.
        if let Err(faults) = compile(Role::Dev, &text.repeat(100_000 / text.len())) {
            assert!(faults.syntax.len() + faults.undefined.len() <= 40, "{text}");
        }
    }
    let many: String = (0..10_000).map(|n| format!("{{{{x{n}}}}}\n")).collect();
    assert_eq!(compile(Role::Dev, &many).unwrap_err().undefined.len(), 20);
    // A megabyte, again and again.
    let (mut task, project, run) = (task(), project(), run(1));
    task.description = Some(body(&"x".repeat(900_000)));
    let (comments, signals, reporting) = (Vec::new(), Vec::new(), Reporting::Plugin);
    let ticket = Ticket { task: &task, project: &project, run: &run, comments, signals, board: "b", reporting };
    assert!(ticket.told_by(&compile(Role::Dev, &"{{description}}".repeat(5_000)).unwrap()).is_none());
}

#[test]
fn what_a_template_names_is_known() {
    let names = |text: &str| compile(Role::Dev, text).unwrap().variables();
    assert_eq!(
        names("{{taskTitle}}{{#if hasComments}}{{#each comments}}{{author}}{{taskId}}{{/each}}{{/if}}"),
        ["taskId", "taskTitle", "comments", "hasComments"]
    );
    assert_eq!(names("nothing"), Vec::<&str>::new());
}
