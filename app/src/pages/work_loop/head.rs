//! How the loop stands in a project, in a word and a sentence, with the one thing to do about it.

use clutch_domain::id::ProjectId;
use leptos::{prelude::*, server_fn::ServerFn};

use super::state::Looping;
use crate::{
    api::{PauseLoop, SetLoop, pause_loop, set_loop},
    live::use_live,
    model::{
        home::{CheckState, Gateway, ProjectRow},
        work_loop::LoopHead,
    },
    ui::{Dot, Erase, How, Icon, coded, dynamic, use_act, use_clock},
};

/// The one thing that a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Switches it on in the project.
    SwitchOn,
    /// Pauses it.
    Pause,
    /// Goes on.
    Resume,
}

/// How the loop stands.
#[derive(Debug, PartialEq, Eq)]
struct State {
    pulse: &'static str,
    word: &'static str,
    sentence: String,
    press: Option<Press>,
    link: Option<(&'static str, String)>,
}

/// The word for a gateway that cannot be asked.
const AWAY: &str = "Gateway away";

fn state(head: &LoopHead, gateway: Option<&Gateway>) -> State {
    let settings = format!("/projects/{}/settings", head.slug);
    let away = gateway.filter(|gateway| gateway.state == CheckState::Bad);
    let say = |pulse, word, sentence: &str| State { pulse, word, sentence: sentence.into(), press: None, link: None };
    let still = match head.running {
        0 => String::new(),
        1 => " The agent that is at work goes on.".into(),
        n => format!(" The {n} agents that are at work go on."),
    };
    match () {
        () if !head.enabled => State {
            sentence: format!("The work loop is switched off for this server: WORK_LOOP_ENABLED is false.{still}"),
            link: Some(("How it is set up", "/?setup".into())),
            ..say("pulse idle", "Off for this server", "")
        },
        () if !head.loop_on => State {
            sentence: format!("Agents take no tickets of this project.{still}"),
            press: Some(Press::SwitchOn),
            ..say("pulse idle", "Off", "")
        },
        () if head.paused => State {
            sentence: format!("Nothing starts until somebody resumes it.{still}"),
            press: Some(Press::Resume),
            ..say("pulse wait", "Paused", "")
        },
        () if !head.has_path => State {
            link: Some(("Give its path", settings)),
            press: Some(Press::Pause),
            ..say("pulse bad", "No repository", "No agent starts before this project knows its repository.")
        },
        () if away.is_some() => State {
            sentence: away.map(|gateway| gateway.sentence.clone()).unwrap_or_default(),
            link: Some(("Set it up", "/?setup".into())),
            press: Some(Press::Pause),
            ..say("pulse bad", AWAY, "")
        },
        () => {
            let idle = match (head.ready, head.waiting) {
                (0, 0) => "Nothing is Ready. Move a ticket there, and an agent takes it.",
                (0, _) => "Its agents wait for answers.",
                _ => "Tickets are Ready; why none of them starts stands beside each.",
            };
            let working = match head.running {
                1 => "An agent is at work.".to_owned(),
                n => format!("{n} agents are at work."),
            };
            let now = match (head.running, head.notice.is_some()) {
                (1.., _) => say("pulse run", "Working", &working),
                (_, true) => say("pulse wait", "Held up", ""),
                _ => say("pulse ok", "Idle", idle),
            };
            State { press: Some(Press::Pause), ..now }
        }
    }
}

/// A project's loop, above all that it does.
#[component]
pub fn Standing(
    /// Of which project.
    state: Looping,
    /// It is one of all that the page shows, which says once that the gateway is away.
    #[prop(optional)]
    inner: bool,
) -> impl IntoView {
    let (head, live, clock) = (state.head, use_live(), use_clock());
    let inside = move || {
        let head = head.get();
        let mut now = live.gateway.with(|gateway| self::state(&head, gateway.as_ref()));
        if inner && now.word == AWAY {
            (now.sentence, now.link) = (String::new(), None);
        }
        let wakes = head
            .wakes
            .map(|at| format!("Looks next at {}: a ticket that failed is tried again.", clock.time(at, How::Time)));
        let next = wakes.or_else(|| {
            (now.word == "Idle" || now.word == "Working").then(|| "Looks whenever something changes.".into())
        });
        let fact = |n: u32, words: &str| (n > 0).then(|| format!("{n} {words}"));
        let facts = [
            Some(format!("{} of {} agents at work", head.running, head.most)),
            fact(head.waiting, if head.waiting == 1 { "waits for an answer" } else { "wait for answers" }),
            fact(head.ready, "ready"),
            fact(head.blocked, "blocked"),
        ];
        let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        // What the state itself says is not said twice.
        let notice = head
            .notice
            .clone()
            .filter(|_| head.enabled && head.loop_on && !head.paused && head.has_path && now.word != AWAY);
        view! {
            <div class="what">
                <p><span class=now.pulse></span><b>{now.word}</b><span class="mut">{facts}</span></p>
                {(!now.sentence.is_empty() || next.is_some()).then(|| view! { <p class="mut">{coded(&now.sentence)}{next.map(|next| format!(" {next}"))}</p> })}
                {notice.map(|text| view! { <p class="notice"><Icon name="alert" /><span>{coded(&text)}</span></p> })}
            </div>
            {now.link.map(|(label, to)| view! { <a class="btn s" href=to>{label}</a> })}
            {now.press.map(|press| view! { <Button project=head.project press /> })}
        }
    };
    view! { <div class="panel-box standing" role="group" aria-label="Work loop">{dynamic(inside)}</div> }.erase()
}

/// A button that is a form without our code.
#[component]
pub fn Button(
    /// Of which project.
    project: ProjectId,
    /// What it does.
    press: Press,
) -> impl IntoView {
    let act = use_act();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match press {
            Press::SwitchOn => act.run(set_loop(project, true), |_| {}),
            Press::Pause | Press::Resume => act.run(pause_loop(project, press == Press::Pause), |_| {}),
        }
    };
    let (icon, label, action, field, value) = match press {
        Press::SwitchOn => ("play", "Switch on", SetLoop::url(), "on", "true"),
        Press::Pause => ("pause", "Pause", PauseLoop::url(), "paused", "true"),
        Press::Resume => ("play", "Resume", PauseLoop::url(), "paused", "false"),
    };
    let class = if press == Press::Pause { "btn s" } else { "btn s p" };
    view! {
        <form method="post" action=action on:submit=send>
            <input type="hidden" name="project" value=project.to_string() />
            <input type="hidden" name=field value=value />
            <button class=class disabled=move || act.busy.get() != 0><Icon name=icon />{label}</button>
        </form>
    }
    .erase()
}

/// A project whose loop is off, or that is one too many to follow here.
#[component]
pub fn Off(row: ProjectRow) -> impl IntoView {
    let words = if row.loop_on { "On; its own page shows what it does" } else { "Off" };
    view! {
        <li class:off=!row.loop_on>
            <Dot color=row.color />
            <a class="cover cut" dir="auto" href=format!("/projects/{}/work-loop", row.slug)>{row.name}</a>
            <span class="facts">{words}</span>
            {(!row.loop_on).then(|| view! { <Button project=row.id press=Press::SwitchOn /> })}
        </li>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_told_in_words_with_what_to_do_about_it() {
        let on = LoopHead::unknown(ProjectId(Default::default()));
        let gateway = |state| Gateway { state, word: "w".into(), sentence: "It is gone.".into(), checks: Vec::new() };
        let (bad, ok) = (gateway(CheckState::Bad), gateway(CheckState::Ok));
        for (head, gateway, word, press) in [
            (LoopHead { enabled: false, ..on.clone() }, &bad, "Off for this server", None),
            (LoopHead { loop_on: false, paused: true, ..on.clone() }, &bad, "Off", Some(Press::SwitchOn)),
            (LoopHead { paused: true, running: 1, ..on.clone() }, &bad, "Paused", Some(Press::Resume)),
            (LoopHead { has_path: false, ..on.clone() }, &bad, "No repository", Some(Press::Pause)),
            (LoopHead { running: 2, ..on.clone() }, &bad, "Gateway away", Some(Press::Pause)),
            (LoopHead { running: 2, ..on.clone() }, &ok, "Working", Some(Press::Pause)),
            (LoopHead { notice: Some("x".into()), ..on.clone() }, &ok, "Held up", Some(Press::Pause)),
            (on.clone(), &ok, "Idle", Some(Press::Pause)),
        ] {
            let now = state(&head, Some(gateway));
            assert_eq!((now.word, now.press), (word, press), "{head:?}");
        }
        let paused = state(&LoopHead { paused: true, running: 2, ..on }, None);
        assert_eq!(paused.sentence, "Nothing starts until somebody resumes it. The 2 agents that are at work go on.");
    }
}
