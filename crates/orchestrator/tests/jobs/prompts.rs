//! What agents are told: the version of a prompt that counts, and nothing where that cannot be used.

use clutch_domain::{
    command::{Command, NewPrompt, ProjectPatch},
    id::PromptId,
    prompt::{Line, Version},
    run::{LoopState, Run},
    task::{Role, Status},
    text::{Handle, Models, PromptText},
};

use crate::house::{House, pass};

impl House {
    async fn prompt(&self, model: Option<&str>, content: &str) -> Version {
        let new = NewPrompt {
            line: Line { role: Role::Dev, model: model.map(str::to_owned) },
            content: PromptText::parse(content).unwrap().unwrap(),
            variables: Vec::new(),
            change_summary: None,
            parent: None,
            created_by: Handle::owner(),
        };
        self.person(Command::CreatePrompt(new)).await.made::<Version>().unwrap().clone()
    }

    async fn choose(&self, id: PromptId) {
        self.person(Command::ActivatePrompt(id)).await;
    }

    fn notes(&self) -> Vec<String> {
        self.all::<LoopState>().into_iter().flat_map(|state| state.notes.into_values()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_told_the_version_that_counts_and_the_run_knows_which() {
    let house = House::new(true).await;
    let first = house.prompt(None, "One {{taskTitle}}.").await;
    let gpt = house.prompt(Some("gpt"), "For gpt: {{taskTitle}}.").await;
    let second = house.prompt(None, "Two {{taskTitle}}.").await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    let told = house.runtime.told();
    assert!(told[0].starts_with("Two Paint.\n\n---\n\n## The ticket\n\nTicket: "), "{}", told[0]);
    assert!(told[0].contains("`mark_complete`"), "nobody is sent out without knowing how to report");
    assert_eq!(run.prompt_version, second.id.to_string());
    assert_eq!(house.task(task).prompt_version_id, Some(second.id.to_string()));

    house.choose(first.id).await;
    let task = house.ready("Sand").await;
    assert_eq!(house.working(task).await.prompt_version, first.id.to_string());
    assert!(house.runtime.told()[1].starts_with("One Sand."));

    // One for the model goes before the one for any.
    let models = Models::parse([("dev", "gpt")]).unwrap();
    let patch = ProjectPatch { role_model_overrides: Some(models), ..ProjectPatch::default() };
    house.person(Command::UpdateProject(house.project, patch)).await;
    let ended: Vec<Run> = house.all();
    for run in ended {
        house.runtime.finish(
            &run.session_key,
            &run.key,
            crate::fake::end(clutch_orchestrator::runtime::RunEndKind::Finished, "", None),
            true,
        );
    }
    let task = house.ready("Saw").await;
    assert_eq!(house.working(task).await.prompt_version, gpt.id.to_string());
    assert!(house.runtime.told()[2].starts_with("For gpt: Saw."));
}

#[tokio::test(start_paused = true)]
async fn a_role_without_versions_is_told_what_comes_with_the_program() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    assert!(
        run.prompt_version.parse::<PromptId>().is_err() && run.prompt_version.len() == 12,
        "{}",
        run.prompt_version
    );
    assert_eq!(house.task(task).prompt_version_id, None);
}

/// It says why on the card, and starts once another version counts.
#[tokio::test(start_paused = true)]
async fn nobody_is_sent_out_with_a_prompt_that_cannot_be_used() {
    let house = House::new(true).await;
    let sound = house.prompt(None, "Do {{taskTitle}}.").await;
    house.prompt(None, "Do\n{{taskTitel}}.").await;
    let task = house.ready("Paint").await;
    let why = "Version 2 of the prompt of dev cannot be used. Line 2: {{taskTitel}} is not known; did you mean {{taskTitle}}?";
    house.until("its card says why", || house.notes() == [why]).await;
    pass(120).await;
    assert_eq!((house.runtime.told(), house.task(task).status), (Vec::new(), Status::Ready));
    assert!(house.all::<Run>().is_empty(), "no attempt is lost");
    house.choose(sound.id).await;
    let run = house.working(task).await;
    assert_eq!(run.prompt_version, sound.id.to_string());
    house.until("the card has nothing to say", || house.notes().is_empty()).await;
}

/// The claim names a version; another one counts when the next server sends the prompt.
#[tokio::test(start_paused = true)]
async fn a_run_is_told_the_version_with_which_it_was_claimed() {
    let house = House::new(true).await;
    let first = house.prompt(None, "One {{taskTitle}}.").await;
    house.runtime.lose_next(crate::fake::Lost::Before);
    let task = house.ready("Paint").await;
    house.until("it was sent", || !house.runtime.calls("start").is_empty()).await;
    house.kill();
    house.prompt(None, "Two {{taskTitle}}.").await;
    house.start();
    let run = house.working(task).await;
    assert_eq!(run.prompt_version, first.id.to_string());
    assert!(house.runtime.told().iter().all(|told| told.starts_with("One Paint.")), "{:?}", house.runtime.told());
    assert_eq!(house.runtime.told().len(), 2);
}
