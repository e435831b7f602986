//! Projects and chats.

use clutch_domain::{
    chat::{Chat, Message},
    command::{Command, NewChat, NewMessage, ProjectPatch},
    doc::Kind,
    id::ChatId,
    project::Project,
    range::Range,
    refusal::Refusal,
    text::{Body, ChatTitle, Handle, Participants, RunKey, Slug},
};

use crate::house::{House, new_project};

#[tokio::test]
async fn slugs_are_unique_and_made_from_names() {
    let house = House::new().await;
    for (name, want) in [("Birds", "birds-1"), ("Birds!", "birds-2"), ("Ünï cödé 9", "n-c-d-9")] {
        let done = house.run(Command::CreateProject(new_project(name))).await.unwrap();
        assert_eq!(done.made::<Project>().unwrap().slug.as_str(), want);
    }
    for (name, want) in [("日本", "project"), ("Проект", "project-1"), ("🪶", "project-2")] {
        let done = house.run(Command::CreateProject(new_project(name))).await.unwrap();
        let made = done.made::<Project>().unwrap();
        assert_eq!((made.slug.as_str(), made.name.as_str()), (want, name));
    }
    let mut taken = new_project("Other");
    taken.slug = Some(Slug::parse("birds").unwrap());
    house.refuses(Command::CreateProject(taken), Refusal::SlugTaken).await;
    let rename = ProjectPatch { slug: Some(Slug::parse("birds-1").unwrap()), ..ProjectPatch::default() };
    house.refuses(Command::UpdateProject(house.project, rename), Refusal::SlugTaken).await;
    let rename = ProjectPatch { slug: Some(Slug::parse("fowl").unwrap()), ..ProjectPatch::default() };
    house.run(Command::UpdateProject(house.project, rename)).await.unwrap();
    let done = house.run(Command::CreateProject(new_project("Birds"))).await.unwrap();
    assert_eq!(done.made::<Project>().unwrap().slug.as_str(), "birds", "the old slug is free again");
}

#[tokio::test]
async fn a_limit_of_no_agents_is_refused() {
    let house = House::new().await;
    let mut new = new_project("X");
    new.work_loop_max_agents = Some(0);
    house.refuses(Command::CreateProject(new), Refusal::MaxAgentsInvalid).await;
    let patch = ProjectPatch { work_loop_max_agents: Some(Some(0)), ..ProjectPatch::default() };
    house.refuses(Command::UpdateProject(house.project, patch), Refusal::MaxAgentsInvalid).await;
}

fn answer(chat: ChatId, words: &str, run: Option<&str>) -> Command {
    let content = Body::parse(words).unwrap().unwrap();
    Command::PostMessage(NewMessage {
        run_id: run.and_then(|run| RunKey::parse(run).unwrap()),
        ..NewMessage::new(chat, Handle::coordinator(), content)
    })
}

/// One answer per run, whoever brings it and in whatever order.
#[tokio::test]
async fn an_answer_is_kept_once() {
    let cases: [&[(&str, Option<&str>, bool)]; 5] = [
        &[("Hello there", Some("r1"), true), ("Hello there", Some("r1"), false)],
        &[("Hello there", Some("r1"), true), ("Hello   there\n", None, false)],
        &[("Hello there", None, true), ("Hello there", Some("r1"), true), ("Hello there", Some("r1"), false)],
        &[("ok", None, true), ("ok", Some("r1"), true), ("ok", None, false), ("ok", Some("r2"), true)],
        &[("one", None, true), ("two", None, true), ("two", Some("r1"), true)],
    ];
    let kept = [1, 1, 1, 2, 2];
    for (posts, kept) in cases.iter().zip(kept) {
        let house = House::new().await;
        let new = NewChat {
            project: house.project,
            title: ChatTitle::made_of("Talk", 10, ""),
            participants: Participants::default(),
            about: None,
        };
        let chat = house.run(Command::CreateChat(new)).await.unwrap().made::<Chat>().unwrap().id;
        for (words, run, accepted) in *posts {
            let done = house.run(answer(chat, words, *run)).await;
            assert_eq!(done.is_ok(), *accepted, "{posts:?} at {words} {run:?}: {done:?}");
        }
        let messages: Vec<Message> = house.list(Range::children(Kind::Message, chat, 10)).await;
        assert_eq!(messages.len(), kept, "{posts:?}");
    }
}
