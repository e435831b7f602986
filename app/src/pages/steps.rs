//! The checked list of first steps: each line true now, each with what to do next.

use leptos::prelude::*;

use super::frame::use_frame;
use crate::{
    live::use_live,
    model::home::{Check, CheckState},
    ui::{CopyBox, Erase, Icon, coded, dynamic},
};

/// The list.
#[component]
pub fn Steps(
    /// Only what is not well yet.
    #[prop(optional)]
    open_only: bool,
) -> impl IntoView {
    let frame = use_frame();
    let live = use_live();
    let checks = move || {
        let mut checks: Vec<Check> = frame.store.get().into_iter().collect();
        checks.extend(live.gateway.get().map(|g| g.checks).unwrap_or_default());
        checks.push(repository(frame));
        checks.push(work_loop(frame));
        checks
    };
    let wanted = move |c: &Check| !open_only || matches!(c.state, CheckState::Bad | CheckState::Wait);
    let lines = move || checks().into_iter().filter(wanted).map(line).map(Erase::erase).collect::<Vec<_>>();
    let well = move || {
        let checks = checks();
        (checks.iter().filter(|c| c.state == CheckState::Ok).count(), checks.len())
    };
    view! {
        <section class="panel-box steps" aria-labelledby="steps">
            <h2 id="steps">
                {if open_only { "Setup" } else { "First steps" }}
                <span class="mut">{dynamic(move || { let (ok, all) = well(); format!("{ok} of {all}") })}</span>
            </h2>
            <ol>{dynamic(lines)}</ol>
        </section>
    }
    .erase()
}

fn line(check: Check) -> AnyView {
    let (class, icon, word) = match check.state {
        CheckState::Ok => ("ok", "check", "Done"),
        CheckState::Wait => ("wait", "dots", "Being tried"),
        CheckState::Bad => ("bad", "alert", "Needs you"),
        CheckState::Later => ("later", "circle", "Later"),
    };
    view! {
        <li class=class>
            <span class="tick"><Icon name=icon /><span class="sr">{word}</span></span>
            <div>
                <h3>{check.title}</h3>
                <p>{coded(&check.sentence)}</p>
                {check.command.map(|text| view! { <CopyBox text /> })}
            </div>
        </li>
    }
    .erase()
}

fn step(id: &str, title: &str, state: CheckState, sentence: &str) -> Check {
    Check { id: id.into(), state, title: title.into(), sentence: sentence.into(), command: None }
}

fn repository(frame: super::frame::Frame) -> Check {
    let state = frame.projects.with(|rows| match rows.len() {
        0 => None,
        _ => Some(rows.iter().any(|r| r.local_path.is_some())),
    });
    let title = "Repository";
    match state {
        Some(true) => step("repository", title, CheckState::Ok, "A project knows where its repository lies."),
        Some(false) => step(
            "repository",
            title,
            CheckState::Bad,
            "No project has a repository yet. Open a project's settings and give its path.",
        ),
        None => step(
            "repository",
            title,
            CheckState::Later,
            "Make a project and give the path of its git repository on this machine.",
        ),
    }
}

fn work_loop(frame: super::frame::Frame) -> Check {
    let title = "Work loop";
    if !frame.loop_enabled.get() {
        return step(
            "loop",
            title,
            CheckState::Bad,
            "Switched off for the whole server. Start it without WORK_LOOP_ENABLED=false.",
        );
    }
    let state = frame.projects.with(|rows| match rows.len() {
        0 => None,
        _ => Some(rows.iter().any(|r| r.loop_on)),
    });
    match state {
        Some(true) => step("loop", title, CheckState::Ok, "On: tickets that are Ready are taken by agents."),
        Some(false) => {
            step("loop", title, CheckState::Bad, "No project lets it take tickets. Switch it on at the top of a board.")
        }
        None => step(
            "loop",
            title,
            CheckState::Later,
            "Runs in this server. Each project decides whether it may take its tickets.",
        ),
    }
}
