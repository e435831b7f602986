//! Comments, signals and completions.

use clutch_domain::{
    command::{Command, Completion, NewSignal},
    doc::Kind,
    range::Range,
    refusal::Refusal,
    talk::{Comment, Delivery, Signal, SignalKind, SignalSeverity},
    task::{Status, Status::*},
    text::{Body, Handle, Location, SessionKey},
};

use crate::house::{House, at};

fn body(words: &str) -> Body {
    Body::parse(words).unwrap().unwrap()
}

fn report(task: clutch_domain::id::TaskId, url: Option<&str>) -> Command {
    Command::CompleteTask(Completion {
        task,
        summary: body("It is done."),
        pr_url: url.and_then(|url| Location::parse(url).unwrap()),
        notes: None,
        agent: Handle::parse("dev").unwrap(),
        session_key: None,
        run_id: None,
        finishes: false,
    })
}

#[tokio::test]
async fn a_report_moves_to_review_and_reads_the_pull_request() {
    for (from, want) in [
        (Backlog, InReview),
        (Ready, InReview),
        (InProgress, InReview),
        (Blocked, InReview),
        (InReview, InReview),
        (Done, Done),
    ] {
        let house = House::new().await;
        let task = house.task("One", from).await;
        house.run(report(task, Some("https://github.com/o/r/pull/12"))).await.unwrap();
        let is = house.get(task).await;
        let pr = if from == Done { None } else { Some(12) };
        assert_eq!((is.status, is.pr_number), (want, pr), "from {from:?}");
        let comments: Vec<Comment> = house.list(Range::children(Kind::Comment, task, 10)).await;
        assert!(comments[0].content.as_str().contains("**Pull Request:** https://github.com/o/r/pull/12"));
        house.check().await;
    }
}

#[tokio::test]
async fn a_signal_is_answered_once_and_the_answer_is_on_its_way() {
    let house = House::new().await;
    let task = house.task("One", InProgress).await;
    let raise = |kind| {
        Command::RaiseSignal(NewSignal {
            task,
            session_key: SessionKey::parse("agent:main:birds:dev:x:r1").unwrap().unwrap().into(),
            agent_id: Handle::agent(),
            run_id: None,
            kind,
            severity: SignalSeverity::Normal,
            message: body("Which seed?"),
            options: clutch_domain::text::Options::default(),
        })
    };
    let signal = house.run(raise(SignalKind::Question)).await.unwrap().made::<Signal>().unwrap().clone();
    assert!(signal.waits());
    let note = house.run(raise(SignalKind::Fyi)).await.unwrap().made::<Signal>().unwrap().clone();
    assert!(!note.waits(), "a note asks for nobody");
    let answer = |words: &str| Command::AnswerSignal(signal.id, body(words));
    house.run(answer("Sunflower")).await.unwrap();
    house.refuses(answer("Millet"), Refusal::SignalAnswered).await;
    let is: Signal = house.list(Range::doc(Kind::Signal, signal.id)).await.remove(0);
    assert_eq!((is.delivery, is.response.unwrap().as_str()), (Some(Delivery::Pending), "Sunflower"));
    house.run(Command::SettleAnswer(signal.id, Ok("run-2".into()))).await.unwrap();
    let is: Signal = house.list(Range::doc(Kind::Signal, signal.id)).await.remove(0);
    assert_eq!(is.delivery, Some(Delivery::Sent));
    assert!(house.run(Command::SettleAnswer(signal.id, Err("late".into()))).await.unwrap().change.is_empty());
}

#[tokio::test]
async fn unknown_tasks_are_refused_everywhere() {
    let house = House::new().await;
    let nobody = clutch_domain::id::TaskId(uuid::Uuid::from_u128(9));
    for command in [
        report(nobody, None),
        at(nobody, Status::Ready, clutch_domain::command::Place::End),
        Command::DeleteTask(nobody),
    ] {
        house.refuses(command, Refusal::TaskNotFound).await;
    }
}
